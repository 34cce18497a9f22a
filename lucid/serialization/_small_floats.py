"""Floats of eight bits, which MLX does not have: the values of their 256 bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class _Format(NamedTuple):
    fraction: int  # its bits; the others are the exponent and, before it, the sign
    bias: int
    nan: tuple[int, ...]
    infinity: int = 0  # the byte of the positive one; 0 if there is none
    signed: bool = True


_FORMATS = {
    "float8_e4m3fn": _Format(3, 7, (0x7F, 0xFF)),
    "float8_e4m3fnuz": _Format(3, 8, (0x80,)),
    "float8_e5m2": _Format(2, 15, (0x7D, 0x7E, 0x7F, 0xFD, 0xFE, 0xFF), 0x7C),
    "float8_e5m2fnuz": _Format(2, 16, (0x80,)),
    "float8_e8m0fnu": _Format(0, 127, (0xFF,), signed=False),
}
NAMES = frozenset(_FORMATS)


def values(name: str) -> npt.NDArray[np.floating]:
    """The values of the bytes 0 to 255 in the smallest dtype that holds all of them: float16, or float32 for powers.

    Names are PyTorch's, such as "float8_e4m3fn".
    """
    form = _FORMATS[name]
    byte = np.arange(256)
    exponent = (byte & (127 if form.signed else 255)) >> form.fraction
    part = (byte & (1 << form.fraction) - 1) / (1 << form.fraction)
    small = (exponent == 0) & form.signed  # a format of powers of two has no other values below the smallest
    found = np.where(small, part * 2.0 ** (1 - form.bias), (1 + part) * 2.0 ** (exponent - form.bias))
    if form.infinity:
        found[form.infinity] = found[form.infinity | 128] = np.inf
    if form.signed:
        found = np.where(byte < 128, found, -found)
    found[list(form.nan)] = np.nan
    return found.astype(np.float16 if form.signed else np.float32)
