"""The wrapper around a module that is to run on several devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from lucid._device import as_device, device, gpu_name
from lucid.nn.modules.module import Module
from lucid.nn.parallel.parallel_apply import parallel_apply
from lucid.nn.parallel.replicate import replicate
from lucid.nn.parallel.scatter_gather import gather, one, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]

M = TypeVar("M", bound=Module)


class DataParallel(Module, Generic[M]):
    """Calls `module`. One device computes here: the whole batch runs on it, and nothing has to be divided.

    So it is what it is in a PyTorch without CUDA: a wrapper, for programs and state dicts with the prefix "module.".
    `nn.modules.utils.consume_prefix_in_state_dict_if_present` takes that off.

    Args:
        module: what to call.
        device_ids: devices; those that this machine does not have do not count.
        output_device: where the output should be; memory is shared, so it is there.
        dim: which dimension to divide.

    Raises NotImplementedError for more than one device that exists.

    >>> from lucid import nn
    >>> nn.DataParallel(nn.Linear(2, 3))
    DataParallel(
      (module): Linear(in_features=2, out_features=3, bias=True)
    )
    """

    module: M
    device_ids: list[int]

    def __init__(
        self,
        module: M,
        device_ids: Sequence[int | device] | None = None,
        output_device: int | device | None = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids = []
        if gpu_name() != "cuda":
            return
        if device_ids is not None:
            one("DataParallel", device_ids)
        self.src_device_obj = as_device(0 if device_ids is None else device_ids[0])
        self.device_ids = [self.src_device_obj.index or 0]
        self.dim = dim
        self.output_device = self.device_ids[0] if output_device is None else as_device(output_device).index or 0
        self.module.to(self.src_device_obj)

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module returns."""
        return self.module(*inputs, **kwargs)

    def replicate(self, module: M, device_ids: Sequence[int | device]) -> list[M]:
        """See `nn.parallel.replicate`."""
        return replicate(module, device_ids)

    def scatter(
        self, inputs: tuple[Any, ...], kwargs: dict[str, Any] | None, device_ids: Sequence[int | device]
    ) -> Any:
        """See `nn.parallel.scatter_gather.scatter_kwargs`."""
        return scatter_kwargs(inputs, kwargs, device_ids)

    def parallel_apply(self, replicas: Sequence[M], inputs: Sequence[Any], kwargs: Any) -> list[Any]:
        """See `nn.parallel.parallel_apply`."""
        return parallel_apply(replicas, inputs, kwargs)

    def gather(self, outputs: Sequence[Any], output_device: int | device) -> Any:
        """See `nn.parallel.gather`."""
        return gather(outputs, output_device)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[int | device] | None = None,
    output_device: int | device | None = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """`module` called on `inputs`, a tuple of arguments or the only one, on the device there is.

    Raises NotImplementedError for more than one device that exists.
    """
    arguments = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return DataParallel(module, device_ids, output_device, dim)(*arguments, **(module_kwargs or {}))
