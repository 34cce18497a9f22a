"""`jvp` and `linearize`, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import assert_same, check_program, to_lucid
from tests.nn.utils.pairs import values

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # PyTorch's own, for jvp
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node"),  # and for linearize
]


def x(t: Any) -> Any:
    return t.tensor([1.0, 2.0, 3.0])


def of(t: Any, fn: Any) -> Any:
    return t.func.jvp(fn, (x(t),), (t.tensor([1.0, -1.0, 0.5]),))


VALUES: dict[str, Any] = {
    "square": lambda t: of(t, lambda a: a * a),
    "two": lambda t: t.func.jvp(lambda a, b: a * b, (x(t), x(t)), (t.ones(3), t.zeros(3))),
    "nested": lambda t: t.func.jvp(lambda a, d: {"a": a * d["b"]}, (x(t), {"b": x(t)}), (t.ones(3), {"b": t.ones(3)})),
    "aux": lambda t: t.func.jvp(lambda a: (a * a, {"k": a}), (x(t),), (t.ones(3),), has_aux=True),
    "integer output": lambda t: of(t, lambda a: (a.argmax(), a)),
    "constant": lambda t: of(t, lambda a: t.ones(2)),
    "detach": lambda t: of(t, lambda a: a - a.detach() ** 2),
    "a value in between": lambda t: of(t, lambda a: a * a.max().item()),
    "jvp of jvp": lambda t: of(t, lambda a: of(t, lambda b: (b * a) ** 2)[1]),
    "jvp of grad": lambda t: of(t, t.func.grad(lambda a: (a**3).sum())),
    "grad of jvp": lambda t: t.func.grad(lambda a: t.func.jvp(lambda b: b**3, (a,), (t.ones(3),))[1].sum())(x(t)),
    "conv, which MLX pushes nothing through": lambda t: of(
        t, lambda a: t.nn.functional.conv1d(a.reshape(1, 1, 3), a.reshape(1, 1, 3), padding=1)
    ),
    "grad of two such": lambda t: t.func.grad(
        lambda a: sum(
            t.func.jvp(lambda b: t.nn.functional.conv1d((b**2).reshape(1, 1, 3), t.ones(1, 1, 2)), (a,), (v,))[1]
            .square()
            .sum()
            for v in (t.ones(3), t.tensor([1.0, -2.0, 0.5]))
        )
    )(x(t)),
    "scatter": lambda t: of(t, lambda a: t.zeros(2).index_add(0, t.tensor([0, 1, 1]), a * a)),
    "cumprod beside a zero": lambda t: t.func.jvp(
        lambda a: a.cumprod(0), (t.tensor([2.0, 0.0, 3.0]),), (t.tensor([1.0, 1.0, 1.0]),)
    ),
    "what is not taken has no part": lambda t: t.func.jvp(
        lambda a: t.where(a > 0, a.log(), 0.0), (t.tensor([0.0, 2.0]),), (t.ones(2),)
    ),
    "solve": lambda t: t.func.jvp(
        lambda a: t.linalg.solve(a, t.ones(2)), (t.tensor([[2.0, 1.0], [0.0, 3.0]]),), (t.ones(2, 2),)
    ),
    "in place on the argument": lambda t: of(t, lambda a: a.mul_(2)),
    "float64": lambda t: t.func.jvp(lambda a: a.exp(), (x(t).double(),), (t.ones(3).double(),)),
    "linearize": lambda t: (lambda out, along: (out, along(t.ones(3)), along(x(t))))(
        *t.func.linearize(lambda a: a * a, x(t))
    ),
    "linearize nested": lambda t: t.func.linearize(lambda a, d: {"r": a * d["k"]}, x(t), {"k": x(t)})[1](
        x(t), {"k": x(t)}
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_value(name: str) -> None:
    check_program(VALUES[name], tol=1e-4)


def test_the_argument_is_written() -> None:
    def program(t: Any) -> Any:
        a = x(t)
        of_a = t.func.jvp(lambda a: a.mul_(2), (a,), (t.ones(3),))
        return of_a, a, a.requires_grad

    check_program(program)


def test_what_the_tape_outside_sees() -> None:
    def program(t: Any) -> Any:
        u, w = x(t).requires_grad_(), t.tensor([0.5, -1.0, 2.0], requires_grad=True)
        v = t.ones(3, requires_grad=True)
        value, tangent = t.func.jvp(lambda a: w * a**3, (u,), (v,))
        return value, tangent, t.autograd.grad(tangent.sum() + value.sum(), (u, w, v))

    check_program(program)


def test_linearize_sees_the_tape_outside() -> None:
    u, w = lucid.ones(3, requires_grad=True), lucid.ones(3, requires_grad=True)
    _, along = lucid.func.linearize(lambda a: w * a**3, u)
    u_gradient, w_gradient = lucid.autograd.grad(along(lucid.ones(3)).sum(), (u, w))
    assert u_gradient.tolist() == [6.0] * 3
    assert w_gradient.tolist() == [3.0] * 3


ERRORS: dict[str, Any] = {
    "shape": lambda t: t.func.jvp(lambda a: a, (x(t),), (t.ones(2),)),
    "integer tangent": lambda t: t.func.jvp(lambda a: a, (x(t),), (t.ones(3).long(),)),
    "integer primal": lambda t: t.func.jvp(lambda a: a * 1.0, (t.tensor([1, 2]),), (t.tensor([1, 2]),)),
    "no tuple": lambda t: t.func.jvp(lambda a: a, x(t), x(t)),
    "a list": lambda t: t.func.jvp(lambda a: a, [x(t)], [x(t)]),
    "a number as tangent": lambda t: t.func.jvp(lambda a: a, (x(t),), (1.0,)),
    "a number as primal": lambda t: t.func.jvp(lambda a: a, (1.0,), (1.0,)),
    "too many": lambda t: t.func.jvp(lambda a: a, (x(t),), (x(t), x(t))),
    "none": lambda t: t.func.jvp(lambda: x(t), (), ()),
    "strict": lambda t: t.func.jvp(lambda a: t.ones(2), (x(t),), (x(t),), strict=True),
    "returns None": lambda t: of(t, lambda a: None),
    "captured": lambda t: (lambda c: of(t, lambda a: c.add_(1) * a))(t.ones(3)),
    "no aux": lambda t: t.func.jvp(lambda a: a, (x(t),), (x(t),), has_aux=True),
    "linearize: shape": lambda t: t.func.linearize(lambda a: a, x(t))[1](t.ones(2)),
    "linearize: dtype": lambda t: t.func.linearize(lambda a: a, x(t))[1](t.ones(3).double()),
    "linearize: count": lambda t: t.func.linearize(lambda a: a, x(t))[1](x(t), x(t)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str) -> None:
    check_program(ERRORS[name])


def test_tangents_through_layers() -> None:
    layers = {
        "Conv2d": (torch.nn.Conv2d(2, 3, 2), (1, 2, 3, 3)),
        "ConvTranspose1d": (torch.nn.ConvTranspose1d(2, 3, 2, stride=2), (1, 2, 3)),
        "LayerNorm": (torch.nn.LayerNorm(4), (2, 4)),
        "GroupNorm": (torch.nn.GroupNorm(2, 4), (2, 4, 3)),
        "MaxPool2d": (torch.nn.MaxPool2d(2), (1, 2, 4, 4)),
        "Softmax": (torch.nn.Softmax(-1), (2, 3)),
        "GELU": (torch.nn.GELU(), (5,)),
    }
    for name, (theirs, shape) in layers.items():
        mine = type(theirs).__name__
        made = getattr(lucid.nn, mine)(*_arguments(theirs))
        made.load_state_dict({k: to_lucid(v) for k, v in theirs.state_dict().items()})
        a, v = values(torch, *shape, seed=5), values(torch, *shape, seed=6)
        want = torch.func.jvp(theirs, (a,), (v,))
        got = lucid.func.jvp(made, (to_lucid(a),), (to_lucid(v),))
        assert_same(got, want, 1e-4, name)


def _arguments(module: Any) -> tuple[Any, ...]:
    by_class = {
        "Conv2d": lambda m: (2, 3, 2),
        "ConvTranspose1d": lambda m: (2, 3, 2, 2),
        "LayerNorm": lambda m: (4,),
        "GroupNorm": lambda m: (2, 4),
        "MaxPool2d": lambda m: (2,),
        "Softmax": lambda m: (-1,),
        "GELU": lambda m: (),
    }
    return by_class[type(module).__name__](module)
