"""`autograd.functional`, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_listed

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # PyTorch's own, for jvp
]


def functional(t: Any) -> Any:
    return t.autograd.functional


def x(t: Any) -> Any:
    return t.tensor([1.0, 2.0, 3.0])


def y(t: Any) -> Any:
    return t.tensor([0.5, -1.0, 2.0])


def without_recording(t: Any, call: Any) -> Any:
    with t.no_grad():
        return call()


VALUES: dict[str, Any] = {
    "jac": lambda t: functional(t).jacobian(lambda a: a**2, x(t)),
    "jac two": lambda t: functional(t).jacobian(lambda a, b: (a * b, a.sum()), (x(t), y(t))),
    "jac vec": lambda t: functional(t).jacobian(lambda a, b: (a * b, a.sum()), (x(t), y(t)), vectorize=True),
    "jac fwd": lambda t: functional(t).jacobian(
        lambda a, b: (a * b, a.sum()), (x(t), y(t)), vectorize=True, strategy="forward-mode"
    ),
    "jac cg": lambda t: (
        lambda u: t.autograd.grad(functional(t).jacobian(lambda a: a**3, u, create_graph=True).sum(), u)
    )(x(t).requires_grad_()),
    "jac nograph rg": lambda t: functional(t).jacobian(lambda a: a**3, x(t).requires_grad_()).requires_grad,
    "jac unrelated": lambda t: functional(t).jacobian(lambda a, b: a * 2, (x(t), y(t))),
    "jac const": lambda t: functional(t).jacobian(lambda a: t.ones(2), x(t)),
    "jac 2d": lambda t: functional(t).jacobian(lambda a: a.T @ a, x(t).reshape(1, 3)),
    "hess": lambda t: functional(t).hessian(lambda a: (a**3).sum(), x(t)),
    "hess two": lambda t: functional(t).hessian(lambda a, b: (a**2 * b).sum(), (x(t), y(t))),
    "hess vec": lambda t: functional(t).hessian(lambda a, b: (a**2 * b).sum(), (x(t), y(t)), vectorize=True),
    "hess fwd": lambda t: functional(t).hessian(
        lambda a, b: (a**2 * b).sum(), (x(t), y(t)), vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "hess linear": lambda t: functional(t).hessian(lambda a: a.sum(), x(t)),
    "hess cg": lambda t: (
        lambda u: t.autograd.grad(functional(t).hessian(lambda a: (a**4).sum(), u, create_graph=True).sum(), u)
    )(x(t).requires_grad_()),
    "hess 1el": lambda t: functional(t).hessian(lambda a: (a**3).sum().reshape(1), x(t)),
    "vjp": lambda t: functional(t).vjp(lambda a: a**2, x(t), y(t)),
    "vjp two": lambda t: functional(t).vjp(lambda a, b: (a * b, a.sum()), (x(t), y(t)), (y(t), t.tensor(2.0))),
    "vjp none": lambda t: functional(t).vjp(lambda a: (a**2).sum(), x(t)),
    "vjp unrel": lambda t: functional(t).vjp(lambda a, b: a**2, (x(t), y(t)), y(t)),
    "vjp cg": lambda t: (
        lambda u: t.autograd.grad(functional(t).vjp(lambda a: a**3, u, y(t), create_graph=True)[1].sum(), u)
    )(x(t).requires_grad_()),
    "jvp": lambda t: functional(t).jvp(lambda a: a**2, x(t), y(t)),
    "jvp two": lambda t: functional(t).jvp(lambda a, b: (a * b, a.sum()), (x(t), y(t)), (y(t), x(t))),
    "jvp none": lambda t: functional(t).jvp(lambda a: a * x(t), t.tensor(2.0)),
    "jvp const": lambda t: functional(t).jvp(lambda a: (a, t.ones(2)), x(t), y(t)),
    "jvp cg": lambda t: (
        lambda u: t.autograd.grad(functional(t).jvp(lambda a: a**3, u, y(t), create_graph=True)[1].sum(), u)
    )(x(t).requires_grad_()),
    "hvp": lambda t: functional(t).hvp(lambda a: (a**3).sum(), x(t), y(t)),
    "hvp two": lambda t: functional(t).hvp(lambda a, b: (a**2 * b).sum(), (x(t), y(t)), (y(t), x(t))),
    "vhp two": lambda t: functional(t).vhp(lambda a, b: (a**2 * b).sum(), (x(t), y(t)), (y(t), x(t))),
    "hvp lin": lambda t: functional(t).hvp(lambda a: a.sum(), x(t), y(t)),
    "hvp none": lambda t: functional(t).hvp(lambda a: a**3, t.tensor(2.0)),
    "hvp no_grad": lambda t: without_recording(t, lambda: functional(t).hvp(lambda a: (a**3).sum(), x(t), y(t))),
    "jac no_grad": lambda t: without_recording(t, lambda: functional(t).jacobian(lambda a: a**3, x(t))),
    "vhp cg": lambda t: (
        lambda u: t.autograd.grad(functional(t).vhp(lambda a: (a**4).sum(), u, y(t), create_graph=True)[1].sum(), u)
    )(x(t).requires_grad_()),
    "jac inplace": lambda t: functional(t).jacobian(lambda a: a.clone().mul_(2), x(t)),
    "jac module": lambda t: (lambda m: functional(t).jacobian(m, t.ones(2, 3)).shape)(t.nn.Linear(3, 2)),
    "jac float64": lambda t: functional(t).jacobian(lambda a: a.exp(), x(t).double()),
    "jac 0d": lambda t: functional(t).jacobian(lambda a: a**2, t.tensor(3.0)),
}

ERRORS: dict[str, Any] = {
    "jac fwd novec": lambda t: functional(t).jacobian(lambda a: a, x(t), strategy="forward-mode"),
    "jac fwd cg": lambda t: functional(t).jacobian(
        lambda a: a, x(t), strategy="forward-mode", vectorize=True, create_graph=True
    ),
    "jac bad strat": lambda t: functional(t).jacobian(lambda a: a, x(t), strategy="foo"),
    "jac strict": lambda t: functional(t).jacobian(lambda a, b: a * 2, (x(t), y(t)), strict=True),
    "jac strict const": lambda t: functional(t).jacobian(lambda a: t.ones(2), x(t), strict=True),
    "jac strict lin cg": lambda t: functional(t).jacobian(lambda a: a * 2, x(t), strict=True, create_graph=True),
    "jac list": lambda t: functional(t).jacobian(lambda a: [a, a], x(t)),
    "jac inp list": lambda t: functional(t).jacobian(lambda a, b: a * b, [x(t), y(t)]),
    "jac notensor": lambda t: functional(t).jacobian(lambda a: a, 1.0),
    "jac out float": lambda t: functional(t).jacobian(lambda a: 2.0, x(t)),
    "jac int": lambda t: functional(t).jacobian(lambda a: a * 2, t.tensor([1, 2])),
    "hess fwd nv": lambda t: functional(t).hessian(
        lambda a: (a**2).sum(), x(t), outer_jacobian_strategy="forward-mode"
    ),
    "hess bad strat": lambda t: functional(t).hessian(lambda a: (a**2).sum(), x(t), outer_jacobian_strategy="x"),
    "hess linear strict": lambda t: functional(t).hessian(lambda a: a.sum(), x(t), strict=True),
    "hess notscalar": lambda t: functional(t).hessian(lambda a: a**2, x(t)),
    "hess tuple out": lambda t: functional(t).hessian(lambda a: (a.sum(), a.sum()), x(t)),
    "vjp none vec": lambda t: functional(t).vjp(lambda a: a**2, x(t)),
    "vjp shape": lambda t: functional(t).vjp(lambda a: a**2, x(t), t.ones(2)),
    "vjp count": lambda t: functional(t).vjp(lambda a: (a**2, a), x(t), y(t)),
    "vjp strict": lambda t: functional(t).vjp(lambda a, b: a**2, (x(t), y(t)), y(t), strict=True),
    "jvp none vec": lambda t: functional(t).jvp(lambda a: a, x(t)),
    "jvp shape": lambda t: functional(t).jvp(lambda a: a**2, x(t), t.ones(2)),
    "jvp strict": lambda t: functional(t).jvp(lambda a: (a, t.ones(2)), x(t), y(t), strict=True),
    "jvp strict lin": lambda t: functional(t).jvp(lambda a: a * 2, x(t), y(t), strict=True, create_graph=True),
    "hvp notscalar": lambda t: functional(t).hvp(lambda a: a**3, x(t), y(t)),
    "hvp lin strict": lambda t: functional(t).hvp(lambda a: a.sum(), x(t), y(t), strict=True),
    "vhp lin strict": lambda t: functional(t).vhp(lambda a: a.sum(), x(t), y(t), strict=True),
    "hvp none vec": lambda t: functional(t).hvp(lambda a: (a**3).sum(), x(t)),
    "hvp tuple out": lambda t: functional(t).hvp(lambda a: ((a**3).sum(),), x(t), y(t)),
    "hvp str": lambda t: functional(t).hvp(lambda a: "x", x(t), y(t)),
    "jac in dict": lambda t: functional(t).jacobian(lambda a: {"a": a}, x(t)),
}


@pytest.mark.parametrize("name", [*VALUES, *ERRORS])
def test_program(name: str) -> None:
    check_listed(name, VALUES, ERRORS, tol=1e-5)
