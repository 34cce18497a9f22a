"""Schedules made of schedules: one after the other, and all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from lucid.optim.lr_scheduler._base import LRScheduler, copied, put
from lucid.optim.lr_scheduler._plateau import ReduceLROnPlateau
from lucid.optim.optimizer import Optimizer


def _check(name: str, schedulers: Sequence[Any], optimizer: Any) -> None:
    """Raise unless all of `schedulers` can be stepped without a metric, and belong to `optimizer`."""
    for i, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(
                f"{name} at index {i} should have `optimizer` as its attribute, got {type(scheduler).__name__}"
            )
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                f"{name} does not support `ReduceLROnPlateau`, whose `step` needs a metric, but got one at index {i}; "
                "step it separately"
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(scheduler).__name__} at index {i} with another one"
            )


class _Composite(LRScheduler):
    """What the two share: the parts' state dicts inside their own."""

    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        """The state as a dict, with those of the parts under "_schedulers"."""
        state = {key: value for key, value in super().state_dict().items() if key != "_schedulers"}
        return state | {"_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` of such a schedule returned."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_Composite):
    """One schedule after the other.

    Args:
        optimizer: whose groups get the rates.
        schedulers: the schedules, all of them on `optimizer`.
        milestones: the epochs at which the next one takes over, one less than there are schedules.
        last_epoch: see `LRScheduler`.

    >>> import lucid
    >>> from lucid.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = lucid.optim.SGD([lucid.zeros(1)], lr=0.5)
    >>> parts = [ConstantLR(optimizer, factor=0.1), ExponentialLR(optimizer, gamma=0.5)]
    >>> scheduler = SequentialLR(optimizer, parts, milestones=[2])
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        if not schedulers:
            raise ValueError(f"{type(self).__name__} expects at least one scheduler, but got no scheduler.")
        _check(type(self).__name__, schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got {len(schedulers)} schedulers and {len(milestones)} milestones"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Each part made its first step when it was made: take that back, and let the first one alone begin.
        for group in optimizer.param_groups:
            put(group, "lr", group["initial_lr"])
        self.recursive_undo()
        self._schedulers[0]._initial_step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take back the first step of all parts, and of theirs."""
        scheduler = self if sched is None else sched
        parts = getattr(scheduler, "_schedulers", None)
        if parts is not None:
            for part in parts:
                self.recursive_undo(part)
        elif hasattr(scheduler, "last_epoch"):
            scheduler.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Step the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Composite):
    """All schedules at each step, one acting on what the other left.

    Args:
        schedulers: the schedules, all of them on the same optimizer.
        optimizer: that optimizer, which may be left out.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if not schedulers:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler to be chained, but got no scheduler."
            )
        optimizer = optimizer or getattr(schedulers[0], "optimizer", None)
        _check(type(self).__name__, schedulers, optimizer)
        assert optimizer is not None
        self._schedulers = list(schedulers)
        self.optimizer = optimizer
        self._last_lr = [copied(group["lr"]) for group in optimizer.param_groups]

    def step(self) -> None:  # type: ignore[override]
        """Step all of them, in order."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = [copied(group["lr"]) for group in self.optimizer.param_groups]
