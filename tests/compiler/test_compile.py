"""`lucid.compile` computes what the code itself does, step by step, and does not get in the way."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import _tape, nn
from lucid.compiler._compiled import Compiled

Step = Callable[..., Any]


def traces(f: Any) -> int:
    """How many graphs a compiled function holds."""
    compiled = f if isinstance(f, Compiled) else f.__dict__["forward"]
    return sum(len(known) for known in compiled._entries.values())


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(11, 16), nn.Embedding(6, 16)
        self.blocks = nn.ModuleList(
            [nn.TransformerEncoderLayer(16, 2, 32, 0.1, "gelu", batch_first=True, norm_first=True) for _ in range(2)]
        )
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 11, bias=False)
        self.head.weight = self.token.weight  # tied

    def forward(self, ids: Any) -> Any:
        length = ids.shape[1]
        x = self.token(ids) + self.position(lucid.arange(length))
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        for block in self.blocks:
            x = block(x, mask, is_causal=True)
        return self.head(self.norm(x))


def images(n: int) -> tuple[Any, Any]:
    return lucid.randn(n, 1, 8, 8), lucid.randint(0, 3, (n,))


def rows(n: int) -> tuple[Any, Any]:
    return lucid.randn(n, 4), lucid.randint(0, 3, (n,))


def texts(n: int) -> tuple[Any, Any]:
    ids = lucid.randint(0, 11, (n, 7))
    return ids[:, :-1].clone(), ids[:, 1:].clone()


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: lucid.optim.SGD(p, lr=0.05),
    "momentum": lambda p: lucid.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "AdamW": lambda p: lucid.optim.AdamW(p, lr=1e-2),
    "amsgrad": lambda p: lucid.optim.Adam(p, lr=1e-2, amsgrad=True),
}


def train(make: Any, draw: Any, optimizer: str, compiled: bool, steps: int) -> tuple[Any, ...]:
    lucid.manual_seed(3)
    model = make()
    opt = OPTIMIZERS[optimizer](model.parameters())
    schedule = lucid.optim.lr_scheduler.CosineAnnealingLR(opt, steps)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = F.cross_entropy(model(x).flatten(0, -2), y.flatten())
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        return {"loss": loss.detach(), "norm": norm}

    run = lucid.compile(step, fullgraph=True) if compiled else step
    found = []
    for _ in range(steps):
        found.append({k: v.item() for k, v in run(*draw(5)).items()})
        schedule.step()
    if compiled:
        assert traces(run) == 1  # the rate changed in every step
    return found, model, opt, [p.grad for p in model.parameters()]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("make", "draw"), [(mlp, rows), (cnn, images), (GPT, texts)], ids=["MLP", "CNN", "GPT"])
def test_fifty_steps_are_those_of_the_code(make: Any, draw: Any, optimizer: str) -> None:
    steps = 50 if optimizer == "AdamW" else 8
    want, model, opt, grads = train(make, draw, optimizer, False, steps)
    got, mine, my_opt, my_grads = train(make, draw, optimizer, True, steps)
    for k, (g, w) in enumerate(zip(got, want, strict=True)):
        assert g == pytest.approx(w, rel=2e-3, abs=2e-4), f"step {k}"
    for (name, a), b in zip(mine.state_dict().items(), model.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=5e-3, atol=5e-3, err_msg=name)
    for a, b in zip(my_grads, grads, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=5e-2, atol=5e-3)
    state, my_state = opt.state_dict()["state"], my_opt.state_dict()["state"]
    assert [{k: v.shape for k, v in s.items()} for s in my_state.values()] == [
        {k: v.shape for k, v in s.items()} for s in state.values()
    ]


def test_gradients_accumulated_over_two_micro_batches() -> None:
    found = []
    for compiled in (False, True):
        lucid.manual_seed(0)
        model = mlp()
        opt = lucid.optim.SGD(model.parameters(), lr=0.1)

        def micro(x: Any, y: Any, model: Any = model) -> Any:
            loss = F.cross_entropy(model(x), y) / 2
            loss.backward()
            return loss

        run = lucid.compile(micro, fullgraph=True) if compiled else micro
        losses = []
        for k in range(12):
            losses.append(run(*rows(5)).item())
            if k % 2:
                opt.step()
                opt.zero_grad()
        found.append(losses)
        if compiled:
            assert traces(run) == 2  # with and without gradients to add to
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_two_optimizers_of_a_gan() -> None:
    found = []
    for compiled in (False, True):
        lucid.manual_seed(0)
        g = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
        d = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
        og, od = lucid.optim.Adam(g.parameters(), lr=1e-2), lucid.optim.Adam(d.parameters(), lr=1e-2)

        def step(real: Any, g: Any = g, d: Any = d, og: Any = og, od: Any = od) -> Any:
            ones, zeros = lucid.ones(real.shape[0], 1), lucid.zeros(real.shape[0], 1)
            fake = g(lucid.randn(real.shape[0], 2))
            od.zero_grad()
            loss_d = F.binary_cross_entropy_with_logits(d(real), ones)
            loss_d = loss_d + F.binary_cross_entropy_with_logits(d(fake.detach()), zeros)
            loss_d.backward()
            od.step()
            og.zero_grad()
            loss_g = F.binary_cross_entropy_with_logits(d(fake), ones)
            loss_g.backward()
            og.step()
            return loss_d, loss_g

        run = lucid.compile(step, fullgraph=True) if compiled else step
        found.append([t.item() for _ in range(20) for t in run(lucid.randn(6, 3))])
    assert found[0] == pytest.approx(found[1], rel=1e-3)


# ---- what makes another graph, and what does not ---------------------------------------------------------------------


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


# ---- gradients through a compiled function ---------------------------------------------------------------------------


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


# ---- trouble ---------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_everything_usable(kind: type[BaseException]) -> None:
    lucid.manual_seed(0)
    model = cnn()
    opt = lucid.optim.AdamW(model.parameters(), lr=1e-2)
    fail = False

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        if fail:
            raise kind("no")
        return loss

    run = lucid.compile(step, fullgraph=True)
    x, y = images(4)
    run(x, y)
    run(x, y)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    count = opt.state[model[0].weight]["step"].item()
    key = lucid.get_rng_state()
    fail = True
    with pytest.raises(kind, match="no"):
        run(x, y)
    for name, v in model.state_dict().items():
        assert lucid.equal(v, before[name]), name
    assert opt.state[model[0].weight]["step"].item() == count
    assert lucid.equal(lucid.get_rng_state(), key)
    assert not lucid.compiler.is_compiling()
    fail = False
    assert run(x, y).item() > 0
    assert step(x, y).item() > 0
    with pytest.raises(RuntimeError):
        run(lucid.ones(2, 7), y)
    assert run(x, y).item() > 0


def test_a_new_optimizer_and_a_loaded_one() -> None:
    found = []
    for compiled in (False, True):
        lucid.manual_seed(0)
        model, losses = mlp(), []
        opt = lucid.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=2.0)
        x, y = rows(5)

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()  # noqa: B023
            loss = F.cross_entropy(model(x), y)  # noqa: B023
            loss.backward()
            opt.step()  # noqa: B023
            return loss

        run = lucid.compile(step, fullgraph=True) if compiled else step
        for _ in range(4):
            losses.append(run(x, y).item())
        kept = copy.deepcopy(opt.state_dict())
        for _ in range(2):
            losses.append(run(x, y).item())
        opt.load_state_dict(kept)
        for _ in range(3):
            losses.append(run(x, y).item())
        opt.param_groups[0]["weight_decay"] = 0.0  # another rule
        for _ in range(3):
            losses.append(run(x, y).item())
        opt = lucid.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            losses.append(run(x, y).item())
        found.append(losses)
    assert found[0] == pytest.approx(found[1], rel=3e-3)


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


# ---- modules and decorators ------------------------------------------------------------------------------------------


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


def test_a_loop_that_never_looks_does_not_pile_up() -> None:
    model = mlp()
    opt = lucid.optim.SGD(model.parameters(), lr=0.1)

    @lucid.compile(fullgraph=True)
    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        opt.step()
        return loss

    x = lucid.randn(4, 4)
    for _ in range(200):
        step(x)
    assert _tape.array(model[0].weight).size == 32
    assert step(x).item() >= 0


def test_a_name_that_is_bound_anew() -> None:
    h = lucid.zeros(1)

    @lucid.compile(fullgraph=True)
    def count(x: Any) -> Any:
        nonlocal h
        h = h + x
        return h

    with pytest.warns(UserWarning, match="was traced 16 times, because of h;"):
        assert [count(lucid.ones(1)).item() for _ in range(20)] == [*range(1, 21)]


def test_a_scheduler_inside_is_refused() -> None:
    model = mlp()
    opt = lucid.optim.SGD(model.parameters(), lr=0.1)
    schedule = lucid.optim.lr_scheduler.StepLR(opt, 1, 0.5)

    @lucid.compile(fullgraph=True)
    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = model(x).sum()
        loss.backward()
        opt.step()
        schedule.step()
        return loss

    step(lucid.ones(2, 4))
    with pytest.raises(RuntimeError, match="step the scheduler outside"):
        step(lucid.ones(2, 4))


def test_numbers_that_change_are_traced_once_more_and_then_never_again() -> None:
    found: list[Any] = []
    traces: list[int] = []
    for compiled in (False, True):
        lucid.manual_seed(0)
        model, losses = mlp(), []
        opt = lucid.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.99))
        schedule = lucid.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.02, total_steps=12)  # cycles the first beta too
        x, y = rows(5)

        def step(x: Any, y: Any) -> Any:
            traces.append(1)
            opt.zero_grad()  # noqa: B023
            loss = F.cross_entropy(model(x), y)  # noqa: B023
            loss.backward()
            opt.step()  # noqa: B023
            return loss

        run = lucid.compile(step, fullgraph=True) if compiled else step
        for _ in range(10):
            losses.append(run(x, y).item())
            schedule.step()
        found.append(losses)
    assert len(traces) - 10 <= 4  # the first call, its trace, and one more where the beta turned out to change
    assert found[0] == pytest.approx(found[1], rel=3e-3)
