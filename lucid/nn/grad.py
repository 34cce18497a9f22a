"""The gradients of convolutions with respect to their input and their weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lucid import autograd, creation
from lucid._grad_mode import enable_grad, is_grad_enabled
from lucid._tensor import Tensor
from lucid.nn.functional import _check
from lucid.nn.functional.conv import conv1d, conv2d, conv3d

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]

_Size = int | Sequence[int]


def conv1d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv1d` with respect to its input. Arguments as in `conv2d_input`."""
    return _of_input(conv1d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv1d` with respect to its weight. Arguments as in `conv2d_weight`."""
    return _of_weight(conv1d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv2d` with respect to its input.

    Args:
        input_size: the shape of the input, and of the result.
        weight: shape (out_channels, in_channels/groups, kH, kW).
        grad_output: the gradient of the output, of the output's shape.
        stride: what the convolution had, as are the next three.
        padding: zeros on both sides.
        dilation: distance between the elements of the kernel.
        groups: how many groups of channels.

    Raises RuntimeError for shapes and dtypes that do not fit.

    >>> import lucid
    >>> lucid.nn.grad.conv2d_input((1, 1, 1, 3), lucid.tensor([[[[1.0, 2.0]]]]), lucid.ones(1, 1, 1, 2))
    tensor([[[[1., 3., 2.]]]])
    """
    return _of_input(conv2d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv2d` with respect to its weight.

    Args:
        input: shape (N, in_channels, H, W).
        weight_size: the shape of the weight, and of the result.
        grad_output: the gradient of the output, of the output's shape.
        stride: what the convolution had, as are the next three.
        padding: zeros on both sides.
        dilation: distance between the elements of the kernel.
        groups: how many groups of channels.

    Raises RuntimeError for shapes and dtypes that do not fit.
    """
    return _of_weight(conv2d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv3d` with respect to its input. Arguments as in `conv2d_input`."""
    return _of_input(conv3d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of `conv3d` with respect to its weight. Arguments as in `conv2d_weight`."""
    return _of_weight(conv3d, input, weight_size, grad_output, stride, padding, dilation, groups)


def _of_input(
    conv: Callable[..., Tensor], size: Sequence[int], weight: Tensor, grad_output: Tensor, *options: _Size
) -> Tensor:
    input = _placeholder(conv, size, grad_output)
    return _gradient(conv, input, _check.tensor(conv.__name__, "weight", weight), input, grad_output, options)


def _of_weight(
    conv: Callable[..., Tensor], input: Tensor, size: Sequence[int], grad_output: Tensor, *options: _Size
) -> Tensor:
    weight = _placeholder(conv, size, grad_output)
    return _gradient(conv, _check.tensor(conv.__name__, "input", input), weight, weight, grad_output, options)


def _placeholder(conv: Callable[..., Tensor], size: Sequence[int], like: Tensor) -> Tensor:
    """A tensor whose values do not count: a convolution is linear in it, and the convolution is never computed."""
    _check.tensor(conv.__name__, "grad_output", like)
    return creation.zeros(*size, dtype=like.dtype, device=like.device, requires_grad=True)


def _gradient(
    conv: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    asked: Tensor,
    grad_output: Tensor,
    options: tuple[_Size, ...],
) -> Tensor:
    recorded = is_grad_enabled() and any(t.requires_grad for t in (input, weight, grad_output) if t is not asked)
    with enable_grad():
        output = conv(input, weight, None, *options)
    result: Tensor = autograd.grad(output, asked, grad_output, create_graph=recorded)[0]
    return result
