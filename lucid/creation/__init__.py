"""Making tensors: from data, filled, and as ranges."""

from lucid.creation._place import check_float64 as check_float64
from lucid.creation.data import as_tensor, asarray, from_numpy, frombuffer, tensor
from lucid.creation.data import legacy as legacy
from lucid.creation.data import like_copy as like_copy
from lucid.creation.data import of_class as of_class
from lucid.creation.data import rebuild as rebuild
from lucid.creation.filled import (
    empty,
    empty_like,
    empty_strided,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    scalar_tensor,
    zeros,
    zeros_like,
)
from lucid.creation.from_parts import complex, polar
from lucid.creation.ranges import arange, linspace, logspace

__all__ = [
    "arange",
    "as_tensor",
    "asarray",
    "complex",
    "empty",
    "empty_like",
    "empty_strided",
    "eye",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "polar",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]
