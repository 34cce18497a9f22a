"""Checkpoints of several files with an index: which tensor is in which of them. And folders that hold a checkpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from lucid.serialization._header import CheckpointError, parse

ENDING = ".safetensors.index.json"
_LARGEST = 100_000_000  # bytes of an index

# What a folder may hold, the best first.
_PREFERRED = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_ENDINGS = (".safetensors", ".index.json", ".bin", ".pt", ".pth", ".npz", ".gguf")


class Index(NamedTuple):
    """What an index says: the file of each tensor, and the metadata."""

    files: dict[str, str]
    metadata: dict[str, Any]


def without_ending(path: str) -> str:
    """The path of the checkpoint itself, given that of its index."""
    return path[: -len(".index.json")] if path.endswith(ENDING) else path


def read(content: bytes) -> Index:
    """The index in `content`, checked. Raises CheckpointError with the reason alone."""
    if len(content) > _LARGEST:
        raise CheckpointError(f"it has {len(content)} bytes, too many for an index")
    found = parse(content, "it is no index: its JSON")
    files = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(files, dict) or not files:
        raise CheckpointError("it is JSON, but no index of a checkpoint: it has no weight_map")
    for name, file in files.items():
        if not isinstance(file, str) or not _stays_inside(file):
            raise CheckpointError(f"its weight_map has {str(file)[:100]!r} for {name!r}, which is no file beside it")
    metadata = found.get("metadata")
    return Index(files, metadata if isinstance(metadata, dict) else {})


def _stays_inside(file: str) -> bool:
    parts = re.split(r"[/\\]", file)
    return "\0" not in file and not os.path.isabs(file) and not {"", ".", ".."} & set(parts) and ":" not in parts[0]


def files_of(path: str, stem: str) -> set[str]:
    """The files of the set `stem` that the index at `path` names; none if there is no index."""
    try:
        with open(path, "rb") as file:
            named = set(read(file.read()).files.values())
    except (FileNotFoundError, CheckpointError):
        return set()
    ours = re.compile(re.escape(stem) + r"-(?:[0-9a-f]{8}-)?\d{5}-of-\d{5}\.safetensors")
    return {name for name in named if ours.fullmatch(name)}


def missing(folder: str, index: Index) -> list[str]:
    """The files that an index names and `folder` does not have."""
    return [file for file in dict.fromkeys(index.files.values()) if not os.path.exists(os.path.join(folder, file))]


def load(path: str, content: bytes, read_file: Callable[[str], dict[str, Any]]) -> tuple[dict[str, Any], Index]:
    """What `read_file` finds in the files of the index `content`, which is at `path`: by name, in the index's order."""
    while True:
        index, folder = read(content), os.path.dirname(path)
        try:
            absent = missing(folder, index)
            if absent:
                raise CheckpointError(
                    f"it names {len(set(index.files.values()))} files, of which {len(absent)} are not there: "
                    f"{', '.join(absent[:5])}{', ...' if len(absent) > 5 else ''}"
                )
            found = _parts(folder, index, read_file)
        except (FileNotFoundError, CheckpointError):
            with open(path, "rb") as file_now:
                now = file_now.read()
            if now == content:
                raise
            content = now  # another checkpoint was saved here meanwhile
        else:
            order = [name for name in index.files if name in found]
            return {name: found[name] for name in (*order, *found)}, index


def _parts(folder: str, index: Index, read_file: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """The tensors of all files. Raises CheckpointError if one is not where the index says."""
    named: dict[str, list[str]] = {}
    for name, file in index.files.items():
        named.setdefault(file, []).append(name)
    found: dict[str, Any] = {}
    for file, names in named.items():
        part = read_file(os.path.join(folder, file))
        for name in names:
            if name not in part:
                raise CheckpointError(f"its file {file} does not have the tensor {name!r}")
        found |= {name: value for name, value in part.items() if index.files.get(name, file) == file}
    return found


def in_folder(folder: str) -> str:
    """The path of the checkpoint that a folder holds. Raises CheckpointError if there is none, or more than one."""
    names = sorted(n for n in os.listdir(folder) if n.endswith(_ENDINGS) and not n.startswith("."))
    for name in _PREFERRED:
        if name in names:
            return os.path.join(folder, name)
    for ending in (ENDING, *_ENDINGS):
        found = [name for name in names if name.endswith(ending)]
        if len(found) == 1:
            single = without_ending(found[0])  # saved after the index under the same name, in one file
            return os.path.join(folder, single if single in names else found[0])
        if found:
            raise CheckpointError(
                f"it is a folder with {len(found)} files *{ending} and no index; name one: {', '.join(found[:5])}"
            )
    raise CheckpointError("it is a folder without a checkpoint: it has none of " + ", ".join(f"*{e}" for e in _ENDINGS))


def of_set(path: str) -> str | None:
    """The index of a checkpoint that was saved under the name `path` in several files; None if there is none."""
    found = f"{path.removesuffix('.safetensors')}{ENDING}"
    return found if os.path.isfile(found) else None
