"""`functional_call` under the name it had before `lucid.func`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lucid import func

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.nn.modules.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Deprecated, with a FutureWarning: `lucid.func.functional_call` is the same."""
    warnings.warn(
        "lucid.nn.utils.stateless.functional_call is deprecated as it is in PyTorch; use lucid.func.functional_call",
        FutureWarning,
        stacklevel=2,
    )
    return func.functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
