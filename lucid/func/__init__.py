"""Transforms of functions, and modules as functions of their parameters. `docs/transforms.md` tells how they work."""

import typing as _typing

from lucid import _left_out
from lucid.func.calling import functional_call
from lucid.func.forward import jvp, linearize
from lucid.func.jacobians import hessian, jacfwd, jacrev
from lucid.func.mapping import vmap
from lucid.func.rearranging import rearrange
from lucid.func.reverse import grad, grad_and_value, vjp
from lucid.func.rewriting import functionalize, replace_all_batch_norm_modules_
from lucid.func.stacking import stack_module_state

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]

if not _typing.TYPE_CHECKING:  # what type checkers see is what is there

    def __getattr__(name: str) -> _typing.Any:
        raise AttributeError(_left_out.explain(__name__, name))
