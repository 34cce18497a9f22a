"""Adam: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid import _tape
from lucid._tensor import Tensor
from lucid.optim._options import at_least_zero, check_implementation
from lucid.optim._update import Arrays, Group, Number, Recipe, Rule, Update, fused, share_counts
from lucid.optim.optimizer import Optimizer

__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam, and with `decoupled_weight_decay` AdamW.

    Args:
        params: the parameters or groups of them, see `Optimizer`.
        lr: the learning rate, a number or a tensor of one element.
        betas: how much of the averages of the gradient and of its square is kept in a step; two numbers or two tensors.
        eps: added to the denominator.
        weight_decay: times the parameter is added to the gradient.
        amsgrad: divide by the largest average that there was, not by the present one.
        foreach: changes nothing: MLX evaluates all updates together.
        maximize: go up instead of down.
        capturable: changes nothing: a step never waits for a value.
        differentiable: has to be False.
        fused: compute the update of a parameter in one compiled kernel.
        decoupled_weight_decay: shrink the parameter itself instead of adding to the gradient.

    Raises ValueError for numbers out of range.

    >>> import lucid
    >>> w = lucid.nn.Parameter(lucid.tensor([1.0]))
    >>> optimizer = lucid.optim.Adam([w], lr=0.01)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_implementation(type(self).__name__, foreach, differentiable, fused)
        at_least_zero("learning rate", lr)
        at_least_zero("epsilon value", eps)
        for index in (0, 1):
            beta = betas[index].item() if isinstance(betas[index], Tensor) else betas[index]  # type: ignore[union-attr]
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        at_least_zero("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in _ADDED.items():
                group.setdefault(name, value)
        share_counts(self.state.values())

    def _update(self, group: Group) -> Update:
        return Update(group, _recipe)


_ADDED = {
    "amsgrad": False,
    "maximize": False,
    "foreach": None,
    "capturable": False,
    "differentiable": False,
    "decoupled_weight_decay": False,
    "fused": None,
}


def _recipe(group: Group) -> Recipe:
    check_implementation("Adam", group["foreach"], group["differentiable"], group["fused"])
    lr, decay, (beta1, beta2) = group["lr"], group["weight_decay"], group["betas"]
    numbers: dict[str, Number] = {"lr": lr, "eps": group["eps"], "weight_decay": decay}
    for k, beta in (("1", beta1), ("2", beta2)):
        # Taken in double precision, where they are numbers: 1 - beta loses four digits in float32.
        numbers["beta" + k], numbers["rest" + k], numbers["log" + k] = beta, 1 - beta, _log(beta)
    mode = None if not isinstance(decay, Tensor) and decay == 0 else group["decoupled_weight_decay"]
    rule = _rule(mode, group["amsgrad"], group["maximize"])
    slots = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")
    return Recipe(numbers, fused(rule) if group["fused"] else rule, slots, _constants, counts=True, start=mx.zeros_like)


def _log(beta: Number) -> Number:
    if isinstance(beta, Tensor):
        return _tape.wrap(mx.log(_tape.array(beta)))
    return math.log(beta) if beta > 0 else -math.inf


def _constants(n: Arrays, step: mx.array | None) -> Arrays:
    """The numbers, with what corrects the averages for having started at zero.

    1 - beta**step = -expm1(step * log(beta)), which keeps its digits in float32 where beta**step is close to 1. The
    root of the second correction goes into `size` and `eps`, so that it costs nothing for each element.
    """
    assert step is not None
    correction1, root2 = -mx.expm1(step * n["log1"]), mx.sqrt(-mx.expm1(step * n["log2"]))
    return n | {
        "size": n["lr"] * root2 / correction1,
        "eps": n["eps"] * root2,
        "shrink": 1 - n["lr"] * n["weight_decay"],
    }


@functools.cache
def _rule(decoupled: bool | None, amsgrad: bool, maximize: bool) -> Rule:
    """Adam's rule. `decoupled` is None where there is no weight decay at all."""

    def adam(
        n: Arrays, p: mx.array, g: mx.array, mean: mx.array, square: mx.array, *most: mx.array
    ) -> tuple[mx.array, ...]:
        if maximize:
            g = -g
        if decoupled:
            p = p * n["shrink"]
        elif decoupled is not None:
            g = g + n["weight_decay"] * p
        mean = n["beta1"] * mean + n["rest1"] * g
        square = n["beta2"] * square + n["rest2"] * mx.square(g)
        most = tuple([mx.maximum(m, square) for m in most])
        denominator = mx.sqrt(most[0] if amsgrad else square) + n["eps"]
        return p - n["size"] * mean / denominator, mean, square, *most

    return adam
