"""Saving and loading: tensors in safetensors files, what is around them in the files' metadata."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import mlx.core as mx

from lucid import _tape, _views
from lucid.creation import check_float64
from lucid.device import as_device, device
from lucid.serialization import _reading, _writing
from lucid.serialization._header import METADATA, CheckpointError
from lucid.serialization._structure import Decoder, Encoder, owner
from lucid.tensor import Tensor

__all__ = ["CheckpointError", "load", "save"]

_STRUCTURE, _VERSIONS, _ORDER = "lucid", "_metadata", "_order"  # keys of the file's metadata
MapLocation = str | device | Mapping[str, Any] | Callable[[Tensor, str], Any] | None


def save(obj: Any, f: Any) -> None:
    """Save `obj` as a safetensors file.

    A dict of tensors, such as a module's `state_dict()`, becomes a plain safetensors file that any program can read.
    Any nesting of dicts, lists, tuples and sets with tensors, numbers and strings in it, such as the state of a whole
    training, is saved too: the tensors under names such as "optimizer.state.0.exp_avg", the rest as JSON in the
    metadata. Nothing is pickled.

    A tensor that occurs more than once, tied weights for example, is written once, and shared again when it is loaded.
    Views of a part of another tensor are written as tensors of their own.

    The file is complete or not there: it is written beside its place and then renamed, so that a failure leaves what
    was there.

    Args:
        obj: what to save.
        f: a path, or a file opened for binary writing.

    Raises TypeError, with the place in `obj`, for what cannot be stored; CheckpointError if the folder does not exist.

    >>> import lucid, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
    >>> lucid.save({"weight": lucid.tensor([1.0, 2.0]), "epoch": 3}, path)
    >>> lucid.load(path)
    {'weight': tensor([1., 2.]), 'epoch': 3}
    """
    metadata = {"format": "pt"}  # what other readers look for: the names and layouts are PyTorch's
    versions = getattr(obj, "_metadata", None)
    if _is_flat(obj) and (versions is None or _is_json(versions)):
        tensors, shared = _once(obj)
        if shared:
            metadata |= shared | {_ORDER: json.dumps(list(obj), separators=(",", ":"))}
        if versions is not None:
            metadata[_VERSIONS] = json.dumps(versions, separators=(",", ":"))
    else:
        encoder = Encoder()
        metadata[_STRUCTURE] = encoder.text(obj)
        tensors = encoder.tensors
    _tape.evaluate(*tensors.values())
    arrays = {name: _tape.array(t) for name, t in tensors.items()}
    if hasattr(f, "write"):
        _writing.write(f, arrays, metadata)
    else:
        _writing.in_place_of(os.fsdecode(f), lambda file: _writing.write(file, arrays, metadata))


def _is_flat(obj: Any) -> bool:
    """Whether a plain safetensors file says everything about `obj`."""
    return type(obj) in (dict, OrderedDict) and all(
        isinstance(name, str)
        and name not in (METADATA, "format", _STRUCTURE, _VERSIONS, _ORDER)
        and type(t) is Tensor
        and not t.requires_grad
        for name, t in obj.items()
    )


def _is_json(versions: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(versions)) == versions)
    except (TypeError, ValueError):
        return False


def _once(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors without those that share the memory of an earlier one; and of those, the name of that one."""
    names: dict[int, str] = {}
    shared = {}
    for name, t in tensors.items():
        first = names.setdefault(id(owner(t)), name)
        if first != name:
            shared[name] = first  # as `safetensors.torch.save_model` notes it
    return {name: t for name, t in tensors.items() if name not in shared}, shared


def load(
    f: Any, map_location: MapLocation = None, *, weights_only: bool | None = None, mmap: bool | None = None
) -> Any:
    """Load what `save` saved, or any safetensors file.

    A file from another program gives an `OrderedDict` of tensors. Values are read when they are first used, so that
    loading is immediate and takes no memory; replacing the file later, as `save` does, does not change them, but
    writing into it does. Files with dtypes that MLX does not read (float64, two of the eight-bit floats) are read at
    once. Eight-bit floats become float16, which holds all of their values; F8_E8M0 becomes float32.

    Args:
        f: a path, or a file opened for binary reading, which is read at once.
        map_location: where operations on the tensors are to run: a device, a dict from device names to devices, or a
            function `f(tensor, name)` that returns the tensor to use or None to leave it. MLX's default device if None.
        weights_only: changes nothing: a file is never run.
        mmap: changes nothing: values are read when they are used.

    Raises FileNotFoundError, CheckpointError if the file is damaged or of another format, TypeError for float64 on a
    GPU.
    """
    is_path = isinstance(f, (str, bytes, os.PathLike))
    where = os.fsdecode(f) if is_path else getattr(f, "name", "the stream")
    if not is_path and not hasattr(f, "read"):
        raise TypeError(f"load: expected a path or a file opened for binary reading, got {type(f).__name__}")
    try:
        arrays, metadata = _reading.from_path(where) if is_path else _reading.from_stream(f)
        tensors = {name: _placed(array, name, map_location) for name, array in arrays.items()}
        if _STRUCTURE in metadata:
            return Decoder(tensors).value(metadata[_STRUCTURE])
        return _flat(tensors, metadata)
    except CheckpointError as error:
        raise CheckpointError(f"load: {where}: {error}") from None


def _flat(tensors: dict[str, Tensor], metadata: dict[str, str]) -> OrderedDict[str, Tensor]:
    found = OrderedDict(tensors)
    for name, first in metadata.items():
        if name not in tensors and first in tensors:
            found[name] = tensors[first].detach()
    try:
        for name in json.loads(metadata.get(_ORDER, "[]")):
            found.move_to_end(name)
        if _VERSIONS in metadata:
            found._metadata = OrderedDict(json.loads(metadata[_VERSIONS]))  # type: ignore[attr-defined]
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointError(f"its metadata is broken: {error!r}") from None
    return found


def _placed(array: mx.array, name: str, map_location: MapLocation) -> Tensor:
    t = _tape.wrap(array)
    is_double = array.dtype == mx.float64
    if is_double and t.device.type != "cpu":
        _views.pin(t, device("cpu"))  # the only place it can be
    if isinstance(map_location, Mapping):
        map_location = map_location.get(str(t.device))
    elif callable(map_location) and not isinstance(map_location, device):
        result = map_location(t, str(t.device))
        if result is not None and not isinstance(result, Tensor):
            raise TypeError(
                f"load: map_location has to return a Tensor or None, got {type(result).__name__} for {name!r}"
            )
        return t if result is None else result
    if map_location is None:
        return t
    where = as_device(map_location)
    if is_double:
        check_float64(where)
    return _views.pin(t, where)
