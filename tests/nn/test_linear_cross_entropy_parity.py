"""linear_cross_entropy in parts of the batch is what it is at once, and its options are PyTorch's."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
import warnings

import mlx.core as mx
import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from lucid.nn import functional as F
from tests.checks import assert_same, check_both, check_error, check_op, to_lucid

pytestmark = pytest.mark.parity

OPTIONS = [
    {},
    {"batch_chunk_size": 1},
    {"batch_chunk_size": 3},
    {"batch_chunk_size": 100},
    {"chunking_method": None},
    {"chunking_method": "aspect_ratio"},
    {"chunking_method": "aspect_ratio:3"},
    {"acc_policy": "accurate"},
    {"acc_policy": "balanced", "batch_chunk_size": 2},
    {"acc_policy": "compact", "allow_retain_graph": True},
]
BAD = [
    {"batch_chunk_size": 0},
    {"batch_chunk_size": 1.5},
    {"chunking_method": "aspect"},
    {"chunking_method": "aspect_ratio:0"},
    {"chunking_method": "aspect_ratio:x"},
    {"chunking_method": "aspect_ratio:"},
    {"acc_policy": "fast"},
    {"acc_policy": None},
    {"acc_dtype": torch.int64},
]


def x(*shape, seed=1, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype).requires_grad_()


def classes(*shape, high=9):
    found = torch.randint(high, shape, generator=torch.Generator().manual_seed(5))
    found.view(-1)[:1] = -100
    return found


def pair(**options):
    return nn.LinearCrossEntropyOptions(**to_lucid(options)), torch.nn.LinearCrossEntropyOptions(**options)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_parts_are_what_it_is_at_once(options, reduction):
    theirs = torch.nn.LinearCrossEntropyOptions(**options)
    for bias, weight in itertools.product((None, x(9, seed=3)), (None, torch.rand(9))):
        kwargs = {"linear_bias": bias, "weight": weight, "reduction": reduction}
        for inputs, target in ((x(7, 4), classes(7)), (x(4), classes(1)[0] * 0 + 2)):
            arguments = inputs, x(9, 4, seed=2), target
            check_op(
                F.linear_cross_entropy, torch.nn.functional.linear_cross_entropy, *arguments, **kwargs, options=theirs
            )
            mine = to_lucid(arguments, requires_grad=True)
            at_once = F.linear_cross_entropy(*mine, **to_lucid(kwargs))
            in_parts = F.linear_cross_entropy(*mine, **to_lucid(kwargs), options=to_lucid(theirs))
            assert ((at_once - in_parts).abs() < 1e-5).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("accumulated", [None, torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes(dtype, accumulated):
    theirs = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2, acc_dtype=accumulated)
    arguments = x(7, 4, dtype=dtype), x(9, 4, seed=2, dtype=dtype), classes(7)
    tol = 1e-6 if dtype is torch.float64 else 0.05
    check_both(F.linear_cross_entropy, torch.nn.functional.linear_cross_entropy, *arguments, options=theirs, tol=tol)


def test_second_gradients():
    """PyTorch has none of the parts."""
    options = nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    found = []
    for given in (None, options):
        a, w = to_lucid(x(7, 4), requires_grad=True), to_lucid(x(9, 4, seed=2), requires_grad=True)
        loss = F.linear_cross_entropy(a, w, to_lucid(classes(7)), options=given)
        first = lucid.autograd.grad(loss, (a, w), create_graph=True)
        found.append(lucid.autograd.grad(sum((g * g).sum() for g in first), (a, w)))
    for one, other in zip(*found, strict=True):
        assert ((one - other).abs() < 1e-5).all()


def test_backward_may_come_twice():
    a, w = to_lucid(x(7, 4), requires_grad=True), to_lucid(x(9, 4, seed=2), requires_grad=True)
    loss = F.linear_cross_entropy(a, w, to_lucid(classes(7)), options=nn.LinearCrossEntropyOptions())
    loss.backward(retain_graph=True)
    once = a.grad.clone()
    loss.backward()
    assert ((a.grad - 2 * once).abs() < 1e-6).all()


def test_parts_need_less_memory():
    a, w = lucid.randn(512, 8).requires_grad_(), lucid.randn(4096, 8).requires_grad_()
    target = lucid.randint(0, 4096, (512,))
    peaks = []
    for options in (None, nn.LinearCrossEntropyOptions(batch_chunk_size=8)):
        a.grad = w.grad = None
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        F.linear_cross_entropy(a, w, target, options=options).backward()
        mx.eval(a.grad._data, w.grad._data)
        peaks.append(mx.get_peak_memory() - before)
    assert peaks[1] < peaks[0] * 0.7


@pytest.mark.parametrize(
    ("arguments", "kwargs"),
    [
        ((x(4, 3), x(5, 2, 3), torch.zeros(4, 2, dtype=torch.int64)), {}),
        ((x(4, 3), x(5, 3), torch.zeros(4, dtype=torch.int64)), {"label_smoothing": 0.1}),
        ((x(4, 3), x(5, 3), torch.full((4, 5), 0.2)), {}),
        ((x(4, 3), x(5, 3), torch.zeros(4, dtype=torch.uint8)), {}),
    ],
)
def test_what_cannot_be_divided_is_computed_at_once_with_a_warning(arguments, kwargs):
    mine, theirs = pair(batch_chunk_size=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = torch.nn.functional.linear_cross_entropy(*arguments, **kwargs, options=theirs)
    with pytest.warns(UserWarning, match="options ignored"):
        got = F.linear_cross_entropy(*to_lucid(arguments), **kwargs, options=mine)
    assert_same(got, want.detach(), 1e-5)


@pytest.mark.parametrize(
    ("arguments", "kwargs"),
    [
        ((x(4, 3), x(5, 3), torch.zeros(3, dtype=torch.int64)), {}),
        ((x(4, 3), x(5, 3), torch.zeros((), dtype=torch.int64)), {}),
        ((x(4, 3), x(5, 3), torch.zeros(4, dtype=torch.int64)), {"weight": torch.rand(4)}),
        ((x(4, 3), x(5, 3, dtype=torch.float64), torch.zeros(4, dtype=torch.int64)), {}),
        ((x(4, 3), x(5, 3), torch.zeros(4, dtype=torch.int64)), {"linear_bias": x(4)}),
    ],
)
def test_bad_inputs(arguments, kwargs):
    mine, theirs = pair(batch_chunk_size=2)
    if "weight" not in kwargs:  # PyTorch reads the weight of another size with options
        check_error(
            F.linear_cross_entropy, torch.nn.functional.linear_cross_entropy, *arguments, **kwargs, options=theirs
        )
    with pytest.raises((RuntimeError, ValueError), match="linear_cross_entropy"):
        F.linear_cross_entropy(*to_lucid(arguments), **to_lucid(kwargs), options=mine)


def test_a_class_out_of_bounds_and_a_reduction():
    options = nn.LinearCrossEntropyOptions()
    with pytest.raises(IndexError, match="Target 5 is out of bounds"):
        F.linear_cross_entropy(lucid.ones(1, 2), lucid.ones(5, 2), lucid.tensor([5]), options=options)
    with pytest.raises(ValueError, match="reduction"):
        F.linear_cross_entropy(lucid.ones(1, 2), lucid.ones(5, 2), lucid.tensor([1]), options=options, reduction="max")


def test_nothing_and_everything_ignored():
    options = nn.LinearCrossEntropyOptions()
    weight = lucid.ones(5, 2)
    assert F.linear_cross_entropy(lucid.ones(0, 2), weight, lucid.zeros(0).long(), options=options).isnan()
    assert F.linear_cross_entropy(lucid.ones(2, 2), weight, lucid.tensor([-100, -100]), options=options).isnan()
    none = F.linear_cross_entropy(
        lucid.ones(2, 2), weight, lucid.tensor([1, 3]), options=options, ignore_index=3, reduction="none"
    )
    assert none[1] == 0


# ---- the options themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS)
def test_options_are_pytorchs(options):
    mine, theirs = pair(**options)
    assert repr(mine) == repr(theirs)
    assert dataclasses.asdict(mine) == dataclasses.asdict(theirs)
    assert mine == pair(**options)[0]
    assert hash(mine) == hash(pair(**options)[0])
    assert pickle.loads(pickle.dumps(mine)) == copy.deepcopy(mine) == mine
    for rows, features, count in itertools.product((1, 7, 60, 1000), (1, 4, 64), (2, 9, 5000)):
        for dtype in (torch.float32, torch.bfloat16):
            sizes = rows, features, count
            want, got = theirs._adjust(*sizes, dtype), mine._adjust(*sizes, to_lucid(dtype))
            assert repr(got).replace("lucid.", "torch.") == repr(want)
            want = theirs._adjust(*sizes, dtype, torch.device("cpu"))
            got = mine._adjust(*sizes, to_lucid(dtype), lucid.device("cpu"))
            assert repr(got).replace("lucid.", "torch.") == repr(want)


@pytest.mark.parametrize("options", BAD)
def test_bad_options(options):
    check_error(nn.LinearCrossEntropyOptions, torch.nn.LinearCrossEntropyOptions, **options)


def test_options_that_contradict_each_other():
    mine, theirs = pair(batch_chunk_size=3, chunking_method="aspect_ratio")
    arguments = x(60, 4), x(9, 4), classes(60)
    check_error(F.linear_cross_entropy, torch.nn.functional.linear_cross_entropy, *arguments, options=theirs)
    with pytest.raises(dataclasses.FrozenInstanceError):
        mine.batch_chunk_size = 4


# ---- the module ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [None, *OPTIONS[:3]])
def test_module(options):
    kwargs = {"bias": True, "reduction": "sum", "ignore_index": -100}
    mine, theirs = (None, None) if options is None else pair(**options)
    mine, theirs = (
        nn.LinearCrossEntropyLoss(4, 9, **kwargs, options=mine),
        torch.nn.LinearCrossEntropyLoss(4, 9, **kwargs, options=theirs),
    )
    assert repr(mine) == repr(theirs)
    mine.load_state_dict(to_lucid(dict(theirs.state_dict())))
    assert_same(mine(to_lucid(x(7, 4)), to_lucid(classes(7))), theirs(x(7, 4), classes(7)), 1e-5)
    twin = pickle.loads(pickle.dumps(mine))
    assert twin.options == mine.options
    assert repr(copy.deepcopy(mine)) == repr(mine)


@pytest.mark.parametrize("kwargs", [{"weight": torch.ones(4)}, {"label_smoothing": -0.1}, {"label_smoothing": 1.1}])
def test_bad_arguments_of_the_module(kwargs):
    check_error(nn.LinearCrossEntropyLoss, torch.nn.LinearCrossEntropyLoss, 3, 5, **kwargs)
    with pytest.raises(TypeError):
        nn.LinearCrossEntropyLoss(3, 5, (2,))
