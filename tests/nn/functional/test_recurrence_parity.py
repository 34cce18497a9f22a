"""Recurrent networks against PyTorch: whole and packed sequences, layers, directions, projections, single steps."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_error, check_op

pytestmark = pytest.mark.parity

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
HALF = {torch.float16: 1e-2, torch.bfloat16: 8e-2}
HIDDEN, FEATURES, SIZES = 3, 5, [4, 3, 3, 1]


def values(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    made = torch.randn(shape, generator=generator, dtype=torch.float64) * 0.5
    return made.to(dtype).requires_grad_()


def parameters(
    kind: str, layers: int, directions: int, biases: bool, out: int, dtype: torch.dtype
) -> list[torch.Tensor]:
    rows, found = GATES[kind] * HIDDEN, []
    for layer, direction in itertools.product(range(layers), range(directions)):
        features = FEATURES if layer == 0 else (out or HIDDEN) * directions
        found += [
            values(rows, features, dtype=dtype, seed=direction),
            values(rows, out or HIDDEN, dtype=dtype, seed=direction),
        ]
        found += [values(rows, dtype=dtype, seed=k) for k in range(2)] if biases else []
        found += [values(out, HIDDEN, dtype=dtype)] if out else []
    return found


def states(kind: str, count: int, batch: int, out: int, dtype: torch.dtype) -> object:
    h = values(count, batch, out or HIDDEN, dtype=dtype)
    return (h, values(count, batch, HIDDEN, dtype=dtype, seed=1)) if kind == "lstm" else h


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("directions", [1, 2])
def test_sequences(kind, layers, directions):
    for dtype, biases, out in itertools.product((torch.float32, torch.float64, *HALF), (True, False), (0, 2)):
        if (out and (kind != "lstm" or dtype in HALF)) or (dtype in HALF and (layers > 1 or kind == "rnn_relu")):
            continue
        weights = parameters(kind, layers, directions, biases, out, dtype)
        options = {"tol": HALF.get(dtype, 2e-4), "second": dtype is torch.float64 and layers == 1 and biases}
        op, reference = getattr(lucid, kind), getattr(torch, kind)
        for batch_first in (False, True):
            x = values(2, 4, FEATURES, dtype=dtype)
            hx = states(kind, layers * directions, 2 if batch_first else 4, out, dtype)
            check_op(op, reference, x, hx, weights, biases, layers, 0.0, True, directions == 2, batch_first, **options)
        data, sizes = values(sum(SIZES), FEATURES, dtype=dtype), torch.tensor(SIZES)
        hx = states(kind, layers * directions, SIZES[0], out, dtype)
        check_op(op, reference, data, sizes, hx, weights, biases, layers, 0.5, False, directions == 2, **options)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF])
def test_one_step(kind, dtype):
    for biases in (True, False):
        weights = parameters(kind, 1, 1, biases, 0, dtype)
        h = values(6, HIDDEN, dtype=dtype)
        hx = [h, values(6, HIDDEN, dtype=dtype, seed=1)] if kind == "lstm" else h
        op, reference = getattr(lucid, f"{kind}_cell"), getattr(torch, f"{kind}_cell")
        check_op(op, reference, values(6, FEATURES, dtype=dtype), hx, *weights, tol=HALF.get(dtype, 2e-4))
    check_op(
        op,
        reference,
        values(6, FEATURES, dtype=dtype),
        hx,
        *weights,
        values(GATES[kind] * HIDDEN, dtype=dtype),
        tol=HALF.get(dtype, 2e-4),
    )


def test_keywords():
    weights = parameters("gru", 1, 1, True, 0, torch.float32)
    rest = {
        "params": weights,
        "has_biases": True,
        "num_layers": 1,
        "dropout": 0.0,
        "train": False,
        "bidirectional": False,
    }
    x, hx = values(4, 6, FEATURES), values(1, 6, HIDDEN)
    check_op(lucid.gru, torch.gru, input=x, hx=hx, batch_first=False, **rest)
    check_op(lucid.gru, torch.gru, x, hx=hx, batch_first=False, **rest)
    data, sizes = values(sum(SIZES), FEATURES), torch.tensor(SIZES)
    check_op(lucid.gru, torch.gru, data=data, batch_sizes=sizes, hx=values(1, 4, HIDDEN), **rest)


def test_dropout_between_layers():
    weights = [lucid.ones(*w.shape) for w in parameters("rnn_relu", 2, 1, False, 0, torch.float32)]
    x, hx = lucid.ones(2, 50, FEATURES), lucid.zeros(2, 50, HIDDEN)
    out, _ = lucid.rnn_relu(x, hx, weights, False, 2, 0.5, True, False, False)
    assert out[0].unique().numel() > 1
    out, _ = lucid.rnn_relu(x, hx, weights, False, 2, 0.5, False, False, False)
    assert out[0].unique().numel() == 1


def test_what_is_refused():
    weights, x, hx = parameters("gru", 1, 1, True, 0, torch.float32), values(4, 6, FEATURES), values(1, 6, HIDDEN)
    rest = (True, 1, 0.0, True, False, False)
    for a in (
        (x, hx[:, :5], weights, *rest),
        (x, hx, weights[:3], *rest),
        (x[..., :4], hx, weights, *rest),
        (x[:0], hx, weights, *rest),
        (x.double(), hx, weights, *rest),
        (x, hx, weights, True, 2, *rest[2:]),
        (x, hx, weights, True),
        (x, [hx], weights, *rest),
    ):
        check_error(lucid.gru, torch.gru, *a)
    weights = parameters("lstm", 1, 1, True, 0, torch.float32)
    check_error(lucid.lstm, torch.lstm, x, (hx,), weights, *rest)
    check_error(lucid.lstm, torch.lstm, x, hx, weights, *rest)
    check_error(lucid.lstm_cell, torch.lstm_cell, x[0], hx[0], *weights)
    cell = parameters("gru", 1, 1, True, 0, torch.float32)
    check_error(lucid.gru_cell, torch.gru_cell, x[0], hx[0, :5], *cell)
    check_error(lucid.gru_cell, torch.gru_cell, x[0, :, :4], hx[0], *cell)


def test_packed_sizes_that_do_not_fit():
    weights = [lucid.ones(*w.shape) for w in parameters("gru", 1, 1, True, 0, torch.float32)]
    data, hx = lucid.ones(11, FEATURES), lucid.zeros(1, 4, HIDDEN)
    for sizes in ([4, 3, 3, 2], [3, 4, 3, 1], [4, 4, 3, 0], []):
        with pytest.raises(RuntimeError, match="batch_sizes"):
            lucid.gru(data, lucid.tensor(sizes, dtype=lucid.int64), hx, weights, True, 1, 0.0, True, False)
    with pytest.raises(RuntimeError, match="int64"):
        lucid.gru(data, lucid.tensor([4.0, 4, 3]), hx, weights, True, 1, 0.0, True, False)


def test_packed_sizes_still_to_be_computed():
    weights = [lucid.ones(*w.shape) for w in parameters("gru", 1, 1, True, 0, torch.float32)]
    data, hx, sizes = lucid.ones(7, FEATURES), lucid.zeros(1, 4, HIDDEN), lucid.tensor([3, 2])
    out, _ = lucid.gru(data, sizes + 1, hx, weights, True, 1, 0.0, True, False)
    assert out.shape == (7, HIDDEN)
