"""Modules that hold modules."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import chain
from typing import Any, TypeVar, overload

from lucid.nn.modules._deprecated import Deprecated
from lucid.nn.modules._items import index_of, pairs, without_numbers
from lucid.nn.modules._parameter_container import ParameterDict, ParameterList
from lucid.nn.modules._registration import typename
from lucid.nn.modules._repr import _addindent as _addindent
from lucid.nn.modules.module import Module

__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]

N = TypeVar("N", bound="_Numbered")
S = TypeVar("S", bound="Sequential")
L = TypeVar("L", bound="ModuleList")


class _Numbered(Module):
    """What lists of modules have in common: their children are counted from 0 on, and called by their numbers."""

    _modules: dict[str, Module]  # type: ignore[assignment] # None is of no use here

    def _get_abs_string_index(self, idx: Any) -> str:
        return str(index_of(self, idx, len(self)))

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, self._get_abs_string_index(idx), module)

    def __delitem__(self, idx: int | slice) -> None:
        for name in list(self._modules)[idx] if isinstance(idx, slice) else [self._get_abs_string_index(idx)]:
            delattr(self, name)
        self._number(self._modules.values())

    def _number(self, modules: Iterable[Module]) -> None:
        self._modules = {str(k): module for k, module in enumerate(modules)}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __dir__(self) -> list[str]:
        return without_numbers(super().__dir__())

    def append(self: N, module: Module) -> N:
        """Add a module at the end. Returns self."""
        self.add_module(str(len(self)), module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        modules = list(self)
        modules.insert(index, module)
        self._number(modules)

    def pop(self, key: int | slice) -> Module:
        """Take the module numbered `key` out and return it."""
        found: Module = self[key]  # type: ignore[index] # the lists have it
        del self[key]
        return found


class Container(Deprecated, Module):
    """A module made of the modules that it is given by name. Making or subclassing one raises a FutureWarning."""

    _advice = "`nn.Container` is deprecated. Subclass `nn.Module` instead, which does all that it does."

    def __init__(self, **kwargs: Module | None) -> None:
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


class Sequential(_Numbered):
    """Calls modules one after the other, each on the output of the one before.

    Made of modules, which are then named "0", "1" and so on, or of one OrderedDict of modules.

    >>> from lucid import nn
    >>> nn.Sequential(nn.Identity(), nn.Identity())
    Sequential(
      (0): Identity()
      (1): Identity()
    )
    """

    @overload
    def __init__(self, *args: Module) -> None: ...
    @overload
    def __init__(self, arg: OrderedDict[str, Module], /) -> None: ...
    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in named:
            self.add_module(str(name) if isinstance(name, int) else name, module)

    def forward(self, input: Any) -> Any:
        """Return what the last module makes of what the others made of `input`."""
        for module in self._modules.values():
            input = module(input)
        return input

    def _get_abs_string_index(self, idx: Any) -> str:  # the children may have names
        return list(self._modules)[index_of(self, idx, len(self))]

    @overload
    def __getitem__(self: S, idx: slice) -> S: ...
    @overload
    def __getitem__(self, idx: int) -> Module: ...
    def __getitem__(self, idx: int | slice) -> Module:
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return self._modules[self._get_abs_string_index(idx)]

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self: S, other: Sequential) -> S:
        return self.extend(_sequential(other))

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*list(self) * _times(self, other))

    __rmul__ = __mul__

    def __imul__(self: S, other: int) -> S:
        return self.extend(list(self) * (_times(self, other) - 1))

    def extend(self: S, sequential: Iterable[Module]) -> S:
        """Add all modules of `sequential` at the end. Returns self."""
        for module in list(sequential):
            self.append(module)
        return self

    def insert(self: S, index: int, module: Module) -> S:
        """Put `module` before the one numbered `index`. Returns self.

        Raises AssertionError if `module` is no Module, IndexError if `index` is out of range.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}, got {type(module)}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._insert(index, module)
        return self


def _sequential(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
    return other


def _times(module: Sequential, factor: Any) -> int:
    if not isinstance(factor, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(module)} and {type(factor)}")
    if factor <= 0:
        raise ValueError(f"Non-positive multiplication factor {factor} for {type(module)}")
    return factor


class ModuleList(_Numbered):
    """A list of modules that are tracked. It has no forward: index or iterate it.

    Args:
        modules: what is in it at first.

    >>> from lucid import nn
    >>> nn.ModuleList([nn.Identity(), nn.Identity(), nn.Sequential()])
    ModuleList(
      (0-1): 2 x Identity()
      (2): Sequential()
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self: L, idx: slice) -> L: ...
    @overload
    def __getitem__(self, idx: int) -> Module: ...
    def __getitem__(self, idx: int | slice) -> Module:
        if isinstance(idx, slice):
            return type(self)(list(self._modules.values())[idx])
        return self._modules[self._get_abs_string_index(idx)]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self: L, modules: Iterable[Module]) -> L:
        return self.extend(modules)

    def extend(self: L, modules: Iterable[Module]) -> L:
        """Add all of `modules` at the end. Returns self. Raises TypeError if they cannot be iterated."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put `module` before the one numbered `index`, as in a Python list. Raises TypeError if it is no Module."""
        if not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._insert(operator.index(index), module)

    def __repr__(self) -> str:
        blocks: list[tuple[int, int, str]] = []  # first, last, what they all print
        for k, text in enumerate(map(repr, self)):
            if blocks and blocks[-1][2] == text:
                blocks[-1] = (blocks[-1][0], k, text)
            else:
                blocks.append((k, k, text))
        if not blocks:
            return f"{self._get_name()}()"
        lines = [f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}" for a, b, text in blocks]
        return f"{self._get_name()}(\n  " + "\n".join(lines).replace("\n", "\n  ") + "\n)"


class ModuleDict(Module):
    """A dict of modules that are tracked, in the order they were added. It has no forward.

    Args:
        modules: what is in it at first: a mapping, or an iterable of pairs.

    >>> from lucid import nn
    >>> list(nn.ModuleDict({"conv": nn.Identity(), "pool": nn.Identity()}))
    ['conv', 'pool']
    """

    _modules: dict[str, Module]  # type: ignore[assignment] # None is of no use here

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take the module named `key` out and return it. Raises KeyError if there is none."""
        return self._modules.pop(key)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """Names and modules in pairs."""
        return self._modules.items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | ModuleDict | Iterable[tuple[str, Module]]) -> None:
        """Add from a mapping or an iterable of pairs, in its order; keys that are there already get the new module.

        Raises TypeError or ValueError for anything else.
        """
        named = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else pairs(modules, "ModuleDict")
        for key, module in named:
            self[key] = module
