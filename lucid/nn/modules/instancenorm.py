"""Instance normalisation."""

from __future__ import annotations

import warnings
from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-05,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _get_no_batch_dim(self) -> int:
        raise NotImplementedError

    def _handle_no_batch_input(self, input: Tensor) -> Tensor:
        return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)

    def _apply_instance_norm(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def forward(self, input: Tensor) -> Tensor:
        """`input`, each channel of each sample normalised with its own statistics, or with the running ones."""
        self._check_input_dim(input)
        single = input.ndim == self._get_no_batch_dim()
        channels = input.shape[0 if single else 1]
        if channels != self.num_features:
            found = f"input's size at dim={0 if single else 1}"
            if self.affine:
                raise ValueError(f"expected {found} to match num_features ({self.num_features}), but got: {channels}.")
            warnings.warn(
                f"{found} is {channels}, not num_features ({self.num_features}), which has no effect with affine=False",
                stacklevel=2,
            )
        return self._handle_no_batch_input(input) if single else self._apply_instance_norm(input)


class InstanceNorm1d(_InstanceNorm):
    """Brings each channel of each sample of an input (N, C, L) or (C, L) to mean 0 and variance 1.

    Args:
        num_features: the number of channels.
        eps: added to the variance.
        momentum: how much of the running statistics a batch replaces.
        affine: whether there are a weight and a bias to apply afterwards.
        track_running_stats: keep running statistics, and use them outside training.
        device: where parameters and buffers live.
        dtype: of the parameters and statistics.
        bias: whether there is a bias.

    Raises ValueError for an input of other dimensions.
    """

    def _get_no_batch_dim(self) -> int:
        return 2

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.ndim}D input)")


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for an input (N, C, H, W) or (C, H, W)."""

    def _get_no_batch_dim(self) -> int:
        return 3

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (3, 4):
            raise ValueError(f"expected 3D or 4D input (got {input.ndim}D input)")


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for an input (N, C, D, H, W) or (C, D, H, W)."""

    def _get_no_batch_dim(self) -> int:
        return 4

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (4, 5):
            raise ValueError(f"expected 4D or 5D input (got {input.ndim}D input)")


class _LazyInstanceNorm(_LazyNormBase, _InstanceNorm):
    def _channel_dim(self, input: Tensor) -> int:
        return 0 if input.ndim == self._get_no_batch_dim() else 1


class LazyInstanceNorm1d(_LazyInstanceNorm):
    """An `InstanceNorm1d` that takes `num_features` from its first input, and is one from then on.

    `affine` and `track_running_stats` are True if left out, other than in `InstanceNorm1d`.
    """

    cls_to_become = InstanceNorm1d
    _check_input_dim = InstanceNorm1d._check_input_dim
    _get_no_batch_dim = InstanceNorm1d._get_no_batch_dim


class LazyInstanceNorm2d(_LazyInstanceNorm):
    """An `InstanceNorm2d` that takes `num_features` from its first input, see `LazyInstanceNorm1d`."""

    cls_to_become = InstanceNorm2d
    _check_input_dim = InstanceNorm2d._check_input_dim
    _get_no_batch_dim = InstanceNorm2d._get_no_batch_dim


class LazyInstanceNorm3d(_LazyInstanceNorm):
    """An `InstanceNorm3d` that takes `num_features` from its first input, see `LazyInstanceNorm1d`."""

    cls_to_become = InstanceNorm3d
    _check_input_dim = InstanceNorm3d._check_input_dim
    _get_no_batch_dim = InstanceNorm3d._get_no_batch_dim
