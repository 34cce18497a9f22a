"""`Module`, the base class of everything that has parameters.

The methods are functions from the files beside this one, bound here by name: one definition, one docstring, full types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lucid._handles import Hooks, LaterHooks
from lucid._tensor import Tensor
from lucid.nn.modules import _call, _cast, _hooks, _loading, _registration, _repr, _state_dict, _tree
from lucid.nn.modules._global_hooks import (
    _global_backward_hooks,
    _global_backward_pre_hooks,
    _global_forward_hooks,
    _global_forward_pre_hooks,
    _global_node_backward_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from lucid.nn.modules._loading import _IncompatibleKeys as _IncompatibleKeys
from lucid.nn.modules._repr import _addindent as _addindent
from lucid.nn.modules._state_dict import _EXTRA_STATE_KEY_SUFFIX as _EXTRA_STATE_KEY_SUFFIX
from lucid.nn.parameter import Buffer, Parameter

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


def _forward_unimplemented(self: Module, *input: Any, **kwargs: Any) -> Any:
    """Override in subclasses to define the computation. Raises NotImplementedError where it is not."""
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


def _new_state() -> dict[str, Any]:
    return {
        "training": True,
        "_parameters": {},
        "_buffers": {},
        "_non_persistent_buffers_set": set(),
        "_backward_pre_hooks": Hooks(),
        "_backward_hooks": Hooks(),
        "_forward_pre_hooks": Hooks(),
        "_forward_hooks": Hooks(),
        "_modules": {},
    }


class Module:
    """Base class for all neural network modules.

    Every custom model should subclass this, call `super().__init__()` first and implement `forward`. Parameters,
    buffers and submodules assigned as attributes are tracked automatically: a Parameter goes to `_parameters`, a
    Module to `_modules`, a Buffer to `_buffers`, anything else is a plain attribute.

    >>> import lucid
    >>> from lucid import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(lucid.tensor([2.0]))
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(lucid.tensor([1.0, 2.0])).detach()
    tensor([2., 4.])
    """

    dump_patches: bool = False
    # Stored with the state dict: raise it when parameters change, and see to older ones in _load_from_state_dict.
    _version: int = 1
    call_super_init: bool = False
    T_destination = TypeVar("T_destination", bound=dict[str, Any])

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent_buffers_set: set[str]
    _modules: dict[str, Module | None]
    _backward_pre_hooks: Hooks
    _backward_hooks: Hooks
    _forward_pre_hooks: Hooks
    _forward_hooks: Hooks
    _forward_pre_hooks_with_kwargs = LaterHooks()
    _forward_hooks_with_kwargs = LaterHooks()
    _forward_hooks_always_called = LaterHooks()
    _state_dict_pre_hooks = LaterHooks()
    _state_dict_hooks = LaterHooks()
    _load_state_dict_pre_hooks = LaterHooks()
    _load_state_dict_post_hooks = LaterHooks()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            name = type(self).__name__
            if kwargs:
                raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            if args:
                raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        self.__dict__.update(_new_state())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # An attribute and no method, so that subclasses may give forward the arguments they like.
    forward: Callable[..., Any] = _forward_unimplemented

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward` with the hooks around it."""
        if (
            self._backward_hooks
            or self._backward_pre_hooks
            or self._forward_hooks
            or self._forward_pre_hooks
            or _global_forward_hooks
            or _global_forward_pre_hooks
            or _global_backward_hooks
            or _global_backward_pre_hooks
            or _global_node_backward_hooks
        ):
            return _call.call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    _call_impl = __call__

    # -- attributes ----------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        # Python comes here only for what is no plain attribute. Before __init__ there is nothing to look in.
        state = self.__dict__
        if "_parameters" in state:
            if name in (found := state["_parameters"]):
                return found[name]
            if name in (found := state["_modules"]):
                return found[name]
            if name in (found := state["_buffers"]):
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, Parameter) or name in state.get("_parameters", ()):
            _registration.assign_parameter(self, name, value)
        elif isinstance(value, Module) or name in state.get("_modules", ()):
            _registration.assign_module(self, name, value)
        elif isinstance(value, Buffer) or name in state.get("_buffers", ()):
            _registration.assign_buffer(self, name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        for owner in (self._parameters, self._buffers, self._modules):
            if name in owner:
                del owner[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(_new_state() | state)  # pickles of older classes lack what came later

    __dir__ = _repr.module_dir
    __repr__ = _repr.module_repr
    _get_name = _repr._get_name
    extra_repr = _repr.extra_repr

    # -- registration and the tree -------------------------------------------------------------------------------------

    register_parameter = _registration.register_parameter
    register_buffer = _registration.register_buffer
    add_module = _registration.add_module
    register_module = _registration.register_module
    parameters = _tree.parameters
    named_parameters = _tree.named_parameters
    buffers = _tree.buffers
    named_buffers = _tree.named_buffers
    modules = _tree.modules
    named_modules = _tree.named_modules
    children = _tree.children
    named_children = _tree.named_children
    get_submodule = _tree.get_submodule
    set_submodule = _tree.set_submodule
    get_parameter = _tree.get_parameter
    get_buffer = _tree.get_buffer
    apply = _tree.apply
    train = _tree.train
    eval = _tree.eval
    requires_grad_ = _tree.requires_grad_
    zero_grad = _tree.zero_grad
    _named_members = _tree._named_members

    # -- casting and moving --------------------------------------------------------------------------------------------

    to = _cast.to
    to_empty = _cast.to_empty
    type = _cast.type
    half = _cast.half
    float = _cast.float
    double = _cast.double
    bfloat16 = _cast.bfloat16
    cpu = _cast.cpu
    metal = _cast.metal
    mps = _cast.mps
    cuda = _cast.cuda
    xpu = _cast.xpu
    ipu = _cast.ipu
    mtia = _cast.mtia
    share_memory = _cast.share_memory
    compile = _cast.compile
    _apply = _cast._apply

    # -- state ---------------------------------------------------------------------------------------------------------

    state_dict = _state_dict.state_dict
    get_extra_state = _state_dict.get_extra_state
    set_extra_state = _state_dict.set_extra_state
    load_state_dict = _loading.load_state_dict
    register_state_dict_pre_hook = _state_dict.register_state_dict_pre_hook
    register_state_dict_post_hook = _state_dict.register_state_dict_post_hook
    register_load_state_dict_pre_hook = _loading.register_load_state_dict_pre_hook
    register_load_state_dict_post_hook = _loading.register_load_state_dict_post_hook
    _save_to_state_dict = _state_dict._save_to_state_dict
    _load_from_state_dict = _loading._load_from_state_dict
    _register_state_dict_hook = _state_dict._register_state_dict_hook
    _register_load_state_dict_pre_hook = _loading._register_load_state_dict_pre_hook

    # -- hooks ---------------------------------------------------------------------------------------------------------

    register_forward_pre_hook = _hooks.register_forward_pre_hook
    register_forward_hook = _hooks.register_forward_hook
    register_full_backward_pre_hook = _hooks.register_full_backward_pre_hook
    register_full_backward_hook = _hooks.register_full_backward_hook
    register_backward_hook = _hooks.register_backward_hook
