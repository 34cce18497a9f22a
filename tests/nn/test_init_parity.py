"""`nn.init` against PyTorch: distributions, exact values where there is no chance, errors."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from tests.checks import assert_same, check_both, check_error

pytestmark = pytest.mark.parity

DRAWN = [
    ("uniform_", (200, 100), {}),
    ("uniform_", (200, 100), {"a": -3.0, "b": -1.0}),
    ("normal_", (200, 100), {"mean": 2.0, "std": 0.5}),
    ("trunc_normal_", (200, 100), {}),
    ("trunc_normal_", (200, 100), {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 1.5}),
    ("xavier_uniform_", (200, 100), {"gain": 2.0}),
    ("xavier_normal_", (40, 20, 5, 5), {}),
    ("kaiming_uniform_", (200, 100), {"a": math.sqrt(5)}),
    ("kaiming_uniform_", (40, 20, 5, 5), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", (200, 100), {"nonlinearity": "tanh"}),
    ("sparse_", (200, 100), {"sparsity": 0.25, "std": 0.1}),
]


@pytest.mark.parametrize("case", range(len(DRAWN)))
def test_draws_have_pytorchs_distribution(case):
    """The quantiles agree within five standard errors: 20,000 numbers a side."""
    name, shape, options = DRAWN[case]
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), **options).numpy()
    mine = lucid.zeros(shape)
    assert getattr(nn.init, name)(mine, **options) is mine
    levels = np.linspace(0.05, 0.95, 19)
    a, b = np.quantile(mine.numpy(), levels), np.quantile(theirs, levels)
    spread = theirs.std() * 5 * math.sqrt(2 / theirs.size) * 2
    np.testing.assert_allclose(a, b, atol=spread)
    if "uniform" in name or "trunc" in name:
        np.testing.assert_allclose([mine.numpy().min(), mine.numpy().max()], [theirs.min(), theirs.max()], atol=0.01)
    if name == "sparse_":
        assert ((mine.numpy() == 0).sum(0) == 50).all()


def test_exact_values():
    for name, shape, args in (
        ("constant_", (2, 3), (0.3,)),
        ("ones_", (2, 3), ()),
        ("zeros_", (2, 3), ()),
        ("eye_", (2, 3), ()),
        ("dirac_", (4, 2, 3), ()),
        ("dirac_", (4, 2, 3, 3), (2,)),
        ("dirac_", (2, 4, 3, 3, 2), ()),
    ):
        assert_same(
            getattr(nn.init, name)(lucid.ones(shape), *args), getattr(torch.nn.init, name)(torch.empty(shape), *args)
        )


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
def test_orthogonal(shape):
    w = nn.init.orthogonal_(lucid.zeros(shape), gain=2.0).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_gains():
    names = ("linear", "conv2d", "conv_transpose1d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
    for name in names:
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert nn.init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)
    check_error(nn.init.calculate_gain, torch.nn.init.calculate_gain, "gelu")
    check_error(nn.init.calculate_gain, torch.nn.init.calculate_gain, "leaky_relu", True)
    check_error(nn.init.calculate_gain, torch.nn.init.calculate_gain, "leaky_relu", "x")


def test_generators_dtypes_and_gradients():
    g = lucid.Generator().manual_seed(3)
    a = nn.init.normal_(lucid.zeros(3), generator=g)
    b = nn.init.normal_(lucid.zeros(3), generator=g.manual_seed(3))
    assert a.tolist() == b.tolist()
    for dtype in (lucid.float16, lucid.bfloat16, lucid.float64):
        assert nn.init.xavier_uniform_(lucid.zeros(4, 4, dtype=dtype)).dtype is dtype
    w = nn.Parameter(lucid.zeros(3, 3))
    nn.init.eye_(w)
    assert w.requires_grad
    assert w.is_leaf
    row = lucid.zeros(2, 3)
    nn.init.ones_(row[0])
    assert row.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_errors():
    one, two = torch.zeros(3), torch.zeros(3, 3)
    mine, theirs = nn.init, torch.nn.init
    for name in ("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "eye_"):
        check_error(getattr(mine, name), getattr(theirs, name), one)
    check_error(mine.sparse_, theirs.sparse_, one, 0.5)
    check_error(mine.dirac_, theirs.dirac_, two)
    check_error(mine.dirac_, theirs.dirac_, torch.zeros(3, 2, 2), 2)
    check_error(mine.kaiming_uniform_, theirs.kaiming_uniform_, two, mode="fan")
    check_error(mine.uniform_, theirs.uniform_, two, 1.0, 0.0)
    check_error(mine.normal_, theirs.normal_, two, 0.0, -1.0)
    check_error(mine.normal_, theirs.normal_, two, generator=1)
    check_error(mine.trunc_normal_, theirs.trunc_normal_, two, 0.0, 1.0, 2.0, -2.0)
    check_error(mine.constant_, theirs.constant_, two, "a")
    drawn = ("uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_normal_", "orthogonal_")
    for dtype in (torch.int64, torch.bool):
        for name in drawn:
            check_error(getattr(mine, name), getattr(theirs, name), two.to(dtype))
        check_error(mine.sparse_, theirs.sparse_, two.to(dtype), 0.5)
    for value in (300, -1, 2.7):
        check_both(mine.constant_, theirs.constant_, two.to(torch.uint8), value)


def test_warnings():
    for library in (lucid, torch):
        init = library.nn.init
        with pytest.warns(UserWarning, match="zero-element"):
            init.kaiming_uniform_(library.zeros(0, 3))
        with pytest.warns(UserWarning, match="zero-element"):
            init.kaiming_normal_(library.zeros(0, 3))
        with pytest.warns(UserWarning, match="more than 2 std"):
            init.trunc_normal_(library.zeros(3), mean=5.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.init.orthogonal_(lucid.zeros(0, 3))


LAYERS = [
    ("Linear", (300, 200), {}),
    ("Conv2d", (20, 60, 5), {}),
    ("ConvTranspose2d", (20, 60, 5), {}),
    ("Conv1d", (40, 600, 5), {"groups": 4}),
    ("Embedding", (200, 100), {"padding_idx": 3}),
    ("Bilinear", (20, 30, 40), {}),
    ("BatchNorm2d", (30,), {}),
    ("LayerNorm", (30,), {}),
    ("PReLU", (30,), {}),
    ("MultiheadAttention", (64, 4), {"add_bias_kv": True}),
    ("MultiheadAttention", (64, 4), {"kdim": 32, "vdim": 16}),
]


@pytest.mark.parametrize("case", range(len(LAYERS)))
def test_layers_start_as_pytorchs(case):
    name, args, options = LAYERS[case]
    mine, theirs = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)
    for (key, a), b in zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True):
        a, b = a.numpy(), b.numpy()
        assert a.dtype == b.dtype, key
        error = 6 * b.std() * math.sqrt(2 / max(b.size, 1))
        assert abs(a.mean() - b.mean()) <= error, key
        np.testing.assert_allclose(a.std(), b.std(), atol=error, err_msg=key)
        edge = np.abs(b).max()
        if "weight" in key and name != "Embedding" and "bias" not in key:
            np.testing.assert_allclose(np.abs(a).max(), edge, rtol=0.02, err_msg=key)
