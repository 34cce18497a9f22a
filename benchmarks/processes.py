"""What a process of its own tells: how long it ran, or a number that it prints."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.pytorch import environment
from benchmarks.timing import Clock


def wall(code: str, plain: bool = False, bytecode: str | None = None) -> Clock:
    """The shortest of so many runs of `code`, from start to end; `plain` without OpenBLAS.

    With `bytecode`, a directory, Python keeps there what it compiled, as an installation would.
    """
    variables = environment() if plain else dict(os.environ)
    if bytecode is not None:
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        variables["PYTHONPYCACHEPREFIX"] = bytecode

    def seconds(calls: int) -> float:
        found = []
        for _ in range(calls):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, env=variables)
            found.append(time.perf_counter() - start)
        return min(found)

    return seconds


def told(code: str, *arguments: str) -> Clock:
    """The number that `code` prints."""

    def number(calls: int) -> float:
        command = [sys.executable, "-c", code, *arguments]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)

    return number
