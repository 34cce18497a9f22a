"""What of PyTorch's public names lucid has: docs/coverage.md. `python -m tests.coverage` writes the page anew."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import torch

import lucid
from tests.ops import database
from tests.ops.known_differences import KNOWN

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
SPACES = ("torch", "torch.Tensor", "torch.linalg", "torch.fft", "torch.special", "torch.nn.functional")

# Why names are left out. The first pattern that matches the whole name counts, and each has to match some name.
REASONS = {
    r"\w*sparse\w*|\w*(crow|ccol|col|row)_indices\w*|(h|d)?smm|hspmm|spmm|s(s|ad)\w*addmm|(is_)?coalesced?|"
    r"(indices|values)(_copy)?|dense_dim": "sparse tensors: MLX's arrays are dense",
    r"\w*quantize\w*|q_\w+|qu?int\w+|Q\w+Storage|qscheme|per_(channel|tensor)_\w+|int_repr|fbgemm\w+|choose_q\w+|"
    r"fused_moving_avg\w+|scaled_(grouped_)?mm|ScalingType|SwizzleType|empty_quantized": "PyTorch's quantised tensors: "
    "MLX has a scheme of its own, mlx.core.quantize",
    r"jagged|\w*nested\w*|to_padded_tensor": "nested tensors: pad, or keep a list",
    r"names|name|(rename|align|refine)\w*|has_names": "named tensors, a prototype that PyTorch no longer works on",
    r"(cudnn|miopen|mkldnn|cuda)_\w+|\w*vulkan\w*|batch_norm_(backward|elemt|gather|stats|update)\w*|to_mkldnn|"
    r"ipu|xla|xpu|mtia|\w+_(ipu|xla|gpu)_\w+|record_stream|Stream|Event|profiler_\w+": "belongs to one engine of "
    "PyTorch's",
    r"(Bool|Byte|Char|Short|Int|Long|Half|Float|Double|BFloat16|Complex\w+|Untyped|Typed)?Storage(Base)?|is_storage|"
    r"\w*storage(_type)?|set_|is_set_to": "storages: MLX owns the memory; take numpy() or a view",
    r"[su]?int[1-7]|bits\w+|bit|float(4|8)_\w+|complex(32|128)|c(double|half)|chalf": "MLX has no such dtype",
    r"[Ss]ym_?[A-Z_a-z]*": "symbolic shapes of PyTorch's compiler, or names of linear algebra that it removed",
    r"eig|lstsq|matrix_rank|solve|symeig": "removed by PyTorch, which only raises: use lucid.linalg",
    r"import_ir\w*|parse_\w+|merge_type\w+|unify_type_list|compiled_with\w+|fork|wait|CompilationUnit|JITException|"
    r"Script\w+|has_torch_function\w*|handle_torch_function|boolean_dispatch|Broadcasting\w+": "TorchScript, or a part of "
    "PyTorch's own machinery",
    r"TYPE_CHECKING|Callable|Optional|DType|Any|Tensor|classproperty|[A-Z]+(_[A-Z]+)*|\w*_(notes|args|common)|"
    r"common_\w+|get_file_path|prepare_multi\w+|init_num_threads|thread_safe_generator": "a name of PyTorch's source "
    "that is not meant for users",
}  # fmt: skip
CLASSES = "a class of PyTorch's engine or of TorchScript, without a use in programs"


def public(space: str) -> dict[str, Any]:
    """The public names of a namespace of PyTorch and what they stand for, modules aside."""
    found = database.find(torch, space.removeprefix("torch").removeprefix(".")) if "." in space else torch
    names = {name: getattr(found, name, None) for name in dir(found) if not name.startswith("_")}
    return {name: value for name, value in names.items() if not isinstance(value, types.ModuleType)}


def is_present(space: str, name: str) -> bool:
    """True if lucid has the name."""
    path = f"{space}.{name}".removeprefix("torch.")
    return database.find(lucid, path) is not None or _declared(path)


def _declared(path: str) -> bool:
    owner, _, name = path.rpartition(".")
    return hasattr(database.find(lucid, owner) if owner else lucid, name)


def reason(name: str, value: Any) -> str | None:
    """Why lucid does not have the name; None if nobody has thought about it yet."""
    for pattern, why in REASONS.items():
        if re.fullmatch(pattern, name):
            return why
    return CLASSES if isinstance(value, type) else None


def page() -> str:
    """The text of docs/coverage.md."""
    lines = [
        "# What of PyTorch is here",
        "",
        f"The public names of PyTorch {torch.__version__.partition('+')[0]}, held against lucid's. `python -m tests.coverage` writes this page; a test",
        "compares it with the two libraries.",
        "",
        "| namespace | names | present | left out |",
        "| --- | ---: | ---: | ---: |",
    ]
    sections: list[str] = []
    for space in SPACES:
        names = public(space)
        present = [name for name in names if is_present(space, name)]
        missing = {name: value for name, value in names.items() if name not in present}
        lines.append(f"| `{space}` | {len(names)} | {len(present)} | {len(missing)} |")
        sections += ["", f"## {space}", "", f"Present: {_code(present)}"]
        by_reason: dict[str, list[str]] = {}
        for name, value in missing.items():
            by_reason.setdefault(reason(name, value) or "?", []).append(name)
        if by_reason:
            sections += ["", "| left out | why |", "| --- | --- |"]
            sections += [f"| {_code(found)} | {why} |" for why, found in sorted(by_reason.items())]
    return "\n".join([*lines, *sections, *_operations(), ""])


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _operations() -> list[str]:
    differentiable = [key for key, info in database.everything().items() if info.supports_autograd]
    wrong = failing()
    absent = [key for key in differentiable if key not in database.entries()]
    passing = len(differentiable) - len(absent) - len(wrong.keys() & set(differentiable))
    return [
        "",
        "## PyTorch's database of operations",
        "",
        f"It has {len(differentiable)} differentiable entries; {passing} of them pass forward and gradient here, in float32 and float64.",
        "",
        "| entry | why not |",
        "| --- | --- |",
        *(f"| `{key}` | {wrong[key]} |" for key in differentiable if key in wrong),
        *(f"| `{key}` | {absence(key)} |" for key in absent),
    ]


def failing() -> dict[str, str]:
    """The entries whose values or gradients differ in float32 or float64, with the reason."""
    lines = {line.rpartition(":"): why for line, why in KNOWN.items()}
    return {key: why for (key, _, aspect), why in lines.items() if aspect in ("float32", "float64")}


ABSENT = {
    r"_.*|torch\.ops\..*|.*_backward(_data)?|slice|cdouble|chalf": "no public function of PyTorch's, or of a dtype that MLX does not have",
    r"sparse\..*|to_sparse": "sparse tensors",
}  # fmt: skip


def absence(key: str) -> str | None:
    """Why lucid does not have the operation of an entry of the database; None if nobody has thought about it yet."""
    return next((why for pattern, why in ABSENT.items() if re.fullmatch(pattern, key)), None)


if __name__ == "__main__":
    PAGE.write_text(page())
