"""Reductions and normalisations of some of the elements of a tensor: PyTorch's `torch.masked`, on dense tensors.

`MaskedTensor` is left out: pass the mask to each function.
"""

from lucid.masked import reductions, rows
from lucid.masked.reductions import *
from lucid.masked.rows import *

__all__: list[str] = []
__all__ += reductions.__all__
__all__ += rows.__all__
