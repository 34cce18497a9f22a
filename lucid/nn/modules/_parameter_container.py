"""Modules that hold parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, TypeVar, overload

from lucid._tensor import Tensor
from lucid.nn.modules._items import index_of, pairs, without_numbers
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter

L = TypeVar("L", bound="ParameterList")
D = TypeVar("D", bound="ParameterDict")


def _tracked(value: Any) -> Any:
    """`value`, as a Parameter if it is a tensor."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _line(key: Any, value: Any, kind: str) -> str:
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    size = "x".join(str(n) for n in value.shape)
    place = f" ({value.device})" if value.device.type == "cuda" else ""
    name = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({key}): {name} containing: [{kind} of size {size}{place}]"


class ParameterList(Module):
    """A list of parameters that are tracked; tensors put into it become parameters, other objects are kept as they are.

    Args:
        values: what is in it at first.

    >>> import lucid
    >>> lucid.nn.ParameterList([lucid.zeros(2, 3), "a name"])
    ParameterList(
        (0): Parameter containing: [lucid.float32 of size 2x3]
        (1): Object of type: str
    )
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    @overload
    def __getitem__(self: L, idx: slice) -> L: ...
    @overload
    def __getitem__(self, idx: int) -> Any: ...
    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)().extend([self[k] for k in range(len(self))[idx]])
        return getattr(self, str(index_of(self, idx, len(self))))

    def __setitem__(self, idx: int, param: Any) -> None:
        setattr(self, str(index_of(self, idx, len(self))), _tracked(param))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[k] for k in range(len(self))])

    def __iadd__(self: L, parameters: Iterable[Any]) -> L:
        return self.extend(parameters)

    def __dir__(self) -> list[str]:
        return without_numbers(super().__dir__())

    def append(self: L, value: Any) -> L:
        """Add `value` at the end. Returns self."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self: L, values: Iterable[Any]) -> L:
        """Add all of `values` at the end. Returns self. Raises TypeError if they are not iterable, or a tensor."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """One line for each value."""
        return "\n".join(_line(k, v, str(v.dtype) if isinstance(v, Tensor) else "") for k, v in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise RuntimeError: there is nothing to call."""
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of parameters that are tracked; tensors in it become parameters, other objects stay as they are.

    Keys are strings, in the order they were added.

    Args:
        parameters: what is in it at first: a mapping, or an iterable of pairs.

    >>> import lucid
    >>> scales = lucid.nn.ParameterDict({"left": lucid.ones(1)})
    >>> scales["left"]
    Parameter containing:
    tensor([1.], requires_grad=True)
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, _checked(key))

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, _checked(key), _tracked(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """A new ParameterDict of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of `key`, which is `default` from here on if there is none yet."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Take everything out."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take the value of `key` out and return it."""
        found = self[key]
        del self[key]
        return found

    def popitem(self) -> tuple[str, Any]:
        """Take out and return the pair that was added last. Raises KeyError if there is none."""
        if not self._keys:
            raise KeyError("popitem(): the ParameterDict is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default` if there is none."""
        return self[key] if key in self else default  # noqa: SIM401 - this is get

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new ParameterDict that has `default` under each of `keys`."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> KeysView[str]:
        """The keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Keys and values in pairs."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Mapping[str, Any] | ParameterDict | Iterable[tuple[str, Any]]) -> None:
        """Add from a mapping or an iterable of pairs; keys that are there already get the new value.

        As in PyTorch, a mapping other than an OrderedDict or a ParameterDict is added in the order of its sorted keys.
        Raises TypeError or ValueError for anything else.
        """
        if isinstance(parameters, (OrderedDict, ParameterDict)):
            named: Iterable[tuple[str, Any]] = parameters.items()
        elif isinstance(parameters, Mapping):
            named = [(key, parameters[key]) for key in sorted(parameters)]
        else:
            named = pairs(parameters, "ParameterDict")
        for key, value in list(named):
            self[key] = value

    def extra_repr(self) -> str:
        """One line for each value."""
        return "\n".join(_line(k, v, v.type() if isinstance(v, Tensor) else "") for k, v in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise RuntimeError: there is nothing to call."""
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: ParameterDict) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        merged = other.copy()
        merged.update(self)
        return merged

    def __ior__(self: D, other: ParameterDict) -> D:
        self.update(other)
        return self


def _checked(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(
            "Index given to ParameterDict cannot be used as a key as it is not a string "
            f"(type is '{type(key).__name__}')."
        )
    return key
