"""Convolution, pooling and normalisation at the edges: infinities, empty results, arguments that do not fit."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import assert_same, check_op, class_of

pytestmark = pytest.mark.parity

F, TF = lucid.nn.functional, torch.nn.functional


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("kind", ["avg", "max"])
def test_adaptive_pooling(kind: str, seed: int) -> None:
    draw = random.Random(seed)
    n = draw.choice((1, 2, 3))
    sizes, outs = [draw.randint(1, 9) for _ in range(n)], [draw.randint(1, 10) for _ in range(n)]
    lead = draw.choice(((2, 3), (3,)))
    x = torch.randn(*lead, *sizes, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    name = f"adaptive_{kind}_pool{n}d"
    check_op(getattr(F, name), getattr(TF, name), x, outs)


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan")])
def test_an_element_concerns_its_own_windows_only(value: float) -> None:
    x = torch.arange(8.0).reshape(1, 1, 8)
    x[0, 0, 1] = value
    assert_same(F.adaptive_avg_pool1d(lucid.tensor(x.numpy()), 3), TF.adaptive_avg_pool1d(x, 3))


def outcome(t: Any, case: Any) -> Any:
    try:
        return case(t, t.nn.functional)
    except Exception as error:
        return error


CASES = {
    "an output without elements": lambda t, F: F.conv_transpose1d(t.ones(1, 2, 3), t.ones(2, 1, 2), padding=2),
    "a negative output": lambda t, F: F.conv_transpose1d(t.ones(1, 2, 3), t.ones(2, 1, 2), padding=3),
    "negative output_padding": lambda t, F: F.conv_transpose2d(
        t.ones(1, 2, 3, 3), t.ones(2, 1, 2, 2), stride=2, padding=1, output_padding=-1
    ),
    "groups that are no int": lambda t, F: F.conv2d(t.ones(1, 2, 3, 3), t.ones(2, 2, 2, 2), groups=1.5),
    "one running statistic": lambda t, F: F.batch_norm(t.ones(3, 2), None, t.ones(2), training=True),
    "a window of no channels": lambda t, F: F.local_response_norm(t.ones(1, 2, 3), 0),
    "a scale that is not named": lambda t, F: F.scaled_dot_product_attention(
        *[t.ones(1, 2, 3)] * 3, None, 0.0, False, 1.0
    ),
    "no channels to pool": lambda t, F: F.adaptive_avg_pool2d(t.zeros(0, 2, 2), (None, 5)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_edges(case: Any) -> None:
    got, want = outcome(lucid, case), outcome(torch, case)
    if isinstance(want, Exception):
        assert isinstance(got, class_of(want)), f"got {got!r}, expected {want!r}"
    else:
        assert_same(got, want)


@pytest.mark.parametrize("shape", [(2, 3, 0), (0, 3, 4)])
def test_running_statistics_of_nothing(shape: tuple[int, ...]) -> None:
    kept = []
    for t in (lucid, torch):
        mean, var = t.zeros(3), t.ones(3)
        t.nn.functional.instance_norm(t.zeros(*shape), mean, var, use_input_stats=True)
        kept.append((mean, var))
    assert_same(*kept)
