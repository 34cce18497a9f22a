"""Activations on random arguments, at special values and far out, against PyTorch."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import assert_same, check_both, check_error, to_lucid

pytestmark = pytest.mark.parity


# The options of each, which can be any numbers, and whether it has an `inplace`.
ACTIVATIONS: dict[str, tuple[tuple[str, ...], bool]] = {
    **dict.fromkeys(("relu", "relu6", "selu", "silu", "mish", "hardsigmoid", "hardswish"), ((), True)),
    **dict.fromkeys(("gelu", "logsigmoid", "softsign", "tanhshrink", "sigmoid", "tanh"), ((), False)),
    "elu": (("alpha",), True),
    "celu": (("alpha",), True),
    "leaky_relu": (("negative_slope",), True),
    "hardtanh": (("min_val", "max_val"), True),
    "threshold": (("threshold", "value"), True),
    "rrelu": (("lower", "upper"), True),
    "softplus": (("beta", "threshold"), False),
    "hardshrink": (("lambd",), False),
    "softshrink": (("lambd",), False),
}
SHAPES = ((), (5,), (0,), (2, 3), (3, 1, 4), (2, 3, 2, 2))
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
NO_SECOND = ("elu", "celu", "selu", "hardsigmoid")  # it jumps at 0; PyTorch has none of hardsigmoid


def options(rng: random.Random, names: tuple[str, ...]) -> tuple[list[float], dict[str, float]]:
    """Values for the first few of `names`, some by position."""
    used = names if "value" in names else names[: rng.randint(0, len(names))]
    values = [rng.choice([0.5, 1.0, -0.5, 2, rng.uniform(0.1, 2)]) for _ in used]
    k = rng.randint(0, len(used))
    return values[:k], dict(zip(used[k:], values[k:], strict=True))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_random_arguments(name):
    rng, generator = random.Random(name), torch.Generator().manual_seed(0)
    names, in_place = ACTIVATIONS[name]
    for k in range(40):
        dtype = DTYPES[k % len(DTYPES)]
        x = torch.randn(rng.choice(SHAPES), generator=generator) * 3
        x = (x.abs() if dtype is torch.uint8 else x).to(dtype)
        args, kwargs = options(rng, names)
        if name == "gelu" and rng.random() < 0.6:
            kwargs["approximate"] = rng.choice(["none", "tanh"])
        if x.is_floating_point():
            x = (x.mT.contiguous().mT if x.ndim > 1 else x).requires_grad_()
        second = dtype is torch.float64 and name not in NO_SECOND
        check_both(getattr(F, name), getattr(TF, name), x, *args, second=second, **kwargs)
        if in_place:
            check_in_place(name, x.detach(), args, kwargs)


def check_in_place(name: str, x: Any, args: list[float], kwargs: dict[str, float]) -> None:
    theirs, mine = x.clone(), to_lucid(x)
    try:
        want = getattr(TF, name)(theirs, *args, inplace=True, **kwargs)
    except Exception as error:
        with pytest.raises(type(error)):
            getattr(F, name)(mine, *args, inplace=True, **kwargs)
        return
    got = getattr(F, name)(mine, *args, inplace=True, **kwargs)
    assert (got is mine) == (want is theirs)
    assert_same(mine, theirs)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_special_values(name):
    arguments = {"threshold": (0.5, -1.0)}.get(name, ())
    values = [0.0, -0.0, 0.5, -0.5, 3.0, -3.0, 6.0, 88.0, -88.0, 1e4, -1e4, float("inf"), float("-inf"), float("nan")]
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        x = torch.tensor(values, dtype=dtype)
        for kwargs in ({}, {"approximate": "tanh"}) if name == "gelu" else ({},):
            some = x[:11] if name == "gelu" else x  # PyTorch's is NaN at infinity in some dtypes
            check_both(getattr(F, name), getattr(TF, name), some, *arguments, **kwargs)
            if dtype in (torch.float32, torch.float64):
                far = x[2:9].clone().requires_grad_()  # finite, and away from kinks
                second = name not in ("tanh", "tanhshrink", "hardsigmoid")  # MLX's (0.32.4) of tanh is NaN beyond 88
                check_both(getattr(F, name), getattr(TF, name), far, *arguments, second=second, **kwargs)


def test_edges_of_options():
    x = torch.tensor([float("inf"), float("-inf"), 1.0, -1.0])
    for name in ("leaky_relu", "elu"):
        for value in (0.0, 1.0, 2.0):
            check_both(getattr(F, name), getattr(TF, name), x, value)
    for low, high in ((1.0, -1.0), (0.0, 0.0)):
        check_both(F.hardtanh, TF.hardtanh, x, low, high)
        check_both(lambda t, *v: F.hardtanh_(t, *v), lambda t, *v: TF.hardtanh_(t, *v), x, low, high)  # has no check
    whole = torch.tensor([3, 250], dtype=torch.uint8)
    for limit, value in ((-1, 0), (-0.5, 2), (3, -1), (3, 256), (2.7, 1.9)):
        check_both(F.threshold, TF.threshold, whole, limit, value)
    check_error(F.gelu, TF.gelu, x, "tanh")  # by keyword only
    for name in ("elu", "softplus", "leaky_relu", "hardshrink"):
        for bad in ("a", None, [1.0]):
            check_error(getattr(F, name), getattr(TF, name), x, bad)


def test_nan_has_the_gradient_of_the_upper_part():
    for name in ("softshrink", "softplus", "logsigmoid"):
        x = torch.tensor([float("nan"), 2.0], requires_grad=True)
        check_both(getattr(F, name), getattr(TF, name), x)
    for name in ("logsigmoid", "softplus", "sigmoid", "silu"):
        x = torch.tensor([float("inf"), 1.0], dtype=torch.float64, requires_grad=True)
        check_both(getattr(F, name), getattr(TF, name), x)


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax", "glu"])
def test_along_a_dimension(name):
    rng = random.Random(name)
    for k in range(40):
        dtype = DTYPES[k % len(DTYPES)]
        x = (torch.randn(rng.choice((*SHAPES, (4, 6), (2, 4, 2)))) * 3).to(dtype)
        x = x.requires_grad_() if x.is_floating_point() else x
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dim = rng.choice([0, 1, -1, -2, 3])
            check_both(getattr(F, name), getattr(TF, name), x, dim, second=dtype is torch.float64, tol=2e-2)


def test_gumbel_softmax():
    logits = lucid.randn(2000, 3, requires_grad=True)
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.sum(-1).detach().numpy(), 1, atol=1e-5)
    hard = F.gumbel_softmax(logits.detach() * 0 + lucid.tensor([0.0, 1.0, 2.0]), hard=True)
    shares = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    np.testing.assert_allclose(hard.mean(0).numpy(), shares, atol=0.05)
    for dtype in (lucid.float64, lucid.float16):
        assert F.gumbel_softmax(lucid.ones(4, dtype=dtype)).dtype is dtype
    assert F.gumbel_softmax(lucid.tensor(3.0)).item() == 1.0
    assert F.gumbel_softmax(lucid.zeros(0)).shape == (0,)
    with pytest.raises(IndexError, match="above 0"):
        F.gumbel_softmax(lucid.zeros(2, 0), hard=True)
    with pytest.raises(IndexError):
        F.gumbel_softmax(lucid.zeros(2), dim=3)


def test_random_slopes():
    for dtype in (lucid.float32, lucid.float64, lucid.bfloat16):
        slopes = -F.rrelu(-lucid.ones(4000, dtype=dtype), 0.2, 0.7, True).double().numpy()
        assert abs(slopes.mean() - 0.45) < 0.02
        assert slopes.min() >= 0.199
        assert slopes.max() <= 0.702
