"""What holds for all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Pass over the modules that tests import: `--doctest-modules` would import them, and some need PyTorch."""
    helper = collection_path.suffix == ".py" and not collection_path.name.startswith(("test_", "conftest"))
    return True if helper else None


@pytest.fixture(autouse=True)
def _same_numbers_in_every_run() -> None:
    """A test that draws from PyTorch's generator without seeding it sees the same numbers in every run."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
