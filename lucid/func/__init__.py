"""Transforms of functions, and modules as functions of their parameters."""

from lucid.func.calling import functional_call
from lucid.func.forward import jvp, linearize
from lucid.func.jacobians import hessian, jacfwd, jacrev
from lucid.func.mapping import vmap
from lucid.func.reverse import grad, grad_and_value, vjp
from lucid.func.stacking import stack_module_state

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
