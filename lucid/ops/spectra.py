"""Spectra over time: the short-time Fourier transform and its inverse."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import apply, array, wrap
from lucid.dtypes import INEXACT, OF_MX
from lucid.ops._edges import MODES, positions
from lucid.ops._fourier import fit, scale, transform64
from lucid.ops._promotion import require_tensor, result_type
from lucid.ops._reduce import HALF, first_true

__all__ = ["istft", "stft"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_FLAT = (
    "{}: no window was given, so each frame is cut out as it is, which smears its spectrum; pass "
    "window=lucid.hann_window({}), or lucid.ones({}) to say that this is meant"
)


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The transforms of the overlapping frames of a signal: (frequency, frame), or (batch, frequency, frame).

    Args:
        input: (time) or (batch, time), floating or complex.
        n_fft: how many samples a frame has.
        hop_length: from the start of one frame to that of the next; `n_fft // 4`.
        win_length: how long the window is; `n_fft`. A shorter one stands in the middle of the frame.
        window: the weights of the samples in a frame; 1, with a warning.
        center: put the middle of the first frame at the first sample, with `n_fft // 2` more before and after all.
        pad_mode: what those are: "reflect", "constant" (zeros), "replicate" or "circular".
        normalized: scale by `1 / sqrt(n_fft)`.
        onesided: give only the first `n_fft // 2 + 1` frequencies, which say everything about a real signal; default
            for those.
        return_complex: has to be given for real signals; False is deprecated and gives the real and imaginary parts in
            a last dimension of size 2, which float64 needs: MLX has no complex128.
        align_to_window: with `center` False, start the first window, not the first frame, at the first sample.

    Raises RuntimeError for sizes that do not fit each other.

    >>> import lucid
    >>> lucid.stft(lucid.ones(8), 4, window=lucid.ones(4), return_complex=True).shape
    lucid.Size([3, 9])
    """
    require_tensor("stft", input)
    if window is not None:
        require_tensor("stft", window, "window")
    hop, length = _sizes("stft", n_fft, hop_length, win_length)
    if center and align_to_window is not None:
        raise RuntimeError(f"stft: align_to_window should only be set when center = false, got {align_to_window}")
    shape, kind = input._data.shape, input._data.dtype
    if kind == mx.bool_:
        raise NotImplementedError("stft: expected a tensor of floating point or complex values, got lucid.bool")
    edges = _edges(n_fft, shape[-1], pad_mode) if center and n_fft > 0 and shape else None
    if return_complex is None:
        if kind != mx.complex64 and (window is None or window._data.dtype != mx.complex64):
            raise RuntimeError(
                "stft: expected return_complex to be given for real signals; return_complex=True gives a complex "
                "result, which lucid.view_as_real() turns into its parts"
            )
        return_complex = True
    if not return_complex:
        warnings.warn(
            "stft: return_complex=False is deprecated; use lucid.view_as_real() on the complex result",
            UserWarning,
            stacklevel=2,
        )
    if kind not in INEXACT:
        raise RuntimeError(f"stft: expected a tensor of floating point or complex values, got {input.dtype!r}")
    if len(shape) not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, got shape {tuple(shape)}")
    samples = shape[-1] + (2 * (n_fft // 2) if center else 0)
    if not 0 < n_fft <= samples:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {samples}, the samples there are, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    _check_window("stft", n_fft, length, window)
    if onesided and (kind == mx.complex64 or (window is not None and window._data.dtype == mx.complex64)):
        raise RuntimeError("stft: Cannot have onesided output if window or input is complex; pass onesided=False")
    to = kind if window is None else result_type(input, window).mx
    if to in HALF:
        raise RuntimeError(f"stft: Unsupported dtype {OF_MX[to]!r}; call .float() first")
    if to == mx.float64 and return_complex:
        raise TypeError("stft: float64 has no complex counterpart, MLX stores complex64 only; call .float() first")
    half = to != mx.complex64 if onesided is None else onesided
    count = 1 + (shape[-1] - length if align_to_window else samples - n_fft) // hop
    left = (n_fft - length) // 2
    extra = left if align_to_window else n_fft // 2 if center else 0

    def fn(a: mx.array, weights: mx.array | None = None) -> mx.array:
        a = a.astype(to).reshape(-1, shape[-1])
        if edges is not None:
            a = mx.concatenate([mx.take(a, edges[0], 1), a, mx.take(a, edges[1], 1)], axis=1)
        elif extra:
            a = mx.pad(a, [(0, 0), (extra, extra)])
        blocks = _frames(a, n_fft, hop, count)
        if weights is not None or length < n_fft:
            w = mx.ones((length,), to) if weights is None else weights.astype(to)
            blocks = blocks * mx.pad(w, [(left, n_fft - length - left)])
        out = mx.moveaxis(_spectrum(blocks, half, normalized, return_complex), 1, 2)
        return out if len(shape) == 2 else out[0]

    return apply(fn, input) if window is None else apply(fn, input, window)  # type: ignore[no-any-return]


def _spectrum(blocks: mx.array, half: bool, normalized: bool, as_complex: bool) -> mx.array:
    """The transform along the last axis; without `as_complex` its parts in one more axis."""
    n, norm = blocks.shape[-1], "ortho" if normalized else "backward"
    points = n // 2 + 1 if half else n
    if blocks.dtype == mx.float64:
        if blocks.size == 0:
            return mx.zeros((*blocks.shape[:-1], points, 2), mx.float64)
        pair = transform64(blocks, mx.zeros_like(blocks), inverse=False)
        return mx.stack([x[..., :points] for x in pair], axis=-1) * mx.array(scale(n, norm, False), mx.float64)
    if blocks.size == 0:
        out = mx.zeros((*blocks.shape[:-1], points), mx.complex64)
    else:
        out = (mx.fft.rfft if half else mx.fft.fft)(blocks, norm=norm)
    return out if as_complex else mx.stack([mx.real(out), mx.imag(out)], axis=-1)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal of which `stft`, called with the same arguments, gave `input`: the frames' least-squares estimate.

    Args:
        input: (frequency, frame) or (batch, frequency, frame), complex.
        n_fft: how many samples a frame has.
        hop_length: from the start of one frame to that of the next; `n_fft // 4`.
        win_length: how long the window is; `n_fft`.
        window: the weights that `stft` used; 1, with a warning.
        center: the frames were centred: take `n_fft // 2` samples off at each end.
        normalized: the transforms were scaled by `1 / sqrt(n_fft)`.
        onesided: only the first half of the frequencies is there; by default found out from the shape.
        length: how many samples to give; zeros are appended, with a warning, if there are fewer.
        return_complex: give a complex signal; then `onesided` has to be False.

    Raises RuntimeError for sizes that do not fit each other, and if the windows leave a sample out.

    >>> import lucid
    >>> x, w = lucid.tensor([1.0, 2.0, 3.0, 4.0]), lucid.ones(2)
    >>> lucid.istft(lucid.stft(x, 2, 1, window=w, return_complex=True), 2, 1, window=w)
    tensor([1., 2., 3., 4.])
    """
    require_tensor("istft", input)
    if window is not None:
        require_tensor("istft", window, "window")
    hop, span = _sizes("istft", n_fft, hop_length, win_length)
    shape = input._data.shape
    if input._data.dtype != mx.complex64:
        raise RuntimeError(
            f"istft requires a complex-valued input tensor, as stft gives it with return_complex=True, got "
            f"{input.dtype!r}; real and imaginary parts become one with lucid.view_as_complex()"
        )
    if len(shape) < 2:
        raise IndexError(f"istft: expected a tensor of at least 2 dimensions, got shape {tuple(shape)}")
    if input._data.size == 0:
        raise RuntimeError(f"istft: input tensor cannot be empty, got shape {tuple(shape)}")
    if len(shape) > 3:
        raise RuntimeError(f"istft: expected (frequency, frame) or (batch, frequency, frame), got shape {tuple(shape)}")
    half = shape[-2] != n_fft if onesided is None else onesided
    points = n_fft // 2 + 1 if half else n_fft
    if shape[-2] != points:
        raise RuntimeError(
            f"istft: expected the frequency dimension to be {points} with n_fft={n_fft} and onesided={half}, but got "
            f"{shape[-2]}"
        )
    if not 0 < hop <= span:
        raise RuntimeError(f"istft: expected 0 < hop_length <= win_length, got {hop} and {span}")
    _check_window("istft", n_fft, span, window)
    complex_window = window is not None and window._data.dtype == mx.complex64
    if return_complex and half:
        raise RuntimeError("istft: Cannot have onesided output if window or input is complex; pass onesided=False")
    if complex_window and not return_complex:
        raise RuntimeError("istft: Complex windows are incompatible with return_complex=False")
    signal = wrap(mx.zeros((1,), mx.complex64 if return_complex else mx.float32))
    to = result_type(signal, signal if window is None else window).mx
    whole, left, count = n_fft + hop * (shape[-1] - 1), (n_fft - span) // 2, shape[-1]
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else whole - start
    if stop <= start:
        raise RuntimeError(f"istft: expected at least one sample of signal, got {max(0, stop - start)}")

    def weigh(w: mx.array | None) -> tuple[mx.array, mx.array]:
        w = mx.pad(mx.ones((span,), to) if w is None else w.astype(to), [(left, n_fft - span - left)])
        squares = mx.broadcast_to(mx.square(w), (1, count, n_fft))
        return w, _overlapped(squares, hop, whole)[:, start:stop]

    def fn(a: mx.array, weights: mx.array | None = None) -> mx.array:
        a = mx.swapaxes(a.reshape(-1, *shape[-2:]), 1, 2)
        norm = "ortho" if normalized else "backward"
        # Of all the frequencies of a real signal the first half is read, the others are their conjugates.
        blocks = (
            mx.fft.ifft(a, norm=norm) if return_complex else mx.fft.irfft(a[..., : n_fft // 2 + 1], n_fft, norm=norm)
        )
        w, envelope = weigh(weights)
        out = fit(_overlapped(blocks.astype(to) * w, hop, whole)[:, start:stop] / envelope, 1, stop - start)
        return out if len(shape) == 3 else out[0]

    values = None if window is None else array(window)
    if first_true(gap=mx.abs(weigh(values)[1]) < 1e-11):
        raise RuntimeError(
            "istft: window overlap add min: 0; expected windows that leave no sample out, got "
            f"{'no window' if window is None else 'one'} of length {span} every {hop} samples"
        )
    if stop > whole:
        warnings.warn(
            f"istft: the signal has {whole - start} samples, fewer than length={length}; zeros are appended",
            UserWarning,
            stacklevel=2,
        )
    return apply(fn, input) if window is None else apply(fn, input, window)  # type: ignore[no-any-return]


# ---- arguments -------------------------------------------------------------------------------------------------------


def _sizes(operation: str, n_fft: Any, hop_length: Any, win_length: Any) -> tuple[int, int]:
    """The hop and the length of the window, with their defaults."""
    for name, value in (("n_fft", n_fft), ("hop_length", hop_length), ("win_length", win_length)):
        if (value is not None or name == "n_fft") and (not hasattr(value, "__index__") or isinstance(value, bool)):
            raise TypeError(f"{operation}(): argument '{name}' must be int, not {type(value).__name__}")
    return n_fft // 4 if hop_length is None else int(hop_length), n_fft if win_length is None else int(win_length)


def _check_window(operation: str, n_fft: int, length: int, window: Tensor | None) -> None:
    if not 0 < length <= n_fft:
        raise RuntimeError(f"{operation}: expected 0 < win_length <= n_fft, but got win_length={length}, n_fft={n_fft}")
    if window is None:
        warnings.warn(_FLAT.format(operation, n_fft, n_fft), UserWarning, stacklevel=3)
    elif window._data.shape != (length,):
        raise RuntimeError(
            f"{operation}: expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{tuple(window._data.shape)}"
        )


def _edges(n_fft: int, size: int, mode: str) -> tuple[mx.array, mx.array] | None:
    """The indices of the samples that come before and after the signal; None for zeros."""
    if mode == "constant":
        return None
    if mode not in MODES:
        raise NotImplementedError(
            f"stft: Unrecognised padding mode {mode}; expected constant, reflect, replicate or circular"
        )
    more = n_fft // 2
    at = positions(mode, size, more, more, 1)
    return mx.array(at[:more]), mx.array(at[more + size :])


# ---- frames ----------------------------------------------------------------------------------------------------------
# A frame is a row of pieces, each one hop long, so that cutting and adding up are slices, and so are their gradients: a
# gather and a scatter take MLX 0.32.4 ten times as long.


def _frames(a: mx.array, size: int, step: int, count: int) -> mx.array:
    """`count` overlapping frames of the rows of `a`: (row, frame, size)."""
    pieces = -(-size // step)
    a = fit(a, 1, (count + pieces - 1) * step)
    rows = a.reshape(a.shape[0], count + pieces - 1, step)
    return fit(mx.concatenate([rows[:, k : k + count] for k in range(pieces)], axis=2), 2, size)


def _overlapped(blocks: mx.array, step: int, length: int) -> mx.array:
    """The sum of `blocks`, (row, frame, size), each starting `step` after the one before: (row, length)."""
    rows, count, size = blocks.shape
    pieces = -(-size // step)
    blocks = fit(blocks, 2, pieces * step)
    whole = None
    for k in range(pieces):
        piece = blocks[..., k * step : (k + 1) * step].reshape(rows, count * step)
        piece = mx.pad(piece, [(0, 0), (k * step, (pieces - 1 - k) * step)])
        whole = piece if whole is None else whole + piece
    assert whole is not None
    return fit(whole, 1, length)
