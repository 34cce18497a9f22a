"""Several models of one architecture as one set of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lucid import ops

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.nn import Module

__all__ = ["stack_module_state"]


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of all models, stacked along a new first dimension, by name; and their buffers.

    The stacked parameters are leaves that require a gradient where the models' do.

    Raises RuntimeError for no models, and for models of different classes, modes or `requires_grad`.

    >>> from lucid import nn
    >>> from lucid.func import stack_module_state
    >>> params, buffers = stack_module_state([nn.Linear(3, 2) for _ in range(5)])
    >>> params["weight"].shape
    lucid.Size([5, 2, 3])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({bool(model.training) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = dict(_stacked([dict(model.named_parameters()) for model in models]))
    return params, dict(_stacked([dict(model.named_buffers()) for model in models]))


def _stacked(states: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Tensor]]:
    for name in states[0]:
        tensors = [state[name] for state in states]
        if len({t.requires_grad for t in tensors}) > 1:
            raise RuntimeError(
                f"stack_module_state: Expected {name} from each model to have the same .requires_grad; set it with "
                "requires_grad_()"
            )
        stacked = ops.stack(tensors)
        yield name, stacked.detach().requires_grad_() if tensors[0].requires_grad else stacked
