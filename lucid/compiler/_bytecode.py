"""The names and attributes that Python code looks up and binds, told from its bytecode."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator

GLOBAL, CLOSED_OVER, LOCAL, STORED = "global", "closed over", "local", "stored"
_KINDS = {"GLOBAL": GLOBAL, "NAME": GLOBAL, "DEREF": CLOSED_OVER, "CLASSDEREF": CLOSED_OVER}
_IN_BETWEEN = ("CACHE", "COPY", "DUP_TOP", "EXTENDED_ARG", "NOP", "PRECALL", "PUSH_NULL", "RESUME")


@functools.lru_cache(1024)
def paths(code: types.CodeType) -> tuple[tuple[str, ...], ...]:
    """What `code` and the functions defined in it look up: where, the name, and the attributes that are taken of it.

    The name is "" for attributes of results. What they bind comes with STORED and "" in front.
    """
    return tuple(dict.fromkeys(_paths(code)))


def _paths(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    path: tuple[str, ...] = ()
    same: dict[str, tuple[str, ...]] = {}  # what variables stand for
    found: list[tuple[str, ...]] = []
    for step in dis.get_instructions(code):
        kind = _KINDS.get(step.opname.split("_")[1]) if step.opname.startswith("LOAD_") else None
        if "LOAD_FAST" in step.opname:  # several at once too, in newer Pythons: the last is on top
            kind = LOCAL
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path = (*(path or (LOCAL, "")), step.argval)  # of a result, if not of a name
        elif step.opname not in _IN_BETWEEN:
            if path:
                found.append(path)
                if step.opname.startswith("STORE_FAST"):  # and what else newer Pythons do with it
                    same[step.argval if isinstance(step.argval, str) else step.argval[0]] = path
                elif step.opname == "STORE_ATTR":
                    found.append((STORED, "", *path, step.argval))
            if step.opname == "STORE_GLOBAL" or (step.opname == "STORE_DEREF" and step.argval in code.co_freevars):
                found.append((STORED, "", _KINDS[step.opname.split("_")[1]], step.argval))
            name = step.argval if isinstance(step.argval, str) else step.argval[-1] if kind else ""
            path = () if kind is None else same.get(name, (kind, name)) if kind == LOCAL else (kind, name)
    found += [path] if path else []
    yield from found
    if "getattr" in code.co_names:
        texts = [c for c in code.co_consts if isinstance(c, str) and c.isidentifier()]
        yield from [(*path, text) for path in found for text in texts if path[0] != STORED]
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _paths(part)
