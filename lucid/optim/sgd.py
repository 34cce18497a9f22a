"""Stochastic gradient descent."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid._tensor import Tensor
from lucid.optim._options import at_least_zero, check_implementation
from lucid.optim._update import Arrays, Group, Recipe, Rule, Update, fused
from lucid.optim.optimizer import Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Args:
        params: the parameters or groups of them, see `Optimizer`.
        lr: the learning rate, a number or a tensor of one element.
        momentum: how much of the last update goes into this one.
        dampening: how much less than the whole gradient is added to the momentum.
        weight_decay: times the parameter is added to the gradient.
        nesterov: look ahead along the momentum; needs a momentum and no dampening.
        maximize: go up instead of down.
        foreach: changes nothing: MLX evaluates all updates together.
        differentiable: has to be False.
        fused: compute the update of a parameter in one compiled kernel.

    Raises ValueError for numbers out of range.

    >>> import lucid
    >>> w = lucid.nn.Parameter(lucid.tensor([1.0]))
    >>> optimizer = lucid.optim.SGD([w], lr=0.1, momentum=0.9)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_implementation("SGD", foreach, differentiable, fused)
        at_least_zero("learning rate", lr)
        at_least_zero("momentum value", momentum)
        at_least_zero("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in _ADDED.items():
                group.setdefault(name, value)

    def _update(self, group: Group) -> Update:
        return Update(group, _recipe)


_ADDED = {"nesterov": False, "maximize": False, "foreach": None, "differentiable": False, "fused": False}


def _recipe(group: Group) -> Recipe:
    check_implementation("SGD", group["foreach"], group["differentiable"], group["fused"])
    decay, momentum, dampening = group["weight_decay"], group["momentum"], group["dampening"]
    numbers = {"lr": group["lr"], "weight_decay": decay, "momentum": momentum, "gain": 1 - dampening}
    decays = isinstance(decay, Tensor) or decay != 0
    rule = _rule(decays, momentum != 0, dampening != 0, group["nesterov"], group["maximize"])
    slots = ("momentum_buffer",) if momentum != 0 else ()
    return Recipe(numbers, fused(rule) if group["fused"] else rule, slots)


@functools.cache
def _rule(decays: bool, has_momentum: bool, dampens: bool, nesterov: bool, maximize: bool) -> Rule:
    def sgd(n: Arrays, p: mx.array, g: mx.array, *state: mx.array | None) -> tuple[mx.array, ...]:
        if maximize:
            g = -g
        if decays:
            g = g + n["weight_decay"] * p
        if not has_momentum:
            return (p - n["lr"] * g,)
        (buffer,) = state
        buffer = g if buffer is None else n["momentum"] * buffer + (n["gain"] * g if dampens else g)
        direction = g + n["momentum"] * buffer if nesterov else buffer
        return p - n["lr"] * direction, buffer

    return sgd
