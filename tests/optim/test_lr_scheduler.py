"""Schedules on literal values, and what happens beside the rates."""

from __future__ import annotations

from typing import Any

import pytest

import lucid
from lucid.optim import lr_scheduler


def optimizer(lr: Any = 1.0) -> Any:
    return lucid.optim.SGD([lucid.nn.Parameter(lucid.ones(1))], lr=lr, momentum=0.9)


def rates(scheduler: Any, steps: int = 4) -> list[float]:
    found = [float(scheduler.get_last_lr()[0])]
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        found.append(float(scheduler.get_last_lr()[0]))
    return [round(r, 4) for r in found]


def test_rates() -> None:
    assert rates(lr_scheduler.StepLR(optimizer(), 2, 0.1)) == [1, 1, 0.1, 0.1, 0.01]
    assert rates(lr_scheduler.MultiStepLR(optimizer(), [1, 3], 0.5)) == [1, 0.5, 0.5, 0.25, 0.25]
    assert rates(lr_scheduler.ExponentialLR(optimizer(), 0.5)) == [1, 0.5, 0.25, 0.125, 0.0625]
    assert rates(lr_scheduler.LinearLR(optimizer(), 0.5, total_iters=2)) == [0.5, 0.75, 1, 1, 1]
    assert rates(lr_scheduler.ConstantLR(optimizer(), 0.5, total_iters=2)) == [0.5, 0.5, 1, 1, 1]
    assert rates(lr_scheduler.PolynomialLR(optimizer(), 4)) == [1, 0.75, 0.5, 0.25, 0]
    assert rates(lr_scheduler.CosineAnnealingLR(optimizer(), 2)) == [1, 0.5, 0, 0.5, 1]
    assert rates(lr_scheduler.CosineAnnealingWarmRestarts(optimizer(), 2)) == [1, 0.5, 1, 0.5, 1]
    assert rates(lr_scheduler.LambdaLR(optimizer(), lambda e: e + 1)) == [1, 2, 3, 4, 5]
    assert rates(lr_scheduler.MultiplicativeLR(optimizer(), lambda e: 2)) == [1, 2, 4, 8, 16]
    assert rates(lr_scheduler.CyclicLR(optimizer(), 0.0, 1.0, 2)) == [0, 0.5, 1, 0.5, 0]
    assert rates(lr_scheduler.OneCycleLR(optimizer(), 1.0, 5, pct_start=0.4))[1] == 1
    assert rates(lr_scheduler.ExponentialLR(optimizer(lucid.tensor(1.0)), 0.5)) == [1, 0.5, 0.25, 0.125, 0.0625]


def test_momentum_follows() -> None:
    o = optimizer()
    s = lr_scheduler.OneCycleLR(o, 1.0, 10)
    assert o.param_groups[0]["momentum"] == 0.95
    o.step(), s.step(), o.step(), s.step()
    assert o.param_groups[0]["momentum"] == pytest.approx(0.85)
    a = lucid.optim.Adam([lucid.nn.Parameter(lucid.ones(1))])
    lr_scheduler.CyclicLR(a, 0.0, 1.0, 2)
    assert a.param_groups[0]["betas"] == (0.9, 0.999)


def test_one_after_the_other_and_all_at_once() -> None:
    o = optimizer()
    parts = [lr_scheduler.ConstantLR(o, 0.5, 9), lr_scheduler.ExponentialLR(o, 0.5)]
    assert rates(lr_scheduler.SequentialLR(o, parts, [2])) == [0.5, 0.5, 1, 0.5, 0.25]
    o = optimizer()
    parts = [lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.ExponentialLR(o, 0.5)]
    chained = lr_scheduler.ChainedScheduler(parts)
    assert rates(chained) == [0.5, 0.25, 0.25, 0.125, 0.0625]
    state = chained.state_dict()
    o = optimizer()
    again = lr_scheduler.ChainedScheduler([lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.ExponentialLR(o, 0.5)])
    again.load_state_dict(state)
    assert again.state_dict() == state


def test_plateaus_and_groups_that_came_later() -> None:
    o = optimizer()
    s = lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5)
    o.add_param_group({"params": [lucid.nn.Parameter(lucid.ones(1))], "lr": 8.0})
    s.step(1.0)
    s.step(lucid.tensor(2.0))
    assert s.get_last_lr() == [0.5, 4.0]
    o = optimizer()
    s = lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=[0.1])
    o.add_param_group({"params": [lucid.nn.Parameter(lucid.ones(1))]})
    s.step(1.0)
    with pytest.raises(RuntimeError, match=r"add the new group's value to scheduler.min_lrs"):
        s.step(2.0)


def test_what_is_warned_about() -> None:
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        lr_scheduler.StepLR(optimizer(), 2).step()
    o = optimizer()
    s = lr_scheduler.StepLR(o, 2)
    o.step = lambda: None
    with pytest.warns(UserWarning, match="overridden on the optimizer"):
        s.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        assert s.get_lr() == [1.0]
    with pytest.warns(UserWarning, match="epoch parameter"):
        s.step(4)
    assert s.get_last_lr() == [pytest.approx(0.01)]
    with pytest.warns(UserWarning, match="epoch parameter"):
        lr_scheduler.ReduceLROnPlateau(o).step(1.0, 3)


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        lr_scheduler.StepLR(3, 1)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="overrides get_lr"):
        lr_scheduler.LRScheduler(optimizer())
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(optimizer(), 1, last_epoch=3)


def test_a_schedule_of_a_users_own() -> None:
    class Inverse(lr_scheduler.LRScheduler):
        def get_lr(self) -> list[float]:
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    assert rates(Inverse(optimizer())) == [1, 0.5, 0.3333, 0.25, 0.2]
