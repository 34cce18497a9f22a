"""`grad`, `grad_and_value` and `vjp`, beside PyTorch's: values, structures, what the tape outside sees, and errors."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_program
from tests.nn.utils.pairs import values

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # PyTorch's own, for jvp
]


def x(t: Any) -> Any:
    return t.tensor([1.0, 2.0, 3.0])


def tracked(t: Any) -> Any:
    return x(t).requires_grad_()


def without_recording(t: Any, call: Any) -> Any:
    with t.no_grad():
        return call()


def cut(t: Any, x: Any) -> Any:
    with t.no_grad():
        c = x**2
    return x - c


def changed(t: Any, x: Any) -> Any:
    y = x * 2
    with t.no_grad():
        y.clamp_(max=3.0)
    return (y * y).sum()


VALUES: dict[str, Any] = {
    "sum of cubes": lambda t: t.func.grad(lambda x: (x**3).sum())(x(t)),
    "second": lambda t: t.func.grad(lambda x: t.func.grad(lambda y: (y**3).sum())(x).sum())(x(t)),
    "third": lambda t: t.func.grad(t.func.grad(t.func.grad(lambda x: x**4)))(t.tensor(2.0)),
    "inner closes over outer": lambda t: t.func.grad(lambda y: y * t.func.grad(lambda x: x * y)(t.tensor(3.0)))(
        t.tensor(2.0)
    ),
    "inner mixes": lambda t: t.func.grad(lambda x: t.func.grad(lambda y: (x * y).sum() * y.sum())(x).sum())(x(t)),
    "argnums": lambda t: t.func.grad(lambda a, b: (a * b).sum(), argnums=(1, 0))(x(t), x(t) * 2),
    "negative argnum": lambda t: t.func.grad(lambda a, b: (a * b * b).sum(), argnums=-1)(x(t), x(t) * 2),
    "nested arguments": lambda t: t.func.grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x(t), "b": [x(t) * 2]}),
    "keyword": lambda t: t.func.grad(lambda a, b=None: (a * b).sum())(x(t), b=x(t)),
    "unused": lambda t: t.func.grad(lambda a, b: a.sum(), argnums=(0, 1))(x(t), x(t)),
    "constant": lambda t: t.func.grad(lambda a: t.ones(()))(x(t)),
    "aux": lambda t: t.func.grad(lambda a: (a.sum(), {"a": (a * 2, [a])}), has_aux=True)(x(t)),
    "value": lambda t: t.func.grad_and_value(lambda a: (a**3).sum())(x(t)),
    "value and aux": lambda t: t.func.grad_and_value(lambda a: (a.sum(), a * 2), has_aux=True)(x(t)),
    "float64": lambda t: t.func.grad(lambda a: (a**3).sum())(x(t).double()),
    "complex": lambda t: t.func.grad(lambda a: (a * a).abs().sum())(x(t) + 1j),
    "detach": lambda t: t.func.grad(lambda a: (a * a.detach() * a).sum())(x(t)),
    "no_grad inside": lambda t: t.func.grad(lambda a: cut(t, a).sum())(x(t)),
    "no_grad outside": lambda t: without_recording(t, lambda: t.func.grad(lambda a: (a**3).sum())(x(t))),
    "written without recording": lambda t: t.func.grad(lambda a: changed(t, a))(x(t)),
    "written without recording, twice": lambda t: t.func.grad(lambda a: t.func.grad(lambda b: changed(t, b))(a).sum())(
        x(t)
    ),
    "a value in between": lambda t: t.func.grad(lambda a: a.sum() * a.sum().item())(x(t)),
    "a branch": lambda t: t.func.grad(lambda a: a.sum() if a.sum() > 0 else -a.sum())(x(t)),
    "autograd.grad inside": lambda t: t.func.grad(
        lambda a: t.autograd.grad((a**3).sum(), a, create_graph=True)[0].sum()
    )(x(t)),
    "hook": lambda t: t.func.grad(lambda a: (a.register_hook(lambda g: g * 5), a.sum())[1])(x(t)),
    "hook in between": lambda t: t.func.grad(
        lambda a: (lambda b: (b.register_hook(lambda g: g * 5), b.sum())[1])(a * 2)
    )(x(t)),
    "vjp": lambda t: t.func.vjp(lambda a: a * a, x(t))[1](t.ones(3)),
    "vjp again": lambda t: [t.func.vjp(lambda a: a.exp(), x(t))[1](t.ones(3) * k) for k in (1, 2)],
    "vjp nested": lambda t: t.func.vjp(lambda a, b: {"a": a * b, "b": [b]}, x(t), x(t))[1](
        {"a": t.ones(3), "b": [t.ones(3)]}
    ),
    "vjp aux": lambda t: t.func.vjp(lambda a: (a * 2, a), x(t), has_aux=True)[::2],
    "vjp of a constant": lambda t: t.func.vjp(lambda a: t.ones(2), x(t))[1](t.ones(2)),
    "vjp converts": lambda t: t.func.vjp(lambda a: a * a, x(t))[1](t.ones(3).double()),
}


@pytest.mark.parametrize("name", VALUES)
def test_value(name: str) -> None:
    check_program(VALUES[name])


def outer(t: Any, call: Any) -> Any:
    """Gradients outside of what `call` does with a tensor, a parameter, and something computed from the tensor."""
    u, w = tracked(t), t.tensor([0.5, -1.0, 2.0], requires_grad=True)
    out = call(u, w, u * 2)
    first = t.autograd.grad(out, (u, w), create_graph=True, allow_unused=True)
    found = [g for g in first if g is not None and g.requires_grad]
    second = t.autograd.grad(sum((g**2).sum() for g in found), (u, w), allow_unused=True)
    return out.detach(), *[None if g is None else g.detach() for g in (*first, *second)]


OUTSIDE: dict[str, Any] = {
    "argument": lambda t: outer(t, lambda u, w, h: t.func.grad(lambda a: (w * a**3).sum())(u).sum()),
    "closed over": lambda t: outer(t, lambda u, w, h: t.func.grad(lambda a: (w * h * a**3).sum())(x(t)).sum()),
    "argument and closed over": lambda t: outer(t, lambda u, w, h: t.func.grad(lambda a: (h * a**3).sum())(u).sum()),
    "value": lambda t: outer(t, lambda u, w, h: t.func.grad_and_value(lambda a: (w * a**3).sum())(u)[1]),
    "aux": lambda t: outer(
        t, lambda u, w, h: t.func.grad(lambda a: ((w * a**3).sum(), a * a * w), has_aux=True)(u)[1].sum()
    ),
    "vjp": lambda t: outer(t, lambda u, w, h: t.func.vjp(lambda a: w * a**3, u)[1](h)[0].sum()),
    "vjp value": lambda t: outer(t, lambda u, w, h: t.func.vjp(lambda a: w * a**3, u)[0].sum()),
    "vjp cotangent only": lambda t: outer(t, lambda u, w, h: t.func.vjp(lambda a: a**3, x(t))[1](h * w)[0].sum()),
    "twice": lambda t: outer(
        t, lambda u, w, h: t.func.grad(lambda a: t.func.grad(lambda b: (w * b**3 * a).sum())(a).sum())(u).sum()
    ),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_the_tape_outside_sees(name: str) -> None:
    check_program(OUTSIDE[name], tol=1e-4)


def test_gradients_reach_the_leaves_by_backward() -> None:
    def program(t: Any) -> Any:
        w = t.ones(3, requires_grad=True)
        u = tracked(t)
        t.func.grad(lambda a: (w * a**3).sum())(u).sum().backward()
        return w.grad, u.grad

    check_program(program)


ERRORS: dict[str, Any] = {
    "integers": lambda t: t.func.grad(lambda a: a.sum())(t.tensor([1, 2])),
    "no tensor": lambda t: t.func.grad(lambda a: a)(2.0),
    "no scalar": lambda t: t.func.grad(lambda a: a)(x(t)),
    "a number": lambda t: t.func.grad(lambda a: 3)(x(t)),
    "aux of numbers": lambda t: t.func.grad(lambda a: (a.sum(), 3), has_aux=True)(x(t)),
    "no aux": lambda t: t.func.grad(lambda a: a.sum(), has_aux=True)(x(t)),
    "argnum too large": lambda t: t.func.grad(lambda a: a.sum(), argnums=1)(x(t)),
    "argnum twice": lambda t: t.func.grad(lambda a, b: (a * b).sum(), argnums=(0, -2))(x(t), x(t)),
    "argnums empty": lambda t: t.func.grad(lambda a: a.sum(), argnums=())(x(t)),
    "argnums a list": lambda t: t.func.grad(lambda a: a.sum(), argnums=[0])(x(t)),
    "complex result": lambda t: t.func.grad(lambda a: (a * a).sum())(x(t) + 1j),
    "in place on the argument": lambda t: t.func.grad(lambda a: a.mul_(2).sum())(x(t)),
    "backward inside": lambda t: t.func.grad(lambda a: (a.sum().backward(), a.sum())[1])(x(t)),
    "vjp: shape": lambda t: t.func.vjp(lambda a: a * a, x(t))[1](t.ones(2)),
    "vjp: structure": lambda t: t.func.vjp(lambda a: a * a, x(t))[1]((t.ones(3),)),
    "vjp: no tensor": lambda t: t.func.vjp(lambda a: a, 1.0),
    "vjp: integers": lambda t: t.func.vjp(lambda a: a, t.tensor([1, 2])),
    "vjp: integer result": lambda t: t.func.vjp(lambda a: a.argmax(), x(t)),
    "vjp: nothing": lambda t: t.func.vjp(lambda a: (), x(t)),
    "from the function": lambda t: t.func.grad(lambda a: a @ t.ones(5))(x(t)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str) -> None:
    check_program(ERRORS[name])


def test_what_is_written() -> None:
    def program(t: Any) -> Any:
        captured, other = t.ones(3), t.ones(3)
        found: list[Any] = []
        for call in (
            lambda: t.func.grad(lambda a: (captured.add_(a) * a).sum())(x(t)),
            lambda: t.func.grad(lambda a: (captured[:1].add_(1) * a).sum())(x(t)),
            lambda: t.func.vjp(lambda a: captured.mul_(2) * a, x(t)),
            lambda: t.func.grad(lambda a, b: (b.add_(1) * a).sum())(x(t), other),
            lambda: t.func.grad(lambda a, b: (b.add_(a) * a).sum())(x(t), other),
            lambda: t.func.grad(lambda a, *, k: (k["b"].add_(1) * a).sum())(x(t), k={"b": other}),
        ):
            try:
                found.append(call())
            except RuntimeError:
                found.append("RuntimeError")
        return [*found, captured, other, other.requires_grad]

    check_program(program)


def test_names_and_documentation_stay() -> None:
    def square(x: Any) -> Any:
        """Its square."""
        return (x * x).sum()

    def program(t: Any) -> Any:
        return [(fn(square).__name__, fn(square).__doc__) for fn in (t.func.grad, t.func.grad_and_value)]

    check_program(program)


def test_a_network() -> None:
    def program(t: Any) -> Any:
        a, b = values(t, 4, 5, seed=3), values(t, 5, 2, seed=4)

        def loss(p: Any, x: Any) -> Any:
            return t.nn.functional.cross_entropy(t.tanh(x @ p["a"]) @ p["b"], t.tensor([0, 1, 1]))

        return t.func.grad_and_value(loss)({"a": a, "b": b}, values(t, 3, 4))

    check_program(program)
