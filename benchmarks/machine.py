"""What the numbers were measured on, in general words."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

import mlx.core as mx

from benchmarks.pytorch import installed, threads

MAPS = Path("/proc/self/maps")


def described() -> str:
    """The date, the kind of machine, and versions."""
    device = {mx.DeviceType.cpu: "CPU", mx.DeviceType.gpu: "GPU"}[mx.default_device().type]
    openblas = ", OpenBLAS" if MAPS.exists() and "openblas" in MAPS.read_text() else ""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    torch = f", PyTorch {importlib.metadata.version('torch')} on the CPU" if installed() else ", no PyTorch"
    return (
        f"{today}: {platform.system()}, {os.cpu_count()} cores {platform.machine().replace('_', '-')}, "
        f"Python {platform.python_version()}, MLX {importlib.metadata.version('mlx')} {device}{openblas}{torch}, "
        f"{threads()} threads."
    )
