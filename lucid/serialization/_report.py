"""What became of each tensor when a model was loaded, in few lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

Shape = tuple[int, ...]


class LoadReport:
    """What `load_model` did. Printing it shows the names by modules, and layers that are alike in one line.

    Attributes:
        path: of the checkpoint.
        model: the name of the model's class.
        loaded: names of the tensors that were loaded, or that their module itself knew how to set.
        missing: those that the model has and the checkpoint has not.
        unexpected: the other way round.
        mismatched: by name, the shape in the checkpoint and that in the model.
        dequantized: names of weights that were stored as MLX quantises them.
        key: where in a checkpoint with more than a model's state the state was, if it was such a one.
    """

    def __init__(self, path: str, model: str, key: str | None) -> None:
        self.path, self.model, self.key = path, model, key
        self.loaded: list[str] = []
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.mismatched: dict[str, tuple[Shape, Shape]] = {}
        self.dequantized: list[str] = []

    @property
    def complete(self) -> bool:
        """True if every tensor of the model was loaded, and the checkpoint has no others."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __repr__(self) -> str:
        count = len(self.loaded) + len(self.missing) + len(self.mismatched)
        where = f"{self.path}[{self.key!r}]" if self.key is not None else self.path
        lines = [f"{self.model}: {len(self.loaded)} of {count} tensors loaded from {where}"]
        lines += _section("dequantized", self.dequantized)
        lines += _section("missing in the checkpoint", self.missing)
        lines += _section("unexpected in the checkpoint", self.unexpected)
        if self.mismatched:
            lines.append(f"  of another shape: {len(self.mismatched)}")
            for name, (found, wanted) in self.mismatched.items():
                lines.append(f"    {name}: {found} in the checkpoint, {wanted} in the model")
        hint = self._hint()
        return "\n".join([*lines, f"  {hint}"] if hint else lines)

    def _hint(self) -> str:
        """The prefix that names differ by, if most of them do."""
        missing = set(self.missing)
        if not missing:
            return ""
        for one in self.unexpected[:3]:
            for other in self.missing[:3] + self.missing[-3:]:
                old, new = _difference(one, other)
                if (old or new) and one != other:
                    count = sum(n.startswith(old) and new + n[len(old) :] in missing for n in self.unexpected)
                    if 2 * count >= len(missing):
                        return f"rename={{{old!r}: {new!r}}} would find {count} of the missing ones"
        return ""


def _difference(one: str, other: str) -> tuple[str, str]:
    """Two names without the parts that they end in alike."""
    a, b = one.split("."), other.split(".")
    while a and b and a[-1] == b[-1]:
        a.pop()
        b.pop()
    return "".join(f"{part}." for part in a), "".join(f"{part}." for part in b)


def _section(title: str, names: list[str]) -> list[str]:
    return [f"  {title}: {len(names)}", *(f"    {line}" for line in grouped(names))] if names else []


def grouped(names: Iterable[str]) -> list[str]:
    """A line for each module: `encoder.{0-5}.linear: weight, bias` for those that differ in numbers only.

    >>> grouped(["a.0.weight", "a.0.bias", "a.1.weight", "a.1.bias", "head"])
    ['a.{0-1}: weight, bias', 'head']
    """
    patterns: dict[tuple[str, ...], dict[str, list[tuple[int, ...]]]] = {}
    for name in names:
        *parts, leaf = name.split(".")
        pattern = tuple(["#" if re.fullmatch(r"\d{1,9}", part) else part for part in parts])
        numbers = tuple([int(part) for part, p in zip(parts, pattern, strict=True) if p == "#"])
        patterns.setdefault(pattern, {}).setdefault(leaf, []).append(numbers)
    lines = []
    for pattern, leaves in patterns.items():
        alike: dict[tuple[tuple[int, ...], ...], list[str]] = {}
        for leaf, numbers_of in leaves.items():
            alike.setdefault(tuple(sorted(numbers_of)), []).append(leaf)
        for numbers_of_all, together in alike.items():
            for module in _modules(pattern, numbers_of_all):
                lines.append(f"{module}: {', '.join(together)}" if module else ", ".join(together))
    return lines


def _modules(pattern: tuple[str, ...], numbers: tuple[tuple[int, ...], ...]) -> list[str]:
    """The modules of a pattern: one text if their numbers are all combinations of some, else one for each beginning."""
    columns = [sorted(set(column)) for column in zip(*numbers, strict=True)]
    count = 1
    for column in columns:
        count *= len(column)
    if count == len(set(numbers)):
        return [_module(pattern, [_ranges(column) for column in columns])]
    starts: dict[tuple[int, ...], list[int]] = {}
    for *start, last in numbers:
        starts.setdefault(tuple(start), []).append(last)
    return [_module(pattern, [*map(str, start), _ranges(last)]) for start, last in starts.items()]


def _module(pattern: tuple[str, ...], texts: list[str]) -> str:
    waiting = iter(texts)
    return ".".join(next(waiting) if part == "#" else part for part in pattern)


def _ranges(numbers: list[int]) -> str:
    """Numbers in order, as "3" or "{0-5,8}"."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    return texts[0] if len(numbers) == 1 else f"{{{','.join(texts)}}}"
