"""Every test in this folder draws the same random numbers, whatever ran before it."""

from __future__ import annotations

import sys

import pytest

import lucid


@pytest.fixture(autouse=True)
def _seeds() -> None:
    lucid.manual_seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
