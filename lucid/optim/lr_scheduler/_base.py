"""`LRScheduler`: the counting, the bookkeeping and the warnings that all schedules share."""

from __future__ import annotations

import types
import warnings
from typing import Any

from lucid._grad_mode import no_grad
from lucid._tensor import Tensor
from lucid.optim.optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Call "
    "`scheduler.step()` without it: with it, the closed form of the schedule is used where there is one."
)


class LRScheduler:
    """The base of learning rate schedules.

    A schedule of your own overrides `get_lr`, which returns the rates of all groups for `last_epoch`. It is stepped
    once when it is made, and then by `step()` after each epoch (or batch) of `optimizer.step()` calls.

    Args:
        optimizer: whose groups get the rates. Their rates at this moment are kept as "initial_lr" in the groups.
        last_epoch: how many steps were made already, counted from 0; -1 starts anew.

    Raises TypeError if it is given no optimizer, KeyError if `last_epoch` is not -1 and a group has no "initial_lr".
    """

    _is_initial = False
    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0; load the optimizer's state dict before making the scheduler, or leave "
                    "last_epoch at -1"
                )
        self.base_lrs: list[Any] = [copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All that the schedule knows but its optimizer, as a dict."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` of such a schedule returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rates that were set last, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates for `last_epoch`, one for each group. Called by `step`; `get_last_lr()` is for everybody else."""
        raise NotImplementedError(f"{type(self).__name__}: a scheduler overrides get_lr")

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, and set the learning rates for it.

        Args:
            epoch: which one to go to instead; deprecated.
        """
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _check_order(self) -> None:
        if getattr(self.optimizer, "_opt_called", False):
            return
        if "step" in vars(self.optimizer):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden on the optimizer itself, so that its calls are not "
                "seen. Make sure to call `optimizer.step()` before `lr_scheduler.step()`.",
                UserWarning,
                stacklevel=3,
            )
        else:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order: "
                "otherwise the first value of the learning rate schedule is skipped.",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", self.get_lr)
                values = closed()
        finally:
            self._get_lr_called_within_step = False
        self._set(values)

    def _set(self, values: list[Any]) -> None:
        groups = self.optimizer.param_groups
        for group, value in zip(groups, values, strict=False):
            put(group, "lr", value)
        self._last_lr = [copied(group["lr"]) for group in groups]

    def _rates(self) -> list[Any]:
        """The present rates of all groups. Warns if it was not `step` that asked."""
        self._warn_outside_step()
        return [copied(group["lr"]) for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=4,
            )


def checked(optimizer: Any) -> Optimizer:
    """`optimizer`, if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def copied(value: Any) -> Any:
    """`value`, a number or a tensor, so that it does not change when the group's does."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def put(group: dict[str, Any], name: str, value: Any) -> None:
    """Set a number of a group; a tensor there stays the same object."""
    held = group[name]
    if not isinstance(held, Tensor):
        group[name] = value
        return
    with no_grad():
        if isinstance(value, Tensor):
            held.copy_(value)
        else:
            held.fill_(value)


def for_groups(optimizer: Optimizer, name: str, values: Any) -> list[Any]:
    """`values` for each group: a list or tuple of the right length, or one value for all."""
    groups = optimizer.param_groups
    if not isinstance(values, (list, tuple)):
        return [values] * len(groups)
    if len(values) != len(groups):
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(values)} values, "
            f"param_groups has {len(groups)}."
        )
    return list(values)


def state_of(function: Any) -> dict[str, Any] | None:
    """What can be saved of a function: the attributes of a callable object; nothing of a def or lambda."""
    return None if isinstance(function, types.FunctionType) else dict(function.__dict__)


class _LRScheduler(LRScheduler):
    """The former name of `LRScheduler`, from which schedules of one's own are derived."""
