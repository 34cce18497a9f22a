"""Functions and modules in forms that transforms can take: without what changes tensors in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lucid.func._arguments import transformed

if TYPE_CHECKING:
    from lucid.nn import Module

M = TypeVar("M", bound="Module")

__all__ = ["functionalize", "replace_all_batch_norm_modules_"]


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """The function that does what `func` does, in which no array is changed in place.

    Here that is `func` itself: arrays are never changed, and in-place operations and views give tensors other arrays.

    Args:
        func: any function.
        remove: "mutations" or "mutations_and_views", as in PyTorch.

    Raises RuntimeError for another `remove`.

    >>> import lucid
    >>> lucid.func.functionalize(lambda x: (x + 1).view(-1).add_(1))(lucid.zeros(2))
    tensor([2., 2.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(f"functionalize: expected remove='mutations' or 'mutations_and_views', got {remove!r}")
    return transformed(func, lambda *args, **kwargs: func(*args, **kwargs))


def replace_all_batch_norm_modules_(root: M) -> M:
    """Take the running statistics from all batch norms in `root`, which is returned: they use those of each batch.

    Transforms refuse functions that change tensors which are no arguments, as batch norms in training do.

    >>> import lucid
    >>> from lucid import nn
    >>> lucid.func.replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm1d(3)))
    Sequential(
      (0): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)
    )
    >>> lucid.vmap(nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)))(lucid.randn(2, 4, 3)).shape
    lucid.Size([2, 4, 3])
    """
    for module in root.modules():
        if any(cls.__name__ == "_BatchNorm" for cls in type(module).__mro__) and module.track_running_stats:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(module, name, None)
            module.track_running_stats = False
    return root
