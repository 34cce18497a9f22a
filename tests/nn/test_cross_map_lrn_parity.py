"""CrossMapLRN2d: PyTorch's values, and the gradient of these values."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from lucid.nn.modules._functions import CrossMapLRN2d
from tests.checks import assert_same, check_error, to_lucid

pytestmark = pytest.mark.parity


def x(channels, dtype=torch.float64):
    return torch.randn(2, channels, 3, 2, generator=torch.Generator().manual_seed(channels), dtype=dtype)


@pytest.mark.parametrize("size", range(1, 8))
def test_values(size):
    for channels in range(1, 12):
        for options in ({}, {"alpha": 2.0, "beta": 0.6, "k": 1.5}):
            theirs, mine = torch.nn.CrossMapLRN2d(size, **options), nn.CrossMapLRN2d(size, **options)
            assert repr(mine) == repr(theirs)
            assert_same(mine(to_lucid(x(channels))), theirs(x(channels)), 1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtypes(dtype):
    theirs, mine = torch.nn.CrossMapLRN2d(3, 0.5), nn.CrossMapLRN2d(3, 0.5)
    tol = 1e-5 if dtype is torch.float32 else 0.05
    assert_same(mine(to_lucid(x(5, dtype))), theirs(x(5, dtype)), tol)
    assert_same(CrossMapLRN2d.apply(to_lucid(x(5, dtype)), 3, 0.5, 0.75, 1), theirs(x(5, dtype)), tol)


@pytest.mark.parametrize(("size", "channels"), [(1, 4), (2, 5), (3, 3), (5, 7)])
def test_the_gradient_is_that_of_the_values(size, channels):
    """PyTorch's is not: `torch.autograd.gradcheck` fails for it."""
    layer = nn.CrossMapLRN2d(size, alpha=2.0, beta=0.6, k=1.5)
    values, along = to_lucid(x(channels)).requires_grad_(), to_lucid(x(channels) * 0.5 + 0.1)
    got = (lucid.autograd.grad((layer(values) ** 2).sum(), values)[0] * along).sum()
    step = 1e-4
    ends = [float((layer(values.detach() + sign * step * along) ** 2).sum()) for sign in (1, -1)]
    assert abs(float(got) - (ends[0] - ends[1]) / (2 * step)) < 1e-4 * max(1.0, abs(float(got)))


def test_copies_and_empty_batches():
    mine = nn.CrossMapLRN2d(3, 0.5)
    for twin in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert np.array_equal(twin(to_lucid(x(4))).numpy(), mine(to_lucid(x(4))).numpy())
    assert mine(lucid.zeros(0, 4, 2, 2)).shape == (0, 4, 2, 2)
    assert mine.state_dict() == {}


@pytest.mark.parametrize("inputs", [x(4)[0], x(4)[None], x(4)[0, 0], x(4).int()])
def test_bad_inputs(inputs):
    mine, theirs = nn.CrossMapLRN2d(3), torch.nn.CrossMapLRN2d(3)
    if inputs.is_floating_point():
        check_error(mine, theirs, inputs)
    with pytest.raises((ValueError, NotImplementedError), match="CrossMapLRN2d"):
        mine(to_lucid(inputs))
