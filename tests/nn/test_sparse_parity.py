"""EmbeddingBag: options against PyTorch, the table that it writes into, and what it refuses."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from tests.checks import assert_same, check_error, to_lucid
from tests.nn.layer_checks import as_lucid, as_torch, check_layer

pytestmark = pytest.mark.parity

IDS = torch.tensor([1, 4, 4, 0, 3, 1, 4, 2])
STARTS = torch.tensor([0, 2, 2, 5])
ROWS = IDS.reshape(2, 4)


def twins(*args, **kwargs):
    theirs, mine = torch.nn.EmbeddingBag(*args, **kwargs), nn.EmbeddingBag(*args, **kwargs)
    mine.load_state_dict(as_lucid(theirs.state_dict()))
    return mine, theirs


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 0, 4, -2])
def test_options(mode, padding_idx):
    for last in (False, True):
        kwargs = {"mode": mode, "padding_idx": padding_idx, "include_last_offset": last}
        starts = torch.tensor([0, 2, 2, 5, 8]) if last else STARTS
        check_layer("EmbeddingBag", (5, 3), kwargs, [IDS, starts])
        check_layer("EmbeddingBag", (5, 3), kwargs, [ROWS])
        check_layer("EmbeddingBag", (5, 3), kwargs, [IDS.int(), starts.int()])


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_gradients_divided_by_frequency(mode):
    """Not held against PyTorch (2.13), which divides the gradient of one row by the frequency of another."""
    plain = nn.EmbeddingBag(5, 3, mode=mode)
    scaled = nn.EmbeddingBag(5, 3, mode=mode, scale_grad_by_freq=True, _weight=plain.weight.detach())
    for layer in (plain, scaled):
        (layer(to_lucid(IDS), to_lucid(STARTS)) * to_lucid(torch.arange(1.0, 13).reshape(4, 3))).sum().backward()
    counts = to_lucid(torch.bincount(IDS).float())
    assert ((scaled.weight.grad * counts[:, None] - plain.weight.grad).abs() < 1e-5).all()
    assert repr(scaled) == repr(torch.nn.EmbeddingBag(5, 3, mode=mode, scale_grad_by_freq=True))


def test_factors_of_a_sum():
    factors = torch.linspace(-1, 1, 8).requires_grad_()
    check_layer("EmbeddingBag", (5, 3), {"mode": "sum"}, [IDS, STARTS, factors])
    check_layer("EmbeddingBag", (5, 3), {"mode": "sum", "padding_idx": 1}, [ROWS, None, factors.reshape(2, 4)])


@pytest.mark.parametrize("norm_type", [2.0, 1.0])
def test_a_largest_norm_is_written_into_the_table(norm_type):
    mine, theirs = twins(5, 3, max_norm=0.5, norm_type=norm_type)
    assert_same(mine(to_lucid(ROWS)), theirs(ROWS), 1e-6)
    assert_same(mine.weight, theirs.weight, 1e-6)
    assert repr(mine) == repr(theirs)


def test_the_row_of_padding_starts_as_zero_and_may_be_the_first():
    for given, kept in ((0, 0), (3, 3), (-1, 4), (-5, 0)):
        layer = nn.EmbeddingBag(5, 3, padding_idx=given)
        assert layer.padding_idx == kept
        assert (layer.weight == 0).all(dim=1).tolist() == [k == kept for k in range(5)]
        layer.weight.data.fill_(1.0)
        layer.reset_parameters()
        assert (layer.weight[kept] == 0).all()


@pytest.mark.parametrize("kind", ["EmbeddingBag", "Embedding"])
def test_from_pretrained(kind):
    table = torch.randn(4, 3)
    for freeze in (True, False):
        for kwargs in ({}, {"padding_idx": 1}, {"max_norm": 1.0, "norm_type": 1.0}, {"scale_grad_by_freq": True}):
            theirs = getattr(torch.nn, kind).from_pretrained(table, freeze, **kwargs)
            mine = getattr(nn, kind).from_pretrained(to_lucid(table), freeze, **kwargs)
            assert repr(mine) == repr(theirs)
            assert mine.weight.requires_grad == theirs.weight.requires_grad == (not freeze)
            assert_same(mine.weight, theirs.weight, 0.0)  # also the row of padding
    check_error(getattr(nn, kind).from_pretrained, getattr(torch.nn, kind).from_pretrained, table[0])
    assert isinstance(type("Own", (getattr(nn, kind),), {}).from_pretrained(to_lucid(table)), getattr(nn, kind))
    assert nn.EmbeddingBag.from_pretrained(to_lucid(table), mode="max").mode == "max"


def test_a_table_may_be_given():
    table = lucid.ones(4, 3)
    assert nn.EmbeddingBag(4, 3, _weight=table)(lucid.tensor([[0, 1]])).tolist() == [[1.0, 1.0, 1.0]]
    check_error(nn.EmbeddingBag, torch.nn.EmbeddingBag, 4, 3, _weight=torch.ones(3, 3))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_dtypes(dtype):
    layer = nn.EmbeddingBag(5, 3, mode="sum", dtype=to_lucid(dtype))
    theirs = torch.nn.EmbeddingBag(5, 3, mode="sum", dtype=dtype)
    theirs.load_state_dict(as_torch(layer.state_dict()))
    assert_same(layer(to_lucid(ROWS)), theirs(ROWS), {torch.float64: 1e-6}.get(dtype, 0.02))
    twin = copy.deepcopy(layer)
    assert_same(twin.weight, theirs.weight, 0.0)


@pytest.mark.parametrize(
    ("kwargs", "inputs"),
    [
        ({}, [IDS]),
        ({}, [ROWS, STARTS]),
        ({}, [ROWS[None]]),
        ({}, [IDS, STARTS[None]]),
        ({}, [IDS, STARTS + 1]),
        ({}, [IDS, STARTS * 5]),
        ({}, [torch.tensor([[5]])]),
        ({}, [torch.tensor([[-1]])]),
        ({}, [ROWS.float()]),
        ({"mode": "mean"}, [ROWS, None, torch.ones(2, 4)]),
        ({"mode": "sum"}, [ROWS, None, torch.ones(2, 3)]),
        ({"mode": "sum"}, [ROWS, None, torch.ones(2, 4, dtype=torch.float64)]),
        ({"mode": "median"}, [ROWS]),
        ({"mode": "max", "scale_grad_by_freq": True}, [ROWS]),
    ],
)
def test_bad_inputs_are_refused_alike(kwargs, inputs):
    check_error(
        lambda *a: nn.EmbeddingBag(5, 3, **kwargs)(*a), lambda *a: torch.nn.EmbeddingBag(5, 3, **kwargs)(*a), *inputs
    )


@pytest.mark.parametrize("kind", ["EmbeddingBag", "Embedding"])
def test_bad_arguments_are_refused(kind):
    for padding_idx in (5, -6):
        check_error(getattr(nn, kind), getattr(torch.nn, kind), 5, 3, padding_idx=padding_idx)
    with pytest.raises(NotImplementedError, match=f"{kind}: sparse gradients .* use sparse=False"):
        getattr(nn, kind)(5, 3, sparse=True)
