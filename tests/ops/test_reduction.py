"""Reductions without PyTorch: what the README promises, and what MLX would get wrong."""

from __future__ import annotations

import numpy as np
import pytest

import lucid
from lucid import _tape


def test_no_elements_have_an_identity() -> None:
    empty = lucid.zeros(0, 3)
    assert empty.sum().item() == 0
    assert empty.prod().item() == 1
    assert empty.mean().isnan().item()
    assert empty.sum(0).tolist() == [0, 0, 0]
    assert empty.all().item() is True
    assert empty.any().item() is False


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "argmax", "argmin"])
def test_no_elements_have_no_extreme(name: str) -> None:
    with pytest.raises((RuntimeError, IndexError), match=name):
        getattr(lucid, name)(lucid.zeros(0))
    with pytest.raises(IndexError, match="non-zero size"):
        getattr(lucid, name)(lucid.zeros(2, 0), 1)


def test_a_sum_of_many_ones_is_exact() -> None:
    assert lucid.ones(2**25).sum().item() == 2**25


def test_half_precision_accumulates_in_float32() -> None:
    x = lucid.full((70000,), 1.0, dtype=lucid.float16)
    assert x.mean().item() == 1.0
    assert x.sum(dtype=lucid.float32).item() == 70000


def test_small_integers_do_not_overflow() -> None:
    x = lucid.full((300,), 100, dtype=lucid.int8)
    assert x.sum().item() == 30000
    assert x.sum().dtype is lucid.int64
    assert x[:4].prod().item() == 100_000_000


def test_equal_maxima_share_the_gradient_only_in_amax() -> None:
    x = lucid.tensor([1.0, 3.0, 3.0], requires_grad=True)
    x.amax().backward()
    assert x.grad.tolist() == [0, 0.5, 0.5]
    x.grad = None
    x.max(0).values.backward()
    assert x.grad.tolist() == [0, 1, 0]


def test_both_parts_of_aminmax_pass_their_gradients() -> None:
    x = lucid.tensor(2.0, requires_grad=True)
    low, high = lucid.aminmax(x)
    (low + 10 * high).backward()
    assert x.grad.item() == 11
    y = lucid.tensor(2.0, requires_grad=True)
    low, high = lucid.aminmax(y)
    _tape.evaluate(low, high)
    (low + 10 * high).backward()
    assert y.grad.item() == 11


def test_named_results_print_their_names() -> None:
    found = lucid.tensor([1.0, 3.0]).max(0)
    assert repr(found) == "lucid.return_types.max(\nvalues=tensor(3.),\nindices=tensor(1))"
    values, indices = found
    assert values is found.values
    assert indices is found[1]


def test_means_of_integers_are_refused_with_the_way_out() -> None:
    with pytest.raises(RuntimeError, match=r"call \.float\(\)"):
        lucid.tensor([1, 2]).mean()
    assert lucid.tensor([1, 2]).mean(dtype=lucid.float32).item() == 1.5


def test_the_first_argument_has_to_be_a_tensor() -> None:
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        lucid.sum([1, 2])
    with pytest.raises(TypeError, match="missing"):
        lucid.sum()


def test_float64_logsumexp_has_sixteen_digits() -> None:
    x = np.linspace(-3, 3, 50)
    want = np.log(np.exp(x).sum())
    assert abs(lucid.tensor(x).logsumexp(0).item() - want) < 1e-14


def test_in_a_view_and_after_writing() -> None:
    base = lucid.arange(6.0).reshape(2, 3)
    row = base[1]
    base.zero_()
    assert row.sum().item() == 0
