"""How `linear_cross_entropy` divides a batch into parts."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from lucid import dtypes
from lucid._device import device as Device

__all__ = ["LinearCrossEntropyOptions"]

_POLICIES = ("auto", "accurate", "balanced", "compact")
_HALF = (dtypes.float16, dtypes.bfloat16)


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """Options of `nn.functional.linear_cross_entropy`: the logits of parts of a batch instead of all of them at once.

    They are not kept for the backward pass, but computed again there: less memory for more computing, which pays where
    there are many more classes than features.

    Args:
        allow_retain_graph: PyTorch needs it for a second backward. Here that is possible in any case.
        batch_chunk_size: rows in each part; all of them if None and no `chunking_method` says otherwise.
        chunking_method: "aspect_ratio" for parts whose logits are about as large as the whole input, "aspect_ratio:n"
            for parts smaller by n, "auto" for one of them, None for `batch_chunk_size`.
        acc_policy: "accurate", "balanced", "compact" or "auto": which intermediates PyTorch's kernels keep in
            `acc_dtype`. MLX's graph has all of them in it, as with "accurate", whatever is chosen.
        acc_dtype: of the logits and the sums of gradients: the input's, or float32 for a half precision one. None
            stands for the input's, and with `acc_policy` "auto" for float32 where that is possible.

    Raises ValueError for other values.

    >>> LinearCrossEntropyOptions(batch_chunk_size=64).batch_chunk_size
    64
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: Literal["accurate", "balanced", "compact", "auto"] = "auto"
    acc_dtype: dtypes.dtype | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}, expected one of {', '.join(_POLICIES)}")
        method = self.chunking_method
        if method not in (None, "auto") and not re.fullmatch(r"aspect_ratio(:0*[1-9]\d*)?", str(method)):
            raise ValueError(
                f"invalid chunking_method: {method!r}, expected 'auto', 'aspect_ratio', 'aspect_ratio:n' or None"
            )
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype is not None and self.acc_dtype not in (*_HALF, dtypes.float32, dtypes.float64):
            raise ValueError(
                "acc_dtype must be one of None, lucid.float16, lucid.bfloat16, lucid.float32, lucid.float64, got "
                f"{self.acc_dtype!r}; None chooses"
            )

    def _adjust(
        self, num_batches: int, in_features: int, num_classes: int, dtype: dtypes.dtype, device: Device | None = None
    ) -> LinearCrossEntropyOptions:
        """The options with every choice made for these sizes.

        Raises ValueError if `batch_chunk_size` and `chunking_method` are both given and differ.
        """
        policy, method, size = self.acc_policy, self.chunking_method, self.batch_chunk_size
        on_cpu = device is not None and device.type == "cpu" and dtype in _HALF  # what PyTorch found to be best there
        if policy == "auto":
            policy = "accurate" if on_cpu else "compact"
        if method == "auto":
            method = None if size is not None else "aspect_ratio" if on_cpu else "aspect_ratio:2"
        rows = num_batches if size is None else min(size, num_batches)
        if method is not None:
            wanted = -(-num_batches // -(-num_classes // max(in_features, 1)))
            rows = min((1 << (wanted - 1).bit_length()) // int(method.partition(":")[2] or 1), num_batches)
            if size not in (None, rows):
                raise ValueError(
                    f"batch_chunk_size (={size}) and chunking_method ('{method}') give different chunk sizes ({size} "
                    f"vs {rows}); pass only one."
                )
        accumulated = self.acc_dtype
        if accumulated is None:
            wide = self.acc_policy == "auto" and device is not None and dtype in _HALF
            accumulated = dtypes.float32 if wide else dtype
        return dataclasses.replace(
            self, acc_policy=policy, chunking_method=method, batch_chunk_size=max(1, rows), acc_dtype=accumulated
        )
