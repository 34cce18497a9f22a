"""PyTorch's API on Apple's MLX engine."""

# Two functions carry their module's name (`tensor`, `device`): the modules are imported first, so that the functions win.
from lucid.tensor import Tensor  # isort: skip
from lucid._size import Size

from lucid._printing import get_printoptions, printoptions, set_printoptions
from lucid import autograd
from lucid._grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from lucid.creation import *
from lucid.device import device
from lucid.dtypes import *
from lucid.ops import *
from lucid.random import *

from lucid import nn, optim  # isort: skip
from lucid.serialization import load, save  # isort: skip
