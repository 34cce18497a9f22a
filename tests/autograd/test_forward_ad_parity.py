"""`autograd.forward_ad`, beside PyTorch's."""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import assert_same, check_program, to_lucid
from tests.nn.utils.pairs import filled, values

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning"),  # PyTorch's own
]


def ad(t: Any) -> Any:
    return importlib.import_module(f"{t.__name__}.autograd.forward_ad")


def x(t: Any) -> Any:
    return t.tensor([1.0, 2.0, 3.0])


def v(t: Any) -> Any:
    return t.tensor([1.0, -1.0, 0.5])


def along(fn: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """The program that gives what `fn` returns for a dual tensor, unpacked."""

    def program(t: Any) -> Any:
        with ad(t).dual_level():
            found = fn(t, ad(t).make_dual(x(t), v(t)))
            return [unpacked(t, part) for part in (found if isinstance(found, tuple) else (found,))]

    return program


def unpacked(t: Any, part: Any) -> Any:
    primal, tangent = ad(t).unpack_dual(part)
    return primal.detach(), tangent, primal.requires_grad


def without_recording(t: Any, d: Any) -> Any:
    with t.no_grad():
        return d * d


def in_inference_mode(t: Any, d: Any) -> Any:
    with t.inference_mode():
        return d * 2


def into_a_buffer(t: Any, d: Any) -> Any:
    buffer = t.zeros(2, 3)
    view, row = buffer.T, buffer[1]
    row.copy_(d * 2)
    return buffer, view, row


def views_of_what_is_written(t: Any, d: Any) -> Any:
    e = d * 1
    part, other = e[:2], e.view(1, 3)
    part.mul_(3)
    e.add_(d)
    return e, part, other, part[0]


def overwritten(t: Any, d: Any) -> Any:
    return (d * 1).copy_(x(t)), (d * 1).zero_(), (d * 1).fill_(2.0)


def assigned(t: Any, d: Any) -> Any:
    e = t.ones(4)
    e[1:] = d
    e[0] = d[2]
    return e


VALUES: dict[str, Callable[[Any], Any]] = {
    "operators": along(lambda t, d: (d * d + 2 / d) ** 2 - d),
    "functions": along(lambda t, d: (d.exp().sum(), t.softmax(d, 0), t.cat([d, x(t)]), d.sort().values)),
    "linear algebra": along(lambda t, d: t.linalg.solve(t.eye(3) + d.outer(d), d)),
    "convolution": along(lambda t, d: t.nn.functional.conv1d(d.view(1, 1, 3), d.view(1, 1, 3), padding=1)),
    "two of them": along(lambda t, d: d * ad(t).make_dual(x(t), x(t))),
    "no_grad does not cut": along(without_recording),
    "inference_mode cuts": along(in_inference_mode),
    "detach cuts": along(lambda t, d: (d.detach(), d.data, d * d.detach())),
    "views": along(
        lambda t, d: (d[0], d.view(3, 1), d.view(3, 1).T, d.expand(2, 3), *d.unbind(), *d.split(2), d.unsqueeze(0)[0])
    ),
    "views of what is written": along(views_of_what_is_written),
    "copies": along(lambda t, d: (d.clone(), *t.unbind_copy(d), d.contiguous(), d.double(), d.half())),
    "in place": along(lambda t, d: (d * 1).mul_(d).exp_()),
    "into a buffer": along(into_a_buffer),
    "overwritten": along(overwritten),
    "assigned": along(assigned),
    "what is no number": along(lambda t, d: (d.argmax(), d > 1, d.long(), d.sort().indices)),
    "a constant": along(lambda t, d: t.ones(2)),
    "where": along(lambda t, d: t.where(d > 1, d.log(), 0.0)),
    "not a leaf that requires a gradient": along(lambda t, d: (d, d * 2)),
    "a parameter": along(lambda t, d: d * t.nn.Parameter(x(t))),
    "float64 tangent is kept": lambda t: inside(
        t, lambda ad: ad.unpack_dual(ad.make_dual(x(t).double(), v(t).double()) * 2)
    ),
    "complex": lambda t: inside(t, lambda ad: ad.unpack_dual(ad.make_dual(x(t) + 1j, v(t) * 1j) ** 2)),
    "no level": lambda t: ad(t).unpack_dual(x(t)),
    "names": lambda t: ad(t).UnpackedDualTensor._fields,
    "by hand": lambda t: (ad(t).enter_dual_level(), ad(t).exit_dual_level()),
    "deep copies have none": along(lambda t, d: __import__("copy").deepcopy(d)),
    "printed": along(lambda t, d: t.tensor(float(len(repr(d))))),
}


def inside(t: Any, fn: Callable[[Any], Any]) -> Any:
    with ad(t).dual_level():
        return fn(ad(t))


@pytest.mark.parametrize("name", VALUES)
def test_value(name: str) -> None:
    check_program(VALUES[name], tol=1e-4)


ERRORS: dict[str, Callable[[Any], Any]] = {
    "no level": lambda t: ad(t).make_dual(x(t), v(t)),
    "nothing to exit": lambda t: ad(t).exit_dual_level(),
    "nested": lambda t: inside(t, lambda ad: ad.enter_dual_level()),
    "nested with": lambda t: inside(t, lambda _: inside(t, lambda _: 1)),
    "nested jvp": lambda t: inside(t, lambda _: t.func.jvp(lambda a: a * a, (x(t),), (x(t),))),
    "shape": lambda t: inside(t, lambda ad: ad.make_dual(x(t), t.ones(2))),
    "broadcast": lambda t: inside(t, lambda ad: ad.make_dual(x(t), t.ones(()))),
    "integer": lambda t: inside(t, lambda ad: ad.make_dual(t.arange(3), x(t))),
    "integer tangent": lambda t: inside(t, lambda ad: ad.make_dual(x(t), t.arange(3))),
    "number": lambda t: inside(t, lambda ad: ad.make_dual(1.0, x(t))),
    "twice": lambda t: inside(t, lambda ad: ad.make_dual(ad.make_dual(x(t), x(t)), x(t))),
    "dual tangent": lambda t: inside(t, lambda ad: ad.make_dual(x(t), ad.make_dual(x(t), x(t)))),
    "another level": lambda t: inside(t, lambda ad: ad.make_dual(x(t), x(t), level=1)),
    "exit another level": lambda t: inside(t, lambda ad: ad.exit_dual_level(level=1)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str) -> None:
    check_program(ERRORS[name])
    assert ad(lucid).unpack_dual(lucid.ones(1)).tangent is None
    with ad(lucid).dual_level():
        pass  # and the level was left


def test_tangents_end_with_the_level() -> None:
    def program(t: Any) -> Any:
        with ad(t).dual_level():
            kept = ad(t).make_dual(x(t), v(t)) * 3
            view = kept[0]
        before = ad(t).unpack_dual(kept), ad(t).unpack_dual(view * 2), kept.requires_grad
        with ad(t).dual_level():
            return before, ad(t).unpack_dual(kept), ad(t).unpack_dual(kept + ad(t).make_dual(x(t), v(t)))

    check_program(program)


def test_tangents_are_let_go_of() -> None:
    with ad(lucid).dual_level():
        d = ad(lucid).make_dual(lucid.ones(3, requires_grad=True), lucid.ones(3))
        kept = (d * d).exp()
        tangent = weakref.ref(ad(lucid).unpack_dual(kept).tangent)
        inner = weakref.ref(ad(lucid).unpack_dual(d).tangent)
        assert tangent() is not None
    assert kept.tolist() == pytest.approx([2.718282] * 3)
    assert tangent() is None
    assert inner() is None


def test_as_a_decorator() -> None:
    def program(t: Any) -> Any:
        @ad(t).dual_level()
        def tangent() -> Any:
            return ad(t).unpack_dual(ad(t).make_dual(x(t), v(t)) ** 2)

        return tangent(), tangent()

    check_program(program)


def test_modules_with_dual_parameters() -> None:
    def program(t: Any) -> Any:
        net = filled(t, t.nn.Sequential(t.nn.Linear(3, 4), t.nn.LayerNorm(4), t.nn.GELU(), t.nn.Linear(4, 2)))
        params = {name: p.detach() for name, p in net.named_parameters()}
        with ad(t).dual_level():
            dual = {name: ad(t).make_dual(p, t.cos(p)) for name, p in params.items()}
            called = ad(t).unpack_dual(t.func.functional_call(net, dual, (values(t, 5, 3),)))
            for name, p in dual.items():
                module = net.get_submodule(name.rpartition(".")[0])
                delattr(module, name.rpartition(".")[2])
                setattr(module, name.rpartition(".")[2], p)
            return called, ad(t).unpack_dual(net(values(t, 5, 3)))

    check_program(program, tol=1e-4)


def test_gradients_of_tangents_and_tangents_of_gradients() -> None:
    def program(t: Any) -> Any:
        p, w = x(t).requires_grad_(), v(t).requires_grad_()
        with ad(t).dual_level():
            d = ad(t).make_dual(p, w)
            y = (d**3 * w.detach() + d.view(3, 1).expand(3, 2).sum(1).exp()).sum()
            primal, tangent = ad(t).unpack_dual(y)
            of_tangent = t.autograd.grad(tangent, (p, w), retain_graph=True)
            (of_primal,) = t.autograd.grad(primal, p, retain_graph=True)
            (forward_over_reverse,) = t.autograd.grad(y, p, retain_graph=True)
            (again,) = t.autograd.grad(y, p, create_graph=True)
            found = ad(t).unpack_dual(forward_over_reverse), ad(t).unpack_dual(again.sin())
            y.backward()
            return (
                [g.detach() for g in of_tangent],
                of_primal.detach(),
                [[part.detach() for part in pair] for pair in found],
                p.grad.detach(),
            )

    check_program(program, tol=1e-3)


def test_functions_of_your_own() -> None:
    def program(t: Any) -> Any:
        class Double(t.autograd.Function):
            @staticmethod
            def forward(ctx: Any, a: Any, b: Any) -> Any:
                return a * 2 + b

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return grad * 2, grad

        class Moved(Double):
            @staticmethod
            def jvp(ctx: Any, tangent: Any, other: Any) -> Any:
                return tangent * 2 + other

        with ad(t).dual_level():
            d = ad(t).make_dual(x(t), v(t))
            found = ad(t).unpack_dual(Moved.apply(d, x(t)))
            try:
                return found, Double.apply(d, x(t))
            except NotImplementedError:
                return found, "refused"

    check_program(program)


def test_nothing_is_evaluated() -> None:
    before = lucid._tape.evaluated
    with ad(lucid).dual_level():
        d = ad(lucid).make_dual(lucid.ones(3), lucid.ones(3))
        tangent = ad(lucid).unpack_dual((d[:2] * d[1:]).sum().exp()).tangent
    assert lucid._tape.evaluated == before
    assert_same(tangent, torch.tensor(4.0) * torch.tensor(2.0).exp(), 1e-5)


def test_transforms_inside_a_level_are_refused() -> None:
    with ad(lucid).dual_level():
        d = ad(lucid).make_dual(lucid.ones(3), lucid.ones(3))
        with pytest.raises(RuntimeError, match=r"transforms do not run inside a level.*use lucid\.func\.jvp"):
            lucid.func.grad(lambda a: (a**2).sum())(d)
        with pytest.raises(RuntimeError, match="jacobian: not supported inside a level"):
            lucid.autograd.functional.jacobian(lambda a: a**2, d)


def test_a_level_inside_transforms() -> None:
    def tangent(a: Any) -> Any:
        with ad(lucid).dual_level():
            return ad(lucid).unpack_dual(ad(lucid).make_dual(a, a) ** 3).tangent

    a = to_lucid(x(torch))
    assert lucid.vmap(tangent)(a).tolist() == [3.0, 24.0, 81.0]
    assert lucid.func.grad(lambda a: tangent(a).sum())(a).tolist() == [9.0, 36.0, 81.0]


def test_a_compiled_function_runs_as_it_is() -> None:
    step = lucid.compile(lambda a: a * a)
    for _ in range(3):
        step(lucid.ones(3))
    with ad(lucid).dual_level():
        assert (
            ad(lucid).unpack_dual(step(ad(lucid).make_dual(lucid.ones(3), lucid.ones(3)))).tangent.tolist() == [2.0] * 3
        )
