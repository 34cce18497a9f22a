"""Neural networks: modules, their parameters, and the functions that layers are made of."""

from __future__ import annotations

from lucid.nn.modules.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from lucid.nn.modules.linear import Identity
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Buffer, Parameter

__all__ = [
    "Buffer",
    "Identity",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
]
