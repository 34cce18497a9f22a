"""What becomes part of a module: parameters, buffers and children, and the rules for their names."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from lucid._tensor import Tensor
from lucid.nn.modules import _global_hooks
from lucid.nn.parameter import Buffer, Parameter

if TYPE_CHECKING:
    from lucid._handles import Hooks
    from lucid.nn.modules.module import Module


def register_parameter(self: Module, name: str, param: Parameter | None) -> None:
    """Register a Parameter under the given name.

    `None` reserves the name: the parameter is then left out of `parameters()` and of the state dict.

    Raises AttributeError before `Module.__init__()`, TypeError if `param` is no Parameter or `name` no string,
    KeyError if the name is empty, has a dot in it or is taken, ValueError if `param` was computed from another
    tensor.
    """
    if "_parameters" not in self.__dict__:
        raise AttributeError("cannot assign parameter before Module.__init__() call")
    _check_name(self, "parameter", name, self._parameters)
    if param is not None:
        if not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' (lucid.nn.Parameter or None required)"
            )
        if param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. A model's parameters are values of their own: "
                f"compute '{name}' in forward(), or pass it through nn.Parameter(tensor.detach())."
            )
        param = _through(_global_hooks._global_parameter_registration_hooks, self, name, param)
    self._parameters[name] = param


def register_buffer(self: Module, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
    """Register a buffer tensor. Non-persistent buffers are excluded from state_dict.

    A buffer moves and is cast with the module, but is no parameter: `BatchNorm`'s running mean is one. `None`
    reserves the name.

    Raises AttributeError before `Module.__init__()`, TypeError if `tensor` is no Tensor or `name` no string, KeyError
    if the name is empty, has a dot in it or is taken.

    >>> from lucid import nn, tensor
    >>> module = nn.Module()
    >>> module.register_buffer("mean", tensor([1.0, 2.0]))
    >>> module.mean
    tensor([1., 2.])
    """
    if "_buffers" not in self.__dict__:
        raise AttributeError("cannot assign buffer before Module.__init__() call")
    _check_name(self, "buffer", name, self._buffers)
    if tensor is not None and not isinstance(tensor, Tensor):
        raise TypeError(f"cannot assign '{typename(tensor)}' object to buffer '{name}' (lucid Tensor or None required)")
    self._buffers[name] = _through(_global_hooks._global_buffer_registration_hooks, self, name, tensor)
    if persistent:
        self._non_persistent_buffers_set.discard(name)
    else:
        self._non_persistent_buffers_set.add(name)


def add_module(self: Module, name: str, module: Module | None) -> None:
    """Add a child module.

    `None` reserves the name.

    Raises TypeError if `module` is no Module or `name` no string, KeyError if the name is empty, has a dot in it or
    is taken.
    """
    from lucid.nn.modules.module import Module

    if not isinstance(module, Module) and module is not None:
        raise TypeError(f"{typename(module)} is not a Module subclass")
    if "_modules" not in self.__dict__:
        raise AttributeError("cannot assign module before Module.__init__() call")
    _check_name(self, "module", name, self._modules)
    self._modules[name] = _through(_global_hooks._global_module_registration_hooks, self, name, module)


def register_module(self: Module, name: str, module: Module | None) -> None:
    """Alias for add_module."""
    self.add_module(name, module)


def assign_parameter(self: Module, name: str, value: Any) -> None:
    """Store `value` as the parameter `name`, no longer anything else. Only None may replace a Parameter."""
    if isinstance(value, Parameter):
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameters before Module.__init__() call")
        forget(name, self.__dict__, self._buffers, self._modules, self._non_persistent_buffers_set)
    elif value is not None:
        raise TypeError(
            f"cannot assign '{typename(value)}' as parameter '{name}' (lucid.nn.Parameter or None expected); write "
            f"nn.Parameter(value), or fill the one that is there: module.{name}.data.copy_(value)"
        )
    self.register_parameter(name, value)


def assign_module(self: Module, name: str, value: Module | None) -> None:
    """Store `value` as the child `name`, no longer anything else. Only None may replace a Module."""
    from lucid.nn.modules.module import Module

    if isinstance(value, Module):
        if "_modules" not in self.__dict__:
            raise AttributeError("cannot assign module before Module.__init__() call")
        forget(name, self.__dict__, self._parameters, self._buffers, self._non_persistent_buffers_set)
    elif value is not None:
        raise TypeError(
            f"cannot assign '{typename(value)}' as child module '{name}' (lucid.nn.Module or None expected)"
        )
    self._modules[name] = _through(_global_hooks._global_module_registration_hooks, self, name, value)


def assign_buffer(self: Module, name: str, value: Any) -> None:
    """Store `value` as the buffer `name`. A Buffer says whether it is persistent; other tensors are what was before."""
    if value is not None and not isinstance(value, Tensor):
        raise TypeError(
            f"cannot assign '{typename(value)}' as buffer '{name}' (lucid.nn.Buffer, lucid.Tensor or None expected)"
        )
    if isinstance(value, Buffer):
        persistent = value.persistent
    else:
        persistent = name not in self.__dict__.get("_non_persistent_buffers_set", ())
    ours = type(self).register_buffer is register_buffer
    if ours or "persistent" in inspect.signature(self.register_buffer).parameters:
        self.register_buffer(name, value, persistent)
    elif persistent:  # a subclass wrote register_buffer without that argument
        self.register_buffer(name, value)
    else:
        raise RuntimeError(
            f"cannot register non-persistent buffer '{name}': {typename(self)}.register_buffer takes no 'persistent'"
        )


def forget(name: str, *owners: dict[str, Any] | set[str]) -> None:
    """Drop `name` from each of `owners`."""
    for owner in owners:
        if isinstance(owner, set):
            owner.discard(name)
        else:
            owner.pop(name, None)


def typename(value: object) -> str:
    """The full name of the type of `value`, or of `value` if it is a type: "int", "lucid.nn.modules.linear.Linear"."""
    kind = value if isinstance(value, type) else type(value)
    if kind is Tensor:
        return "lucid.Tensor"
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _check_name(self: Module, kind: str, name: str, registered: dict[str, Any]) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')
    if name not in registered and hasattr(self, name):
        raise KeyError(f"attribute '{name}' already exists")


def _through(hooks: Hooks, self: Module, name: str, value: Any) -> Any:
    for hook in hooks.values():
        replaced = hook(self, name, value)
        if replaced is not None:
            value = replaced
    return value
