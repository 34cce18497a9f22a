"""Schedules that go round: warm restarts, cycles, and one cycle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from lucid.optim.lr_scheduler._base import LRScheduler, checked, for_groups, put, state_of
from lucid.optim.optimizer import Optimizer


class CosineAnnealingWarmRestarts(LRScheduler):
    """The rate goes down to `eta_min` along half a cosine wave, then jumps up and goes down again.

    Args:
        optimizer: whose groups get the rates.
        T_0: how many steps the first descent takes.
        T_mult: how many times longer each descent is than the one before.
        eta_min: the lowest rate.
        last_epoch: see `LRScheduler`.

    Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts".
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = self.T_i = T_0
        self.T_mult, self.eta_min = T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates for `T_cur` steps after the last restart."""
        self._warn_outside_step()
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one step, or to `epoch`, which may be a fraction: `step(epoch + batch / batches)` in each batch."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur = self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur = self.T_cur % self.T_i
                self.T_i = self.T_i * self.T_mult
        else:
            if epoch < 0:
                raise ValueError(f"Expected non-negative epoch, but got {epoch}")
            self.T_i, self.T_cur = self._descent(epoch)
        self.last_epoch = math.floor(epoch)
        self._get_lr_called_within_step = True
        try:
            values = self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        self._set(values)

    def _descent(self, epoch: float) -> tuple[int, float]:
        """How long the descent is that `epoch` lies in, and how much of it has passed."""
        if self.T_mult == 1:
            return self.T_0, epoch % self.T_0
        # The lengths are a geometric series: n descents take T_0 * (T_mult**n - 1) / (T_mult - 1) steps.
        n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        passed = self.T_0 * (self.T_mult**n - 1) // (self.T_mult - 1)
        return self.T_0 * self.T_mult**n, epoch - passed


def _uses_betas(optimizer: Optimizer) -> bool:
    """Whether the momentum is the first of the betas. Raises ValueError if the optimizer has neither."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
    return "betas" in optimizer.defaults


def _put_momentum(group: dict[str, Any], momentum: Any, use_beta1: bool) -> None:
    if use_beta1:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class CyclicLR(LRScheduler):
    """The rate goes from `base_lr` to `max_lr` and back, again and again; the momentum goes the other way.

    Args:
        optimizer: whose groups get the rates.
        base_lr: the lowest rate, or a list with one for each group.
        max_lr: the highest rate of the first cycle, or a list.
        step_size_up: how many steps the rate rises.
        step_size_down: how many steps it falls; as many as it rises if None.
        mode: "triangular" for equal cycles, "triangular2" to halve the height each time, "exp_range" to scale it by
            `gamma ** step`.
        gamma: see `mode`.
        scale_fn: scales the height instead of `mode`: a function of the cycle or the step.
        scale_mode: which of the two `scale_fn` is given: "cycle" or "iterations".
        cycle_momentum: whether to change the momentum too.
        base_momentum: the lowest momentum, or a list with one for each group.
        max_momentum: the highest momentum, or a list.
        last_epoch: see `LRScheduler`.

    Smith, "Cyclical learning rates for training neural networks".
    """

    use_beta1 = False

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked(optimizer)
        base_lrs = for_groups(optimizer, "base_lr", base_lr)
        if last_epoch == -1:
            for low, group in zip(base_lrs, optimizer.param_groups, strict=True):
                put(group, "lr", low)
        self.max_lrs = for_groups(optimizer, "max_lr", max_lr)
        up = float(step_size_up)
        self.total_size = up + (float(step_size_down) if step_size_down is not None else up)
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(
                "mode is invalid and scale_fn is None: expected 'triangular', 'triangular2' or 'exp_range', got "
                f"{mode!r}"
            )
        self.mode, self.gamma = mode, gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = "iterations" if scale_fn is None and mode == "exp_range" else scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = _uses_betas(optimizer)
            self.base_momentums = for_groups(optimizer, "base_momentum", base_momentum)
            self.max_momentums = for_groups(optimizer, "max_momentum", max_momentum)
            if last_epoch == -1:
                for low, high, group in zip(
                    self.base_momentums, self.max_momentums, optimizer.param_groups, strict=True
                ):
                    _put_momentum(group, high, self.use_beta1)
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """What the height of the cycle is scaled by, in cycle (or step) `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return float(1 / (2.0 ** (x - 1)))
        return 1.0 if self.mode == "triangular" else self.gamma**x

    def get_lr(self) -> list[Any]:
        """The rates for `last_epoch`; with `cycle_momentum`, the momentums are set too."""
        self._warn_outside_step()
        position = 1.0 + self.last_epoch / self.total_size
        cycle = math.floor(position)
        x = position - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)

        def scaled(low: Any, high: Any) -> Any:
            return (high - low) * height * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)

        if self.cycle_momentum:
            ranges = zip(self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=True)
            for low, high, group in ranges:
                _put_momentum(group, high - scaled(low, high), self.use_beta1)
        return [low + scaled(low, high) for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """The state as a dict. Of an object as `scale_fn` the attributes are saved, of a function nothing (None)."""
        custom = self._scale_fn_custom
        state = {key: value for key, value in super().state_dict().items() if key != "_scale_fn_custom"}
        return state | {"_scale_fn_custom": None if custom is None else state_of(custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` of such a schedule returned; `scale_fn` stays this schedule's own."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        attributes = state_dict.get("_scale_fn_custom")
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)


class OneCycleLR(LRScheduler):
    """The rate goes up to `max_lr` and then down to far below where it started, once; the momentum goes the other way.

    To be stepped after every batch.

    Args:
        optimizer: whose groups get the rates.
        max_lr: the highest rate, or a list with one for each group.
        total_steps: the number of steps; or give the two that follow.
        epochs: the number of epochs.
        steps_per_epoch: the number of steps in each.
        pct_start: the share of the steps in which the rate rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether to change the momentum too.
        base_momentum: the lowest momentum, or a list with one for each group.
        max_momentum: the highest momentum, or a list.
        div_factor: the first rate is `max_lr / div_factor`.
        final_div_factor: the last rate is the first one divided by this.
        three_phase: fall as long as it rose, then from there to the last rate.
        last_epoch: see `LRScheduler`.

    Smith and Topin, "Super-convergence: Very fast training of neural networks using large learning rates".
    """

    use_beta1 = False

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked(optimizer)
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        highest = for_groups(optimizer, "max_lr", max_lr)
        if last_epoch == -1:
            for high, group in zip(highest, optimizer.param_groups, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = _uses_betas(optimizer)
            bases = for_groups(optimizer, "base_momentum", base_momentum)
            tops = for_groups(optimizer, "max_momentum", max_momentum)
            if last_epoch == -1:
                for low, high, group in zip(bases, tops, optimizer.param_groups, strict=True):
                    _put_momentum(group, high, self.use_beta1)
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates for `last_epoch`; momentums are set too, if wanted. Raises ValueError after the last step."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        start, phase = 0.0, self._schedule_phases[0]
        for following in self._schedule_phases[1:]:
            if step > phase["end_step"]:
                start, phase = phase["end_step"], following
        part = (step - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], part)
                _put_momentum(group, momentum, self.use_beta1)
        return rates

    def _between(self, start: Any, end: Any, part: float) -> Any:
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    given = (
        {"epochs": epochs, "steps_per_epoch": steps_per_epoch} if total_steps is None else {"total_steps": total_steps}
    )
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(given.values())  # type: ignore[arg-type]


def _phases(total: int, pct_start: float, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which of the group's rates and momentums it goes."""
    peak = float(pct_start * total) - 1
    ends = [
        (peak, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
        (float(2 * pct_start * total) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
        (total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
    ]
    if not three:
        ends[1:] = [(total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    return [dict(zip(names, phase, strict=True)) for phase in ends]
