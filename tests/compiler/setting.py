"""A user's module, with a setting and a function that reads it."""

from __future__ import annotations

from typing import Any

factor = 2.0


def scaled(x: Any) -> Any:
    return x * factor
