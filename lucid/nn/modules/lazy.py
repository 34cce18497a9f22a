"""Modules that find out the shapes of their parameters at the first call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lucid._grad_mode import no_grad
from lucid._handles import RemovableHandle
from lucid.nn.modules.module import Module
from lucid.nn.parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class _LazyProtocol(Protocol):
    """What a class mixes `LazyModuleMixin` into: PyTorch's name for it, for annotations."""

    def _register_load_state_dict_pre_hook(self, hook: Any, with_module: bool = False) -> RemovableHandle: ...
    def register_forward_pre_hook(
        self, hook: Any, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle: ...


class LazyModuleMixin(Module):
    """For modules whose parameters get their shapes from the first input.

    A subclass makes `UninitializedParameter` and `UninitializedBuffer` in its constructor and gives them shapes in
    `initialize_parameters`, which is called with the arguments of the first call. After that the module is one of the
    class `cls_to_become`, if there is one. Until then it can be moved, cast, copied, saved and loaded; loading the
    state dict of a module that was called gives shapes too. An optimizer takes the parameters as they are: they stay
    the same objects.

    >>> from lucid import nn, ones
    >>> net = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2))
    >>> net(ones(3, 5)).shape
    lucid.Size([3, 2])
    >>> net
    Sequential(
      (0): Linear(in_features=5, out_features=4, bias=True)
      (1): ReLU()
      (2): Linear(in_features=4, out_features=2, bias=True)
    )
    """

    cls_to_become: type[Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give all parameters their shapes and values, for the arguments of the first call. Override in subclasses."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """True while some parameter or buffer of this module has no shape."""
        return any(is_lazy(t) for t in (*self._parameters.values(), *self._buffers.values()))

    def _infer_parameters(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(
                f"module {self._get_name()} has not been fully initialized: initialize_parameters left parameters "
                "without a shape"
            )
        for name in ("_initialize_hook", "_load_hook"):
            getattr(module, name).remove()
            delattr(module, name)
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        own = {name: buffer for name, buffer in self._buffers.items() if name not in self._non_persistent_buffers_set}
        for name, t in (*self._parameters.items(), *own.items()):
            if t is not None:  # one without a shape stands for itself: there is nothing to detach
                destination[prefix + name] = t if keep_vars or is_lazy(t) else t.detach()

    def _lazy_load_hook(self, state_dict: Mapping[str, Any], prefix: str, *_: Any) -> None:
        """Give parameters the shapes that are in `state_dict`, where they have none."""
        for name, t in (*self._parameters.items(), *self._buffers.items()):
            value = state_dict.get(prefix + name)
            if is_lazy(t) and value is not None and not is_lazy(value):
                with no_grad():
                    t.materialize(value.shape)
