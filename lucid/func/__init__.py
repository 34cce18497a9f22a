"""Modules as functions of their parameters."""

from lucid.func.calling import functional_call
from lucid.func.stacking import stack_module_state

__all__ = ["functional_call", "stack_module_state"]
