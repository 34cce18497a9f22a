"""Gradients: `backward`, `grad`, grad modes and functions of your own. `lucid._tape` tells how they come about."""

import typing as _typing

from lucid import _left_out
from lucid._backward import backward, grad
from lucid._grad_mode import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from lucid.autograd import forward_ad, functional
from lucid.autograd.function import Function
from lucid.autograd.variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "functional",
    "grad",
    "inference_mode",
    "is_anomaly_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

if not _typing.TYPE_CHECKING:  # what type checkers see is what is there

    def __getattr__(name: str) -> _typing.Any:
        raise AttributeError(_left_out.explain(__name__, name))
