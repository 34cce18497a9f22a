"""What PyTorch's argument parser does for every op: numpy's argument names, and a TypeError for a wrong type."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from lucid._tape import TensorCore
from lucid.dtypes import as_dtype, dtype

F = TypeVar("F", bound=Callable[..., Any])

_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}

# What arguments may be, by their annotation; of others nothing is said here.
_NUMBERS: Any = (int, float, complex, np.number, np.bool_)
_INTEGERS: Any = (int, np.integer)
_TYPES: dict[str, tuple[Any, str]] = {
    "Tensor": (TensorCore, "Tensor"),
    "Tensor | Number": ((TensorCore, *_NUMBERS), "Tensor or Number"),
    "float | Tensor": ((TensorCore, int, float, np.integer, np.floating), "float or Tensor"),
    "Number": (_NUMBERS, "Number"),
    "bool": ((bool, np.bool_), "bool"),
    "int": (_INTEGERS, "int"),
    "int | Tensor": ((*_INTEGERS, TensorCore), "int or Tensor"),
    "float": ((int, float, np.integer, np.floating), "float"),
    "str": (str, "str"),
    "dtype": (dtype, "lucid.dtype"),
    "Dims": ((*_INTEGERS, tuple, list), "int or tuple of ints"),
}


def numpy_names(op: F) -> F:
    """`op`, which also takes `axis` for `dim`, `keepdims` for `keepdim`, `x` for `input` and so on.

    Where it fails, a TypeError tells which argument was of a wrong type.
    """

    @functools.wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return op(*args, **kwargs)
        except Exception as error:  # only now look at the arguments: this is a hot path
            again = _retold(op, args, kwargs, error)
        return op(*args, **again)

    return call  # type: ignore[return-value]


def plain(op: F) -> F:
    """`op` as it was before `numpy_names`: for callers that count every call."""
    return getattr(op, "__wrapped__", op)


def _retold(op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> dict[str, Any]:
    """`kwargs` in our own words. Raises TypeError for an argument of a wrong type, and `error` if all is well."""
    name, parameters = op.__name__, inspect.signature(op).parameters
    again = {}
    for word, value in kwargs.items():
        ours = _NAMES.get(word, word) if word not in parameters else word
        if ours != word and ours in kwargs:
            raise TypeError(f"{name}() got both {ours!r} and {word!r}, which is its name in numpy") from None
        again[ours] = value
    if isinstance(again.get("dtype"), type):
        again["dtype"] = as_dtype(again["dtype"], name)
    first = next(iter(parameters))
    if not args and first not in again and parameters[first].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        raise TypeError(f"{name}() missing 1 required positional arguments: {first!r}") from None
    for argument, value in [*zip(parameters, args, strict=False), *again.items()]:
        if argument in parameters:
            _check(name, argument, value, str(parameters[argument].annotation))
    if again.keys() == kwargs.keys() and again.get("dtype") is kwargs.get("dtype"):
        if error.__class__ is TypeError and name not in str(error):
            raise TypeError(f"{name}(): {error}") from None
        raise error
    return again


def _check(operation: str, argument: str, value: Any, annotation: str) -> None:
    wanted = annotation.removesuffix(" | None")
    if wanted not in _TYPES or (value is None and (wanted != annotation or wanted == "Dims")):
        return
    types, what = _TYPES[wanted]
    if isinstance(value, types) and not (isinstance(value, bool) and wanted in ("int", "Dims")):
        return
    raise TypeError(f"{operation}(): argument {argument!r} must be {what}, not {type(value).__name__}") from None
