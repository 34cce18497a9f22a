"""The memory formats of convolution weights."""

from __future__ import annotations

from typing import TypeVar

from lucid._grad_mode import no_grad
from lucid.nn.modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from lucid.nn.modules.module import Module
from lucid.ops.memory_formats import memory_format as MemoryFormat

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

M = TypeVar("M", bound=Module)


def convert_conv2d_weight_memory_format(module: M, memory_format: MemoryFormat) -> M:
    """Give the weights of all `Conv2d` and `ConvTranspose2d` in `module` the strides of `memory_format`. Returns it.

    Convolutions compute channels-last here in any case; the format is what `stride()` says of the weights.

    >>> import lucid
    >>> conv = lucid.nn.Conv2d(2, 4, 3)
    >>> lucid.nn.utils.convert_conv2d_weight_memory_format(conv, lucid.channels_last).weight.stride()
    (18, 1, 6, 2)
    """
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: M, memory_format: MemoryFormat) -> M:
    """Give the weights of all `Conv3d` and `ConvTranspose3d` in `module` the strides of `memory_format`. Returns it."""
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)


def _convert(module: M, kinds: tuple[type[Module], ...], memory_format: MemoryFormat) -> M:
    for found in module.modules():
        if isinstance(found, kinds):
            weight = found.weight
            trained = weight.requires_grad
            with no_grad():
                weight.set_(weight.detach().clone(memory_format=memory_format))
            weight.requires_grad_(trained)
    return module
