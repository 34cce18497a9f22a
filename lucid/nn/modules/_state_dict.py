"""Writing a module's state into a dict, and the hooks around that. Reading it back is in `_loading`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lucid._handles import RemovableHandle
from lucid.nn.modules._global_hooks import attach

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


def state_dict(self: Module, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
    """Return a dict mapping parameter/buffer names to tensors.

    The returned OrderedDict carries a `_metadata` attribute: `{module_path: {"version": <int>}}` for every module.
    Tensors in it are detached, and share their values with the module's: clone them to keep what they hold now.

    Args:
        destination: a dict to write into, which is then what is returned.
        prefix: what to put before every name.
        keep_vars: put the parameters themselves into it instead of detached tensors.

    >>> from lucid import nn, tensor
    >>> module = nn.ParameterDict({"scale": nn.Parameter(tensor([2.0]))})
    >>> dict(module.state_dict())
    {'scale': tensor([2.])}
    """
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    local_metadata = {"version": self._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = local_metadata
    for hook in type(self)._state_dict_pre_hooks.of(self):
        hook(self, prefix, keep_vars)
    self._save_to_state_dict(destination, prefix, keep_vars)
    for name, module in self._modules.items():
        if module is not None:
            module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in type(self)._state_dict_hooks.of(self):
        new = hook(self, destination, prefix, local_metadata)
        if new is None:
            continue
        if isinstance(hook, _InPlaceOnly):
            raise RuntimeError("state_dict post-hook must return None; change the dict it is given in place")
        destination = new
    return destination


def _save_to_state_dict(self: Module, destination: Any, prefix: str, keep_vars: bool) -> None:
    """Write the state of this module alone into `destination`; its children do so themselves. Made to be overridden."""
    for name, param in self._parameters.items():
        if param is not None:
            destination[prefix + name] = param if keep_vars else param.detach()
    for name, buffer in self._buffers.items():
        if buffer is not None and name not in self._non_persistent_buffers_set:
            destination[prefix + name] = buffer if keep_vars else buffer.detach()
    if type(self).get_extra_state is not get_extra_state:
        destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()


def get_extra_state(self: Module) -> Any:
    """Return extra state to include in state_dict. Override in subclasses, together with `set_extra_state`.

    It is stored under the key `_extra_state` and should be picklable. Raises RuntimeError where it is not overridden.
    """
    raise RuntimeError(
        f"get_extra_state: {self._get_name()} keeps no extra state; override get_extra_state and set_extra_state to "
        "have state_dict() store some"
    )


def set_extra_state(self: Module, state: Any) -> None:
    """Restore extra state loaded from state_dict. Override in subclasses, together with `get_extra_state`.

    Raises RuntimeError where it is not overridden.
    """
    raise RuntimeError(
        f"set_extra_state: {self._get_name()} keeps no extra state; override get_extra_state and set_extra_state to "
        "have load_state_dict() restore some"
    )


class _InPlaceOnly:
    """A state_dict post-hook whose return value must be None."""

    def __init__(self, hook: Callable[..., Any]) -> None:
        self.hook = hook

    def __call__(self, *args: Any) -> Any:
        return self.hook(*args)


def register_state_dict_pre_hook(self: Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Register `hook(module, prefix, keep_vars)` to be called before this module writes its state."""
    return attach(self._state_dict_pre_hooks, hook)


def register_state_dict_post_hook(self: Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Register `hook(module, state_dict, prefix, local_metadata)`, called once this module and its children are in it.

    It may change the dict in place. Returning anything but None makes `state_dict()` raise RuntimeError.
    """
    return attach(self._state_dict_hooks, _InPlaceOnly(hook))


def _register_state_dict_hook(self: Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Like `register_state_dict_post_hook`, but a dict that `hook` returns replaces that of the root module."""
    return attach(self._state_dict_hooks, hook)
