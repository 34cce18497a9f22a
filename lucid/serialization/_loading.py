"""`load`: which reader a file needs, and what becomes of what it finds."""

from __future__ import annotations

import json
import os
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NoReturn

import mlx.core as mx

from lucid._tensor import Tensor
from lucid.serialization import _formats, _index, _numpy_files, _reading
from lucid.serialization._header import CheckpointError
from lucid.serialization._placing import MapLocation, Place, placer
from lucid.serialization._refusals import refuse_pickle
from lucid.serialization._saving import ORDER, STRUCTURE, TYPE, VERSIONS
from lucid.serialization._source import Source
from lucid.serialization._structure import Decoder


def load(
    f: Any,
    map_location: MapLocation = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = True,
    **pickle_load_args: NoReturn,
) -> Any:
    """Load a checkpoint: what `save` saved, or the weights that somebody else published.

    The content says what the file is, not its name: safetensors, alone or several with an index; PyTorch's own files
    (`.pt`, `.pth`, `.bin`), also the old ones; numpy's `.npz` and `.npy`; GGUF; MLX's checkpoints. Of a folder it is
    the checkpoint in it. Nothing in a file is ever run.

    A file from another program gives an `OrderedDict` of tensors, one of PyTorch what was saved there. Values of
    safetensors files of more than 4 MB are read when they are first used, so that loading is immediate and takes no
    memory; replacing the file later, as `save` does, does not change them, but writing into it does: `mmap=False`
    reads everything now. Other formats are read now anyway.

    Eight-bit floats become float16, which holds all of their values; F8_E8M0 becomes float32. Quantised tensors of
    GGUF files become float32. Quantised weights of MLX stay the `weight`, `scales` and `biases` that they are stored
    as: see `lucid.serialization.dequantize`.

    Args:
        f: a path, of a file or a folder, or a file opened for binary reading, which is read at once.
        map_location: where operations on the tensors are to run: a device, a dict from device names to devices, or a
            function `f(tensor, name)` that returns the tensor to use or None to leave it. MLX's default device if None.
        weights_only: False gives a warning: there is no other way than this one, which runs nothing.
        mmap: False reads all values now, which is also needed if another thread is to use them first.
        pickle_load_args: none; PyTorch's are refused, since nothing is unpickled.

    Raises FileNotFoundError, CheckpointError if the file is damaged or of another format, TypeError for float64 on a
    GPU.
    """
    refuse_pickle("load", pickle_load_args, ("pickle_module", "encoding", "errors", "fix_imports", "buffers"))
    if weights_only is not None and not weights_only:
        warnings.warn(
            "load: weights_only=False changes nothing: lucid never runs what a file says. Leave it out",
            UserWarning,
            stacklevel=2,
        )
    return read(f, placer(map_location), mmap is None or bool(mmap))


def read(f: Any, place: Place, lazy: bool = True) -> Any:
    """`load` with a function that places the tensors."""
    what = f
    try:
        what = located(f)
        with Source.open(what) as source:
            what = source.name
            return _read(source, place, lazy)
    except CheckpointError as error:
        raise CheckpointError(f"load: {_named(what)}: {error}") from None
    except (RecursionError, MemoryError) as error:
        raise CheckpointError(f"load: {_named(what)}: it is damaged: {error!r}") from None


def _named(f: Any) -> str:
    return os.fsdecode(f) if isinstance(f, (str, bytes, os.PathLike)) else str(getattr(f, "name", "the stream"))


def located(f: Any) -> Any:
    """The file to open for `f`: of a folder the checkpoint in it, of a set of files its index."""
    if not isinstance(f, (str, bytes, os.PathLike)):
        return f
    path = os.fsdecode(f)
    if os.path.isdir(path):
        return _index.in_folder(path)
    return path if os.path.exists(path) else _index.of_set(path) or path


def _read(source: Source, place: Place, lazy: bool) -> Any:
    kind = _formats.kind_of(source)
    source.file.seek(0)
    if kind == _formats.TORCH:
        return _of_torch(source, place)
    if kind == _formats.NPY:
        return place(_numpy_files.read_npy(source), "array")
    if kind == _formats.INDEX:
        return _read_index(source, place, lazy)
    arrays, metadata = _arrays(source, kind, lazy)
    return _assembled(arrays, metadata, place)


def _of_torch(source: Source, place: Place) -> Any:
    from lucid.serialization import _torch  # late, as all readers that few files need

    return _torch.read(source.file, place)


def _arrays(source: Source, kind: str, lazy: bool) -> tuple[dict[str, mx.array], dict[str, str]]:
    if kind == _formats.NPZ:
        return _numpy_files.read_npz(source)
    if kind == _formats.GGUF:
        from lucid.serialization import _gguf

        return _gguf.read(source), {}
    return _reading.read(source, lazy)


def _read_index(source: Source, place: Place, lazy: bool) -> Any:
    if source.path is None:
        raise CheckpointError("it is the index of a checkpoint of several files; give its path")
    found, index = _index.load(source.path, source.read(0, source.size), lambda path: _shard(path, place, lazy))
    arrays = {name: value for name, value in found.items() if isinstance(value, mx.array)}
    if len(arrays) < len(found):  # files of PyTorch, whose tensors are complete
        return OrderedDict(found)
    metadata = {name: text for name, text in index.metadata.items() if isinstance(text, str)}
    return _assembled(arrays, metadata, place)


def _shard(path: str, place: Place, lazy: bool) -> dict[str, Any]:
    with Source.open(path) as source:
        try:
            kind = _formats.kind_of(source)
            source.file.seek(0)
            if kind == _formats.TORCH:
                found = _of_torch(source, place)
                if not isinstance(found, Mapping):
                    raise CheckpointError(f"it holds a {type(found).__name__} and no dict of tensors")
                return dict(found)
            if kind in (_formats.INDEX, _formats.NPY):
                raise CheckpointError("it holds no named tensors")
            return _arrays(source, kind, lazy)[0]
        except CheckpointError as error:
            raise CheckpointError(f"its file {os.path.basename(path)}: {error}") from None


def _assembled(arrays: dict[str, mx.array], metadata: Mapping[str, str], place: Place) -> Any:
    if STRUCTURE in metadata:
        return Decoder(arrays, place).value(metadata[STRUCTURE])
    tensors = {name: place(array, name) for name, array in arrays.items()}
    found: OrderedDict[str, Tensor] = OrderedDict(tensors)
    try:
        order = json.loads(metadata.get(ORDER, "[]"))
        listed = {name for name in order if isinstance(name, str)}
        for name, first in metadata.items():
            if name not in tensors and first in tensors and name != "format" and (not listed or name in listed):
                found[name] = tensors[first].detach()  # as `safetensors.torch.save_model` notes what is tied
        for name in order:
            found.move_to_end(name)
        if VERSIONS in metadata:
            found._metadata = OrderedDict(json.loads(metadata[VERSIONS]))  # type: ignore[attr-defined]
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise CheckpointError(f"its metadata is broken: {error!r}") from None
    return dict(found) if metadata.get(TYPE) == "dict" and VERSIONS not in metadata else found
