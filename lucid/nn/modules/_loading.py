"""Reading a module's state from a dict: all of it, or nothing."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lucid import _tape
from lucid._grad_mode import no_grad
from lucid._handles import Hooks, RemovableHandle
from lucid._tensor import Tensor
from lucid.nn.modules._global_hooks import attach
from lucid.nn.modules._state_dict import _EXTRA_STATE_KEY_SUFFIX, set_extra_state
from lucid.nn.parameter import Parameter, is_lazy

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module


class _IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the keys that the module has and the dict has not, and the other way round."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"


def load_state_dict(
    self: Module, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
) -> _IncompatibleKeys:
    """Load parameters from a state_dict.

    Calls each module's `_load_from_state_dict` recursively. If anything raises, the module is left as it was.

    Args:
        state_dict: a mapping from parameter/buffer names to tensors.
        strict: require an exact key match.
        assign: replace each parameter/buffer object with the loaded tensor directly (allows shape/dtype changes); an
            optimizer must be made after that. By default the data is copied into the existing parameter preserving
            its dtype and device.

    Returns `IncompatibleKeys(missing_keys, unexpected_keys)`. Raises TypeError if `state_dict` is no mapping,
    RuntimeError if `strict` and any keys are missing or unexpected, and for every tensor that does not fit.
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    load = _Load(getattr(state_dict, "_metadata", None), assign)
    values = OrderedDict(state_dict)  # a copy, which the hooks may change
    values._metadata = load.metadata  # type: ignore[attr-defined]
    before = _Snapshot(self)
    try:
        load.run(self, values, "")
        load.check(self, strict)
    except BaseException:
        before.restore()
        raise
    return _IncompatibleKeys(load.missing, load.unexpected)


class _Load:
    """One load: what is common to all modules of the tree, and what went wrong so far."""

    def __init__(self, metadata: Mapping[str, Any] | None, assign: bool) -> None:
        self.metadata, self.assign = metadata, assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []

    def run(self, module: Module, values: Mapping[str, Any], prefix: str) -> None:
        local_metadata = dict((self.metadata or {}).get(prefix[:-1], {}))
        if self.assign:
            local_metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(values, prefix, local_metadata, True, self.missing, self.unexpected, self.errors)
        if module._modules:
            parts = _by_child(values, prefix)
            for name, child in module._modules.items():
                if child is not None:
                    own = parts.get(name.partition(".")[0], {})  # setattr takes names with dots
                    self.run(child, own, f"{prefix}{name}.")
        keys = _IncompatibleKeys(self.missing, self.unexpected)
        for hook in type(module)._load_state_dict_post_hooks.of(module):
            if hook(module, keys) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                    "values, if incompatible_keys need to be modified, it should be done inplace."
                )

    def check(self, module: Module, strict: bool) -> None:
        errors = []
        for kind, keys in (("Missing", self.missing), ("Unexpected", self.unexpected)):
            if strict and keys:
                names = ", ".join(f'"{key}"' for key in keys)
                errors.append(f"{kind} key(s) in state_dict: {names}. ")
        errors += self.errors
        if errors:
            report = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{report}")


def _by_child(values: Mapping[str, Any], prefix: str) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key.startswith(prefix):
            name, dot, _ = key[len(prefix) :].partition(".")
            if dot:
                parts.setdefault(name, {})[key] = value
    return parts


def _load_from_state_dict(
    self: Module,
    state_dict: Mapping[str, Any],
    prefix: str,
    local_metadata: dict[str, Any],
    strict: bool,
    missing_keys: list[str],
    unexpected_keys: list[str],
    error_msgs: list[str],
) -> None:
    """Read the state of this module alone from `state_dict`; its children do so themselves. Made to be overridden.

    Args:
        state_dict: the values; keys of this module start with `prefix`. A copy, which may be changed.
        prefix: the path of this module, with a dot at its end.
        local_metadata: what the state dict says of this module: its `version`, and whether to assign
            (`assign_to_params_buffers`).
        strict: whether to report keys at all.
        missing_keys: keys of this module that are not in the dict; to be added to.
        unexpected_keys: keys in the dict that this module does not have; to be added to.
        error_msgs: what else is wrong; to be added to.
    """
    for hook in type(self)._load_state_dict_pre_hooks.of(self):
        hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
    local = dict(_persistent(self))
    assign = local_metadata.get("assign_to_params_buffers", False)
    with no_grad():
        for name, current in local.items():
            key = prefix + name
            if key in state_dict:
                error = _load_one(self, name, key, current, state_dict[key], assign)
                if error is not None:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
    extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
    has_extra = type(self).set_extra_state is not set_extra_state
    if has_extra and extra_key in state_dict:
        self.set_extra_state(state_dict[extra_key])
    elif strict and has_extra:
        missing_keys.append(extra_key)
    elif strict and extra_key in state_dict:
        unexpected_keys.append(extra_key)
    if strict:
        for key in state_dict:
            if key.startswith(prefix) and key != extra_key:
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._modules if dot else local):
                    unexpected_keys.append(key)


def _persistent(module: Module) -> Iterator[tuple[str, Tensor]]:
    for name, param in module._parameters.items():
        if param is not None:
            yield name, param
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            yield name, buffer


def _load_one(module: Module, name: str, key: str, current: Tensor, value: Any, assign: bool) -> str | None:
    """Put `value` where `current` is. Returns what is wrong with it, if anything."""
    if not isinstance(value, Tensor):
        return (
            f'While copying the parameter named "{key}", expected lucid.Tensor or Tensor-like object from checkpoint '
            f"but received {type(value)}"
        )
    if is_lazy(current) and is_lazy(value):
        return None  # neither has values
    if is_lazy(current) and not assign:
        return (
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the parameter in the "
            "current model is uninitialized; materialize it first, as modules with LazyModuleMixin do."
        )
    if not assign:
        if current.ndim == 0 and tuple(value.shape) == (1,):
            value = value[0]  # old checkpoints have scalars with one dimension
        if value.shape != current.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in "
                f"current model is {current.shape}."
            )
    try:
        if assign:
            setattr(module, name, _in_place_of(current, value))
        else:
            current.copy_(value)
    except Exception as error:
        return (
            f'While copying the parameter named "{key}", whose dimensions in the model are {current.shape} and whose '
            f"dimensions in the checkpoint are {value.shape}, an exception occurred : {error.args}."
        )
    return None


def _in_place_of(current: Tensor, value: Tensor) -> Tensor:
    if not isinstance(current, Parameter):
        return value.detach() if isinstance(value, Parameter) else value
    requires_grad = current.requires_grad and value.dtype.is_inexact  # a quantised weight cannot require a gradient
    if isinstance(value, Parameter):
        return value.requires_grad_(requires_grad)
    return Parameter(value, requires_grad)


class _Snapshot:
    """A module tree as it is now: attributes, what is in dicts, sets and lists among them, and all values.

    Arrays never change, so that this costs references only.
    """

    def __init__(self, root: Module) -> None:
        self.modules = [(module, dict(vars(module)), _contents(module)) for module in dict.fromkeys(root.modules())]
        tensors = [t for m, _, _ in self.modules for t in (*m._parameters.values(), *m._buffers.values())]
        self.lazy = [(t, type(t), t.data) for t in tensors if is_lazy(t)]
        self.tensors = [(t, _tape.array(t), t.requires_grad) for t in tensors if t is not None and not is_lazy(t)]

    def restore(self) -> None:
        for module, attributes, containers in self.modules:
            vars(module).clear()
            vars(module).update(attributes)
            for held, copy in containers:
                held.clear()
                held.extend(copy) if isinstance(held, list) else held.update(copy)
        for param, kind, empty in self.lazy:
            param.__class__ = kind
            param.data = empty
            _tape.untouch(param)  # it has no values to evaluate
        with no_grad():
            for t, array, requires_grad in self.tensors:
                now = _tape.array(t)
                if now.shape != array.shape or now.dtype != array.dtype:
                    t.data = _tape.wrap(array).to(t.device)
                elif now is not array:
                    t.copy_(_tape.wrap(array))  # through a view, so that what it is a view of is restored too
                if t.requires_grad != requires_grad:
                    t.requires_grad_(requires_grad)


_CONTAINERS = frozenset((dict, set, list, OrderedDict, Hooks))


def _contents(module: Module) -> list[tuple[Any, Any]]:
    """What holds things in `module`, each with a copy: most of it are empty dicts of hooks."""
    return [(held, held.copy() if held else ()) for held in vars(module).values() if type(held) in _CONTAINERS]


class _PreHook:
    """A load_state_dict pre-hook that is given its module first: it does not keep it alive, and is copied with it."""

    def __init__(self, hook: Callable[..., Any], module: Module) -> None:
        self.hook, self.module = hook, weakref.ref(module)

    def __call__(self, *args: Any) -> Any:
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args)

    def __getstate__(self) -> tuple[Callable[..., Any], Module | None]:
        return self.hook, self.module()

    def __setstate__(self, state: tuple[Callable[..., Any], Module | None]) -> None:
        self.hook, module = state
        if module is None:
            raise RuntimeError("You are trying to revive the hook of a dead Module!")
        self.module = weakref.ref(module)


def register_load_state_dict_pre_hook(self: Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Register a pre-hook called when this module loads state_dict.

    Hook signature: `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
    error_msgs) -> None`. The hook may mutate state_dict/missing/unexpected/error_msgs: renaming the keys of an old
    checkpoint is its usual task.
    """
    return self._register_load_state_dict_pre_hook(hook, with_module=True)


def _register_load_state_dict_pre_hook(
    self: Module, hook: Callable[..., Any], with_module: bool = False
) -> RemovableHandle:
    """Like `register_load_state_dict_pre_hook`, without the module as first argument unless `with_module`."""
    return attach(self._load_state_dict_pre_hooks, _PreHook(hook, self) if with_module else hook)


def register_load_state_dict_post_hook(self: Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Register a post-hook called after this module loads state_dict.

    Hook signature: `hook(module, incompatible_keys) -> None`. It may change the two lists in `incompatible_keys` in
    place, which decides what a strict load raises.
    """
    return attach(self._load_state_dict_post_hooks, hook)
