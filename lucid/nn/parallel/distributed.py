"""The wrapper around a module that several processes train together: a name to ask for, until there are processes."""

from __future__ import annotations

from typing import Any

from lucid.nn.modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A module whose gradients are averaged over several processes. It cannot be made: there is one process.

    PyTorch refuses it in the same way before `init_process_group()`; `isinstance` works. With MLX's own processes,
    average gradients after `backward()` with `mx.distributed.all_sum`.

    Raises ValueError.
    """

    module: Module

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        raise ValueError(
            "DistributedDataParallel: the default process group has not been initialized, as there is no "
            "lucid.distributed; use the module itself, and mx.distributed.all_sum for gradients of several processes"
        )
