"""PyTorch's API on Apple's MLX engine."""

# The modules `tensor` and `device` are loaded by the first line; the functions of the same names, imported later, then
# win.
from lucid import autograd, dtypes, nn, optim, random, serialization, utils  # isort: skip
from lucid import creation, ops  # isort: skip
from lucid._grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from lucid._printing import get_printoptions, printoptions, set_printoptions
from lucid._size import Size
from lucid.creation import *
from lucid.device import device
from lucid.dtypes import *
from lucid.ops import *
from lucid.random import *
from lucid.serialization import load, save
from lucid.tensor import Tensor

__version__ = "0.1.0"

__all__ = [
    "Size",
    "Tensor",
    "autograd",
    "device",
    "enable_grad",
    "get_printoptions",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "load",
    "nn",
    "no_grad",
    "optim",
    "printoptions",
    "random",
    "save",
    "serialization",
    "set_grad_enabled",
    "set_printoptions",
    "utils",
]
__all__ += creation.__all__ + dtypes.__all__ + ops.__all__ + random.__all__
