"""What is written of a tensor: its dtype, its shape, and its bytes straight from the memory that they are in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _tape
from lucid._tensor import Tensor
from lucid.serialization._containers import as_bytes
from lucid.serialization._header import BITS, CODES

Progress = Callable[[int], None]  # is told how many more bytes were written


class Piece:
    """One tensor of a file."""

    __slots__ = ("_values", "code", "shape")

    def __init__(self, values: mx.array | np.ndarray[Any, Any]) -> None:
        if isinstance(values, np.ndarray):
            values = _plain(values)
            self.code = CODES[getattr(mx, "bool_" if values.dtype == bool else values.dtype.name)]
        else:
            self.code = CODES[values.dtype]
        self.shape: tuple[int, ...] = tuple(values.shape)
        self._values = values

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return BITS[self.code] // 8

    @property
    def nbytes(self) -> int:
        """The bytes of all."""
        return math.prod(self.shape) * self.itemsize

    def numpy(self) -> np.ndarray[Any, Any]:
        """The elements; bfloat16 as uint16."""
        if isinstance(self._values, np.ndarray):
            return self._values
        array = self._values.view(mx.uint16) if self.code == "BF16" else self._values  # numpy has no bfloat16
        return np.array(array, copy=False)

    def as_float32(self) -> Piece:
        """The same numbers in a wider dtype."""
        assert isinstance(self._values, mx.array)
        return Piece(self._values.astype(mx.float32, stream=mx.cpu))

    def bytes(self) -> memoryview:
        """The elements row by row: as they lie in memory where they lie so, else a copy."""
        return np.ascontiguousarray(self.numpy()).reshape(-1).view(np.uint8).data


def _plain(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Elements of a dtype that safetensors has; bytes, one dimension more, for those of another."""
    if as_bytes(values.dtype):
        whole = np.ascontiguousarray(values)
        return np.frombuffer(whole.tobytes(), np.uint8).reshape(*values.shape, values.itemsize)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def pieces(tensors: Mapping[str, Tensor | np.ndarray[Any, Any]], late: bool = False) -> dict[str, Piece]:
    """What is written of each. The tensors are computed now, all at once; or each when it is written, if `late`."""
    if not late:
        _tape.evaluate(*[t for t in tensors.values() if isinstance(t, Tensor)])
    return {name: Piece(_tape.array(t) if isinstance(t, Tensor) else t) for name, t in tensors.items()}
