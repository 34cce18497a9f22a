"""Writers that are killed at random moments: whatever they were doing, what was there or what they wrote is whole.

python -m tests.serialization.killing sharded 200
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lucid
from lucid import _tape
from lucid.serialization import load, save

LONGEST = 0.03  # seconds that a writer lives


def state(value: int) -> dict[str, Any]:
    return {f"w{k}": lucid.full((10_000,), float(value)) for k in range(6)} | {"value": lucid.tensor(value)}


STATES = [state(k) for k in range(3)]
PLAIN = [{f"w{k}": bytes([value]) * 40_000 for k in range(6)} | {"value": value} for value in range(3)]


def _sharded(path: Path, k: int) -> None:
    save(STATES[k], path, max_shard_size=90_000)


def _changing(path: Path, k: int) -> None:
    save(STATES[k], path, max_shard_size=(90_000, 10**9, 50_000)[k])


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "safetensors": lambda path, k: save(STATES[k], path),
    "npz": lambda path, k: save(STATES[k], path, format="npz"),
    "torch": lambda path, k: save(PLAIN[k], path, format="torch"),
    "sharded": _sharded,
    "changing": _changing,
}


def check(found: Any) -> int:
    """The number of the state that `found` is, all of it."""
    value = int(found["value"])
    assert len(found) == 7
    for k in range(6):
        w = found[f"w{k}"]
        assert (set(w) if isinstance(w, bytes) else {float(w.min()), float(w.max())}) == {value}
    return value


def run(kind: str, count: int, seed: int = 0) -> Counter[str]:
    """Kill `count` writers of one kind of file. Returns how often the file was which, and what was left beside it."""
    rng, write = random.Random(seed), WRITERS[kind]
    for s in STATES:
        _tape.evaluate(*s.values())  # nothing is left to compute in a forked process, where MLX would hang
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        write(path, 0)
        for _ in range(count):
            child = os.fork()
            if not child:
                try:
                    while True:
                        for k in (1, 2, 0):
                            write(path, k)
                finally:
                    os._exit(1)
            time.sleep(rng.uniform(0, LONGEST))
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            assert os.WTERMSIG(status) == signal.SIGKILL, "the writer failed"
            seen[f"state {check(load(path))}"] += 1
            check(load(folder))
            left = os.listdir(folder)
            for name in left:
                if not name.startswith("."):
                    load(Path(folder) / name)  # whatever has a name that others look at is whole
            seen["drafts left"] += any(name.startswith(".") for name in left)
        write(path, 1)
        assert check(load(path)) == 1
        drafts = [name for name in os.listdir(folder) if name.startswith(".")]
        if kind != "changing":
            assert not drafts, "what killed writers left is removed by the next"
    return seen


if __name__ == "__main__":
    print(sys.argv[1], dict(run(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:]))))
