"""PyTorch's API on Apple's MLX engine."""

# Two functions carry their module's name (`tensor`, `device`): the modules are imported first, so that the functions win.
from lucid.tensor import Tensor  # isort: skip
from lucid._size import Size
from lucid.creation import *
from lucid.device import device
from lucid.dtypes import *
from lucid.ops import *
