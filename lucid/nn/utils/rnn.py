"""Sequences of different lengths: padded to one length, or packed step after step for a recurrent network.

Packing sorts by length, so that at each step the sequences still running are the first ones: the data are their rows
of the first step, of the second one, and so on, and `batch_sizes` says how many each step has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid import _known, _tape, creation, dtypes, ops
from lucid._tape import TensorCore, apply
from lucid._tensor import Tensor
from lucid.nn.functional import _check
from lucid.nn.functional.recurrence import packed_sizes
from lucid.ops._dims import wrap_dim
from lucid.ops._fits import fitting
from lucid.ops._place import take
from lucid.ops._split import split

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """Sequences packed by `pack_padded_sequence` or `pack_sequence`, what a recurrent network takes and returns.

    Args:
        data: the rows of all steps, shape (sum of batch_sizes, *).
        batch_sizes: int64, how many sequences are still running at each step.
        sorted_indices: where the sequences, sorted by length, were in the batch; None if they were sorted before.
        unsorted_indices: its inverse, made from it if left out.

    >>> from lucid import nn, tensor
    >>> packed = nn.utils.rnn.pack_sequence([tensor([1, 2, 3]), tensor([4, 5])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """

    def __new__(  # noqa: D102 - the class says it
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError(
                    "PackedSequence: expected data and batch_sizes, also as one list or tuple of length 2, got "
                    f"{type(data).__name__}"
                )
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The data as `Tensor.to` gives them, the indices on their device; itself where nothing changes.

        Raises RuntimeError for `copy`, which PyTorch does not take here either.
        """
        if "copy" in kwargs:
            raise RuntimeError("PackedSequence.to() does not take copy; clone .data instead")
        data = self.data.to(*args, **kwargs) if args or kwargs else self.data
        return self._with(data)

    def _with(self, data: Tensor) -> PackedSequence:
        if data is self.data:
            return self
        indices = [t if t is None else t.to(data.device) for t in self[2:]]
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With the data on the CPU, after what `to` does with the arguments."""
        moved = self.to(*args, **kwargs)
        return moved._with(moved.data.cpu())

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With the data on a CUDA GPU, see `cpu`. Raises what `Tensor.cuda` does where there is none."""
        moved = self.to(*args, **kwargs)
        return moved._with(moved.data.cuda())

    def metal(self) -> PackedSequence:
        """With the data on Metal. Raises what `Tensor.metal` does where there is none."""
        return self._with(self.data.metal())

    def double(self) -> PackedSequence:
        """With float64 data."""
        return self._with(self.data.double())

    def float(self) -> PackedSequence:
        """With float32 data."""
        return self._with(self.data.float())

    def half(self) -> PackedSequence:
        """With float16 data."""
        return self._with(self.data.half())

    def long(self) -> PackedSequence:
        """With int64 data."""
        return self._with(self.data.long())

    def int(self) -> PackedSequence:
        """With int32 data."""
        return self._with(self.data.int())

    def short(self) -> PackedSequence:
        """With int16 data."""
        return self._with(self.data.short())

    def char(self) -> PackedSequence:
        """With int8 data."""
        return self._with(self.data.char())

    def byte(self) -> PackedSequence:
        """With uint8 data."""
        return self._with(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        """Whether operations on the data run on a CUDA GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data are pinned: memory is unified, nothing is."""
        return self.data.is_pinned()

    def pin_memory(self) -> PackedSequence:
        """Itself: memory is unified, there is nothing to pin."""
        return self._with(self.data.pin_memory())


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation`, an int64 vector; None for None.

    >>> import lucid
    >>> lucid.nn.utils.rnn.invert_permutation(lucid.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    _check.tensor("invert_permutation", "permutation", permutation)
    if permutation.dtype != dtypes.int64:
        raise RuntimeError(f"invert_permutation: expected dtype int64, got {permutation.dtype!r}")
    if permutation.ndim != 1:
        raise IndexError(f"invert_permutation: expected 1 dimension, got shape {permutation.shape}")
    places = creation.arange(permutation.shape[0], device=permutation.device)
    return ops.scatter(places, 0, permutation, places)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences: keep the first `lengths[i]` steps of sequence i.

    Args:
        input: shape (T, N, *), or (N, T, *) with `batch_first`.
        lengths: how long each sequence is, N numbers above 0 and not above T.
        batch_first: see `input`.
        enforce_sorted: whether the sequences have to come longest first; otherwise they are sorted here, and what is
            made of the result is put back in order by `pad_packed_sequence` and by the recurrent networks.

    Raises RuntimeError for lengths that do not fit, that are not above 0, or not sorted where they have to be.
    """
    operation = "pack_padded_sequence"
    wrap_dim(1, _check.tensor(operation, "input", input).ndim, operation)
    if not isinstance(lengths, TensorCore):
        lengths = creation.as_tensor(lengths, dtype=dtypes.int64)
    if lengths.ndim != 1:
        raise RuntimeError(f"{operation}: 'lengths' should be 1D, but got {lengths.ndim}D")
    counts = _values(lengths)
    steps, batch = input.shape[:2] if not batch_first else (input.shape[1], input.shape[0])
    if not input.numel():
        raise RuntimeError(f"{operation}: Cannot pack empty tensors, got shape {input.shape}")
    if len(counts) != batch:
        raise RuntimeError(
            f"{operation}: Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} "
            f"(batch_size={batch})"
        )
    if counts.min() <= 0:
        raise RuntimeError(f"{operation}: Length of all samples has to be greater than 0, but got {counts.tolist()}")
    if counts.max() > steps:
        raise RuntimeError(f"{operation}: expected lengths of at most {steps}, those of the input, got {counts.max()}")
    order = np.arange(batch) if enforce_sorted else np.argsort(-counts, kind="stable")
    counts = counts[order]
    if (np.diff(counts) > 0).any():
        raise RuntimeError(
            f"{operation}: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True, got "
            f"{counts.tolist()}; sort the sequences, or pass enforce_sorted=False"
        )
    step, sequence = np.nonzero(np.arange(counts[0])[:, None] < counts)
    sequence = order[sequence]
    rows = sequence * steps + step if batch_first else step * batch + sequence

    def fn(a: mx.array, rows: mx.array) -> mx.array:
        return take(a.reshape(-1, *a.shape[2:]), rows, 0)

    fn.__qualname__ = operation
    data = apply(fn, input, mx.array(rows.astype(np.int32)))
    indices = [] if enforce_sorted else [_integers(order), _integers(np.argsort(order))]
    return PackedSequence(data, _integers(np.bincount(step)), *indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Undo `pack_padded_sequence`: the padded sequences, in their first order, and how long each of them is.

    Args:
        sequence: packed sequences.
        batch_first: whether the result has shape (N, T, *) in place of (T, N, *).
        padding_value: what stands behind the end of the shorter ones.
        total_length: T, if it is to be more than the longest length.

    Raises ValueError for a `total_length` below the longest length.
    """
    operation = "pad_packed_sequence"
    sizes = np.array(packed_sizes(operation, sequence.batch_sizes))
    steps, batch = len(sizes), int(sizes[0])
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                f"{operation}: Expected total_length to be at least the length of the longest sequence in input, but "
                f"got total_length={total_length} and max sequence length being {steps}"
            )
        if not hasattr(total_length, "__index__") or isinstance(total_length, bool):
            raise TypeError(f"{operation}(): argument 'total_length' must be int, not {type(total_length).__name__}")
        sizes = np.pad(sizes, (0, total_length - steps))
    data = _check.tensor(operation, "data", sequence.data)
    if data.ndim == 0 or data.shape[0] < sizes.sum():
        raise RuntimeError(f"{operation}: expected data of {sizes.sum()} rows, as batch_sizes say, got {data.shape}")
    filling = _filling(operation, padding_value, data)
    inside = np.arange(batch) < sizes[:, None]
    rows = np.where(inside, np.cumsum(sizes)[:, None] - sizes[:, None] + np.arange(batch), -1).astype(np.int32)
    counts, table, back = inside.sum(0), mx.array(rows.T if batch_first else rows), sequence.unsorted_indices
    if back is not None:
        table = _tape.array(ops.index_select(_tape.wrap(table), 0 if batch_first else 1, back))
    lengths = _integers(counts) if back is None else ops.index_select(_integers(counts), 0, back)

    def fn(a: mx.array, table: mx.array) -> mx.array:
        found = take(a, mx.maximum(table, 0), 0)
        mask = (table >= 0).reshape(*table.shape, *[1] * (a.ndim - 1))
        return mx.where(mask, found, filling)

    fn.__qualname__ = operation
    return apply(fn, data, table), lengths


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of shapes (L, *) as one tensor (T, N, *), T the longest length; with `batch_first` (N, T, *).

    Args:
        sequences: N tensors that differ in their first dimension only, or one tensor whose first dimension has them.
        batch_first: see above.
        padding_value: what the shorter ones are filled up with.
        padding_side: "right" to fill up behind them, "left" before them.

    The result has the dtype of the first. Raises RuntimeError for none, and for shapes that do not fit.

    >>> from lucid import nn, tensor
    >>> nn.utils.rnn.pad_sequence([tensor([1, 2, 3]), tensor([4])], batch_first=True)
    tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    operation = "pad_sequence"
    if not isinstance(sequences, Iterable):
        raise RuntimeError(f"{operation}: Expected iterable for input sequences, but got {type(sequences).__name__}")
    tensors = [_check.tensor(operation, "sequences", t) for t in sequences]
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"{operation}: Expected padding_side to be one of left or right, but got {padding_side!r}")
    if not tensors:
        raise RuntimeError(f"{operation}: received an empty list of sequences")
    for t in tensors:
        if t.ndim == 0:
            raise RuntimeError(f"{operation}: expected sequences of at least 1 dimension, got a 0-dim tensor")
    filling = _filling(operation, padding_value, tensors[0])
    longest, trailing = max(int(t.shape[0]) for t in tensors), tuple(tensors[0].shape[1:])
    for t in tensors:
        if not _fits(t.shape, (t.shape[0], *trailing)):
            raise RuntimeError(
                f"{operation}: The size of each sequence must match that of the first beyond its length, {trailing}, "
                f"got {t.shape}"
            )

    def fn(*arrays: mx.array) -> mx.array:
        dtype, shape = arrays[0].dtype, (len(arrays), longest, *trailing)
        if not mx.zeros(shape).size:
            return mx.zeros(shape, dtype)
        pieces = []
        for a in arrays:
            whole = mx.broadcast_to(a.astype(dtype), (a.shape[0], *trailing))
            rest = mx.broadcast_to(filling, (longest - a.shape[0], *trailing))
            pieces += [whole, rest] if padding_side == "right" else [rest, whole]
        return mx.concatenate([p for p in pieces if p.size]).reshape(shape)

    fn.__qualname__ = operation
    padded: Tensor = apply(fn, *tensors)
    return padded if batch_first else padded.transpose(0, 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """Undo `pad_sequence`: the first `lengths[i]` steps of sequence i, all of them if there are no more.

    Args:
        padded_sequences: shape (T, N, *), or (N, T, *) with `batch_first`.
        lengths: how long each sequence is, N integers.
        batch_first: see `padded_sequences`.

    Raises ValueError if there are not N lengths.
    """
    x = _check.tensor("unpad_sequence", "padded_sequences", padded_sequences)
    counts = _values(_check.tensor("unpad_sequence", "lengths", lengths)).tolist()
    if not batch_first:
        x = x.transpose(0, 1)
    batch, steps = x.shape[:2]
    if lengths.ndim != 1 or len(counts) != batch:
        raise ValueError(f"unpad_sequence: expected {batch} lengths, one for each sequence, got {counts}")
    counts = [min(max(n, 0), steps) for n in counts]
    if not x.numel():
        return [x[k, :n] for k, n in enumerate(counts)]
    # Split, not sliced: the gradient of a slice is as large as the whole, that of a split is the pieces.
    cuts = [end for k, n in enumerate(counts) for end in (k * steps + n, (k + 1) * steps)][:-1]

    def fn(a: mx.array) -> list[mx.array]:
        return split(a.reshape(-1, *a.shape[2:]), cuts, 0)[::2]

    fn.__qualname__ = "unpad_sequence"
    return list(apply(fn, x))


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of shapes (L, *); for `enforce_sorted`, see `pack_padded_sequence`."""
    lengths = [int(_check.tensor("pack_sequence", "sequences", t).shape[0]) for t in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo `pack_sequence`: the sequences, in their first order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def _fits(shape: Sequence[int], into: Sequence[int]) -> bool:
    """Whether an array of `shape` can be broadcast to `into`."""
    pairs = zip(reversed(shape), reversed(into), strict=False)
    return len(shape) <= len(into) and all(a in (1, b) for a, b in pairs)


def _values(t: Tensor) -> np.ndarray[Any, Any]:
    """The values of `t`, evaluated: shapes depend on them."""
    found = _known.values(t)
    if found is None:
        _tape.evaluate(t)
        found = np.array(t._data)
    return found.astype(np.int64)


def _integers(values: Any) -> Tensor:
    return creation.tensor(values, dtype=dtypes.int64)


def _filling(operation: str, value: Any, like: Tensor) -> mx.array:
    return fitting(value.item() if isinstance(value, TensorCore) else value, like.dtype.mx, operation)
