"""`inspect`: what is in a checkpoint, without reading the values."""

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple

import mlx.core as mx

from lucid.dtypes import OF_MX
from lucid.serialization import _formats, _header, _index, _numpy_files
from lucid.serialization._header import CheckpointError
from lucid.serialization._loading import located
from lucid.serialization._source import Source

_ROWS = 60  # tensors that a repr shows
_WIDEST = 60  # characters of a metadata text


class TensorInfo(NamedTuple):
    """A tensor of a checkpoint: `dtype` is a name such as "float32", or the file's own if there is no such dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    file: str


class Inspection:
    """What is in a checkpoint. Printing it shows a table.

    Attributes:
        path: of the file, or of the index.
        format: "safetensors", "index", "torch", "npz", "npy" or "gguf".
        size: bytes of all files.
        tensors: a `TensorInfo` for each name.
        metadata: what the file says beside its tensors.
    """

    def __init__(self, path: str, format: str) -> None:
        self.path, self.format = path, format
        self.size = 0
        self.tensors: dict[str, TensorInfo] = {}
        self.metadata: dict[str, Any] = {}

    @property
    def numel(self) -> int:
        """The number of elements of all tensors."""
        return sum(math.prod(t.shape) for t in self.tensors.values())

    @property
    def nbytes(self) -> int:
        """The bytes of all tensors."""
        return sum(t.nbytes for t in self.tensors.values())

    def __repr__(self) -> str:
        return self.table(_ROWS)

    def table(self, rows: int | None = None) -> str:
        """Everything as lines of text; of more than `rows` tensors the first and the last."""
        count = f"{len(self.tensors):,} tensor{'' if len(self.tensors) == 1 else 's'}"
        lines = [f"{self.path}: {self.format}, {count}, {self.numel:,} elements, {amount(self.size)}"]
        for name, value in self.metadata.items():
            text = str(value)
            lines.append(f"  {name} = {text if len(text) <= _WIDEST else text[: _WIDEST - 3] + '...'}")
        listed = list(self.tensors.values())
        if rows is not None and len(listed) > rows:
            first, last = listed[: rows * 2 // 3], listed[-(rows // 3) :]
            cut = f"... {len(listed) - len(first) - len(last):,} more ..."
            shown: list[TensorInfo | None] = [*first, None, *last]
        else:
            cut, shown = "", [*listed]
        cells = [("name", "dtype", "shape", "size"), *(_cells(t) if t else (cut, "", "", "") for t in shown)]
        widths = [max(len(row[k]) for row in cells) for k in range(4)]
        for a, b, c, d in cells if listed else []:
            lines.append(f"{a:{widths[0]}}  {b:{widths[1]}}  {c:{widths[2]}}  {d:>{widths[3]}}".rstrip())
        return "\n".join(lines)


def _cells(t: TensorInfo) -> tuple[str, str, str, str]:
    return t.name, t.dtype, str(t.shape), amount(t.nbytes)


def amount(count: int) -> str:
    """A number of bytes for people, such as "1.5 MB"."""
    power = min((len(str(count)) - 1) // 3, 4)
    size = count / 1000**power
    return f"{size:.{0 if size >= 100 or not power else 1}f} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def inspect(path: Any) -> Inspection:
    """What is in a checkpoint of any format that `load` reads, or in an open file: names, shapes, dtypes, metadata.

    No values are read. Raises FileNotFoundError, CheckpointError for what `load` would refuse as well.

    >>> import lucid, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "fc.safetensors")
    >>> lucid.save({"weight": lucid.ones(2, 3)}, path)
    >>> lucid.serialization.inspect(path).tensors["weight"].shape
    (2, 3)
    """
    what = path
    try:
        what = located(path)
        with Source.open(what) as source:
            what = source.name
            return _inspected(source)
    except CheckpointError as error:
        name = what if isinstance(what, str) else getattr(what, "name", "the stream")
        raise CheckpointError(f"inspect: {name}: {error}") from None


def _inspected(source: Source) -> Inspection:
    kind = _formats.kind_of(source)
    source.file.seek(0)
    found = Inspection(source.name, kind)
    found.size = source.size
    if kind == _formats.INDEX:
        _add_index(found, source)
    else:
        _add(found, source, kind)
    return found


def _add(found: Inspection, source: Source, kind: str) -> None:
    """Add the tensors of one file, and its metadata."""
    file = os.path.basename(source.name)

    def tensor(name: str, shape: tuple[int, ...], dtype: mx.Dtype | str, nbytes: int) -> None:
        label = dtype if isinstance(dtype, str) else OF_MX[dtype].name
        found.tensors[name] = TensorInfo(name, tuple(shape), label, nbytes, file)

    if kind == _formats.SAFETENSORS:
        header = _header.read(source.file, source.size)
        found.metadata |= header.metadata
        for name, e in header.entries.items():
            tensor(name, e.shape, _header.DTYPES.get(e.code, e.code), e.end - e.start)
    elif kind == _formats.TORCH:
        from lucid.serialization import _torch  # late, as in `_loading`

        for d in _torch.describe(source.file):
            tensor(d.name, d.shape, d.dtype, d.nbytes)
    elif kind == _formats.GGUF:
        from lucid.serialization import _gguf

        infos, metadata = _gguf.header(source)
        found.metadata |= metadata
        for name, info in infos.items():
            tensor(name, info.shape, info.kind if info.blocks else info.dtype, info.nbytes)
    else:
        if kind == _formats.NPZ:
            found.metadata |= _numpy_files.metadata(source)
        for name, h in _numpy_files.headers(source, kind).items():
            tensor(name, h.shape, h.dtype, math.prod(h.shape) * h.dtype.size)


def _add_index(found: Inspection, source: Source) -> None:
    index = _index.read(source.read(0, source.size))
    folder = os.path.dirname(source.name)
    absent = _index.missing(folder, index)
    if absent:
        raise CheckpointError(f"{len(absent)} of its files are not there: {', '.join(absent[:5])}")
    for file in dict.fromkeys(index.files.values()):
        with Source.open(os.path.join(folder, file)) as part:
            try:
                kind = _formats.kind_of(part)
                part.file.seek(0)
                if kind == _formats.INDEX:
                    raise CheckpointError("it is an index itself")
                _add(found, part, kind)
            except CheckpointError as error:
                raise CheckpointError(f"its file {file}: {error}") from None
            found.size += part.size
    for name, file in index.files.items():
        if name not in found.tensors or found.tensors[name].file != os.path.basename(file):
            raise CheckpointError(f"its file {file} does not have the tensor {name!r}")
    found.metadata = dict(index.metadata)
