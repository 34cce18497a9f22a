"""Damaged and hostile files by the thousand: whatever the bytes are, loading them gives a value or a CheckpointError.

`cases(content, count, seed)` gives mutated copies of a file; `check(content, load)` loads one and uses what came.
Many, with limits of memory and time, in a process of their own:

    python -m tests.serialization.fuzzing torch-zip 20000
"""

from __future__ import annotations

import argparse
import io
import itertools
import pathlib
import pickle
import pickletools
import random
import resource
import signal
import struct
import sys
import time
import types
import zipfile
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import lucid
from lucid import _tape
from lucid.serialization import CheckpointError, _torch
from tests.serialization.pickles import zipped

Load = Callable[[bytes], Any]
_HOSTILE = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**64 - 1)


# ---- mutations -------------------------------------------------------------------------------------------------------


def mutated(content: bytes, rng: random.Random) -> bytes:
    """`content` with one to four things done to it."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not data:
            break
        rng.choice((_flip, _flip, _overwrite, _number, _number, _cut, _truncate, _repeat, _swap, _insert))(data, rng)
    return bytes(data)


def _flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at : at + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(1, 9))


def _number(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((1, 2, 4, 8))
    at = rng.randrange(max(1, len(data) - size))
    data[at : at + size] = (rng.choice(_HOSTILE) & (1 << 8 * size) - 1).to_bytes(size, "little")


def _span(data: bytearray, rng: random.Random) -> slice:
    at = rng.randrange(len(data))
    return slice(at, at + rng.choice((1, 2, 4, 16, 64, 256)))


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_span(data, rng)]


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _repeat(data: bytearray, rng: random.Random) -> None:
    span = _span(data, rng)
    data[span.stop : span.stop] = data[span] * rng.choice((1, 2, 50))


def _swap(data: bytearray, rng: random.Random) -> None:
    a, b = _span(data, rng), _span(data, rng)
    data[a], data[b] = data[b], data[a]


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = rng.randbytes(rng.choice((1, 4, 30)))


def pickle_mutated(whole: bytes, rng: random.Random) -> bytes:
    """A pickle whose instructions are whole, but some of which are missing, doubled or elsewhere."""
    places = [place for _, _, place in pickletools.genops(whole)] + [len(whole)]
    parts = [whole[a:b] for a, b in itertools.pairwise(places)]
    for _ in range(rng.choice((1, 1, 2, 5))):
        k, other = rng.randrange(1, len(parts)), rng.randrange(1, len(parts))
        what = rng.randrange(5)
        if what == 0:
            del parts[k]
        elif what == 1:
            parts.insert(k, parts[other])
        elif what == 2:
            parts[k], parts[other] = parts[other], parts[k]
        elif what == 3:
            parts[k] = parts[other]
        else:
            parts[k] = mutated(parts[k], rng)
        if len(parts) < 2:
            break
    return b"".join(parts)


def legacy_mutated(content: bytes, rng: random.Random) -> bytes:
    """An old file of PyTorch whose main pickle is damaged so."""
    start = content.index(b"\x80\x02", content.index(b"\x80\x02}q") + 2)
    end = content.index(b".\x80\x02]q\x00(X\x01\x00\x00\x000", start) + 1
    return content[:start] + pickle_mutated(content[start:end], rng) + content[end:]


def zip_mutated(content: bytes, rng: random.Random) -> bytes:
    """A zip archive whose records are damaged but whose checksums are right, so that what is in them is looked at."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        records = [(info.filename, archive.read(info)) for info in archive.infolist()]
    for _ in range(rng.choice((1, 1, 2))):
        k = rng.randrange(len(records))
        what = rng.randrange(8)
        if what < 5:  # mostly the first, which says what the others are
            k = rng.choice((0, 0, 0, k))
            is_pickle = records[k][1][:1] == b"\x80" and rng.randrange(3)
            try:
                damaged = (pickle_mutated if is_pickle else mutated)(records[k][1], rng)
            except ValueError:  # it is damaged too much to be taken apart
                damaged = mutated(records[k][1], rng)
            records[k] = records[k][0], damaged
        elif what == 5:
            del records[k]
        elif what == 6:
            other = rng.randrange(len(records))
            records[k], records[other] = (records[k][0], records[other][1]), (records[other][0], records[k][1])
        else:
            name = rng.choice(("../" * 5 + "etc/passwd", "/etc/passwd", "archive/data/99", "x", "archive/data.pkl"))
            records[k] = name, records[k][1]
        if not records:
            break
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name in dict(records):
            archive.writestr(name, dict(records)[name])
    return buffer.getvalue()


def cases(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged copies of a file, the same ones for the same seed."""
    rng = random.Random(seed)
    special = {b"PK": zip_mutated, b"\x80\x02": legacy_mutated}.get(content[:2], mutated)
    for _ in range(count):
        yield rng.choice((special, special, mutated))(content, rng)


# ---- what has to hold ------------------------------------------------------------------------------------------------


def check(content: bytes, load: Load) -> bool:
    """Load `content` and use everything in it; True if that went well, False if it was refused.

    Any other exception than CheckpointError comes out.
    """
    try:
        found = load(content)
    except CheckpointError:
        return False
    use(found)
    return True


def use(value: Any) -> None:
    """Print `value`, and evaluate its tensors."""
    repr(value)
    open_, seen = [value], set()
    while open_:
        at = open_.pop()
        if id(at) in seen:
            continue
        seen.add(id(at))
        if isinstance(at, lucid.Tensor):
            _tape.evaluate(at)
            repr(at)
        elif isinstance(at, dict):
            open_ += [*at.keys(), *at.values()]
        elif isinstance(at, (list, tuple, set, frozenset, np.ndarray)):
            open_ += list(at.flat) if isinstance(at, np.ndarray) else list(at)


# ---- many ------------------------------------------------------------------------------------------------------------


class Report(NamedTuple):
    """What came of many files."""

    loaded: int
    refused: int
    reasons: Counter[str]
    slowest: float
    peak: int  # more megabytes than before

    def __str__(self) -> str:
        lines = [
            f"{self.loaded} loaded, {self.refused} refused, slowest {self.slowest * 1000:.0f} ms, peak +{self.peak} MB"
        ]
        return "\n".join(lines + [f"  {count:6} {reason}" for reason, count in self.reasons.most_common(40)])


def run(
    content: bytes,
    load: Load,
    count: int,
    seed: int,
    seconds: int = 10,
    damaged: Callable[..., Iterator[bytes]] = cases,
) -> Report:
    """Check `count` cases, each in at most `seconds`. What goes wrong is raised with the case in a note."""
    reasons: Counter[str] = Counter()
    loaded, slowest, before = 0, 0.0, _peak()

    def guarded(case: bytes) -> Any:
        try:
            return load(case)
        except CheckpointError as error:
            reasons[" ".join(str(error).split()[:7])] += 1
            raise

    signal.signal(signal.SIGALRM, _too_long)
    for k, case in enumerate(damaged(content, count, seed)):
        signal.alarm(seconds)
        start = time.perf_counter()
        try:
            loaded += check(case, guarded)
        except BaseException as error:
            with open(f"/tmp/fuzzed-{seed}-{k}", "wb") as file:
                file.write(case)
            raise AssertionError(f"case {k} of seed {seed}, kept in {file.name}: {error!r}") from error
        slowest = max(slowest, time.perf_counter() - start)
    signal.alarm(0)
    return Report(loaded, count - loaded, reasons, slowest, _peak() - before)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def _too_long(*_: Any) -> None:
    raise TimeoutError("it takes too long")


# ---- the formats -----------------------------------------------------------------------------------------------------


def state() -> Any:
    """Something of everything that PyTorch's format holds."""
    x = lucid.arange(24.0).reshape(2, 3, 4)
    found: Any = OrderedDict(
        weight=x,
        view=x[:, 1:],
        turned=x.transpose(0, 2),
        parameter=lucid.nn.Parameter(lucid.ones(3)),
        buffer=lucid.nn.Buffer(lucid.zeros(2)),
        rest=[1, 2.5, None, True, "text", b"\x00\xff", (1, (2, "a")), {1, 2}, {"a": {(1, 2): 3}}, 2**70, 1j],
        shape=lucid.Size([1, 2]),
        dtype=lucid.float16,
        device=lucid.device("cpu"),
    )
    found["again"] = found["rest"]
    found._metadata = OrderedDict({"": {"version": 1}})
    return found


def torch_zip() -> bytes:
    """A file of `torch.save`."""
    found = state()
    found |= {"half": lucid.ones(5).bfloat16(), "small": lucid.tensor([1, 2], dtype=lucid.uint16)}
    buffer = io.BytesIO()
    _torch.write(buffer, found)
    return buffer.getvalue()


def torch_legacy() -> bytes:
    """A file of `torch.save` as it was before PyTorch 1.6."""
    buffer = io.BytesIO()
    _torch.write(buffer, state())
    with zipfile.ZipFile(buffer) as archive:
        storages = [archive.read(n) for n in archive.namelist() if n.startswith("archive/data/")]  # of floats
        body = archive.read("archive/data.pkl").replace(b"tQ", b"NtQ")  # none is a part of another
    keys = b"".join(b"X\x01\x00\x00\x00%d" % k for k in range(len(storages)))
    start = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00X\x04\x00\x00\x00byteK\x01s."
    data = b"".join(struct.pack("<q", len(values) // 4) + values for values in storages)
    return start + body + b"\x80\x02]q\x00(" + keys + b"e." + data


def torch_numpy() -> bytes:
    """A file of `torch.save` with what comes of numpy and Python, and no tensors."""
    value = {
        "numpy": [np.arange(6.0).reshape(2, 3).T, np.array(["é", "ab"]), np.array([b"ab"]), np.arange(3, dtype=">i4")],
        "scalars": [np.float64(0.5), np.bool_(True), np.str_("a"), np.complex64(1j)],
        "python": [defaultdict(list, a=[1]), frozenset((1, 2)), {3}, slice(1, None, 2), range(3), b"", bytearray(b"x")],
        "settings": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("a/b"), more=types.SimpleNamespace(a=[1])),
        ("a", 1): Counter("abca"),
    }
    return zipped(pickle.dumps(value, 4)[2:-1], {})


def load_torch(content: bytes) -> Any:
    """The content of a file of `torch.save`."""
    return _torch.read(io.BytesIO(content), lambda array, name: _tape.wrap(array))


FORMATS: dict[str, tuple[Callable[[], bytes], Load]] = {
    "torch-zip": (torch_zip, load_torch),
    "torch-legacy": (torch_legacy, load_torch),
    "torch-numpy": (torch_numpy, load_torch),
}


def main(name: str, count: int, seed: int = 0) -> None:
    """Print a report; 3 GB of address space and 10 seconds for each file are the limits."""
    make, load = FORMATS[name]
    content = make()
    use(load(content))
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    start = time.perf_counter()
    report = run(content, load, count, seed)
    print(f"{name}: {count} files of {len(content)} bytes in {time.perf_counter() - start:.0f} s: {report}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
