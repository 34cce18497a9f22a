"""How the models of this folder are given: what builds one, and what it is called with.

The models are written for lucid, as people publish them for PyTorch; tests run the same source with torch for lucid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def floats(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """Normal float32 numbers."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def ints(high: int, *shape: int, seed: int = 0, low: int = 0) -> np.ndarray:
    """int64 numbers from `low` to `high - 1`."""
    return np.random.default_rng(seed).integers(low, high, shape)


class Example:
    """A model and its arguments: arrays become tensors, those of floats require a gradient."""

    def __init__(
        self,
        build: Callable[[], Any],
        *args: Any,
        tol: float = 1e-4,
        train: bool = True,
        dtypes: str = "float64 bfloat16 float16",
        steps: int = 3,
        **kwargs: Any,
    ) -> None:
        self.build = build
        self.args = args
        self.kwargs = kwargs
        self.tol = tol
        self.train = train  # False: draws random numbers in training, so that only shapes can be compared there
        self.dtypes = dtypes.split()  # what else it can be cast to
        self.steps = steps  # of training
