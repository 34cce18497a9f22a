"""Source that is run twice, with lucid and with torch in its place."""

from __future__ import annotations

import linecache
import re
import sys
import types
from typing import Any


def as_module(name: str, source: str) -> Any:
    """The module that `source` makes, importable by `name` so that its classes can be pickled."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)  # for tracebacks
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def renamed(source: str, old: str, new: str) -> str:
    """`source` with the name of one library for the other's."""
    return re.sub(rf"\b{old}\b", new, source)
