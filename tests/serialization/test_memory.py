"""Loading a checkpoint, and building the model for it, takes no more memory than the file is large."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lucid
from lucid.serialization import save

PROBE = r"""
import re, sys
import lucid
from lucid import _tape, nn
from lucid.serialization import inspect, load_model

def peak():
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1])

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        for name, t in inspect(sys.argv[1]).tensors.items():
            self.register_parameter(name, nn.Parameter(lucid.randn(*t.shape)))

before = peak()
WORK
print(peak() - before)
"""
LOADED = "found = lucid.load(sys.argv[1], mmap={})\n_tape.evaluate(*found.values())"
MODEL = "model = Model()\nload_model(model, sys.argv[1])\n_tape.evaluate(*model.parameters())"
HELD = "model = Model()\nfound = lucid.load(sys.argv[1])\nmodel.load_state_dict(found)\n" + (
    "_tape.evaluate(*model.parameters(), *found.values())"
)
AGAIN = "model = Model()\n_tape.evaluate(*model.parameters())\n" + MODEL.partition("\n")[2]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same 200 MB in each format."""
    folder = tmp_path_factory.mktemp("memory")
    state: Any = {f"w{k}": lucid.full((1024, 512), float(k)) for k in range(96)}
    found = {format: folder / format for format in ("safetensors", "torch", "npz")}
    for format, path in found.items():
        save(state, path, format=format)  # type: ignore[arg-type]
    return found


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux tells the peak of one process")
@pytest.mark.parametrize("format", ["safetensors", "torch", "npz"])
@pytest.mark.parametrize("work", [LOADED.format(True), LOADED.format(False), MODEL, HELD, AGAIN])
def test_the_peak_is_the_size_of_the_file(files: dict[str, Path], format: str, work: str) -> None:
    path = files[format]
    probe = PROBE.replace("WORK", work)
    done = subprocess.run([sys.executable, "-c", probe, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    most = 2.1 if work == AGAIN and format != "safetensors" else 1.1  # what was computed before, and what is read now
    assert int(done.stdout) < most * path.stat().st_size + 8_000_000  # code that is read in on the way
