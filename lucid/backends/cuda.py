"""CUDA. The switches may be set and say what they were set to; MLX chooses its kernels itself."""

import mlx.core as mx

__all__ = ["is_built", "matmul"]


def is_built() -> bool:
    """True if this build of MLX has CUDA."""
    return mx.cuda.is_available()


class _Matmul:
    """Permissions for matrix products. MLX_ENABLE_TF32=1 at the start of the program allows TF32 in MLX's."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()
