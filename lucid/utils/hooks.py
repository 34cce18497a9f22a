"""Handles of registered hooks."""

from lucid._handles import RemovableHandle

__all__ = ["RemovableHandle"]
