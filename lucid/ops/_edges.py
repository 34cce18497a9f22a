"""Where padding takes its elements from, when it repeats those of the input."""

from __future__ import annotations

from typing import Any

import numpy as np

MODES = ("reflect", "replicate", "circular")


def positions(
    mode: str, size: int, before: int, after: int, dim: int, *, empty: bool = False
) -> np.ndarray[Any, np.dtype[np.int32]]:
    """The indices, into `size` elements, of those elements with `before` and `after` more at the ends.

    "reflect" mirrors at the edge, which is not repeated; "replicate" repeats it; "circular" goes on at the other end.
    Raises RuntimeError, naming the dimension `dim`, if the elements do not suffice, or if none are left and that is not
    allowed by `empty`.
    """
    if size == 0 or size + before + after < (0 if empty else 1):
        raise RuntimeError(
            f"pad: Expected a non-empty dimension {dim} before and after padding, got size {size} padded by "
            f"{(before, after)}"
        )
    kept = np.arange(max(-before, 0), size - max(-after, 0))
    limit = {"reflect": size - 1, "circular": len(kept)}.get(mode)
    if limit is not None and max(before, after) > limit:
        raise RuntimeError(
            f"pad: with mode {mode!r}, padding should be at most {limit} for dimension {dim} of size {size}, "
            f"got {(before, after)}"
        )
    at = np.arange(-before, size + after)
    if mode == "circular":  # what is cut off is cut off first, and does not come back at the other end
        at = kept[np.arange(-max(before, 0), len(kept) + max(after, 0)) % max(len(kept), 1)]
    if mode == "reflect":
        at = np.abs(at)
        at = np.where(at >= size, 2 * (size - 1) - at, at)
    return np.clip(at, 0, size - 1).astype(np.int32)
