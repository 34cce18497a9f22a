"""PyTorch's API on Apple's MLX engine."""

import typing as _typing

# The modules `tensor` and `device` are loaded by the first line; the functions of the same names, imported later, then
# win.
from lucid import autograd, dtypes, fft, func, linalg, masked, nn, optim, random, serialization, signal, special, utils  # isort: skip
from lucid import creation, ops, storage  # isort: skip
from lucid import accelerator, amp, backends, cpu, cuda, futures, jit, mps, testing, types, version  # isort: skip
from lucid._grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

from lucid import _in_place, _left_out, _limits, _settings  # isort: skip
from lucid._in_place import *
from lucid._limits import *
from lucid._printing import get_printoptions, printoptions, set_printoptions
from lucid._settings import *
from lucid._size import Size
from lucid.amp import GradScaler
from lucid.amp.autocast_mode import *
from lucid.compiler import compile
from lucid.creation import *
from lucid.device import device
from lucid.dtypes import *
from lucid.func import vmap
from lucid.jit import _assert as _assert
from lucid.linalg.flat import *
from lucid.linalg.flat_spectral import *
from lucid.linalg.low_rank import *
from lucid.nn._top_level import *
from lucid.ops import *
from lucid.random import *
from lucid.serialization import load, save
from lucid.storage import *
from lucid.tensor import Tensor
from lucid.version import __version__ as __version__

__all__ = [
    "GradScaler",
    "Size",
    "Tensor",
    "accelerator",
    "amp",
    "autograd",
    "backends",
    "compile",
    "cpu",
    "cuda",
    "device",
    "enable_grad",
    "fft",
    "func",
    "futures",
    "get_printoptions",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "jit",
    "linalg",
    "load",
    "masked",
    "mps",
    "nn",
    "no_grad",
    "optim",
    "printoptions",
    "random",
    "save",
    "serialization",
    "set_grad_enabled",
    "set_printoptions",
    "signal",
    "special",
    "storage",
    "testing",
    "types",
    "utils",
    "version",
    "vmap",
]
__all__ += creation.__all__ + dtypes.__all__ + linalg.flat.__all__ + ops.__all__ + random.__all__
__all__ += linalg.flat_spectral.__all__ + linalg.low_rank.__all__ + nn._top_level.__all__
__all__ += _in_place.__all__ + _limits.__all__ + _settings.__all__ + amp.autocast_mode.__all__ + storage.__all__

if not _typing.TYPE_CHECKING:  # what type checkers see is what is there

    def __getattr__(name: str) -> _typing.Any:
        raise AttributeError(_left_out.explain("lucid", name))
