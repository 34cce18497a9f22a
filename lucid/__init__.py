"""PyTorch's API on Apple's MLX engine."""

import typing as _typing

from lucid import _later, dtypes
from lucid._device import device
from lucid._grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from lucid._size import Size
from lucid._tensor import Tensor
from lucid.dtypes import *
from lucid.version import __version__ as __version__

if _typing.TYPE_CHECKING:
    from lucid import (
        accelerator,
        amp,
        autograd,
        backends,
        compiler,
        cpu,
        creation,
        cuda,
        fft,
        func,
        futures,
        jit,
        linalg,
        masked,
        mps,
        nn,
        ops,
        optim,
        random,
        serialization,
        signal,
        special,
        storage,
        testing,
        types,
        utils,
        version,
    )
    from lucid._in_place import *
    from lucid._limits import *
    from lucid._printing import get_printoptions, printoptions, set_printoptions
    from lucid._settings import *
    from lucid.amp import GradScaler
    from lucid.amp.autocast_mode import *
    from lucid.compiler import compile
    from lucid.creation import *
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

    __all__: list[str]
else:  # what the block above says, loaded when it is asked for

    def _explain(name: str) -> str:
        from lucid import _left_out

        return _left_out.explain("lucid", name)

    __getattr__, __dir__, __all__ = _later.names(__name__, _explain)
    __all__ += dtypes.__all__
    __all__ += """Size Tensor accelerator amp autograd backends compiler cpu cuda device enable_grad fft func futures
        inference_mode is_grad_enabled is_inference_mode_enabled jit linalg masked mps nn no_grad optim random
        serialization set_grad_enabled signal special storage testing types utils version""".split()
