"""Making tensors: from data, filled, and as ranges."""

from typing import TYPE_CHECKING

from lucid import _later

if TYPE_CHECKING:
    from lucid.creation import data as data
    from lucid.creation import legacy as legacy
    from lucid.creation.closed_range import range
    from lucid.creation.data import as_tensor, asarray, from_file, from_numpy, frombuffer, tensor
    from lucid.creation.filled import (
        empty,
        empty_like,
        empty_permuted,
        empty_strided,
        eye,
        full,
        full_like,
        ones,
        ones_like,
        scalar_tensor,
        zeros,
        zeros_like,
    )
    from lucid.creation.from_parts import complex, polar
    from lucid.creation.legacy import (
        BFloat16Tensor,
        BoolTensor,
        ByteTensor,
        CharTensor,
        DoubleTensor,
        FloatTensor,
        HalfTensor,
        IntTensor,
        LongTensor,
        ShortTensor,
    )
    from lucid.creation.ranges import arange, linspace, logspace
    from lucid.creation.windows import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window

    __all__ = [
        "BFloat16Tensor",
        "BoolTensor",
        "ByteTensor",
        "CharTensor",
        "DoubleTensor",
        "FloatTensor",
        "HalfTensor",
        "IntTensor",
        "LongTensor",
        "ShortTensor",
        "arange",
        "as_tensor",
        "asarray",
        "bartlett_window",
        "blackman_window",
        "complex",
        "empty",
        "empty_like",
        "empty_permuted",
        "empty_strided",
        "eye",
        "from_file",
        "from_numpy",
        "frombuffer",
        "full",
        "full_like",
        "hamming_window",
        "hann_window",
        "kaiser_window",
        "linspace",
        "logspace",
        "ones",
        "ones_like",
        "polar",
        "range",
        "scalar_tensor",
        "tensor",
        "zeros",
        "zeros_like",
    ]
else:
    __getattr__, __dir__, __all__ = _later.names(__name__)
