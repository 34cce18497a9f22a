"""What of PyTorch's public names lucid has: docs/coverage.md. `python -m tests.coverage` writes the page anew."""

from __future__ import annotations

import importlib
import pkgutil
import re
import types
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.utils

import lucid
from lucid._left_out import LEFT_OUT, NAMESPACES, TENSOR_LEFT_OUT
from tests.ops import database
from tests.ops.known_differences import KNOWN

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
SPACES = (
    *("torch", "torch.Tensor", "torch.linalg", "torch.fft", "torch.special", "torch.nn", "torch.nn.functional"),
    *("torch.nn.attention", "torch.nn.grad", "torch.nn.init", "torch.nn.parallel", "torch.nn.parameter"),
    "torch.nn.utils",
    *(f"torch.nn.utils.{m.name}" for m in pkgutil.iter_modules(torch.nn.utils.__path__) if not m.name.startswith("_")),
)

# Why names are left out that lucid says nothing about: no program uses them. The first pattern that matches counts.
REASONS = {
    r"[A-Z]+(_[A-Z]+)*|\w+_(notes|args|common)|common_\w+|Callable|Optional|DType|Tensor|BroadcastingList\d": (
        "a name of PyTorch's source that is not meant for users"
    ),
    r"bind|copy_method_params|PackedSequence_": "a part of how PyTorch does it: nothing to call",
    r"SDPAParams|can_use_\w+|\w+_flash_attention_impls?": "PyTorch's choice among its kernels: MLX makes its own",
}


def public(space: str) -> dict[str, Any]:
    """The public names of a namespace of PyTorch and what they stand for, modules aside."""
    found = _namespace(torch, space)
    names = {name: getattr(found, name, None) for name in dir(found) if not name.startswith("_")}
    names = {name: value for name, value in names.items() if not isinstance(value, types.ModuleType)}
    if not space.startswith("torch.nn") or space == "torch.nn.functional":
        return names
    return {name: value for name, value in names.items() if _is_own(value, found)}


def _is_own(value: Any, found: Any) -> bool:
    """True unless the module `found` has only imported `value` for itself; packages of torch.nn export from others."""
    origin = getattr(value, "__module__", None) or found.__name__
    own = origin.startswith("torch.nn") if hasattr(found, "__path__") else origin == found.__name__
    return own and not isinstance(value, TypeVar)


def _namespace(root: Any, space: str) -> Any:
    """What `space`, a name that begins with "torch", stands for in `root`: torch or lucid."""
    path = space.removeprefix("torch")
    try:
        return importlib.import_module(root.__name__ + path)  # where a function has the name of its module
    except ModuleNotFoundError:
        return database.find(root, path.removeprefix("."))


def is_present(space: str, name: str) -> bool:
    """True if lucid has the name."""
    return hasattr(_namespace(lucid, space), name)


def reason(space: str, name: str) -> str | None:
    """Why lucid does not have the name; None if nobody has thought about it yet."""
    lists = {"torch": LEFT_OUT, "torch.Tensor": TENSOR_LEFT_OUT}
    told = lists.get(space) or NAMESPACES.get(space.replace("torch", "lucid"), {})
    return told.get(name) or next((why for pattern, why in REASONS.items() if re.fullmatch(pattern, name)), None)


def page() -> str:
    """The text of docs/coverage.md."""
    lines = [
        "# What of PyTorch is here",
        "",
        f"The public names of PyTorch {torch.__version__.partition('+')[0]}, held against lucid's. "
        "`python -m tests.coverage` writes this page; a test compares it with the two libraries.",
        "",
        "| namespace | names | present | left out |",
        "| --- | ---: | ---: | ---: |",
    ]
    sections: list[str] = []
    for space in SPACES:
        names = public(space)
        present = [name for name in names if is_present(space, name)]
        missing = [name for name in names if name not in present]
        lines.append(f"| `{space}` | {len(names)} | {len(present)} | {len(missing)} |")
        sections += ["", f"## {space}", "", f"Present: {_code(present)}"]
        by_reason: dict[str, list[str]] = {}
        for name in missing:
            by_reason.setdefault(reason(space, name) or "?", []).append(name)
        if by_reason:
            sections += ["", "| left out | why |", "| --- | --- |"]
            sections += [f"| {_code(found)} | {why} |" for why, found in sorted(by_reason.items())]
    return "\n".join([*lines, *_operations(), *sections, ""])


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _operations() -> list[str]:
    differentiable = [key for key, info in database.everything().items() if info.supports_autograd]
    wrong = failing()
    missing = absent()
    passing = len(differentiable) - len(missing) - len(wrong.keys() & set(differentiable))
    return [
        "",
        "## PyTorch's database of operations",
        "",
        f"It has {len(differentiable)} differentiable entries; {passing} of them pass forward and gradient here, in "
        "float32 and float64.",
        "",
        "| entry | why not |",
        "| --- | --- |",
        *(f"| `{key}` | {wrong[key]} |" for key in differentiable if key in wrong),
        *(f"| `{key}` | {absence(key)} |" for key in missing),
    ]


def failing() -> dict[str, str]:
    """The entries whose values or gradients differ in float32 or float64, with the reason."""
    lines = {line.rpartition(":"): why for line, why in KNOWN.items()}
    return {key: why for (key, _, aspect), why in lines.items() if aspect in ("float32", "float64")}


ABSENT = {
    r"_.*|torch\.ops\..*|.*_backward(_data)?|slice": "no public function of PyTorch's",
    r"cdouble|chalf": "a dtype that MLX does not have",
    r"sparse\..*|to_sparse": "sparse tensors: MLX's arrays are dense",
}


def absent() -> list[str]:
    """The differentiable entries whose operation lucid does not have."""
    everything = database.everything()
    return [key for key, info in everything.items() if info.supports_autograd and key not in database.entries()]


def absence(key: str) -> str | None:
    """Why lucid does not have the operation of an entry of the database; None if nobody has thought about it yet."""
    return next((why for pattern, why in ABSENT.items() if re.fullmatch(pattern, key)), None)


if __name__ == "__main__":
    PAGE.write_text(page())
