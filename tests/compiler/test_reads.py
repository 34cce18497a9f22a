"""What a compiled function reads around itself is seen when it changes, however it is reached; nothing else is."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Any

import pytest

import lucid
from lucid import nn
from tests.compiler import setting
from tests.compiler.models import traces

Case = tuple[Callable[[Any], Any], Callable[[], None]]  # a function, and what changes its result
CASES: dict[str, Callable[[], Case]] = {}


def case(make: Callable[[], Case]) -> Callable[[], Case]:
    CASES[make.__name__] = make
    return make


class Scale:
    shared = 2.0

    def __init__(self, k: float = 2.0) -> None:
        self.k, self.used = k, 0

    def __call__(self, x: Any) -> Any:
        return x * self.k

    def run(self, x: Any) -> Any:
        return x * self.k

    def __mul__(self, x: Any) -> Any:
        return x * self.k

    def __enter__(self) -> float:
        return self.k

    def __exit__(self, *error: Any) -> None:
        pass

    @property
    def twice(self) -> float:
        return self.k * 2

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return x * cls.shared


class Tenfold(Scale):
    def __call__(self, x: Any) -> Any:
        return x * self.k * 10


class Slotted:
    __slots__ = ("k",)

    def __init__(self) -> None:
        self.k = 2.0


@dataclasses.dataclass
class Options:
    k: float = 2.0
    step: int = 0


class Around:
    """Passes on what it does not have."""

    def __init__(self, inside: Any) -> None:
        self.inside = inside

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inside, name)


class Parts:
    def __init__(self, *parts: Any) -> None:
        self.parts = list(parts)

    def __iter__(self) -> Any:
        return iter(self.parts)

    def __getitem__(self, k: int) -> Any:
        return self.parts[k]


class Dotted(dict[str, Any]):
    __getattr__ = dict.__getitem__


def more(o: Any, name: str = "k") -> Callable[[], None]:
    return lambda: setattr(o, name, getattr(o, name) + 1)


def one(f: Callable[[Scale], Callable[[Any], Any]]) -> Callable[[], Case]:
    """A case in which one object changes."""

    def make() -> Case:
        s = Scale()
        return f(s), more(s)

    return make


def through_a_loop(s: Scale, use: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    parts = [Scale(3.0), s]

    def loop(x: Any) -> Any:
        for part in parts:
            x = use(part, x)
        return x

    return loop


CASES |= {
    "called object": one(lambda s: lambda x: s(x)),
    "method": one(lambda s: lambda x: s.run(x)),
    "property": one(lambda s: lambda x: x * s.twice),
    "operator": one(lambda s: lambda x: s * x),
    "getattr": one(lambda s: lambda x: x * getattr(s, "k")),  # noqa: B009
    "default": one(lambda s: lambda x, o=s: x * o.k),
    "keyword default": one(lambda s: lambda x, *, o=s: x * o.k),
    "bound method": one(lambda s: s.run),
    "partial": one(lambda s: functools.partial(lambda o, x: x * o.k, s)),
    "item": one(lambda s: (lambda items: lambda x: x * items[0].k)([s])),
    "item called": one(lambda s: (lambda items: lambda x: items[0](x))([s])),
    "value of a dict": one(lambda s: (lambda items: lambda x: items["a"].run(x))({"a": s})),
    "function in a list": one(lambda s: (lambda items: lambda x: items[0](x))([lambda x: x * s.k])),
    "loop": one(lambda s: through_a_loop(s, lambda part, x: x * part.k)),
    "loop called": one(lambda s: through_a_loop(s, lambda part, x: part(x))),
    "loop method": one(lambda s: through_a_loop(s, lambda part, x: part.run(x))),
    "comprehension": one(lambda s: (lambda items: lambda x: sum([part(x) for part in items]))([s, s])),
    "passed on": one(lambda s: (lambda o: lambda x: o.k * x)(Around(s))),
    "iterated": one(lambda s: (lambda o: lambda x: sum(part(x) for part in o))(Parts(s))),
    "indexed": one(lambda s: (lambda o: lambda x: o[0](x))(Parts(s))),
    "namespace": one(lambda s: (lambda o: lambda x: x * o.a.k)(types.SimpleNamespace(a=s))),
    "object made inside": one(lambda s: lambda x: Scale(s.k).run(x)),
    "inner function": one(lambda s: lambda x: (lambda y: y * s.k)(x)),
}


@case
def with_block() -> Case:
    s = Scale()

    def f(x: Any) -> Any:
        with s as k:
            return x * k

    return f, more(s)


@case
def variable_for_an_attribute() -> Case:
    o = types.SimpleNamespace(inside=Scale())

    def f(x: Any) -> Any:
        s = o.inside
        return x * s.k

    return f, more(o.inside)


@case
def item_replaced() -> Case:
    items = [Scale()]
    return lambda x: items[0](x), lambda: items.__setitem__(0, Scale(items[0].k + 1))


@case
def item_of_another_class() -> Case:
    items = [Scale()]
    return lambda x: items[0](x), lambda: items.__setitem__(0, Tenfold(items[0].k))


@case
def item_with_slots() -> Case:
    items = [Slotted()]
    return lambda x: x * items[0].k, more(items[0])


@case
def dataclass_in_a_list() -> Case:
    items = [Options()]
    return lambda x: x * items[0].k, more(items[0])


@case
def dict_with_attributes() -> Case:
    options = Dotted(k=2.0)
    return lambda x: x * options.k, lambda: options.update(k=options.k + 1)


@case
def module_in_a_list() -> Case:
    layer = nn.Identity()
    layer.scale = 2.0
    items = [layer]
    return lambda x: x * items[0].scale, more(layer, "scale")


@case
def attribute_of_a_class() -> Case:
    class Config:
        k = 2.0

    return lambda x: x * Config.k, more(Config)


@case
def attribute_of_a_base() -> Case:
    class Config:
        k = 2.0

    class Mine(Config):
        pass

    return lambda x: x * Mine.k, more(Config)


@case
def class_method() -> Case:
    class Mine(Scale):
        pass

    return lambda x: Mine.of_class(x), more(Mine, "shared")


@case
def attribute_of_a_module() -> Case:
    return lambda x: x * setting.factor, more(setting, "factor")


@case
def function_of_a_module() -> Case:
    return lambda x: setting.scaled(x), more(setting, "factor")


@case
def decorated() -> Case:
    s = Scale()

    def decorate(f: Any) -> Any:
        @functools.wraps(f)
        def call(*args: Any) -> Any:
            return f(*args) * s.k

        return call

    return decorate(lambda x: x * 2), more(s)


@case
def autograd_function() -> Case:
    s = Scale()

    class Times(lucid.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * s.k

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * s.k

    return lambda x: Times.apply(x), more(s)


@case
def forward_hook() -> Case:
    s, layer = Scale(), nn.Identity()
    layer.register_forward_hook(lambda module, args, out: out * s.k)
    return layer, more(s)


@case
def function_given_to_a_layer() -> Case:
    s = Scale()
    layer = nn.TransformerEncoderLayer(2, 1, 4, dropout=0.0, activation=lambda x: x * s.k).eval()
    return lambda x: layer(x[None]), more(s)


@case
def objects_and_functions_of_a_module() -> Case:
    s = Scale()

    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts, self.f = [s], lambda x: x * s.k

        def forward(self, x: Any) -> Any:
            return self.parts[0](x) + self.f(x)

    return Mine(), more(s)


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_seen(name: str) -> None:
    f, change = CASES[name]()
    compiled, x = lucid.compile(f, fullgraph=True), lucid.tensor([1.0, 3.0])
    for _ in range(3):
        for _ in range(2):
            assert compiled(x).flatten().tolist() == pytest.approx(f(x).flatten().tolist(), abs=1e-6)
        change()


class Trainer:
    """A training script's object, most of which changes in every step, though not by what is compiled."""

    def __init__(self) -> None:
        self.model = nn.Linear(2, 2)
        self.optimizer = lucid.optim.SGD(self.model.parameters(), lr=0.1)
        self.schedule = lucid.optim.lr_scheduler.StepLR(self.optimizer, 2)
        self.losses: list[float] = []
        self.count, self.meter, self.callbacks = 0, Scale(), [Scale(), Scale()]
        self.args = argparse.Namespace(lr=0.1, k=2.0)

    def train(self) -> None:
        self.count += 1
        self.losses.append(1.0)
        for o in (self.meter, *self.callbacks):
            o.used += 1
        self.schedule.step()

    def step(self, x: Any) -> Any:
        model, optimizer = self.model, self.optimizer
        model.train()
        optimizer.zero_grad()
        loss = (model(x) * self.args.k).sum()
        loss.backward()
        optimizer.step()
        return loss


def unread() -> dict[str, Case]:
    trainer, options, items = Trainer(), Options(), [Scale(), Scale()]
    return {
        "trainer": (trainer.step, trainer.train),
        "field": (lambda x: x * options.k, more(options, "step")),
        "attribute of an item": (lambda x: x * items[0].k, more(items[0], "used")),
        "called item": (lambda x: items[0](x), more(items[0], "used")),
        "class": (lambda x: Scale().run(x), more(Options, "step")),
        "module": (lambda x: setting.scaled(x), lambda: setattr(setting, "other", object())),
    }


@pytest.mark.parametrize("name", unread())
def test_what_is_not_read_makes_no_other_graph(name: str) -> None:
    f, change = unread()[name]
    compiled = lucid.compile(f, fullgraph=True)
    for _ in range(6):
        compiled(lucid.ones(2))
        change()
    assert traces(compiled) == 1


G: Any = 0


def bound_global() -> Any:
    def f(x: Any) -> Any:
        global G
        G = 5 if G == 4 else 4
        return x

    return f, lambda: G


def bound_variable() -> Any:
    n, parity = 0, ""

    def f(x: Any) -> Any:
        nonlocal n, parity
        n = 5 if n == 4 else 4
        parity = "odd" if len(x) % 2 else "even"
        return x

    return f, lambda: (n, parity)


def bound_attributes() -> Any:
    class Step:
        def __init__(self) -> None:
            self.n, self.inside = 0, types.SimpleNamespace(shape=None)

        def __call__(self, x: Any) -> Any:
            self.n = 5 if self.n == 4 else 4
            self.inside.shape = x.shape
            self.recorded = lucid.is_grad_enabled()
            return x

    step = Step()
    return lambda x: step(x), lambda: (step.n, step.inside.shape, step.recorded)


def counters() -> Any:
    class Step:
        count = 0

        def __call__(self, x: Any) -> Any:
            self.count += 1
            return x

    step = Step()
    return lambda x: step(x), lambda: step.count


def branch_not_taken() -> Any:
    """What is bound in a branch that does not run keeps what it got outside."""

    class Step:
        big: Any = 0

        def __call__(self, x: Any) -> Any:
            if len(x) > 2:
                self.big = by_name.big = "yes"
            return x

    step, by_name = Step(), types.SimpleNamespace(big=0)
    values = iter(range(100))

    def get() -> Any:
        found = step.big, by_name.big
        step.big = by_name.big = next(values) // 3
        return found

    return lambda x: step(x), get


@pytest.mark.parametrize(
    "make", [bound_global, bound_variable, bound_attributes, counters, branch_not_taken], ids=lambda make: make.__name__
)
def test_plain_values_are_bound_in_every_call(make: Any) -> None:
    global G
    found = []
    for compiled in (False, True):
        G = 0
        f, get = make()
        f, seen = lucid.compile(f, fullgraph=True) if compiled else f, []
        for k in range(8):
            with lucid.set_grad_enabled(k % 3 != 0):
                f(lucid.ones(2 + k % 2))
            seen.append(get())
        found.append(seen)
    assert found[0] == found[1]


def test_an_object_that_refuses_attributes() -> None:
    class Refuses:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    refuses = Refuses()

    @lucid.compile(fullgraph=True)
    def f(x: Any) -> Any:
        with contextlib.suppress(RuntimeError):
            x = x * refuses.k
        return x * 2

    assert [f(lucid.ones(1)).item() for _ in range(3)] == [2.0] * 3
    assert traces(f) == 1
