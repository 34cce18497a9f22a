"""Loading and saving a checkpoint of 1 GB, and the memory that it takes; warm cache. `CHECKPOINT_MB=100` is quicker."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx

from benchmarks.processes import told
from benchmarks.race import MLX, Bound, Line, Race, Row, Worker
from benchmarks.timing import Clock, clock

MEGABYTES = int(os.environ.get("CHECKPOINT_MB", "1024"))
TENSORS = 64
COLUMNS = MEGABYTES * 2**20 // 4 // TENSORS // 1024
FOLDER = tempfile.TemporaryDirectory()  # goes when Python ends
PATH = str(Path(FOLDER.name) / "model.safetensors")
LOAD, LOAD_NOW, MODEL, SAVE = "load and evaluate", "load and evaluate, mmap=False", "build a model and load it", "save"

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
_MINE = {
    LOAD: "found = lucid.load(path); _tape.evaluate(*found.values())",
    LOAD_NOW: "found = lucid.load(path, mmap=False); _tape.evaluate(*found.values())",
    MODEL: _MODEL,
    SAVE: "found = lucid.load(path); lucid.save(found, path + '.copy'); os.unlink(path + '.copy')",
}
_RAW = {
    LOAD: "found = mx.load(path); mx.eval(found)",
    SAVE: "found = mx.load(path); copy = path + '.copy.safetensors'; mx.save_safetensors(copy, found); os.unlink(copy)",
}


def words(torch: Any) -> dict[str, Clock]:
    """PyTorch, by safetensors' own reader; it maps the file, and only a copy reads it."""
    from safetensors.torch import load_file, save_file

    state = {f"w{k}": torch.randn(1024, COLUMNS) for k in range(TENSORS)}
    save_file(state, PATH)
    return {
        LOAD: clock(lambda: [t.clone() for t in load_file(PATH).values()]),
        SAVE: clock(lambda: save_file(state, PATH)),
    }


def _mine(state: dict[str, Any]) -> dict[str, Clock]:
    import lucid
    from lucid import _tape

    copy = f"{PATH}.mine"
    return {
        LOAD: clock(lambda: _tape.evaluate(*lucid.load(PATH).values())),
        LOAD_NOW: clock(lambda: _tape.evaluate(*lucid.load(PATH, mmap=False).values())),
        SAVE: clock(lambda: lucid.save(state, copy)),
    }


def _raw(arrays: dict[str, mx.array]) -> dict[str, Clock]:
    copy = f"{FOLDER.name}/raw.safetensors"
    return {
        LOAD: clock(lambda: mx.eval(mx.load(PATH))),
        SAVE: clock(lambda: mx.save_safetensors(copy, arrays)),
    }


def lines(worker: Worker | None) -> Iterator[Line]:
    """Of times and of peaks."""
    from lucid import _tape

    arrays = {f"w{k}": mx.random.normal((1024, COLUMNS)) for k in range(TENSORS)}
    mx.eval(arrays)
    mx.save_safetensors(PATH, arrays)
    mine, raw = _mine({name: _tape.wrap(a) for name, a in arrays.items()}), _raw(arrays)
    at_most, saving = (Bound(MLX, 1.1),), (Bound(MLX, 1.2),)
    times = [
        Row(f"{LOAD} {MEGABYTES} MB", LOAD, LOAD, LOAD, at_most),
        Row(f"{LOAD_NOW}", LOAD_NOW, LOAD),
        Row(f"{SAVE} {MEGABYTES} MB", SAVE, SAVE, SAVE, saving),
    ]
    for row in times:
        yield from Race([row], mine, raw, unit="s", calls=1, rounds=5).run(worker)
    peaks = [
        Row(f"peak memory / file: {LOAD}", LOAD, LOAD, None, at_most),
        Row(f"peak memory / file: {LOAD_NOW}", LOAD_NOW, LOAD),
        Row(f"peak memory / file: {MODEL}", MODEL, LOAD, None, at_most),
        Row("peak memory / file: load and save", SAVE, SAVE),
    ]
    probes = [{name: told(_PROBE.format(work=work), PATH) for name, work in side.items()} for side in (_MINE, _RAW)]
    yield from Race(peaks, *probes, {}, "x", 1, 1, warm=False).run(worker)
