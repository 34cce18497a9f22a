"""Ways to reduce a loss, as PyTorch numbers them, for losses that are written outside."""

from __future__ import annotations

import warnings

from lucid.nn.functional._reduction import REDUCTIONS


def get_enum(reduction: str) -> int:
    """The number of `reduction`: 0 for "none", 1 for "mean", 2 for "sum". Raises ValueError for another one.

    "elementwise_mean" stands for "mean", with a warning.
    """
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=2)
        return 1
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction, expected 'none', 'mean' or 'sum'")
    return REDUCTIONS.index(reduction)


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """The reduction that the deprecated arguments of losses stand for; None stands for True."""
    summed = "mean" if size_average is None or size_average else "sum"
    found = summed if reduce is None or reduce else "none"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.", stacklevel=2
        )
    return found


def legacy_get_enum(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> int:
    """The number of `legacy_get_string`."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
