"""Damaged and hostile files of the formats that are no pickles: safetensors, an index, numpy's files, GGUF.

Headers in JSON are damaged as bytes, and also as JSON that stays valid, so that what it says is looked at.

    python -m tests.serialization.fuzzing_files safetensors 20000
"""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import json
import pathlib
import random
import resource
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import lucid
from lucid.serialization import CheckpointError, _reading, inspect, load, save
from tests.serialization.fuzzing import Load, cases, mutated, run, use
from tests.serialization.gguf_files import NUMBERS, blocks, gguf
from tests.serialization.states import Point

_VALUES: tuple[Any, ...] = (-1, 0, 1, 3, 2**31 - 1, 2**31, 2**62, 2**63, 2**64, 10**400, 0.5, 1e308, float("nan"), True)
_VALUES += (None, "", "F32", "F64", "F4", "BOOL", "x", "\ud800", "../x", [], {}, [0], [2**31 - 1] * 3, [[[]]], {"a": 1})
_VALUES += ({"ref": 0}, {"tensor": 0}, {"shared": 0, "value": []}, {"int": "0x" + "f" * 3000}, {"set": [1, 1]})

Mutate = Callable[[bytes, random.Random], bytes]


# ---- JSON ------------------------------------------------------------------------------------------------------------


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key in a tree of JSON."""
    found, waiting = [], [value]
    while waiting:
        at = waiting.pop()
        inner = list(at.items()) if isinstance(at, dict) else list(enumerate(at)) if isinstance(at, list) else []
        found += [(at, key) for key, _ in inner]
        waiting += [child for _, child in inner]
    return found


def json_mutated(text: bytes, rng: random.Random) -> bytes:
    """A JSON text in which one to three values are others; and sometimes a text that is JSON itself is damaged so."""
    tree = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = _places(tree)
        if not places:
            break
        at, key = rng.choice(places)
        what = rng.randrange(8)
        if what == 0 and isinstance(at, list):
            at.insert(rng.randrange(len(at) + 1), copy.deepcopy(rng.choice(_VALUES)))
        elif what == 0:
            at[rng.choice(("dtype", "shape", "data_offsets", "weight_map", "version", "x", ""))] = copy.deepcopy(
                rng.choice(_VALUES)
            )
        elif what == 1:
            del at[key]
        elif what < 4:
            other, k = rng.choice(places)
            at[key], other[k] = json.loads(json.dumps(other[k])), json.loads(json.dumps(at[key]))
        elif what < 6 and isinstance(at[key], int):
            at[key] += rng.choice((-8, -1, 1, 4, 8, 1 << 40))
        elif isinstance(at[key], str) and at[key].startswith("{"):
            at[key] = json_mutated(at[key].encode(), rng).decode("utf-8", "surrogateescape")
        else:
            at[key] = copy.deepcopy(rng.choice(_VALUES))
    return json.dumps(tree).encode()


def _structure_mutated(header: bytes, rng: random.Random) -> bytes:
    """A header that is right, with another structure."""
    tree = json.loads(header)
    about = tree["__metadata__"]
    for key in about.keys() & {"lucid", "_order", "_metadata"}:
        about[key] = json_mutated(about[key].encode(), rng).decode()
    return json.dumps(tree).encode()


def safetensors_mutated(content: bytes, rng: random.Random) -> bytes:
    """A file with another header, whose length is right or nearly so."""
    (length,) = struct.unpack("<Q", content[:8])
    header, data = content[8 : 8 + length], content[8 + length :]
    header = rng.choice((json_mutated, _structure_mutated, mutated))(header, rng)
    length = len(header) + rng.choice((0,) * 20 + (1, -1, 8, 1 << 20, 1 << 40, (1 << 62)))
    return struct.pack("<Q", length % 2**64) + header + (data if rng.randrange(8) else data[: rng.randrange(len(data))])


def damaged_json(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Damaged copies of an index, or of a safetensors file."""
    special = json_mutated if content[:1] == b"{" else safetensors_mutated
    rng = random.Random(seed)
    for _ in range(count):
        yield rng.choice((special, special, special, mutated))(content, rng)


def damaged_start(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Copies that are damaged where a file says what it contains; the second half of the content is only numbers."""
    rng = random.Random(seed)
    middle = len(content) // 2
    for _ in range(count):
        yield mutated(content[:middle], rng) + content[middle:] if rng.randrange(4) else mutated(content, rng)


# ---- the formats -----------------------------------------------------------------------------------------------------


def state() -> Any:
    """Something of everything that is saved."""
    x = lucid.arange(24.0).reshape(4, 6)
    shared = [1, {"a": x}]
    found: Any = OrderedDict(
        x=x,
        row=x[1],
        turned=x.t(),
        meeting=[lucid.arange(9)[:5], lucid.arange(9)[2:]],
        parameter=lucid.nn.Parameter(lucid.ones(3)),
        buffer=lucid.nn.Buffer(lucid.zeros(2)),
        numbers=[1, 2.5, None, True, "text", 1j, 2**80, float("inf"), range(3), slice(1, None), ...],
        bytes=[b"\x00\xff", bytearray(b"ab")],
        more=[(1, (2, "a")), {1, 2}, frozenset("ab"), {"a": {(1, 2): 3}}, Point(1, [2]), deque([1], 3), Counter("aab")],
        factory=defaultdict(list, a=[1]),
        shared=[shared, shared],
        numpy=[np.arange(3, dtype=">i4"), np.array(["a", "bc"]), np.float16(0.5), np.dtype("f4"), np.ones((2, 2)).T],
        kinds=[lucid.Size([1, 2]), lucid.float16, lucid.device("cpu"), lucid.channels_last],
        half=lucid.ones(5).bfloat16(),
    )
    found._metadata = OrderedDict({"": {"version": 1}})
    return found


def _saved(value: Any, format: Any = "safetensors") -> bytes:
    buffer = io.BytesIO()
    save(value, buffer, format=format)
    return buffer.getvalue()


def plain() -> bytes:
    """A state dict of every dtype."""
    dtypes = [lucid.float32, lucid.float64, lucid.float16, lucid.bfloat16, lucid.int64, lucid.uint8, lucid.bool]
    x = lucid.ones(2, 3)
    return _saved({f"layer.{k}": lucid.ones(2, 3).to(d) for k, d in enumerate(dtypes)} | {"tied": x, "also tied": x})


def late() -> bytes:
    """A state dict whose values may be read late."""
    return _saved({f"layer.{k}": lucid.ones(2, k) for k in range(5)} | {"n": lucid.tensor([True, False])})


def load_stream(content: bytes) -> Any:
    """The content of a file that is no path, at which `inspect` has looked before."""
    with contextlib.suppress(CheckpointError):
        repr(inspect(io.BytesIO(content)))
    return load(io.BytesIO(content))


@functools.cache
def _folder() -> pathlib.Path:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fuzzing-"))
    save({f"w{k}": lucid.full((10,), float(k)) for k in range(6)}, folder / "model.safetensors", max_shard_size=100)
    return folder


def load_late(content: bytes) -> Any:
    """The content of a file at a path, which MLX reads when the values are used."""
    path = _folder() / "late"
    path.write_bytes(content)
    before, _reading.LATE = _reading.LATE, -1
    try:
        return load(path)
    finally:
        _reading.LATE = before


def index() -> bytes:
    """The index of several files."""
    return (_folder() / "model.safetensors.index.json").read_bytes()


def load_index(content: bytes) -> Any:
    """What an index beside its files gives."""
    path = _folder() / "damaged.json"
    path.write_bytes(content)
    return load(path)


def npz() -> bytes:
    """An archive of arrays, some compressed."""
    buffer = io.BytesIO(_saved(state(), "npz"))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", npy())
    return buffer.getvalue()


def npy() -> bytes:
    """An array."""
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(np.zeros((3, 4), ">f4")))
    return buffer.getvalue()


def gguf_file() -> bytes:
    """A file with tensors of every type."""
    tensors = {k: ((NUMBERS[k][1],), NUMBERS[k][0], blocks(k, 1)) for k in ("Q4_0", "Q5_1", "Q8_0", "Q6_K", "Q2_K")}
    tensors |= {"plain": ((2, 3), 0, bytes(24)), "half": ((4,), 30, bytes(8))}
    metadata = {"name": "é", "yes": True, "n": 7, "words": ["a", "b"] * 20, "nested": [1, 2], "x": 0.5}
    return gguf(tensors, metadata)


class Fuzzed(NamedTuple):
    """A format: a file of it, how it is loaded, how it is damaged."""

    make: Callable[[], bytes]
    load: Load
    damaged: Callable[[bytes, int, int], Iterator[bytes]]


FORMATS = {
    "safetensors": Fuzzed(plain, load_stream, damaged_json),
    "safetensors-late": Fuzzed(late, load_late, damaged_json),
    "nested": Fuzzed(lambda: _saved(state()), load_stream, damaged_json),
    "index": Fuzzed(index, load_index, damaged_json),
    "npz": Fuzzed(npz, load_stream, cases),
    "npy": Fuzzed(npy, load_stream, damaged_start),
    "gguf": Fuzzed(gguf_file, load_stream, damaged_start),
}


def main(name: str, count: int, seed: int = 0) -> None:
    """Print a report; 3 GB of address space and 10 seconds for each file are the limits."""
    make, load_one, damaged = FORMATS[name]
    content = make()
    use(load_one(content))
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    start = time.perf_counter()
    report = run(content, load_one, count, seed, damaged=damaged)
    print(f"{name}: {count} files of {len(content)} bytes in {time.perf_counter() - start:.0f} s: {report}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:]))
