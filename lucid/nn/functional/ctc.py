"""Connectionist temporal classification: Graves et al. 2006, in logarithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _tape
from lucid._tape import TensorCore, apply
from lucid.dtypes import OF_MX
from lucid.nn.functional import _check, _reduction
from lucid.nn.functional._index import clamped
from lucid.ops import _precise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lucid._tensor import Tensor

__all__ = ["ctc_loss"]

_NEVER = -1e30  # the logarithm of a probability of 0: finite, so that differences of two are not NaN


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """The negative log probability of each target sequence, over all its alignments with the input.

    Args:
        log_probs: logarithms of the probabilities of C classes, shape (T, N, C), or (T, C) without a batch.
        targets: classes, shape (N, S), or all sequences one after the other in one dimension.
        input_lengths: how many of the T steps of each input count.
        target_lengths: how long each target is.
        blank: the class that stands for nothing.
        reduction: "none", "sum", or "mean": each loss divided by the length of its target, then the mean.
        zero_infinity: give 0, and a gradient of 0, where a target is too long for its input, instead of infinity.

    As in PyTorch, the gradient is that with respect to what a `log_softmax` made `log_probs` of.

    Raises RuntimeError for lengths or shapes that do not fit.

    >>> import lucid
    >>> even = lucid.full((3, 1, 2), 0.5).log()
    >>> lucid.nn.functional.ctc_loss(even, lucid.tensor([[1]]), [3], [1], reduction="sum").exp()
    tensor(1.3333)
    """
    _reduction.check(reduction, "ctc_loss")
    x = _check.tensor("ctc_loss", "log_probs", log_probs)
    t = _check.tensor("ctc_loss", "targets", targets)
    dtype = x._data.dtype
    if dtype not in (mx.float32, mx.float64):
        raise NotImplementedError(
            f'"ctc_loss" not implemented for {OF_MX[dtype]!r}: expected float32 or float64; convert with .float()'
        )
    if x.ndim not in (2, 3) or t.ndim not in (1, 2):
        raise RuntimeError(
            "ctc_loss: expected log_probs of shape (T, N, C) or (T, C) and targets of shape (N, S) or (S), got "
            f"{x.shape} and {t.shape}"
        )
    if isinstance(input_lengths, TensorCore) != isinstance(target_lengths, TensorCore):
        raise TypeError("ctc_loss(): input_lengths and target_lengths must both be Tensors, or both be tuples of ints")
    batched = x.ndim == 3
    steps, batch, classes = x._data.shape if batched else (x._data.shape[0], 1, x._data.shape[1])
    if not x._data.size:
        raise RuntimeError(f"ctc_loss: expected log_probs with elements, got shape {x.shape}")
    if not isinstance(blank, int):
        raise TypeError(f"ctc_loss(): argument 'blank' must be int, not {type(blank).__name__}")
    if not 0 <= blank < classes:
        raise RuntimeError(f"ctc_loss: expected blank to be a class from 0 to {classes - 1}, got {blank}")
    lengths = _lengths("input_lengths", input_lengths, batch)
    counts = _lengths("target_lengths", target_lengths, batch)
    if lengths.max() > steps:
        raise RuntimeError(f"ctc_loss: expected input_lengths of at most {steps}, got {lengths.max()}")
    at, size = _places(t, counts, batch)

    def run(p: mx.array, labels: mx.array) -> mx.array:
        p = p if batched else p[:, None]
        chosen = mx.take(labels.reshape(-1), at) if size else mx.zeros((batch, 0), labels.dtype)
        losses = _losses(p, clamped(chosen.astype(mx.int64), classes), lengths, counts, blank, zero_infinity)
        if reduction == "mean":
            losses = losses / mx.array(np.maximum(counts, 1), dtype)
        elif reduction == "none" and not batched:
            return losses[0]
        return _reduction.reduced(losses, reduction, dtype)

    run.__qualname__ = "ctc_loss"
    return apply(run, x, t)  # type: ignore[no-any-return]


def _lengths(name: str, given: Any, batch: int) -> np.ndarray[Any, Any]:
    """The lengths as numbers: how many steps there are to compute depends on them."""
    if isinstance(given, TensorCore):
        if OF_MX[given._data.dtype].rank != 1:
            raise RuntimeError(f"ctc_loss: expected {name} to be integers, got {given.dtype!r}")
        values = _known.values(given)
        if values is None:
            _tape.evaluate(given)
            values = np.array(given._data)
    else:
        values = np.array(given)
    values = np.atleast_1d(values)
    if values.shape != (batch,):
        raise RuntimeError(f"ctc_loss: expected {name} of size {batch}, that of the batch, got shape {values.shape}")
    if values.min(initial=0) < 0:
        raise RuntimeError(f"ctc_loss: expected {name} of at least 0, got {values.min()}")
    return values.astype(np.int64)


def _places(targets: Tensor, counts: np.ndarray[Any, Any], batch: int) -> tuple[mx.array, int]:
    """Where in the flattened targets the sequences are, one in each row, and the length of a row."""
    shape = targets._data.shape
    size = int(counts.max(initial=0))
    if len(shape) == 2:
        if shape[0] != batch or size > shape[1]:
            raise RuntimeError(f"ctc_loss: expected targets of shape ({batch}, at least {size}), got {targets.shape}")
        first = np.arange(batch) * shape[1]
    else:
        if counts.sum() != shape[0]:
            raise RuntimeError(
                f"ctc_loss: expected as many targets as target_lengths sum up to, {counts.sum()}, got {shape[0]}"
            )
        first = np.cumsum(counts) - counts
    last = max(targets._data.size - 1, 0)
    at = np.minimum(first[:, None] + np.arange(size), last)  # behind the end of a sequence anything will do
    return mx.array(at.astype(np.int32)), size


def _losses(
    p: mx.array,
    labels: mx.array,
    lengths: np.ndarray[Any, Any],
    counts: np.ndarray[Any, Any],
    blank: int,
    zero_infinity: bool,
) -> mx.array:
    """The loss of each sequence, from `p`, shape (T, N, C), and `labels`, shape (N, S)."""
    dtype, (steps, batch, _), size = p.dtype, p.shape, labels.shape[1]
    steps = int(lengths.max(initial=0))
    p = p[:steps]
    # A blank before, between and behind the labels: state 2 s + 1 is label s.
    blanks = mx.full((batch, size + 1, 1), blank, labels.dtype)
    between = mx.concatenate([labels, mx.zeros((batch, 1), labels.dtype)], axis=1)[..., None]
    states = mx.concatenate([blanks, between], axis=2).reshape(batch, -1)[:, : 2 * size + 1]
    skips = mx.pad(states[:, 2:] != states[:, :-2], [(0, 0), (2, 0)]) if size else mx.zeros((batch, 1), mx.bool_)
    never = mx.array(_NEVER, dtype)
    at = mx.arange(2 * size + 1)
    ends = mx.array(counts)[:, None] * 2
    total = mx.where((at == ends) & mx.array(lengths == 0)[:, None] & (ends == 0), 0, never)
    if steps:
        scores = mx.take_along_axis(p, mx.broadcast_to(states[None], (steps, *states.shape)), axis=2)
        scores = mx.maximum(scores, never)
        alpha = mx.where((at < 2) & mx.array(lengths > 0)[:, None], scores[0], total)
        for t in range(1, steps):
            one = mx.pad(alpha, [(0, 0), (1, 0)], constant_values=never)[:, :-1]
            two = mx.where(skips, mx.pad(alpha, [(0, 0), (2, 0)], constant_values=never)[:, :-2], never)
            later = scores[t] + _log_sum(alpha, one, two)
            running = lengths > t
            alpha = later if running.all() else mx.where(mx.array(running)[:, None], later, alpha)
        total = alpha
    last = [mx.take_along_axis(total, mx.maximum(ends - k, 0), axis=1)[:, 0] for k in range(2)]
    last[1] = mx.where(ends[:, 0] > 0, last[1], never)
    likelihood = _log_sum(last[0], last[1])
    impossible = mx.stop_gradient(likelihood) < _NEVER / 2
    rest = _nothing(p, lengths)
    losses = mx.where(impossible, 0 if zero_infinity else mx.inf, rest - likelihood)
    if zero_infinity:
        return losses
    root = mx.sqrt(mx.where(impossible, rest, 1))
    return losses + (root - root)  # adds nothing but, where a target is impossible, a gradient of NaN as in PyTorch


def _log_sum(*terms: mx.array) -> mx.array:
    high = terms[0]
    for term in terms[1:]:
        high = mx.maximum(high, term)
    high = mx.stop_gradient(high)
    powers = [_precise.exp(term - high) for term in terms]
    return mx.log(sum(powers[1:], powers[0])) + high


def _nothing(p: mx.array, lengths: np.ndarray[Any, Any]) -> mx.array:
    """Zeros with the gradient `exp(p)`: the part that the backward of a log_softmax below takes off again."""
    steps, batch, classes = p.shape
    rows = np.flatnonzero(np.arange(steps)[:, None] < lengths)
    if not rows.size:
        return mx.zeros(batch, p.dtype)
    # Rows are taken, not masked: the mask of `mx.where` (0.32.4) lets a gradient of NaN through.
    powers = _precise.exp(mx.take(p.reshape(-1, classes), mx.array(rows), axis=0))
    zeros = (powers - mx.stop_gradient(powers)).sum(1)
    return mx.zeros(batch, p.dtype).at[mx.array(rows % batch)].add(zeros)
