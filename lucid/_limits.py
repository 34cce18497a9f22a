"""What numbers can be: `finfo` and `iinfo`, the limits of the dtypes, and the constants beside them."""

from __future__ import annotations

import builtins
import math
from typing import Any

from lucid import dtypes

__all__ = ["e", "finfo", "iinfo", "inf", "nan", "newaxis", "pi"]

e = math.e
inf = math.inf
nan = math.nan
pi = math.pi
newaxis = None

# Bits of one (part of a) number, decimal digits, and the powers of 2 of eps, of the smallest normal and of the largest.
_FLOATING = {
    "float16": (16, 3, -10, -14, 16),
    "bfloat16": (16, 2, -7, -126, 128),
    "float32": (32, 6, -23, -126, 128),
    "float64": (64, 15, -52, -1022, 1024),
}


def _the_dtype(operation: str, type: Any) -> dtypes.dtype:
    if not isinstance(type, dtypes.dtype):
        raise TypeError(
            f"{operation}(): argument 'type' (position 1) must be lucid.dtype, not {builtins.type(type).__name__}"
        )
    return type


class _Info:
    """What both have: limits that cannot be changed, and equality by dtype."""

    bits: int
    dtype: str

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"attribute {name!r} of {type(self).__name__!r} objects is not writable")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment] # as in PyTorch


class finfo(_Info):
    """The limits of a floating dtype, or of the parts of a complex one.

    `bits`, `eps` (the distance from 1 to the next larger number), `max`, `min`, `smallest_normal` (and `tiny`, the
    same), `resolution`, and `dtype`, its name. Without a dtype it is about the default dtype. Raises TypeError for
    integers.

    >>> import lucid
    >>> lucid.finfo(lucid.float16).max
    65504.0
    """

    __module__ = "lucid"

    eps: float
    max: float
    min: float
    resolution: float
    smallest_normal: float
    tiny: float

    def __init__(self, type: dtypes.dtype | None = None) -> None:
        given = dtypes.get_default_dtype() if type is None else _the_dtype("finfo", type)
        if not given.is_inexact:
            raise TypeError(f"finfo() requires a floating point input type, got {given!r}. Use lucid.iinfo for it")
        real = given.to_real()
        bits, digits, eps, smallest, largest = _FLOATING[real.name]
        top = math.ldexp(2 - 2.0**eps, largest - 1)
        low = 2.0**smallest
        self.__dict__.update(bits=bits, dtype=real.name, eps=2.0**eps, max=top, min=-top)
        self.__dict__.update(resolution=float(f"1e-{digits}"), smallest_normal=low, tiny=low)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in names)}, dtype={self.dtype})"


class iinfo(_Info):
    """The limits of an integer dtype: `bits`, `max`, `min`, and `dtype`, its name. Raises TypeError for other dtypes.

    >>> import lucid
    >>> lucid.iinfo(lucid.int8).min
    -128
    """

    __module__ = "lucid"

    max: int
    min: int

    def __init__(self, type: dtypes.dtype) -> None:
        given = _the_dtype("iinfo", type)
        if given.is_inexact:
            raise TypeError(f"iinfo() requires an integer input type, got {given!r}. Use lucid.finfo for it")
        if given.rank == 0:
            raise TypeError("lucid.bool is not supported by lucid.iinfo")
        bits = 8 * given.itemsize
        low, top = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if given.is_signed else (0, 2**bits - 1)
        self.__dict__.update(bits=bits, dtype=given.name, max=top, min=low)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
