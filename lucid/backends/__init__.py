"""PyTorch's back ends by name, so that code may ask for them and set their switches. Here all of them are MLX."""

from lucid.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
