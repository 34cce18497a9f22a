"""`lucid.compile`: arguments, results, state, errors, and modules."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

import lucid
from lucid import nn
from lucid.nn import functional as F
from tests.compiler.models import mlp


def test_nested_arguments_and_results() -> None:
    from collections import OrderedDict, namedtuple

    Pair = namedtuple("Pair", "first second")

    def f(batch: Any, *more: Any) -> Any:
        x, (y, n) = batch["x"], batch["rest"]
        return Pair(x + y * n, [OrderedDict(a=x, b=more[0] if more else None), (y, "name", 3)])

    g = lucid.compile(f, fullgraph=True)
    for _ in range(3):
        batch = {"x": lucid.ones(2), "rest": [lucid.full((2,), 2.0), 5]}
        out = g(batch, lucid.zeros(1))
        assert type(out) is Pair
        assert out.first.tolist() == [11.0, 11.0]
        assert isinstance(out.second[0], OrderedDict)
        assert out.second[0]["a"] is batch["x"]  # what is given back is the argument itself
        assert out.second[1][1:] == ("name", 3)


def test_arguments_written_in_place() -> None:
    @lucid.compile(fullgraph=True)
    def double_(x: Any) -> Any:
        return x.mul_(2)

    for _ in range(3):
        x = lucid.ones(2)
        view = x[:1]
        assert double_(x) is x
        assert x.tolist() == [2.0, 2.0]
        assert view.tolist() == [2.0]


def test_views_of_the_state_follow_it() -> None:
    state = lucid.zeros(3)
    head = state[:1]

    @lucid.compile(fullgraph=True)
    def count() -> Any:
        state.add_(1)
        return head * 10

    for k in range(1, 5):
        assert count().item() == 10 * k
        assert head.item() == k
    head.fill_(100)
    assert count().item() == 1010


def test_random_numbers_go_on() -> None:
    def f(x: Any) -> Any:
        return F.dropout(x, 0.5) + lucid.rand(4)

    g, x = lucid.compile(f, fullgraph=True), lucid.ones(4)
    lucid.manual_seed(0)
    want = [f(x).tolist() for _ in range(4)]
    lucid.manual_seed(0)
    assert [g(x).tolist() for _ in range(4)] == want
    own = lucid.Generator().manual_seed(7)
    h = lucid.compile(lambda: lucid.randn(2, generator=own), fullgraph=True)
    got = [h().tolist() for _ in range(3)]
    own.manual_seed(7)
    assert [lucid.randn(2, generator=own).tolist() for _ in range(3)] == got


def test_gradients_of_arguments_and_of_what_is_closed_over() -> None:
    w = lucid.tensor([1.0, 2.0], requires_grad=True)
    f = lucid.compile(lambda x, y: (x * w + y, (x * x).sum()), fullgraph=True)
    for _ in range(3):
        w.grad = None
        x, y = lucid.tensor([3.0, 4.0], requires_grad=True), lucid.zeros(2)
        a, b = f(x, y)
        (a.sum() * 2 + b).backward()
        assert w.grad.tolist() == [6.0, 8.0]
        assert x.grad.tolist() == [2 + 6, 4 + 8]
        assert y.grad is None


def test_one_of_several_results_is_used() -> None:
    f = lucid.compile(lambda x: (x * 2, x * 3), fullgraph=True)
    for _ in range(3):
        x = lucid.ones(2, requires_grad=True)
        f(x)[1].sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]


def test_second_backward_and_second_derivatives_are_refused() -> None:
    f, x = lucid.compile(lambda x: x.exp().sum(), fullgraph=True), lucid.ones(2, requires_grad=True)
    f(x)
    y = f(x)
    with pytest.raises(RuntimeError, match="cannot be derived again"):
        lucid.autograd.grad(y, x, create_graph=True)
    y = f(x)
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_a_value_asked_for_inside() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        if y.sum() > 3:  # here
            return y
        return x

    strict = lucid.compile(f, fullgraph=True)
    x = lucid.ones(2)
    strict(x)
    with pytest.raises(RuntimeError, match=r"test_compile.py:\d+: if y.sum\(\) > 3"):
        strict(x)
    easy = lucid.compile(f)
    easy(x)
    with pytest.warns(UserWarning, match="runs uncompiled"):
        assert easy(x).tolist() == [2.0, 2.0]
    assert easy(x * 0).tolist() == [0.0, 0.0]


def test_nothing_is_kept_alive() -> None:
    model = mlp()
    f = lucid.compile(model, fullgraph=True)
    x = lucid.randn(3, 4)
    for _ in range(3):
        f(x).sum().backward()
    ref, out = weakref.ref(x), weakref.ref(f(x))
    del x
    gc.collect()
    assert ref() is None
    assert out() is None


def test_what_is_stored_on_the_way_is_there() -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)
            self.last: Any = None

        def forward(self, x: Any) -> Any:
            self.last = self.inner(x).detach()
            return self.last.sum()

    model = Remembers()
    f = lucid.compile(model, fullgraph=True)
    for k in range(6):
        x = lucid.full((1, 2), float(k))
        f(x)
        assert lucid.allclose(model.last, model.inner(x).detach())


def test_a_compiled_module_is_the_module() -> None:
    model = mlp()
    f = lucid.compile(model)
    assert list(f.state_dict()) == [f"_orig_mod.{k}" for k in model.state_dict()]
    assert list(f.parameters()) == list(model.parameters())
    assert f._orig_mod is model
    f.eval()
    assert not model.training
    f.extra = 3
    assert model.extra == 3
    for twin in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert twin._orig_mod is not model
        x = lucid.randn(2, 4)
        assert lucid.allclose(twin(x), model(x))
    assert model.compile() is model
    f.load_state_dict(f.state_dict())
    with pytest.raises(AttributeError, match="nothing"):
        f.nothing  # noqa: B018


def test_decorators_methods_and_disabled_functions() -> None:
    class Trainer:
        def __init__(self) -> None:
            self.scale = 2.0

        @lucid.compile(fullgraph=True)
        def run(self, x: Any) -> Any:
            return x * self.scale

    t = Trainer()
    for _ in range(3):
        assert t.run(lucid.ones(1)).item() == 2.0
    t.scale = 5.0
    assert t.run(lucid.ones(1)).item() == 5.0
    assert Trainer().run(lucid.ones(1)).item() == 2.0

    @lucid.compiler.disable
    def looks(x: Any) -> float:
        return float(x.sum())

    f = lucid.compile(lambda x: x * looks(x))
    f(lucid.ones(2))
    with pytest.warns(UserWarning, match="looks is kept from being compiled"):
        assert f(lucid.ones(2)).tolist() == [2.0, 2.0]
    assert lucid.compile(looks) is looks
    inner = lucid.compile(lambda x: x + 1, fullgraph=True)
    outer = lucid.compile(lambda x: inner(x) * 2, fullgraph=True)
    for _ in range(3):
        assert outer(lucid.ones(1)).item() == 4.0


@pytest.mark.filterwarnings("ignore:compile.*writes into seen")
def test_is_compiling_inside_only() -> None:
    seen = []

    @lucid.compile(fullgraph=True)
    def f(x: Any) -> Any:
        seen.append(lucid.compiler.is_compiling())
        return x + 1

    for _ in range(3):
        f(lucid.ones(1))
    assert seen == [False, True]
    assert not lucid.compiler.is_compiling()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"mode": "fast"}, RuntimeError),
        ({"mode": "default", "options": {}}, RuntimeError),
        ({"backend": lambda graph, inputs: graph}, NotImplementedError),
        ({"dynamic": True}, NotImplementedError),
    ],
)
def test_arguments_that_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="compile"):
        lucid.compile(lambda x: x, **options)
    with pytest.raises(TypeError, match="compile: expected a function or module, got int"):
        lucid.compile(3)
    with pytest.raises(TypeError):
        lucid.compile(lambda x: x, speed=11)
