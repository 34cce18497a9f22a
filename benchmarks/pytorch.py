"""PyTorch in a process of its own, where its libraries and threads leave MLX's timings alone.

`python -m benchmarks.pytorch SUITE` does what it is told on its standard input, a name and a number of calls a line,
and answers with the seconds that one call took. OpenBLAS is not loaded before PyTorch, which brings its own BLAS.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys

from benchmarks.timing import Clock


def threads() -> int:
    """How many threads OpenBLAS takes, and so PyTorch has to."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed() -> bool:
    return importlib.util.find_spec("torch") is not None


def environment() -> dict[str, str]:
    """The environment, without OpenBLAS in front."""
    found = dict(os.environ)
    ahead = [p for p in found.pop("LD_PRELOAD", "").replace(" ", ":").split(":") if p and "openblas" not in p]
    return {**found, "LD_PRELOAD": ":".join(ahead)} if ahead else found


class Worker:
    """The process, seen from outside; to be used in a `with`."""

    def __init__(self, suite: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, suite],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
        )  # fmt: skip
        self._read()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.communicate()

    def clock(self, name: str) -> Clock:
        def seconds(calls: int) -> float:
            assert self.process.stdin is not None
            print(f"{calls} {name}", file=self.process.stdin, flush=True)
            return float(self._read())

        return seconds

    def _read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("PyTorch's process ended; what it said stands above")
        return line


def main(suite: str) -> None:
    import torch

    torch.set_num_threads(threads())
    clocks: dict[str, Clock] = importlib.import_module(f"benchmarks.{suite}").words(torch)
    print("ready", flush=True)
    for line in sys.stdin:
        calls, name = line.rstrip("\n").split(" ", 1)
        print(clocks[name](int(calls)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
