"""Drawing from distributions whose parameters are tensors, and filling tensors with random numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views
from lucid._generator import Generator, draw_exponential, draw_integers, draw_normal, draw_uniform, fresh_key
from lucid._grad_mode import mode
from lucid._tape import TensorCore, apply, array, escape, wrap
from lucid.dtypes import FLOATING, OF_MX, dtype
from lucid.ops._arguments import numpy_names
from lucid.ops._fits import largest
from lucid.ops._out import give, into
from lucid.ops._reduce import HALF, first_true

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["bernoulli", "binomial", "multinomial", "poisson"]


@numpy_names
def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """Zeros and ones, one with the probability that `input` holds, or `p` everywhere, in the dtype of `input`.

    Raises RuntimeError for probabilities outside [0, 1].
    """
    kind = input._data.dtype
    if p is None and kind not in FLOATING:
        raise NotImplementedError(f"bernoulli: expected probabilities of a floating dtype, got {OF_MX[kind]!r}")
    drawn = _zeros_and_ones(input._data.shape, input if p is None else p, generator).astype(kind)
    return give(unrelated(_device_like(input, drawn), input), out, "bernoulli")


def _zeros_and_ones(shape: tuple[int, ...], p: Any, generator: Generator | None) -> mx.array:
    if isinstance(p, TensorCore):
        escape(p)
        odds = array(p).astype(mx.float32)
        if first_true(outside=mx.logical_not((odds >= 0) & (odds <= 1))):
            raise RuntimeError("bernoulli: expected all probabilities to be between 0 and 1")
        return mx.random.bernoulli(mx.broadcast_to(odds, shape), key=fresh_key(generator))
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return mx.random.bernoulli(float(p), shape, fresh_key(generator))


def _device_like(input: Tensor, data: mx.array) -> Tensor:
    t = wrap(data)
    return t if input._extra is None else _views.pin(t, _views.device_of(input))


@numpy_names
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """`num_samples` indices for each row, int64, drawn with the row's values as weights. They need not sum to 1.

    Raises RuntimeError for weights that are negative, infinite or NaN, for rows that sum to 0, and for more samples
    than there are columns, unless drawn with replacement.
    """
    kind, shape = input._data.dtype, input._data.shape
    if not hasattr(num_samples, "__index__"):
        raise TypeError(f"multinomial(): argument 'num_samples' must be int, not {type(num_samples).__name__}")
    num_samples = int(num_samples.__index__())
    if kind not in FLOATING:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {OF_MX[kind]!r}")
    if not 1 <= len(shape) <= 2:
        raise RuntimeError(f"multinomial: prob_dist must be 1 or 2 dim, got shape {tuple(shape)}")
    if shape[-1] == 0:
        raise RuntimeError(f"invalid multinomial distribution: a row without probabilities, got shape {tuple(shape)}")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    if not replacement and num_samples > shape[-1]:
        raise RuntimeError(
            f"cannot sample n_sample > prob_dist.size(-1) samples without replacement, got {num_samples} of {shape[-1]}"
        )
    escape(input)
    weights = array(input)
    if weights.size == 0:
        return give(wrap(mx.zeros((*shape[:-1], num_samples), mx.int64)), out, "multinomial", exact=True)
    weights = weights if kind == mx.float64 else weights.astype(mx.float32)
    wrong = first_true(element=mx.logical_not((weights >= 0) & (weights < mx.inf)), row=mx.sum(weights, axis=-1) <= 0)
    if wrong == "element":
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if wrong == "row":
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    key = fresh_key(generator)
    if replacement and num_samples > 1:
        data = _with_replacement(weights, num_samples, key)
    else:
        race = weights / draw_exponential(tuple(shape), weights.dtype, key)  # who finishes first, at rates `weights`
        if num_samples == 1:
            data = mx.argmax(race, axis=-1, keepdims=True)
        else:
            data = mx.argsort(-race, axis=-1)[..., :num_samples]
    return give(_device_like(input, data.astype(mx.int64)), out, "multinomial", exact=True)


def _with_replacement(weights: mx.array, n: int, key: mx.array) -> mx.array:
    rows = weights.reshape(-1, weights.shape[-1])
    sums = mx.cumsum(rows, axis=-1)
    at = draw_uniform((rows.shape[0], n), rows.dtype, key) * sums[:, -1:]
    found = mx.stack([mx.searchsorted(sums[k], at[k], side="right") for k in range(rows.shape[0])])
    return mx.minimum(found, rows.shape[-1] - 1).reshape(*weights.shape[:-1], n)


@numpy_names
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson numbers of the rates `input`, in its shape and dtype.

    MLX 0.32 has no Poisson sampler, so this evaluates `input` and draws on the host. Raises RuntimeError for negative
    rates.
    """
    kind = input._data.dtype
    if kind not in FLOATING:
        raise NotImplementedError(f"poisson: expected rates of a floating dtype, got {OF_MX[kind]!r}")
    rates = input.detach().numpy(force=True).astype(np.float64)
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    drawn = np.asarray(host(generator).poisson(rates), np.float64)
    return unrelated(_device_like(input, mx.array(drawn.astype(np.float32)).astype(kind)), input)


@numpy_names
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None, *, out: Tensor | None = None) -> Tensor:
    """How many of `count` trials succeed with the probabilities `prob`, drawn for each element, both broadcast.

    MLX 0.32 has no binomial sampler, so this evaluates both and draws on the host. Negative counts give 0,
    probabilities beyond [0, 1] count as its ends, NaN gives NaN. Raises ValueError for other dtypes than floating ones
    and RuntimeError if the two differ.
    """
    for name, t in (("count", count), ("prob", prob)):
        if not isinstance(t, TensorCore):
            raise TypeError(f"binomial(): argument '{name}' must be Tensor, not {type(t).__name__}")
        if t._data.dtype not in FLOATING:
            raise ValueError(f"binomial only supports floating-point dtypes for {name}, got: {OF_MX[t._data.dtype]!r}")
    if count._data.dtype != prob._data.dtype:
        raise RuntimeError(f"binomial: expected prob of dtype {count.dtype!r}, but found {prob.dtype!r}")
    trials, odds = (t.detach().numpy(force=True).astype(np.float64) for t in (count, prob))
    try:
        trials, odds = np.broadcast_arrays(trials, odds)
    except ValueError:
        raise RuntimeError(f"binomial: shapes {trials.shape} and {odds.shape} do not broadcast") from None
    known = np.isfinite(trials) & ~np.isnan(odds)
    whole = np.where(known, np.clip(trials, 0, 2.0**62), 0).astype(np.int64)
    drawn = host(generator).binomial(whole, np.where(known, np.clip(odds, 0, 1), 0)).astype(np.float64)
    drawn = np.where((trials <= 0) | (odds <= 0), 0, np.where(known, drawn, np.where(odds >= 1, trials, np.nan)))
    kind = count._data.dtype
    data = mx.array(drawn, mx.float64 if kind == mx.float64 else mx.float32).astype(kind)
    return give(_device_like(count, data), out, "binomial")


# ---- in place --------------------------------------------------------------------------------------------------------


def _fill(t: Tensor, data: mx.array) -> Tensor:
    drawn = wrap(data.astype(t._data.dtype))
    return into(t, drawn if t._node is None and t._extra is None else unrelated(drawn, t))


def unrelated(drawn: Tensor, *inputs: Any) -> Tensor:
    """`drawn`, with a gradient of zero for the tensors among `inputs` that require one."""
    if mode.grad and any(isinstance(t, TensorCore) and t.requires_grad for t in inputs):
        data = drawn._data

        def random(*_: Any) -> mx.array:
            return data

        drawn = apply(random, *inputs)
    return drawn


def _inexact(t: Tensor, operation: str) -> mx.Dtype:
    kind = t._data.dtype
    if kind not in FLOATING:
        raise NotImplementedError(f"{operation}: expected a floating tensor, got {OF_MX[kind]!r}")
    return mx.float32 if kind in HALF else kind


def uniform_(self: Tensor, from_: float = 0, to: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill this tensor with uniform numbers in [`from_`, `to`); if complex, both parts."""
    kind = mx.complex64 if self._data.dtype == mx.complex64 else _inexact(self, "uniform_")
    if not (math.isfinite(from_) and math.isfinite(to)):
        raise RuntimeError(f"uniform_: from and to are out of bounds for {OF_MX[self._data.dtype]!r}: {from_} and {to}")
    limit = largest(self._data.dtype)
    if max(abs(from_), abs(to)) > limit:
        raise RuntimeError(f"uniform_: from and to are out of bounds for {OF_MX[self._data.dtype]!r}: {from_} and {to}")
    if to - from_ > limit:
        raise RuntimeError(f"uniform_: expected to - from <= {limit}, but found to={to} and from={from_}")
    if from_ > to:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")
    if kind != mx.complex64:
        return _fill(self, _uniform(self._data.shape, self._data.dtype, from_, to, generator))
    real, imag = (_uniform(self._data.shape, mx.float32, from_, to, generator) for _ in range(2))
    return _fill(self, real + imag * mx.array(1j, mx.complex64))


def _uniform(shape: tuple[int, ...], kind: mx.Dtype, low: float, high: float, generator: Generator | None) -> mx.array:
    if low == 0 and high == 1:
        return draw_uniform(shape, kind, fresh_key(generator))
    wide = mx.float32 if kind in HALF else kind
    data = draw_uniform(shape, wide, fresh_key(generator)) * (high - low) + low
    return mx.minimum(data, mx.array(_below(high, low, kind), wide))  # rounding may reach `high`


def _below(high: float, low: float, kind: mx.Dtype) -> float:
    """The number of dtype `kind` next to `high` on the side of `low`."""
    if kind != mx.bfloat16:
        number = OF_MX[kind].numpy.type
        return float(np.nextafter(number(high), number(low)))
    bits = int(np.float32(high).view(np.int32)) & ~0xFFFF  # bfloat16 is the upper half of float32
    if float(np.int32(bits).view(np.float32)) < high or high == low:
        return high if high == low else float(np.int32(bits).view(np.float32))
    return -1e-38 if high == 0 else float(np.int32(bits + (0x10000 if high < 0 else -0x10000)).view(np.float32))


def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill this tensor with normal numbers of mean `mean` (of both parts, if complex) and standard deviation `std`."""
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    kind = self._data.dtype if self._data.dtype == mx.complex64 else _inexact(self, "normal_")
    data = draw_normal(self._data.shape, kind, fresh_key(generator))
    if mean == 0 and std == 1:
        return _fill(self, data)
    return _fill(self, data * std + (complex(mean, mean) if kind == mx.complex64 else mean))


def log_normal_(self: Tensor, mean: float = 1, std: float = 2, *, generator: Generator | None = None) -> Tensor:
    """Fill this tensor with numbers whose log is normal, of mean `mean` and standard deviation `std`."""
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    kind = _inexact(self, "log_normal_")
    return _fill(self, mx.exp(draw_normal(self._data.shape, kind, fresh_key(generator)) * std + mean))


def exponential_(self: Tensor, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill this tensor with exponential numbers of rate `lambd`."""
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    kind = _inexact(self, "exponential_")
    return _fill(self, draw_exponential(self._data.shape, kind, fresh_key(generator)) / lambd)


def cauchy_(self: Tensor, median: float = 0, sigma: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill this tensor with Cauchy numbers around `median` of width `sigma`."""
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    kind = _inexact(self, "cauchy_")
    return _fill(
        self, mx.tan((draw_uniform(self._data.shape, kind, fresh_key(generator)) - 0.5) * math.pi) * sigma + median
    )


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill this tensor with the numbers of trials up to the first success, of probability `p`."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    kind = self._data.dtype
    if kind == mx.bool_ or kind == mx.complex64:
        raise NotImplementedError(f"geometric_: expected an integer or floating tensor, got {OF_MX[kind]!r}")
    wide = mx.float64 if kind == mx.float64 else mx.float32
    waited = draw_exponential(self._data.shape, wide, fresh_key(generator)) / -math.log1p(-p)
    return _fill(self, mx.ceil(waited))


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill this tensor with zeros and ones, one with probability `p`, a number or a tensor."""
    if self._data.dtype == mx.complex64:
        raise NotImplementedError("bernoulli_: expected a bool, integer or floating tensor, got complex64")
    return _fill(self, _zeros_and_ones(self._data.shape, p, generator))


def random_(
    self: Tensor, from_: int | None = None, to: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Fill this tensor with integers from `from_` up to, not including, `to`.

    `random_(to)` starts at 0, and `random_()` ends with the largest integer of the dtype; for floating dtypes, with the
    largest up to which they hold all.
    """
    kind = OF_MX[self._data.dtype]
    if kind.is_complex:
        raise NotImplementedError("random_: expected an integer, bool or floating tensor, got complex64")
    if to is None and from_ is not None:
        from_, to = 0, from_
    if to is None:
        low, high = 0, random_top(kind)
    else:
        for bound in (from_, to):
            if bound is not None and not hasattr(bound, "__index__"):
                raise TypeError(f"random_(): expected integers as bounds, got {type(bound).__name__}")
        low, high = int(from_ or 0), int(to)
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        check_range("random_", kind, low, high)
    return _fill(self, draw_integers(self._data.shape, low, high, fresh_key(generator)))


def random_top(kind: dtype) -> int:
    """One more than the largest integer that `random_()` draws for a dtype."""
    if kind.rank == 0:
        return 2
    if kind.is_floating_point:
        return {"float16": 2**11, "bfloat16": 2**8, "float32": 2**24, "float64": 2**53}[kind.name] + 1
    return int(np.iinfo(kind.numpy).max) + 1


def check_range(operation: str, kind: dtype, low: int, high: int) -> None:
    """Raise RuntimeError if [low, high) is not within the range of the dtype `kind`."""
    if kind.is_inexact:
        top = int(largest(kind.mx)) + 1
        bottom = 1 - top
    else:
        bottom = 0 if kind.rank == 0 else int(np.iinfo(kind.numpy).min)
        top = random_top(kind)
    if low < bottom or high > top:
        raise RuntimeError(
            f"{operation}: from={low} and to - 1={high - 1} must be in the range of {kind!r}, {bottom} to {top - 1}"
        )


def host(generator: Generator | None = None) -> np.random.Generator:
    """A numpy generator seeded by a draw, for what MLX cannot sample."""
    return np.random.Generator(np.random.Philox(key=int(np.array(fresh_key(generator)).view(np.uint64)[0])))
