"""The gradients of convolutions in lucid.nn.grad."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid.nn import functional as F
from lucid.nn import grad
from tests.checks import check_error, check_op, to_lucid

pytestmark = pytest.mark.parity

OPTIONS = [
    {},
    {"stride": 2},
    {"padding": 1, "dilation": 2},
    {"groups": 2, "stride": 3, "padding": 2},
    {"groups": 4},
]


def case(n, **options):
    generator = torch.Generator().manual_seed(n)
    x = torch.randn(2, 4, *[8] * n, generator=generator).requires_grad_()
    w = torch.randn(8, 4 // options.get("groups", 1), *(3, 2, 3)[:n], generator=generator).requires_grad_()
    y = getattr(torch.nn.functional, f"conv{n}d")(x, w, None, **options)
    return x, w, torch.randn(y.shape, generator=generator).requires_grad_()


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS)
def test_gradients(n, options):
    x, w, g = case(n, **options)
    mine, theirs = (getattr(grad, f"conv{n}d_input"), getattr(torch.nn.grad, f"conv{n}d_input"))
    check_op(
        lambda w, g: mine(tuple(x.shape), w, g, **options),
        lambda w, g: theirs(x.shape, w, g, **options),
        w,
        g,
        tol=1e-4,
    )
    mine, theirs = (getattr(grad, f"conv{n}d_weight"), getattr(torch.nn.grad, f"conv{n}d_weight"))
    check_op(
        lambda x, g: mine(x, tuple(w.shape), g, **options),
        lambda x, g: theirs(x, w.shape, g, **options),
        x,
        g,
        tol=1e-4,
    )


def test_they_are_what_backward_gives():
    x, w, g = to_lucid(case(2, stride=2), requires_grad=True)
    wanted = lucid.autograd.grad(F.conv2d(x, w, stride=2), (x, w), g)
    assert ((grad.conv2d_input(x.shape, w, g, stride=2) - wanted[0]).abs() < 1e-5).all()
    assert ((grad.conv2d_weight(x, w.shape, g, stride=2) - wanted[1]).abs() < 1e-5).all()


def test_when_they_are_recorded():
    x, w, g = to_lucid(case(1), requires_grad=True)
    assert grad.conv1d_input(x.shape, w, g.detach()).requires_grad
    assert not grad.conv1d_input(x.shape, w.detach(), g.detach()).requires_grad
    with lucid.no_grad():
        assert not grad.conv1d_weight(x, w.shape, g).requires_grad
        assert grad.conv1d_weight(x, w.shape, g).shape == w.shape


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dtypes(dtype):
    x, w, g = (t.detach().to(dtype) for t in case(2))
    tol = 1e-6 if dtype is torch.float64 else 0.05
    check_op(
        lambda g: grad.conv2d_input(tuple(x.shape), to_lucid(w), g),
        lambda g: torch.nn.grad.conv2d_input(x.shape, w, g),
        g,
        tol=tol,
    )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_bad_arguments(n):
    x, w, g = case(n)
    mine, theirs = getattr(grad, f"conv{n}d_input"), getattr(torch.nn.grad, f"conv{n}d_input")
    for arguments in (
        ((2, 3, *[8] * n), w, g),
        ((2, 4, *[7] * n), w, g),
        ((2, 4, *[8] * n), w, g[:1]),
        ((2, 4, *[8] * n), w.double(), g),
        ((2, 4, *[8] * n), w, g, 0),
        ((2, 4, *[8] * n), w, g, 1, -1),
        ((2, 4, *[8] * n), w, g, 1, 0, 1, 3),
    ):
        check_error(mine, theirs, *arguments)
    mine, theirs = getattr(grad, f"conv{n}d_weight"), getattr(torch.nn.grad, f"conv{n}d_weight")
    check_error(mine, theirs, x, (8, 3, *(3, 2, 3)[:n]), g)
    with pytest.raises(TypeError, match="weight"):
        grad.conv1d_input((1, 1, 3), None, lucid.ones(1, 1, 3))
    with pytest.raises(TypeError, match="grad_output"):
        grad.conv1d_weight(lucid.ones(1, 1, 3), (1, 1, 1), None)
