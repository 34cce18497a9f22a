"""Helpers for tests: comparing tensors, and making some to compare."""

from lucid.testing.comparison import assert_allclose, assert_close
from lucid.testing.creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
