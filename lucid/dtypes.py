"""The dtypes, their numpy twins and the default dtype.

A `dtype` is a named, interned handle on an MLX dtype: `lucid.float32 is x.dtype` holds, and `dtype.mx` is what MLX is
given.
"""

from __future__ import annotations

from builtins import bool as _pybool
from builtins import float as _pyfloat
from builtins import int as _pyint
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _left_out

__all__ = [
    "bfloat16",
    "bool",
    "cfloat",
    "complex64",
    "double",
    "dtype",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "set_default_dtype",
    "short",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


class dtype:
    """The type of a tensor's elements, such as `lucid.float32`.

    Instances are singletons; compare them with `is` or `==`.
    """

    __module__ = "lucid"

    __slots__ = (
        "is_complex",
        "is_floating_point",
        "is_inexact",
        "is_signed",
        "itemsize",
        "mx",
        "name",
        "numpy",
        "rank",
    )

    def __init__(self, name: str, mlx: mx.Dtype, numpy: Any, rank: _pyint) -> None:
        self.name = name
        self.mx = mlx
        self.numpy = np.dtype(numpy)  # bfloat16 travels to numpy as float32, which holds all of its values
        self.rank = rank  # category for promotion: 0 bool, 1 integer, 2 floating, 3 complex
        self.is_floating_point = rank == 2
        self.is_complex = rank == 3
        self.is_inexact = rank >= 2
        self.is_signed = not name.startswith("uint") and name != "bool"
        self.itemsize = mlx.size

    def __repr__(self) -> str:
        return f"lucid.{self.name}"

    def __reduce__(self) -> str:
        return self.name

    def to_real(self) -> dtype:
        """The floating dtype of the parts of this complex dtype; other dtypes are returned unchanged."""
        return float32 if self.is_complex else self

    def to_complex(self) -> dtype:
        """The complex dtype of this precision. MLX has complex64 only, so float64 raises TypeError."""
        if self is float64:
            raise TypeError("to_complex: float64 has no complex counterpart, MLX stores complex64 only; use float32")
        return complex64


float16 = half = dtype("float16", mx.float16, np.float16, 2)
bfloat16 = dtype("bfloat16", mx.bfloat16, np.float32, 2)
float32 = dtype("float32", mx.float32, np.float32, 2)
float64 = double = dtype("float64", mx.float64, np.float64, 2)
uint8 = dtype("uint8", mx.uint8, np.uint8, 1)
uint16 = dtype("uint16", mx.uint16, np.uint16, 1)
uint32 = dtype("uint32", mx.uint32, np.uint32, 1)
uint64 = dtype("uint64", mx.uint64, np.uint64, 1)
int8 = dtype("int8", mx.int8, np.int8, 1)
int16 = short = dtype("int16", mx.int16, np.int16, 1)
int32 = dtype("int32", mx.int32, np.int32, 1)
int64 = long = dtype("int64", mx.int64, np.int64, 1)
complex64 = cfloat = dtype("complex64", mx.complex64, np.complex64, 3)
bool_ = dtype("bool", mx.bool_, np.bool_, 0)

ALL = (float16, bfloat16, float32, float64, uint8, uint16, uint32, uint64, int8, int16, int32, int64, complex64, bool_)
OF_MX = {d.mx: d for d in ALL}
INEXACT = frozenset(d.mx for d in ALL if d.is_inexact)
FLOATING = frozenset(d.mx for d in ALL if d.is_floating_point)
_OF_NAME = {d.name: d for d in ALL} | {"half": half, "double": double, "float": float32, "long": long, "int": int32}
_OF_PYTHON = {_pybool: bool_, _pyint: int64, _pyfloat: float64, complex: complex64}

_default = float32


def as_dtype(value: Any, operation: str = "dtype") -> dtype:
    """`value` as a dtype: a `lucid.dtype`, a Python, numpy or MLX type (`float` is float64), or a name like "float32".

    Raises TypeError naming `operation` for anything else.
    """
    if isinstance(value, dtype):
        return value
    found = _OF_PYTHON.get(value) if isinstance(value, type) else None
    if found is None and isinstance(value, mx.Dtype):
        found = OF_MX[value]
    if found is None and isinstance(value, str):
        found = _OF_NAME.get(value.removeprefix("lucid.").removeprefix("torch."))
    if found is None and isinstance(value, (np.dtype, type)):
        found = _OF_NAME.get(np.dtype(value).name)
    if found is None:
        raise TypeError(f"{operation}: expected a lucid.dtype such as lucid.float32, got {value!r}")
    return found


def get_default_dtype() -> dtype:
    """The floating dtype that Python floats become; float32 unless `set_default_dtype` changed it."""
    return _default


def set_default_dtype(d: dtype, /) -> None:
    """Make `d` the dtype of tensors made from Python floats. Raises TypeError unless `d` is a floating dtype."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"set_default_dtype: only floating-point types are supported as the default type, got {d!r}")
    _default = d


# The names below hide Python's builtins for whoever imports them from here, so they come last.
float = float32
int = int32
bool = bool_


def __getattr__(name: str) -> Any:
    raise AttributeError(_left_out.explain(__name__, name))
