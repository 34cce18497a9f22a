"""`save`: what is written, in which format, and what a plain file says."""

from __future__ import annotations

import io
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Literal, NoReturn

from lucid._tensor import Tensor
from lucid.serialization import _memory, _numpy_files, _writing
from lucid.serialization._header import METADATA
from lucid.serialization._pieces import Progress, pieces
from lucid.serialization._refusals import refuse_pickle
from lucid.serialization._replacing import in_place_of
from lucid.serialization._structure import Encoder, Stored

# Keys of a file's metadata.
STRUCTURE, VERSIONS, ORDER, TYPE = "lucid", "_metadata", "_order", "_type"

Format = Literal["safetensors", "npz", "torch"]


def save(
    obj: Any,
    f: Any,
    *,
    format: Format = "safetensors",
    max_shard_size: int | str | None = None,
    **pickle_args: NoReturn,
) -> None:
    """Save `obj` as a safetensors file.

    A dict of tensors, such as a module's `state_dict()`, becomes a plain safetensors file that any program can read.
    Any nesting of dicts, lists, tuples and sets with tensors, numpy arrays, numbers and texts in it, such as the state
    of a whole training, is saved too: the tensors under names such as "optimizer.state.0.exp_avg", the rest as JSON in
    the metadata. Nothing is pickled.

    A tensor that occurs more than once, tied weights for example, is written once, and shared again when it is loaded;
    so are views of a part of another tensor, and containers.

    The file is complete or not there: it is written beside its place and then renamed, so that a failure, also one of
    the machine, leaves what was there.

    Args:
        obj: what to save.
        f: a path, or a file opened for binary writing. The name says nothing about the format.
        format: "safetensors"; "npz" for numpy, where bfloat16 becomes float32; or "torch", which
            `torch.load(f, weights_only=True)` reads.
        max_shard_size: write several safetensors files of at most that many bytes each, such as `"5GB"`, and an index:
            `model-00001-of-00003.safetensors`, ..., and `model.safetensors.index.json` for `f="model.safetensors"`.
        pickle_args: none; PyTorch's are refused, since nothing is pickled.

    Raises TypeError, with the place in `obj`, for what cannot be stored, such as modules; CheckpointError if the folder
    does not exist.

    >>> import lucid, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
    >>> lucid.save({"weight": lucid.tensor([1.0, 2.0]), "epoch": 3}, path)
    >>> lucid.load(path)
    {'weight': tensor([1., 2.]), 'epoch': 3}
    """
    refuse_pickle("save", pickle_args, ("pickle_module", "pickle_protocol", "_use_new_zipfile_serialization"))
    write(obj, f, format, max_shard_size)


def write(
    obj: Any, f: Any, format: str, max_shard_size: Any = None, progress: Progress | None = None, last: bool = False
) -> None:
    """`save`, which tells `progress` how many bytes were written.

    If it is the `last` use of `obj`, a dict is emptied, so that its tensors need not be in memory at the same time.
    """
    if format not in ("safetensors", "npz", "torch"):
        raise ValueError(f"save: expected format 'safetensors', 'npz' or 'torch', got {format!r}")
    if max_shard_size is not None and (format != "safetensors" or hasattr(f, "write")):
        raise ValueError("save: max_shard_size is for safetensors files at a path; leave it out")
    if not hasattr(f, "write") and not isinstance(f, (str, bytes, os.PathLike)):
        raise TypeError(f"save: expected a path or a file opened for binary writing, got {type(f).__name__}")
    if isinstance(f, io.TextIOBase):
        raise TypeError(f"save: expected a file opened for binary writing ('wb'), got a {type(f).__name__} for text")
    fill: Callable[[BinaryIO], None]
    if format == "torch":
        from lucid.serialization import _torch  # late: most files are of safetensors

        fill = lambda file: _torch.write(file, obj, progress)  # noqa: E731
    else:
        tensors, metadata = stored(obj, format)
        found = pieces(tensors, late=last)
        if last and isinstance(obj, dict):
            obj.clear()
        del tensors
        if max_shard_size is not None:
            most = _writing.parse_size(max_shard_size)
            _writing.write_shards(os.fsdecode(f), found, metadata, most, progress)
            return
        if format == "npz":
            fill = lambda file: _numpy_files.write_npz(file, found, metadata, progress)  # noqa: E731
        else:
            fill = lambda file: _writing.write(file, found, metadata, progress)  # noqa: E731
    if hasattr(f, "write"):
        fill(f)
    else:
        in_place_of(os.fsdecode(f), fill)


def stored(obj: Any, format: str = "safetensors") -> tuple[Mapping[str, Stored], dict[str, str]]:
    """The tensors of a file, and its metadata."""
    metadata = {"format": "pt"}  # what other readers look for: the names and layouts are PyTorch's
    flat = _flat(obj, metadata)
    if flat is not None:
        return flat, metadata
    encoder = Encoder()
    metadata[STRUCTURE] = encoder.text(obj)
    return encoder.tensors, metadata


def _flat(obj: Any, metadata: dict[str, str]) -> dict[str, Tensor] | None:
    """The tensors, if a plain file says everything about `obj`; then `metadata` is added to."""
    versions = getattr(obj, "_metadata", None)
    if type(obj) not in (dict, OrderedDict) or not all(map(_is_plain, obj.items())):
        return None
    if versions is not None and not _is_json(versions):
        return None
    names = list(obj)
    places, more = _memory.places(list(obj.values()))
    if more or any(place.view is not None for place in places):
        return None
    shared = {names[k]: names[place.of] for k, place in enumerate(places) if place.of != k}
    if shared:  # as `safetensors.torch.save_model` notes it
        metadata |= shared | {ORDER: json.dumps(names, separators=(",", ":"))}
    if versions is not None:
        metadata[VERSIONS] = json.dumps(versions, separators=(",", ":"))
    if type(obj) is dict:
        metadata[TYPE] = "dict"
    return {name: t for name, t in obj.items() if name not in shared}


def _is_plain(item: tuple[Any, Any]) -> bool:
    name, t = item
    return (
        type(name) is str
        and name not in (METADATA, "format", STRUCTURE, VERSIONS, ORDER, TYPE)
        and type(t) is Tensor
        and not t.requires_grad
        and not vars(t)
        and _is_unicode(name)
    )


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_json(versions: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(versions)) == versions)
    except (TypeError, ValueError, RecursionError):
        return False
