"""Writing safetensors files: one, or several with an index."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Sequence
from typing import Any, BinaryIO

from lucid.serialization import _header, _index
from lucid.serialization._header import Entry
from lucid.serialization._pieces import Piece, Progress
from lucid.serialization._replacing import Draft, clean_up, in_place_of, place_of, sync_folder

_CHUNK = 1 << 24  # bytes of one write, after which progress is told and Ctrl-C is heard


def write(file: BinaryIO, pieces: dict[str, Piece], metadata: dict[str, str], progress: Progress | None = None) -> None:
    """Write a safetensors file. The tensors are taken out of `pieces` as they are written."""
    # Wide elements first, so that each tensor is aligned for whoever maps the file. The header keeps the order of
    # `pieces`.
    order = sorted(pieces, key=lambda name: -pieces[name].itemsize)
    entries, start = {}, 0
    for name in order:
        piece = pieces[name]
        entries[name] = Entry(piece.code, piece.shape, start, start + piece.nbytes)
        start += piece.nbytes
    file.write(_header.pack({name: entries[name] for name in pieces}, metadata))
    for name in order:
        put(file, pieces.pop(name), progress)


def put(file: BinaryIO, piece: Piece, progress: Progress | None = None) -> None:
    """Write the elements of one tensor."""
    content = piece.bytes() if piece.nbytes else memoryview(b"")
    for start in range(0, len(content), _CHUNK):
        part = content[start : start + _CHUNK]
        file.write(part)
        if progress is not None:
            progress(len(part))


# ---- several files ---------------------------------------------------------------------------------------------------

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_size(size: Any) -> int:
    """A number of bytes: an int, or a text such as "5GB". Raises ValueError or TypeError for anything else."""
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?B?)\s*", size.upper())
        if match is None or match[2] not in _UNITS:
            raise ValueError(
                f"save: expected max_shard_size as a number of bytes or a text such as '5GB', got {size!r}"
            )
        size = int(float(match[1]) * _UNITS[match[2]])
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"save: expected max_shard_size as an int or a text such as '5GB', got {type(size).__name__}")
    if size <= 0:
        raise ValueError(f"save: max_shard_size has to be positive, got {size}")
    return size


def _shares(pieces: dict[str, Piece], most: int) -> list[list[str]]:
    """The names of the tensors of each file: in order, at most `most` bytes, or a single tensor."""
    shares: list[list[str]] = [[]]
    size = 0
    for name, piece in pieces.items():
        if shares[-1] and size + piece.nbytes > most:
            shares.append([])
            size = 0
        shares[-1].append(name)
        size += piece.nbytes
    return shares


def write_shards(
    path: str, pieces: dict[str, Piece], metadata: dict[str, str], most: int, progress: Progress | None = None
) -> None:
    """Write files of at most `most` bytes of data beside `path`, with an index; or just that file if one is enough.

    The files are complete or not there. New ones get names that no file has, the index is replaced in one step, and
    only then go the files of the index before: at any moment there is an index, if there was one, and all its files.
    """
    folder, name = place_of(_index.without_ending(path))
    stem = name.removesuffix(".safetensors")
    index = os.path.join(folder, f"{stem}{_index.ENDING}")
    single = os.path.join(folder, f"{stem}.safetensors" if name != stem else name)
    shares, size = _shares(pieces, most), sum(piece.nbytes for piece in pieces.values())
    if len(shares) == 1:
        in_place_of(single, lambda file: write(file, pieces, metadata, progress))
        before = _index.files_of(index, stem)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(index)
        _remove(folder, before)
        return
    clean_up(folder, stem)
    clean_up(folder, os.path.basename(index))
    with contextlib.ExitStack() as drafts:
        written = []
        for share in shares:
            draft = drafts.enter_context(Draft(folder, stem))
            write(draft.file, {n: pieces.pop(n) for n in share}, {"format": "pt"}, progress)
            draft.finish()
            written.append(draft)
        names = _publish(written, folder, stem)
        try:
            content = _index_text(shares, names, {"total_size": size, **metadata})
            draft = drafts.enter_context(Draft(folder, os.path.basename(index)))
            draft.file.write(content)
            draft.finish()
            before = _index.files_of(index, stem)
            draft.replace(index)
        except BaseException:
            for n in names:
                os.unlink(os.path.join(folder, n))
            raise
    sync_folder(folder)
    _remove(folder, set(before) - set(names))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(single)  # what was saved under this name before, in one file


def _publish(drafts: Sequence[Draft], folder: str, stem: str) -> list[str]:
    """Give the files their names, which no other file has."""
    names = [f"{stem}-{k:05}-of-{len(drafts):05}.safetensors" for k in range(1, len(drafts) + 1)]
    linked: list[str] = []
    try:
        for draft, name in zip(drafts, names, strict=True):
            os.link(draft.path, os.path.join(folder, name))  # fails if there is one
            linked.append(name)
    except OSError:  # or if the file system has no links
        for name in linked:
            os.unlink(os.path.join(folder, name))
    else:
        return names
    mark = secrets.token_hex(4)
    names = [f"{stem}-{mark}-{k:05}-of-{len(drafts):05}.safetensors" for k in range(1, len(drafts) + 1)]
    for draft, name in zip(drafts, names, strict=True):
        draft.replace(os.path.join(folder, name))
    return names


def _index_text(shares: list[list[str]], names: list[str], metadata: dict[str, Any]) -> bytes:
    weight_map = {n: file for share, file in zip(shares, names, strict=True) for n in share}
    return json.dumps({"metadata": metadata, "weight_map": weight_map}, indent=2).encode() + b"\n"


def _remove(folder: str, files: set[str]) -> None:
    for name in files:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
