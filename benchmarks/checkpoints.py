"""Loading and saving a checkpoint of 1 GB, and the memory that it takes; warm cache. `CHECKPOINT_MB=100` is quicker."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx

import lucid
from benchmarks.timing import interleaved
from lucid import _tape

MEGABYTES = int(os.environ.get("CHECKPOINT_MB", "1024"))
TENSORS = 64
ROUNDS = 5

# What a process of its own does; it prints its peak above what it had after the imports, in multiples of the file.
_PROBE = r"""
import os, re, resource, sys
import mlx.core as mx, lucid
from lucid import _tape, nn

def peak():
    if os.path.exists("/proc/self/status"):  # Linux, where the other way counts the parent's memory before the exec
        return 1024 * int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

path = sys.argv[1]
before = peak()
{work}
print((peak() - before) / os.path.getsize(path))
"""
_RAW_LOAD = "mx.eval(mx.load(path))"
_LOAD = "found = lucid.load(path); _tape.evaluate(*found.values())"
_LOAD_NOW = "found = lucid.load(path, mmap=False); _tape.evaluate(*found.values())"
_MODEL = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        for name, t in lucid.serialization.inspect(path).tensors.items():
            self.register_parameter(name, nn.Parameter(lucid.randn(*t.shape)))
model = Model()
lucid.serialization.load_model(model, path)
_tape.evaluate(*model.parameters())
"""
_SAVE = "found = lucid.load(path); lucid.save(found, path + '.copy'); os.unlink(path + '.copy')"
_RAW_SAVE = "found = mx.load(path); mx.save_safetensors(path + '.copy.safetensors', found); " + (
    "os.unlink(path + '.copy.safetensors')"
)


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what, lucid, raw MLX, ratio."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.safetensors")
        yield f"save {MEGABYTES} MB", *_saved(path)
        yield f"load and evaluate {MEGABYTES} MB", *_compared(lambda: _load(path), lambda: mx.eval(mx.load(path)))
        yield "the same, mmap=False", *_compared(lambda: _load(path, mmap=False), lambda: mx.eval(mx.load(path)))
        for what, mine, raw in (
            ("load and evaluate", _LOAD, _RAW_LOAD),
            ("the same, mmap=False", _LOAD_NOW, _RAW_LOAD),
            ("build a model and load it", _MODEL, _RAW_LOAD),
            ("load and save", _SAVE, _RAW_SAVE),
        ):
            a, b = _peak(mine, path), _peak(raw, path)
            yield f"peak memory / file: {what}", f"{a:.2f}", f"{b:.2f}", f"{a / b:.2f}x"


def _saved(path: str) -> tuple[str, str, str]:
    """Leaves the file at `path` for what comes next."""
    columns = MEGABYTES * 2**20 // 4 // TENSORS // 1024
    arrays = {f"w{k}": mx.random.normal((1024, columns)) for k in range(TENSORS)}
    mx.eval(arrays)
    state = {name: _tape.wrap(a) for name, a in arrays.items()}
    mine = f"{path}.mine"
    found = _compared(lambda: lucid.save(state, mine), lambda: mx.save_safetensors(path, arrays))
    os.unlink(mine)
    return found


def _load(path: str, **kwargs: Any) -> None:
    _tape.evaluate(*lucid.load(path, **kwargs).values())


def _compared(mine: Any, raw: Any) -> tuple[str, str, str]:
    mine_s, raw_s, ratio = interleaved(mine, raw, calls=1, rounds=ROUNDS)
    return f"{mine_s:.2f} s", f"{raw_s:.2f} s", f"{ratio:.2f}x"


def _peak(work: str, path: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE.format(work=work), path], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
