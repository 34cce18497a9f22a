"""Checks of the arguments that optimizers have in common."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor


def check_implementation(name: str, foreach: Any, differentiable: Any, fused: Any) -> None:
    """Refuse what cannot be had together, and a differentiable step."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError(
            f"{name}: differentiable=True is not supported: a step is not recorded. To differentiate through an "
            "update, write it in tensors: p - lr * lucid.autograd.grad(loss, p, create_graph=True)[0]"
        )


def at_least_zero(what: str, value: Any) -> None:
    """Refuse a negative number, and a tensor that is no single number."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(
                f"Tensor {'lr' if what == 'learning rate' else what} must be 1-element, got shape {value.shape}"
            )
        value = value.item()
    if not value >= 0:
        raise ValueError(f"Invalid {what}: {value}")
