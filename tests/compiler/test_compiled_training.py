"""Training steps that are compiled: the same losses as those of the code, step by step."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import _tape, nn
from lucid.nn import functional as F
from tests.compiler.models import GPT, cnn, images, mlp, rows, texts, traces, training_step

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

        step = training_step(model, lambda: opt)  # noqa: B023
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


@pytest.mark.filterwarnings("ignore:compile.*writes into ran")
def test_numbers_that_change_are_traced_once_more_and_then_never_again() -> None:
    found: list[Any] = []
    ran: list[int] = []
    for compiled in (False, True):
        lucid.manual_seed(0)
        model, losses = mlp(), []
        opt = lucid.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.99))
        schedule = lucid.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.02, total_steps=12)  # cycles the first beta too
        x, y = rows(5)

        plain = training_step(model, lambda: opt)  # noqa: B023

        def step(x: Any, y: Any) -> Any:
            ran.append(1)
            return plain(x, y)  # noqa: B023

        run = lucid.compile(step, fullgraph=True) if compiled else step
        for _ in range(10):
            losses.append(run(x, y).item())
            schedule.step()
        found.append(losses)
    assert len(ran) - 10 <= 4  # the first call, its trace, and one more where the beta turned out to change
    assert found[0] == pytest.approx(found[1], rel=3e-3)


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


def test_a_step_that_looks_at_its_loss_runs_as_it_is() -> None:
    found = []
    for compiled in (False, True):
        lucid.manual_seed(0)
        model = mlp()
        opt = lucid.optim.SGD(model.parameters(), lr=0.1)
        plain = training_step(model, lambda: opt)  # noqa: B023
        step = lucid.compile(lambda x, y: plain(x, y).item()) if compiled else lambda x, y: plain(x, y).item()  # noqa: B023
        x, y = rows(5)
        losses = [step(x, y)]
        with pytest.warns(UserWarning, match="runs uncompiled") if compiled else contextlib.nullcontext():
            losses.append(step(x, y))
        found.append([*losses, *[step(x, y) for _ in range(3)]])
    assert found[0] == pytest.approx(found[1])
