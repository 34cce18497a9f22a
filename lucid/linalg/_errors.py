"""What is raised when a matrix cannot be factored, inverted or solved with."""

from __future__ import annotations


class LinAlgError(RuntimeError):
    """A linear algebra operation met a matrix that it has no result for, such as a singular one."""


LinAlgError.__module__ = "lucid.linalg"  # where users find it
