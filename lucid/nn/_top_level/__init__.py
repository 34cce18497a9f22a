"""The layers' functions that PyTorch has at the top level too, there with the signatures of its C++ operations.

Most are those of `lucid.nn.functional`. Those that take a reduction as a number, take their arguments in another order
or return more are defined here.
"""

from lucid.nn._top_level import layers, losses, normalisation, recurrent
from lucid.nn._top_level.layers import *
from lucid.nn._top_level.losses import *
from lucid.nn._top_level.normalisation import *
from lucid.nn._top_level.recurrent import *
from lucid.nn.functional import (
    adaptive_avg_pool1d,
    avg_pool1d,
    bilinear,
    celu,
    celu_,
    channel_shuffle,
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    cosine_similarity,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool3d,
    native_channel_shuffle,
    pairwise_distance,
    pdist,
    pixel_shuffle,
    pixel_unshuffle,
    rms_norm,
    selu,
    selu_,
    threshold,
    threshold_,
)

__all__ = [
    "adaptive_avg_pool1d",
    "avg_pool1d",
    "bilinear",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_similarity",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
    "native_channel_shuffle",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "rms_norm",
    "selu",
    "selu_",
    "threshold",
    "threshold_",
]
__all__ += layers.__all__ + losses.__all__ + normalisation.__all__ + recurrent.__all__
