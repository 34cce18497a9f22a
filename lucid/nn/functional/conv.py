"""Convolutions: PyTorch's layout (N, C, *) outside, channels last inside, between two free transposes."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._channels import Last, first, last
from lucid._grad_mode import mode
from lucid._tape import Leaf, apply
from lucid._views import ChannelsLast, channels_last, lay, lies_last
from lucid.dtypes import FLOATING, OF_MX
from lucid.nn.functional import _check, _convolution

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

_Size = int | Sequence[int]
Shape = tuple[int, ...]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Size = 1,
    padding: str | _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of `input`, shape (N, C, L) or (C, L), with `weight`, shape (out, C/groups, k).

    See `conv2d`.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Size = 1,
    padding: str | _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of `input` with `weight`, plus `bias`.

    Args:
        input: shape (N, C, H, W), or (C, H, W) without a batch.
        weight: shape (out_channels, C/groups, kH, kW).
        bias: shape (out_channels).
        stride: step of the kernel, one int or one for each spatial dimension; as are the next two.
        padding: zeros on both sides; or "valid" for none, or "same" for an output of the input's size.
        dilation: distance between the elements of the kernel.
        groups: how many groups of channels, each convolved for itself.

    Raises RuntimeError for shapes or dtypes that do not fit.
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Size = 1,
    padding: str | _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of `input`, (N, C, D, H, W) or (C, D, H, W), with `weight`, (out, C/groups, kD, kH, kW).

    See `conv2d`.
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """`conv1d` of other layouts: `input` (T, N, C), `weight` (k, C, out), `bias` (out). Returns shape (T', N, out)."""
    for name, t, n in (("input", input, 3), ("weight", weight, 3), ("bias", bias, 1)):
        if _check.tensor("conv_tbc", name, t).ndim != n:
            raise RuntimeError(f"conv_tbc: expected {name} to have {n} dimensions, got shape {t.shape}")
    result = _conv("conv_tbc", 1, input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad, 1, 1)
    return result.permute(2, 0, 1)


def _conv(
    name: str, n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    return _planned(_plan, name, n, input, weight, bias, (stride, padding, dilation, groups))


def _planned(plan: Any, name: str, n: int, input: Any, weight: Any, bias: Any, arguments: tuple[Any, ...]) -> Tensor:
    """The convolution by the function that `plan` makes for it, or made for an earlier call with the same sizes."""
    for argument, t in (("input", input), ("weight", weight), ("bias", bias)):
        if t is not None or argument != "bias":
            _check.tensor(name, argument, t)
    of = None if bias is None else (bias._data.shape, bias._data.dtype)
    if plan is _plan and not lies_last(weight):
        _settle(weight)
    x, w = input._data, weight._data
    key = (name, n, x.shape, x.dtype, w.shape, w.dtype, of, *arguments)
    try:
        run = plan(*key)
    except TypeError:  # a list cannot be remembered; and what is wrong with the arguments is to be said properly
        run = plan.__wrapped__(*key)
    if run.__class__ is Last:
        return channels_last(run, input, weight, bias)  # type: ignore[no-any-return]
    return apply(run, input, weight, bias)  # type: ignore[no-any-return]


def _settle(weight: Tensor) -> None:
    """Have a weight that is no view and no result lie channels last from now on: MLX would copy it at each call."""
    node, extra = weight._node, weight._extra
    owner = (extra is None or extra.__class__ is ChannelsLast) and (node is None or isinstance(node, Leaf))
    if owner and 2 < weight._data.ndim < 6:
        inside = mx.contiguous(last(weight._data))
        weight._data = first(inside)
        lay(weight, inside)


def _is_unmapped(n: int, groups: int) -> bool:
    """Whether `mx.vmap` maps the convolution wrongly or not at all, or not its gradient (MLX 0.32.4)."""
    return mode.careful or (mode.mapping and (groups > 1 or n == 3))


def _laid(run: Any, name: str, batched: bool) -> Any:
    """`run`, which takes and gives arrays with a batch and their channels last, as a function of PyTorch's layout."""
    run.__qualname__ = name
    laid = Last(run)
    if batched:
        return laid

    def unbatched(x: mx.array, w: mx.array, b: mx.array | None) -> Any:
        return laid(x[None], w, b)[0]

    unbatched.__qualname__ = name
    return unbatched


@functools.lru_cache(maxsize=512)
def _plan(
    name: str,
    n: int,
    shape: Shape,
    dtype: mx.Dtype,
    weight: Shape,
    weight_dtype: mx.Dtype,
    bias: tuple[Shape, mx.Dtype] | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    batched = _check_shapes(name, n, shape, dtype, weight, weight_dtype, bias, groups)
    steps, apart = _check.sizes(name, "stride", stride, n), _check.sizes(name, "dilation", dilation, n)
    kernel = weight[2:]
    low, high = _padding(name, n, padding, kernel, steps, apart)
    _check_steps(name, steps, apart, low, groups)
    channels = shape[-n - 1]
    if channels != weight[1] * groups:
        raise RuntimeError(
            f"{name}: Given groups={groups}, weight of size {list(weight)}, expected input{list(shape)} to have "
            f"{weight[1] * groups} channels, but got {channels} channels instead"
        )
    if weight[0] % groups:
        raise RuntimeError(
            f"{name}: Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got "
            "weight "
            f"of size {list(weight)} instead"
        )
    padded = [s + a + b for s, a, b in zip(shape[-n:], low, high, strict=True)]
    extent = [d * (k - 1) + 1 for d, k in zip(apart, kernel, strict=True)]
    if any(p < e for p, e in zip(padded, extent, strict=True)):
        raise RuntimeError(
            f"{name}: Calculated padded input size per channel: {tuple(padded)}. Kernel size: {tuple(extent)}. Kernel "
            "size can't be greater than actual input size"
        )
    outs = [(p - e) // t + 1 for p, e, t in zip(padded, extent, steps, strict=True)]
    # MLX (0.32.4) takes a second gradient of the wrong shape if steps leave something of the input over at its end.
    used = [
        slice(s - max((p - e) % t - h, 0))
        for s, p, e, t, h in zip(shape[-n:], padded, extent, steps, high, strict=True)
    ]
    if max(extent) == 1 and not any(low) and not any(high):  # the gradient of it is many times as fast as with steps
        used, steps = [slice(None, None, t) for t in steps], (1,) * n
    cut = (slice(None), *used) if any(range(s)[u] != range(s) for s, u in zip(shape[-n:], used, strict=True)) else None

    def run(x: mx.array, w: mx.array, b: mx.array | None) -> mx.array:
        if not x.size:
            return mx.zeros((0, *outs, weight[0]), dtype)
        on_cpu = mx.default_device() == mx.cpu
        x = x if cut is None else x[cut]
        w = last(w)
        if on_cpu and dtype in _check.HALF:  # slow on the CPU in MLX (0.32.4)
            x, w = x.astype(mx.float32), w.astype(mx.float32)
        if dtype in _convolution.DTYPES or _is_unmapped(n, groups):
            y = _convolution.convolve(x, w, steps, low, high, apart, groups)
        elif groups == 1 or not on_cpu:
            y = mx.conv_general(x, w, steps, (low, high), apart, 1, groups)
        else:
            y = _grouped(x, w, steps, low, high, apart, groups)
        y = y if b is None else y + b
        return y.astype(dtype)

    return _laid(run, name, batched)


def _grouped(
    x: mx.array,
    w: mx.array,
    steps: Sequence[int],
    low: Sequence[int],
    high: Sequence[int],
    apart: Sequence[int],
    groups: int,
) -> mx.array:
    """A grouped convolution in parts: many times faster on the CPU than MLX's own (0.32.4)."""
    kernel = w.shape[1:-1]
    if w.shape[-1] > 1 or math.prod(kernel) > 49:
        parts = zip(mx.split(x, groups, axis=-1), mx.split(w, groups, axis=0), strict=True)
        return mx.concatenate([mx.conv_general(a, b, steps, (low, high), apart) for a, b in parts], axis=-1)
    x = mx.pad(x, [(0, 0), *zip(low, high, strict=True), (0, 0)])
    x = x if w.shape[0] == groups else mx.repeat(x, w.shape[0] // groups, axis=-1)
    outs = [(s - d * (k - 1) - 1) // t + 1 for s, d, k, t in zip(x.shape[1:-1], apart, kernel, steps, strict=True)]
    total: Any = None
    for at in itertools.product(*[range(k) for k in kernel]):
        cut = [slice(i * d, i * d + t * (o - 1) + 1, t) for i, d, t, o in zip(at, apart, steps, outs, strict=True)]
        part = x[(slice(None), *cut)] * w[(slice(None), *at, 0)]
        total = part if total is None else total + part
    return total  # type: ignore[no-any-return]


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Size = 1,
    padding: _Size = 0,
    output_padding: _Size = 0,
    groups: int = 1,
    dilation: _Size = 1,
) -> Tensor:
    """The transpose of `conv1d`: `input` (N, C, L) or (C, L), `weight` (C, out/groups, k). See `conv_transpose2d`."""
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Size = 1,
    padding: _Size = 0,
    output_padding: _Size = 0,
    groups: int = 1,
    dilation: _Size = 1,
) -> Tensor:
    """What `conv2d` does to gradients of its input, as a forward operation.

    Args:
        input: shape (N, C, H, W), or (C, H, W) without a batch.
        weight: shape (C, out_channels/groups, kH, kW).
        bias: shape (out_channels).
        stride: step of the kernel in the output, one int or one for each spatial dimension; as are the next two.
        padding: how much of the output to cut off on both sides.
        output_padding: how much to add to the output on one side.
        groups: how many groups of channels.
        dilation: distance between the elements of the kernel.

    Raises RuntimeError for shapes or dtypes that do not fit.
    """
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Size = 1,
    padding: _Size = 0,
    output_padding: _Size = 0,
    groups: int = 1,
    dilation: _Size = 1,
) -> Tensor:
    """The transpose of `conv3d`: `input` (N, C, D, H, W), `weight` (C, out/groups, kD, kH, kW).

    See `conv_transpose2d`.
    """
    return _transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _transposed(
    name: str,
    n: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    arguments = (stride, padding, output_padding, groups, dilation)
    return _planned(_plan_transposed, name, n, input, weight, bias, arguments)


@functools.lru_cache(maxsize=512)
def _plan_transposed(
    name: str,
    n: int,
    shape: Shape,
    dtype: mx.Dtype,
    weight: Shape,
    weight_dtype: mx.Dtype,
    bias: tuple[Shape, mx.Dtype] | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    batched = _check_shapes(name, n, shape, dtype, weight, weight_dtype, bias, groups, transposed=True)
    steps, apart = _check.sizes(name, "stride", stride, n), _check.sizes(name, "dilation", dilation, n)
    cut, extra = _check.sizes(name, "padding", padding, n), _check.sizes(name, "output_padding", output_padding, n)
    _check_steps(name, steps, apart, cut, groups)
    inner, outer, *kernel = weight
    if shape[-n - 1] != inner:
        raise RuntimeError(
            f"{name}: Given transposed=1, weight of size {list(weight)}, expected input{list(shape)} to have {inner} "
            f"channels, but got {shape[-n - 1]} channels instead"
        )
    if inner % groups:
        raise RuntimeError(f"{name}: expected the {inner} input channels to be divisible by groups={groups}")
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, apart, strict=True)):
        raise RuntimeError(
            f"{name}: output padding must be smaller than either stride or dilation, but got output_padding: {extra}, "
            f"stride: {steps}, dilation: {apart}"
        )
    reach = [d * (k - 1) for d, k in zip(apart, kernel, strict=True)]
    sizes = [
        (s - 1) * t - 2 * c + r + e + 1 for s, t, c, r, e in zip(shape[-n:], steps, cut, reach, extra, strict=True)
    ]
    if min(extra) < 0:
        raise RuntimeError(f"{name}: negative output_padding is not supported, got {extra}")
    if any(s < 1 for s in sizes):
        raise RuntimeError(
            f"{name}: Given input size {list(shape)}. Calculated output size per channel: {sizes}. Output size is "
            "too small"
        )
    low = [r - c for r, c in zip(reach, cut, strict=True)]
    high = [v + e for v, e in zip(low, extra, strict=True)]
    # More padding than the kernel reaches gives zeros, but MLX (0.32.4) then takes a gradient of the wrong shape.
    beyond = [(0, 0), *[(0, max(v - r, 0)) for v, r in zip(high, reach, strict=True)], (0, 0)]
    pad = ([max(v, 0) for v in low], [min(max(v, 0), r) for v, r in zip(high, reach, strict=True)])
    inside = [slice(max(-v, 0), max(-v, 0) + s) for v, s in zip(low, sizes, strict=True)]

    def run(x: mx.array, w: mx.array, b: mx.array | None) -> mx.array:
        if not x.size:
            return mx.zeros((0, *sizes, outer * groups), dtype)
        on_cpu = mx.default_device() == mx.cpu
        if on_cpu and dtype in _check.HALF:
            x, w = x.astype(mx.float32), w.astype(mx.float32)
        w = w.reshape(groups, inner // groups, outer, *kernel)
        w = mx.moveaxis(w, 1, -1).reshape(groups * outer, *kernel, inner // groups)
        if dtype in _convolution.DTYPES or _is_unmapped(n, groups):
            y = _convolution.convolve(x, w, [1] * n, *pad, apart, groups, steps)
        elif groups == 1 or not on_cpu:
            y = mx.conv_general(x, w, 1, pad, apart, steps, groups, True)
        else:
            parts = zip(mx.split(x, groups, axis=-1), mx.split(w, groups, axis=0), strict=True)
            y = mx.concatenate([mx.conv_general(p, q, 1, pad, apart, steps, 1, True) for p, q in parts], axis=-1)
        y = mx.pad(y, beyond) if max(beyond) > (0, 0) else y
        y = y[(slice(None), *inside)] if min(low + high) < 0 else y
        y = y if b is None else y + b
        return y.astype(dtype)

    return _laid(run, name, batched)


def _check_shapes(
    name: str,
    n: int,
    shape: Shape,
    dtype: mx.Dtype,
    weight: Shape,
    weight_dtype: mx.Dtype,
    bias: tuple[Shape, mx.Dtype] | None,
    groups: int,
    *,
    transposed: bool = False,
) -> bool:
    """Refuse what is wrong whatever the strides. Returns whether the input has a batch dimension."""
    if dtype not in FLOATING and dtype not in _convolution.DTYPES:
        raise NotImplementedError(f'"{name}" not implemented for {OF_MX[dtype]!r}; convert the input with .float()')
    if weight_dtype != dtype or (bias is not None and bias[1] != dtype):
        kinds = [OF_MX[d] for d in (dtype, weight_dtype, *(bias or ())[1:])]
        raise RuntimeError(f"{name}: expected input, weight and bias to have the same dtype, but got {kinds}")
    if len(weight) != n + 2:
        raise RuntimeError(f"{name}: expected weight to have {n + 2} dimensions, but got weight of size {list(weight)}")
    if not isinstance(groups, int) or isinstance(groups, bool):
        raise TypeError(f"{name}(): argument 'groups' must be int, not {type(groups).__name__}")
    if groups <= 0:
        raise RuntimeError(f"{name}: expected groups to be positive, got {groups}")
    batched = _check.spatial(name, shape, n)
    out = weight[1] * groups if transposed else weight[0]
    if bias is not None and bias[0] != (out,):
        raise RuntimeError(
            f"{name}: Given weight of size {list(weight)}, expected bias to be 1-dimensional with {out} elements, "
            "but got "
            f"bias of size {list(bias[0])} instead"
        )
    if 0 in shape[1 if batched else 0 :] or 0 in weight:
        raise RuntimeError(f"{name}: expected sizes above 0 beside the batch, got input {shape} and weight {weight}")
    return batched


def _check_steps(name: str, steps: Sequence[int], apart: Sequence[int], padding: Sequence[int], groups: int) -> None:
    if min(steps) <= 0:
        raise RuntimeError(f"{name}: non-positive stride is not supported, got {tuple(steps)}")
    if min(apart) <= 0:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got {tuple(apart)}")
    if min(padding) < 0:
        raise RuntimeError(f"{name}: negative padding is not supported, got {tuple(padding)}")


def _padding(
    name: str, n: int, padding: Any, kernel: Sequence[int], steps: Sequence[int], apart: Sequence[int]
) -> tuple[list[int], list[int]]:
    """How much to pad before and after each spatial dimension."""
    if padding == "valid":
        return [0] * n, [0] * n
    if padding == "same":
        if any(s != 1 for s in steps):
            raise RuntimeError(
                f"{name}: padding='same' is not supported for strided convolutions, got stride={tuple(steps)}"
            )
        total = [d * (k - 1) for d, k in zip(apart, kernel, strict=True)]
        return [t // 2 for t in total], [t - t // 2 for t in total]
    if isinstance(padding, str):
        raise RuntimeError(f"{name}: Invalid padding string: {padding!r}; expected 'valid' or 'same'")
    both = list(_check.sizes(name, "padding", padding, n))
    return both, both
