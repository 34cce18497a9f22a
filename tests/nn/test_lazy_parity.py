"""Lazy modules and parameters without a shape against PyTorch's: before, at and after the first call."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program
from tests.nn.utils.pairs import attempt, filled, values

pytestmark = pytest.mark.parity

DIMS = (1, 2, 3)
CONVS = [f"Lazy{kind}{n}d" for kind in ("Conv", "ConvTranspose") for n in DIMS]
NORMS = [f"Lazy{kind}{n}d" for kind in ("BatchNorm", "InstanceNorm") for n in DIMS]


def arguments(name: str) -> tuple[int, ...]:
    return (3,) if name == "LazyLinear" else (3, 2) if "Conv" in name else ()


def shape(name: str) -> tuple[int, ...]:
    return (2, 4) if name == "LazyLinear" else (2, 4, *[3] * int(name[-2]))


def seen(module: Any) -> Any:
    """What a module shows, whether or not it has shapes yet."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return (
        repr(module),
        [(n, type(t).__name__.replace("Buffer", "Tensor"), str(t.dtype).split(".")[-1]) for n, t in tensors],
        [t.requires_grad for _, t in tensors],
        list(module.state_dict()),
        [(len(m._forward_pre_hooks), len(m._load_state_dict_pre_hooks)) for m in module.modules()],
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["LazyLinear", *CONVS, *NORMS])
def test_before_and_after_the_first_call(name: str, dtype: str) -> None:
    def program(t: Any) -> Any:
        options = {"dtype": getattr(t, dtype)} if "Linear" in name or "Conv" in name else {}
        module = getattr(t.nn, name)(*arguments(name), **options)
        if not options:
            module = module.to(getattr(t, dtype))
        held, before = list(module.parameters()), seen(module)
        x = values(t, *shape(name)).to(getattr(t, dtype))
        module(x)
        assert all(a is b for a, b in zip(held, module.parameters(), strict=True))  # an optimizer has the same
        filled(t, module.eval())
        return before, seen(module), list(module.state_dict().items()), module(x)

    check_program(program, 1e-4)


@pytest.mark.parametrize("name", ["LazyLinear", *CONVS])
def test_states_give_shapes(name: str) -> None:
    def program(t: Any) -> Any:
        def make() -> Any:
            return t.nn.Sequential(getattr(t.nn, name)(*arguments(name)), t.nn.Identity())

        called, x = make(), values(t, *shape(name))
        called(x)
        filled(t, called)
        waiting = make()
        found = [waiting.load_state_dict(called.state_dict()), type(waiting[0]).__name__, waiting(x)]
        found.append(attempt(lambda: make().load_state_dict({"0.weight": called[0].weight})))
        found.append(attempt(lambda: called.load_state_dict(make().state_dict())))  # the other way round
        return [*found, make().load_state_dict(make().state_dict()), list(called.state_dict().items())]

    check_program(program, 1e-4)


@pytest.mark.parametrize("name", ["LazyLinear", "LazyConv2d", "LazyConvTranspose1d"])
def test_copies_casts_and_pickles(name: str) -> None:
    def program(t: Any) -> Any:
        module = getattr(t.nn, name)(*arguments(name), bias=False)
        found = [seen(m) for m in (copy.deepcopy(module), copy.copy(module), pickle.loads(pickle.dumps(module)))]
        for cast in ("half", "double", "float", "cpu"):
            assert getattr(module, cast)() is module
            found.append(seen(module))
        return found, seen(module.to(t.float64)), module.has_uninitialized_params(), module.zero_grad()

    check_program(program)


def custom(t: Any, becomes: Any, seen: list[Any]) -> Any:
    """A lazy module with a parameter and two buffers, which notes what happens to it."""

    class Lazy(t.nn.modules.lazy.LazyModuleMixin, t.nn.Module):  # type: ignore[misc]
        cls_to_become = becomes

        def __init__(self) -> None:
            super().__init__()
            self.weight = t.nn.UninitializedParameter()
            self.scale = t.nn.UninitializedBuffer()
            self.register_buffer("count", t.nn.UninitializedBuffer(), persistent=False)

        def initialize_parameters(self, x: Any, factor: float = 1.0) -> None:
            seen.append(("initialize", tuple(x.shape), factor))
            if self.has_uninitialized_params():
                with t.no_grad():
                    self.weight.materialize((x.shape[-1],))
                    self.weight.fill_(2.0)
                    self.scale.materialize(())
                    self.scale.fill_(3.0)
                    self.count.materialize(1, dtype=t.int64)
                    self.count.zero_()

        def forward(self, x: Any, factor: float = 1.0) -> Any:
            return x * self.weight * self.scale * factor

    return Lazy()


def test_modules_of_the_users() -> None:
    def program(t: Any) -> Any:
        class Later(t.nn.Module):  # type: ignore[misc]
            def forward(self, x: Any, factor: float = 1.0) -> Any:
                return x + self.weight

        found: list[Any] = []
        for becomes in (None, Later):
            log: list[Any] = []
            module = custom(t, becomes, log)
            found.append(seen(module))
            module.register_forward_pre_hook(lambda m, args, log=log: log.append(type(m).__name__))
            module.register_forward_hook(lambda m, args, out, log=log: log.append(type(m).__name__))
            x = values(t, 2, 3)
            (held,) = module.parameters()  # as an optimizer does
            first = module(x, factor=2.0)  # still by the forward of the class that was called
            first.sum().backward()
            with t.no_grad():
                held.sub_(held.grad * 0.5)
            found += [log, first, module(x), module.weight, seen(module), type(module).__name__]
            found += [hasattr(module, name) for name in ("_initialize_hook", "_load_hook")]
        return found

    check_program(program, 1e-5)


def test_modules_that_are_not_made_well() -> None:
    def program(t: Any) -> Any:
        class Nothing(t.nn.modules.lazy.LazyModuleMixin, t.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.weight = t.nn.UninitializedParameter()

            def forward(self, x: Any) -> Any:
                return x

        class Idle(Nothing):
            def initialize_parameters(self, x: Any) -> None:
                pass

        return [attempt(lambda kind=kind: kind()(t.ones(1))) for kind in (Nothing, Idle)]

    check_program(program)


USES = {
    "add": lambda t, p: p + p,
    "function": lambda t, p: t.empty_like(p),
    "sum": lambda t, p: p.sum(),
    "index": lambda t, p: p[0],
    "len": lambda t, p: len(p),
    "bool": lambda t, p: bool(p),
    "list": lambda t, p: p.tolist(),
    "detach": lambda t, p: p.detach(),
    "shape": lambda t, p: p.shape,
    "numel": lambda t, p: p.numel(),
    "stride": lambda t, p: p.stride(),
    "view": lambda t, p: p.view(-1),
    "share": lambda t, p: p.share_memory_(),
    "print": lambda t, p: (repr(p), str(p)),
    "kinds": lambda t, p: (isinstance(p, t.nn.Parameter), isinstance(p, t.nn.Buffer), t.nn.parameter.is_lazy(p)),
    "attributes": lambda t, p: (p.dtype, str(p.device), p.is_leaf, p.grad, p.grad_fn),
    "cpu": lambda t, p: type(p.cpu()).__name__,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", ["UninitializedParameter", "UninitializedBuffer"])
def test_what_can_be_asked_of_a_tensor_without_a_shape(kind: str, use: str) -> None:
    def program(t: Any) -> Any:
        return attempt(lambda: USES[use](t, getattr(t.nn.parameter, kind)()))

    check_program(program)


def test_materializing() -> None:
    def program(t: Any) -> Any:
        found = []
        for options in ({}, {"requires_grad": False}, {"dtype": t.float64}):
            for size in ((2, 3), 2, [4], ()):
                p = t.nn.UninitializedParameter(**options)
                p.materialize(size)
                found += [type(p).__name__, tuple(p.shape), str(p.dtype).split(".")[-1], p.requires_grad, p.is_leaf]
        p = t.nn.UninitializedParameter()
        p.materialize(2, dtype=t.float16)
        return [*found, str(p.dtype).split(".")[-1], attempt(lambda: p.materialize(2))]

    check_program(program)


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_they_cannot_be_normalised_yet(name: str) -> None:
    for t in (torch, lucid):
        with pytest.raises(ValueError, match="uninitialized"):
            getattr(t.nn.utils, name)(t.nn.LazyLinear(2))


def test_a_failed_backward_leaves_nothing_for_the_next_step() -> None:
    weight, layer = lucid.nn.UninitializedParameter(), lucid.nn.Linear(2, 1)
    with pytest.raises(ValueError, match="uninitialized"):
        weight.backward()
    layer(lucid.ones(1, 2)).sum().backward()
    lucid.optim.SGD(layer.parameters(), lr=0.1).step()
    assert layer.weight.isfinite().all()


def test_a_failed_load_leaves_nothing_for_the_next_step() -> None:
    lazy, layer = lucid.nn.LazyLinear(3), lucid.nn.Linear(2, 1)
    with pytest.raises(RuntimeError, match="Missing key"):
        lazy.load_state_dict({"weight": lucid.ones(3, 2)})
    layer(lucid.ones(1, 2)).sum().backward()
    lucid.optim.SGD(layer.parameters(), lr=0.1).step()
    assert layer.weight.isfinite().all()
    assert isinstance(lazy.weight, lucid.nn.UninitializedParameter)
