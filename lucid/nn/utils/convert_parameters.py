"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import mlx.core as mx

from lucid import _tape
from lucid._tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The values of all parameters, one after the other, as one vector. Gradients go through it.

    Raises ValueError if there are none, TypeError if they are on different devices.

    >>> import lucid
    >>> lucid.nn.utils.parameters_to_vector([lucid.ones(2), lucid.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    tensors = list(parameters)
    if not tensors:
        raise ValueError("parameters_to_vector: expected at least one parameter, got none")
    _check_device("parameters_to_vector", tensors)
    result: Tensor = _tape.apply(lambda *arrays: mx.concatenate([a.reshape(-1) for a in arrays]), *tensors)
    return result


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give each parameter its part of `vec`, in order.

    Raises TypeError if `vec` is no tensor, RuntimeError if it is too short.

    >>> import lucid
    >>> w = lucid.nn.Parameter(lucid.zeros(2, 1))
    >>> lucid.nn.utils.vector_to_parameters(lucid.tensor([1.0, 2.0]), [w])
    >>> w.detach()
    tensor([[1.],
            [2.]])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: expected a Tensor, but got: {type(vec).__name__}")
    tensors = list(parameters)
    _check_device("vector_to_parameters", tensors)
    needed = sum(t.numel() for t in tensors)
    if vec.ndim != 1 or vec.numel() < needed:
        raise RuntimeError(
            f"vector_to_parameters: shape {tuple(vec.shape)} is invalid; expected a vector of {needed} values for the "
            "parameters"
        )
    values, start = _tape.array(vec), 0
    for t in tensors:
        end = start + t.numel()
        t.data = _tape.wrap(values[start:end].reshape(t.shape)).to(t.device)
        start = end


def _check_device(name: str, tensors: list[Tensor]) -> None:
    devices = {str(t.device): t for t in tensors}
    if len(devices) > 1:
        raise TypeError(
            f"{name}: Found two parameters on different devices, {' and '.join(devices)}; this is not supported"
        )
