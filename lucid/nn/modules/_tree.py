"""Walking the tree of modules, and finding things in it by their dotted path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from lucid._tensor import Tensor
from lucid.nn.parameter import Parameter

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module

M = TypeVar("M", bound="Module")


def named_modules(
    self: Module, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
) -> Iterator[tuple[str, Module]]:
    """Yield (name, module) pairs, depth-first, this module first under the name `prefix`.

    Args:
        memo: ids of modules to leave out; those yielded are added. Modules themselves may be in it too.
        prefix: what to put before every name.
        remove_duplicate: yield a module that is in the tree twice only once.
    """
    if memo is None:
        memo = set()
    if id(self) in memo or self in memo:
        return
    if remove_duplicate:
        memo.add(id(self))
    yield prefix, self
    for name, module in self._modules.items():
        if module is not None:
            path = f"{prefix}.{name}" if prefix else name
            yield from module.named_modules(memo, path, remove_duplicate)


def modules(self: Module, remove_duplicate: bool = True) -> Iterator[Module]:
    """Yield this module and all submodules (depth-first)."""
    for _, module in self.named_modules(remove_duplicate=remove_duplicate):
        yield module


def named_children(self: Module) -> Iterator[tuple[str, Module]]:
    """Yield (name, child_module) pairs, each child once."""
    seen: set[int] = set()
    for name, module in self._modules.items():
        if module is not None and id(module) not in seen:
            seen.add(id(module))
            yield name, module


def children(self: Module) -> Iterator[Module]:
    """Yield direct child modules."""
    for _, module in self.named_children():
        yield module


def named_parameters(
    self: Module, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
) -> Iterator[tuple[str, Parameter]]:
    """Yield (name, Parameter) pairs, those of this module before those of its children.

    Args:
        prefix: what to put before every name.
        recurse: go into the children too.
        remove_duplicate: yield a Parameter with several names only under the first.
    """
    yield from self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)


def parameters(self: Module, recurse: bool = True) -> Iterator[Parameter]:
    """Yield all Parameters in this module (and children if recurse=True). This is what an optimizer is given."""
    for _, param in self.named_parameters(recurse=recurse):
        yield param


def named_buffers(
    self: Module, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, buffer) pairs, those of this module before those of its children.

    Args:
        prefix: what to put before every name.
        recurse: go into the children too.
        remove_duplicate: yield a buffer with several names only under the first.
    """
    yield from self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)


def buffers(self: Module, recurse: bool = True) -> Iterator[Tensor]:
    """Yield all buffer tensors."""
    for _, buffer in self.named_buffers(recurse=recurse):
        yield buffer


def _named_members(
    self: Module,
    get_members_fn: Callable[[Module], Iterable[tuple[str, Any]]],
    prefix: str = "",
    recurse: bool = True,
    remove_duplicate: bool = True,
) -> Iterator[tuple[str, Any]]:
    """Yield what `get_members_fn` finds in each module, under its full name and without None."""
    seen: set[int] = set()
    owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
    for path, module in owners:
        for name, member in get_members_fn(module):
            if member is None or id(member) in seen:
                continue
            if remove_duplicate:
                seen.add(id(member))
            yield (f"{path}.{name}" if path else name), member


def get_submodule(self: Module, target: str) -> Module:
    """Return submodule at dotted path, e.g. 'encoder.layer.0'; '' is this module.

    Raises AttributeError if a part of the path is missing or is no module.
    """
    from lucid.nn.modules.module import Module

    found: Module = self
    if target == "":
        return found
    for name in target.split("."):
        if not hasattr(found, name):
            raise AttributeError(f"{found._get_name()} has no attribute `{name}`")
        child = getattr(found, name)
        if not isinstance(child, Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        found = child
    return found


def set_submodule(self: Module, target: str, module: Module, strict: bool = False) -> None:
    """Put `module` at dotted path, e.g. 'encoder.layer.0'.

    Args:
        target: where; the parent must be there already.
        module: what to put there.
        strict: replace only, add nothing new.

    Raises ValueError for an empty path or if `module` is no Module, AttributeError if the path leads nowhere or to
    something that is no module.
    """
    from lucid.nn.modules.module import Module

    if target == "":
        raise ValueError("Cannot set the submodule without a target name!")
    if not isinstance(module, Module):
        raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
    path, _, name = target.rpartition(".")
    parent = self.get_submodule(path)
    if hasattr(parent, name):
        if not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
    elif strict:
        raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
    setattr(parent, name, module)


def get_parameter(self: Module, target: str) -> Parameter:
    """Return parameter at dotted path, e.g. 'fc.weight'.

    Raises AttributeError if a part of the path is missing, or if there is no Parameter at its end.
    """
    _, name, found = _at_path(self, target)
    if not isinstance(found, Parameter):
        raise AttributeError(f"`{name}` is not an nn.Parameter")
    return found


def get_buffer(self: Module, target: str) -> Tensor:
    """Return buffer at dotted path, e.g. 'bn.running_mean'.

    Raises AttributeError if a part of the path is missing, or if there is no buffer at its end.
    """
    owner, name, found = _at_path(self, target)
    if name not in owner._buffers:
        raise AttributeError(f"`{name}` is not a buffer")
    buffer: Tensor = found
    return buffer


def _at_path(self: Module, target: str) -> tuple[Module, str, Any]:
    path, _, name = target.rpartition(".")
    owner = self.get_submodule(path)
    if not hasattr(owner, name):
        raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
    return owner, name, getattr(owner, name)


def apply(self: M, fn: Callable[[Module], Any]) -> M:
    """Apply fn recursively to every submodule (including self), children first. Returns self.

    >>> from lucid import nn
    >>> net = nn.Sequential(nn.Identity(), nn.Identity())
    >>> _ = net.apply(lambda module: print(type(module).__name__))
    Identity
    Identity
    Sequential
    """
    for module in self.children():
        module.apply(fn)
    fn(self)
    return self


def train(self: M, mode: bool = True) -> M:
    """Set this module and all children to training mode, or with `mode=False` to evaluation mode. Returns self.

    Dropout, batch normalisation and their like behave differently in the two. Raises ValueError if `mode` is no bool.
    """
    if not isinstance(mode, bool):
        raise ValueError(f"training mode is expected to be boolean, got {mode!r}")
    self.training = mode
    for module in self.children():
        module.train(mode)
    return self


def eval(self: M) -> M:
    """Set this module and all children to evaluation mode, as `train(False)` does. Returns self."""
    return self.train(False)


def requires_grad_(self: M, requires_grad: bool = True) -> M:
    """Set requires_grad for all parameters; False freezes them. Returns self."""
    for param in self.parameters():
        param.requires_grad_(requires_grad)
    return self


def zero_grad(self: Module, set_to_none: bool = True) -> None:
    """Zero gradients of all parameters.

    Args:
        set_to_none: drop them, which is cheaper; False fills them with zeros in place instead.
    """
    for param in self.parameters():
        if param.grad is None:
            continue
        if set_to_none:
            param.grad = None
        else:
            if param.grad.grad_fn is not None:
                param.grad.detach_()
            else:  # it may be a view, which detach_ refuses
                param.grad.requires_grad_(False)
            param.grad.zero_()
