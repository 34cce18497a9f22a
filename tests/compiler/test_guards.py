"""What makes another graph of a compiled function, and what does not."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn
from tests.compiler.models import cnn, images, mlp, rows, traces, training_step

pytestmark = pytest.mark.filterwarnings("ignore:compile.*writes into ran")  # where the tests count what ran


def both_ways(make: Callable[[], Any], calls: Callable[[Any, Any], Any], graphs: int | None = None) -> None:
    """Assert that `calls(f, model)` gives the same values with `f` the module as it is, and compiled."""
    found = []
    for compiled in (False, True):
        lucid.manual_seed(1)
        model = make()
        f = lucid.compile(model, fullgraph=True) if compiled else model
        found.append([t.tolist() if isinstance(t, lucid.Tensor) else t for t in calls(f, model)])
    for k, (want, got) in enumerate(zip(*found, strict=True)):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5, err_msg=f"value {k}")
    if graphs is not None:
        assert traces(f) == graphs


def test_modes_batch_sizes_and_frozen_layers() -> None:
    def calls(f: Any, model: Any) -> Any:
        for n in (4, 4, 4, 6, 6, 4):
            yield f(images(n)[0])
        f.eval()
        x = images(4)[0]
        yield f(x)
        yield f(x)
        f.train()
        yield f(x)
        with lucid.no_grad():
            yield f(x)
        model[0].requires_grad_(False)
        out = f(x)
        yield out
        out.sum().backward()
        yield float(model[0].weight.grad is None)
        yield model[5].weight.grad

    both_ways(cnn, calls)


def test_an_attribute_a_hook_and_a_replaced_part() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.by = nn.Linear(3, 3), 2.0

        def forward(self, x: Any) -> Any:
            return self.inner(x) * self.by

    def calls(f: Any, model: Any) -> Any:
        x = lucid.randn(2, 3)
        for by in (2.0, 2.0, 2.0, 3.0, 3.0, 2.0):
            model.by = by
            yield f(x)
        handle = model.inner.register_forward_hook(lambda module, args, out: out + 1)
        yield f(x)
        handle.remove()
        yield f(x)
        model.inner = nn.Linear(3, 3)
        yield f(x)
        yield f(x)
        model.inner.weight = nn.Parameter(lucid.ones(3, 3))
        yield f(x)

    both_ways(Scaled, calls)


def test_values_written_from_outside_are_seen() -> None:
    def calls(f: Any, model: Any) -> Any:
        x = lucid.randn(2, 4)
        for _ in range(3):
            yield f(x)
        with lucid.no_grad():
            model[0].weight.zero_()
        yield f(x)
        model[0].bias.data = lucid.ones(8)
        yield f(x)
        model.load_state_dict({k: v + 1 for k, v in model.state_dict().items()})
        yield f(x)

    both_ways(mlp, calls, graphs=1)


def test_plain_values_closed_over() -> None:
    factor = 2.0

    @lucid.compile(fullgraph=True)
    def scaled(x: Any, power: int = 1, *, shift: Any = None) -> Any:
        return x**power * factor + (0 if shift is None else shift)

    x = lucid.tensor([1.0, 2.0])
    for _ in range(3):
        assert scaled(x).tolist() == [2.0, 4.0]
    factor = 3.0
    assert scaled(x).tolist() == [3.0, 6.0]
    assert scaled(x, 2).tolist() == [3.0, 12.0]
    assert scaled(x, 2, shift=lucid.ones(1)).tolist() == [4.0, 13.0]
    assert scaled(x, shift=1).tolist() == [4.0, 7.0]
    assert scaled(x, shift=1.0).tolist() == [4.0, 7.0]
    assert scaled(x.int(), shift=True).dtype is lucid.float32
    factor = 2.0
    assert scaled(x).tolist() == [2.0, 4.0]


def test_the_number_of_graphs_is_bounded() -> None:
    from lucid.compiler import _compiled

    f = lucid.compile(lambda x: x * 2, fullgraph=True)
    for n in range(1, _compiled.MOST + 20):
        assert f(lucid.ones(n)).sum().item() == 2 * n
    assert traces(f) <= _compiled.MOST
    lucid.compiler.reset()
    f(lucid.ones(1))
    assert traces(f) == 0


def test_a_name_that_is_bound_anew() -> None:
    h = lucid.zeros(1)

    @lucid.compile(fullgraph=True)
    def count(x: Any) -> Any:
        nonlocal h
        h = h + x
        return h

    with pytest.warns(UserWarning, match="was traced 16 times, because of h;"):
        assert [count(lucid.ones(1)).item() for _ in range(20)] == [*range(1, 21)]


def calls_of(fn: Callable[..., Any]) -> Any:
    """`fn` compiled, so that its list `ran` has an entry for each time that the code itself ran."""

    def noting(*args: Any) -> Any:
        ran.append(None)
        return fn(*args)

    ran: list[None] = []
    compiled = lucid.compile(noting, fullgraph=True)
    compiled.ran = ran
    return compiled


def test_hooks_of_all_modules() -> None:
    model, x = nn.Linear(2, 2), lucid.ones(1, 2)
    f = calls_of(model)
    want = [f(x).tolist() for _ in range(3)][-1]
    with nn.modules.module.register_module_forward_hook(lambda module, args, out: out * 0):
        assert f(x).tolist() == [[0.0, 0.0]]
        assert f(x).tolist() == [[0.0, 0.0]]
    assert f(x).tolist() == want
    assert model(x).tolist() == want


def test_each_guard_sees_what_it_guards_between_two_equal_calls() -> None:
    model, x = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), lucid.ones(1, 2)
    f = calls_of(model)
    changes: dict[str, Callable[[], Any]] = {
        "a mode": model.eval,
        "the mode of a part": model[1].train,
        "an attribute": lambda: setattr(model[1], "p", 0.25),
        "an attribute, not by setattr": lambda: vars(model[1]).update(p=0.75),
        "a parameter": lambda: setattr(model[0], "bias", nn.Parameter(lucid.ones(2))),
        "a parameter, in its dict": lambda: model[0]._parameters.update(bias=nn.Parameter(lucid.ones(2))),
        "a part": lambda: model.append(nn.Tanh()),
        "a part, in its dict": lambda: model._modules.update({"2": nn.ReLU()}),
        "a buffer": lambda: model[0].register_buffer("extra", lucid.ones(1)),
        "a hook": lambda: model[0].register_forward_hook(lambda module, args, out: None),
        "a hook, taken away": model[0]._forward_hooks.clear,
        "gradients": lambda: model[0].weight.requires_grad_(False),
        "the default dtype": lambda: lucid.set_default_dtype(lucid.float64),
    }
    try:
        f(x)
        for what, change in changes.items():
            for _ in range(3):
                f(x)
            count = len(f.ran)
            f(x)
            assert len(f.ran) == count, what
            change()
            f(x)
            assert len(f.ran) > count, what
    finally:
        lucid.set_default_dtype(lucid.float32)
    with lucid.no_grad():
        count = len(f.ran)
        f(x)
        assert len(f.ran) > count


def test_values_that_are_equal_trace_nothing_again() -> None:
    model, x = nn.Linear(2, 2), lucid.ones(1, 2)
    f = calls_of(model)
    for k in range(6):
        model.scale = 10.0 ** int("3")  # a new object each time
        model.train(k % 2 > 2)
        f(x)
    assert len(f.ran) == 2


def test_groups_of_an_optimizer() -> None:
    model, (x, y) = mlp(), rows(5)
    opt = lucid.optim.SGD(model[0].parameters(), lr=0.1)
    f = calls_of(training_step(model, lambda: opt))
    for _ in range(4):
        f(x, y)
    count = len(f.ran)
    opt.param_groups[0]["lr"] = 0.0
    before = model[0].weight.tolist()
    f(x, y)
    assert model[0].weight.tolist() == before
    opt.param_groups[0]["lr"] = 0.1
    f(x, y)
    assert model[0].weight.tolist() != before
    assert len(f.ran) == count
    before = model[2].weight.tolist()
    opt.add_param_group({"params": [model[2].weight]})
    f(x, y)
    assert model[2].weight.tolist() != before
    assert len(f.ran) > count
    rate = opt.param_groups[0]["lr"] = lucid.tensor(0.1)
    for _ in range(3):
        f(x, y)
    before = model[0].weight.tolist()
    rate.zero_()
    f(x, y)
    assert model[0].weight.tolist() == before


def test_arguments_that_are_one_tensor() -> None:
    f = calls_of(lambda x, y: x - y)
    x, y = lucid.ones(2), lucid.zeros(2)
    assert [f(x, y).tolist() for _ in range(3)] == [[1.0, 1.0]] * 3
    assert f(x, x).tolist() == [0.0, 0.0]
    assert f(x, y).tolist() == [1.0, 1.0]


def test_values_found_by_the_functions_that_a_function_calls() -> None:
    by, shift = 2.0, 1.0

    def scaled(x: Any) -> Any:
        return sum(x * by for _ in range(1))

    def shifted(x: Any) -> Any:
        return scaled(x) + shift

    f = calls_of(lambda x: shifted(x))
    assert [f(lucid.ones(1)).item() for _ in range(3)] == [3.0] * 3
    by = 3.0
    assert [f(lucid.ones(1)).item() for _ in range(3)] == [4.0] * 3
    shift = 2.0
    assert [f(lucid.ones(1)).item() for _ in range(3)] == [5.0] * 3
    assert len(f.ran) == 4


class Settings:
    factor = 1.0

    def __init__(self) -> None:
        self.by, self.nested, self.unused = 2.0, {"shift": 1.0}, 0

    @property
    def half(self) -> float:
        return self.by / 2

    def scaled(self, x: Any) -> Any:
        return x * self.factor


class Kind(enum.Enum):
    PLAIN = 1
    DOUBLE = 2


SETTINGS, WEIGHTS = Settings(), [1.0, 2.0]
KIND, TERMS, ARRAY, DTYPE = Kind.PLAIN, {1, 2}, np.ones(2), lucid.float32
OFFSET = 0.0


class Offset(nn.Module):
    def forward(self, x: Any) -> Any:
        return x + OFFSET


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (lambda: setattr(SETTINGS, "by", 3.0), lambda: setattr(SETTINGS, "by", 2.0)),
        (lambda: setattr(SETTINGS, "factor", 3.0), lambda: delattr(SETTINGS, "factor")),
        (lambda: SETTINGS.nested.update(shift=3.0), lambda: SETTINGS.nested.update(shift=1.0)),
        (lambda: setattr(SETTINGS, "nested", {"shift": 3.0}), lambda: setattr(SETTINGS, "nested", {"shift": 1.0})),
        (lambda: WEIGHTS.append(3.0), WEIGHTS.pop),
        (lambda: globals().update(OFFSET=1.0), lambda: globals().update(OFFSET=0.0)),
        (lambda: globals().update(KIND=Kind.DOUBLE), lambda: globals().update(KIND=Kind.PLAIN)),
        (lambda: globals().update(DTYPE=lucid.int64), lambda: globals().update(DTYPE=lucid.float32)),
        (lambda: TERMS.add(3), lambda: TERMS.remove(3)),
        (lambda: ARRAY.fill(2.5), lambda: ARRAY.fill(1.0)),
        (lambda: globals().update(WEIGHTS=[5.0]), lambda was=WEIGHTS: globals().update(WEIGHTS=was)),
    ],
    ids=[
        "attribute",
        "attribute of the class",
        "item",
        "dict",
        "list",
        "global of a forward",
        "enum",
        "dtype",
        "set",
        "array",
        "another list",
    ],
)
def test_settings_that_a_function_reads(change: Callable[[], Any], back: Callable[[], Any]) -> None:
    offset, x = Offset(), lucid.ones(1)

    def fn(x: Any) -> Any:
        x = (x * (2 if KIND is Kind.DOUBLE else 1) + lucid.tensor(ARRAY).sum() + 0.5).to(DTYPE)
        return offset(SETTINGS.scaled(x) * SETTINGS.half + SETTINGS.nested["shift"] + sum(WEIGHTS) + sum(TERMS))

    f = calls_of(fn)
    for _ in range(3):
        assert f(x).item() == fn(x).item()
    assert len(f.ran) == 2
    before = fn(x).item()
    change()
    try:
        for _ in range(3):
            assert f(x).item() == fn(x).item() != before
        assert len(f.ran) == 3
    finally:
        back()
    assert f(x).item() == fn(x).item() == before


def test_what_a_function_does_not_read_traces_nothing_again() -> None:
    global OFFSET
    x = lucid.ones(1)

    def fn(x: Any) -> Any:
        OFFSET = x * SETTINGS.by
        return OFFSET + 1

    class Trainer:
        def __init__(self) -> None:
            self.steps, self.model = 0, nn.Linear(1, 1)

        def step(self, x: Any) -> Any:
            return self.model(x)

    f, trainer = calls_of(fn), Trainer()
    g = calls_of(trainer.step)
    for _ in range(6):
        f(x)
        g(x)
        SETTINGS.unused += 1
        trainer.steps += 1
        OFFSET += 1.0
    OFFSET = 0.0
    assert len(f.ran) == len(g.ran) == 2
    trainer.model = nn.Linear(1, 1)
    assert g(x).item() == trainer.model(x).item()


def test_attributes_of_a_module_that_is_not_called() -> None:
    model, x = nn.Module(), lucid.ones(1)
    model.part, model.scale = nn.Linear(1, 1), 2.0
    f = calls_of(lambda x: model.part(x) * model.scale)
    for _ in range(3):
        f(x)
    model.scale = 3.0
    assert f(x).item() == pytest.approx(model.part(x).item() * 3.0)
    model.part = nn.Identity()
    assert f(x).item() == 3.0


def test_a_counter_and_a_list_that_the_function_writes() -> None:
    count, noted, x = 0, [], lucid.ones(1)

    @lucid.compile(fullgraph=True)
    def counting(x: Any) -> Any:
        nonlocal count
        count += 1
        return x * count

    assert [counting(x).item() for _ in range(5)] == [1.0, 2.0, 3.0, 4.0, 5.0]

    @lucid.compile(fullgraph=True)
    def noting(x: Any) -> Any:
        noted.append(x.shape)
        return x + 1

    with pytest.warns(UserWarning, match="noting writes into noted, a list of Python's, which happens at its first"):
        noting(x)
    assert [noting(x).item() for _ in range(3)] == [2.0] * 3
    assert len(noted) == 2


def test_tensors_in_a_list() -> None:
    data = [lucid.ones(1) * k for k in range(3)]
    f = calls_of(lambda: sum(x * 2 for x in data))
    assert [f().item() for _ in range(3)] == [6.0] * 3
    assert len(f.ran) == 2
    data[0].fill_(5.0)
    assert f().item() == 16.0
    assert len(f.ran) == 2
    data.pop()
    assert [f().item() for _ in range(3)] == [12.0] * 3
    data[0] = lucid.ones(1)
    assert f().item() == 4.0


def test_a_compiled_method_of_a_module_and_an_object_as_argument() -> None:
    class Scaled(nn.Module):
        def __init__(self, settings: Settings) -> None:
            super().__init__()
            self.inner, self.settings, self.weight = nn.Linear(2, 2), settings, nn.Parameter(lucid.ones(2))

        @lucid.compile(fullgraph=True)
        def compiled(self, x: Any) -> Any:
            return self(x)

        def forward(self, x: Any) -> Any:
            return self.settings.scaled(self.inner(x)) * self.weight * self.settings.by

    model, x = Scaled(Settings()), lucid.ones(1, 2)
    changes: list[Callable[[], Any]] = [
        lambda: setattr(model, "inner", nn.Linear(2, 2)),
        lambda: setattr(model, "weight", nn.Parameter(lucid.ones(2) * 2)),
        lambda: setattr(model.settings, "by", 5.0),
        lambda: setattr(model, "settings", Settings()),
        lambda: setattr(model.settings, "factor", 4.0),
        lambda: model.inner.register_forward_hook(lambda module, args, out: out * 2),
    ]
    whole, of_object = lucid.compile(model, fullgraph=True), calls_of(lambda holder, x: holder.model(x) * holder.by)
    holder = Settings()
    holder.model = model  # type: ignore[attr-defined]
    for change in [lambda: None, *changes]:
        change()
        for _ in range(3):
            want = model(x).tolist()
            assert model.compiled(x).tolist() == want
            assert whole(x).tolist() == want
            assert of_object(holder, x).tolist() == (model(x) * holder.by).tolist()
    other = Scaled(Settings())
    assert other.compiled(x).tolist() == other(x).tolist()
    assert model.compiled(x).tolist() == model(x).tolist()
