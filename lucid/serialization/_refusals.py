"""What cannot be stored, and what to write instead."""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from lucid._generator import Generator
from lucid.nn import Module
from lucid.storage import TypedStorage, UntypedStorage

_PLAIN: tuple[type, ...] = (Mapping, str, bytes, int, float, complex, tuple, list, set, frozenset)


def shown(path: tuple[Any, ...]) -> str:
    """A place inside an object, such as "['model'][0]"."""
    return "the top" if not path else "".join(f"[{key!r}]" for key in path)


def refuse_pickle(operation: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raise TypeError for arguments of PyTorch's that are about pickles, and for any others."""
    for name in given:
        if name not in known:
            raise TypeError(f"{operation}() got an unexpected keyword argument {name!r}")
        more = "; format='torch' writes what torch.load reads" if operation == "save" else ""
        raise TypeError(f"{operation}: {name} is about pickles, and there are none here: leave it out{more}")


def advice(value: Any) -> str:
    """What to store instead of `value`."""
    if isinstance(value, Module):
        return (
            "loading it would have to run its class. Write instead\n"
            "    lucid.save(model.state_dict(), path)\n"
            "    model.load_state_dict(lucid.load(path))"
        )
    if hasattr(value, "state_dict"):
        return "save its state_dict()"
    if isinstance(value, np.ndarray):
        return "store its tolist()" if value.dtype.hasobject else "store np.asarray(array)"
    if isinstance(value, (TypedStorage, UntypedStorage)):
        return "store the tensor whose memory it is"
    if hasattr(value, "__dlpack__"):  # of MLX, PyTorch, JAX
        return "store lucid.from_dlpack(...) of it"
    if isinstance(value, BaseException):
        return "store str(...) of it"
    if isinstance(value, enum.Enum):
        return "store its .value"
    if isinstance(value, os.PathLike):
        return "store str(path)"
    if isinstance(value, Generator):
        return "store its get_state()"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return "store dataclasses.asdict(...) of it"
    for kind in _PLAIN:
        if isinstance(value, kind):
            return f"store {'dict' if kind is Mapping else kind.__name__}(...) of it"
    if hasattr(value, "__dict__") and not callable(value):
        return "store vars(...) of it"
    return "store tensors, numbers, strings, lists, tuples, sets and dicts of them"
