"""Discrete Fourier transforms: PyTorch's `torch.fft`, computed by MLX in complex64."""

from lucid.fft import frequencies, one_dimensional, several_dimensional
from lucid.fft.frequencies import *
from lucid.fft.one_dimensional import *
from lucid.fft.several_dimensional import *

__all__: list[str] = []
__all__ += frequencies.__all__
__all__ += one_dimensional.__all__
__all__ += several_dimensional.__all__
