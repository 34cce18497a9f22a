"""`range`, whose end is part of it: a file of its own, because its name hides Python's."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import dtypes
from lucid._from_data import from_numpy_array
from lucid.creation._place import finish, options, running_on
from lucid.creation.ranges import plain_number
from lucid.ops._out import give

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["range"]


def range(
    start: Any,
    end: Any,
    step: Any = 1,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Numbers from `start` to `end`, included if the steps meet it, in the default dtype. Deprecated: use `arange`.

    Raises RuntimeError for a zero step, for one that leads away from `end`, and for bounds that are not finite.
    """
    warnings.warn(
        "lucid.range is deprecated, as it is in PyTorch, because its end belongs to it, unlike that of Python's range; "
        "use lucid.arange, which stops before `end`",
        UserWarning,
        stacklevel=2,
    )
    options("range", layout)
    start, end, step = (plain_number(v, "range") for v in (start, end, step))
    if out is not None and dtype is None:
        dtype = out.dtype
    to = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "range")
    if to.rank in (0, 3):
        raise NotImplementedError(f"range: expected an integer or floating dtype, got {to!r}")
    if not math.isfinite(start) or not math.isfinite(end):
        raise RuntimeError(f"range: unsupported range: {start} -> {end}")
    if step == 0 or (to.rank == 1 and int(step) == 0):
        raise RuntimeError(f"range: step must be nonzero, got {step} for {to!r}")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"range: upper bound and lower bound inconsistent with step sign: {start} to {end} by {step}"
        )
    count = math.floor((end - start) / step) + 1
    if to.rank == 1:
        start, step = int(start), int(step)
    values = start + step * np.arange(count, dtype=np.int64 if to.rank == 1 else np.float64)
    with running_on(device, to.mx):
        return give(finish(from_numpy_array(values, to), device, requires_grad), out, "range")
