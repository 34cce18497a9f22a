"""Write `lucid/_names.py`, the index of the public functions: `python -m tests.index`, after one was added.

It reads the sources, so that it works while the index is behind them.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent / "lucid"
INDEX = ROOT / "_names.py"

# The files whose `__all__` is public in `lucid`.
FILES = """_in_place.py _limits.py _settings.py amp/autocast_mode.py creation/[a-z]*.py linalg/flat.py
    linalg/flat_spectral.py linalg/low_rank.py nn/_top_level/*.py ops/[a-z]*.py random.py storage.py"""

# Single names of files that have others too.
SINGLES = {
    "_printing": "get_printoptions printoptions set_printoptions",
    "amp": "GradScaler",
    "compiler": "compile",
    "func": "vmap",
    "jit": "_assert",
    "ops._promotion": "can_cast promote_types result_type",
    "serialization": "load save",
}


def public(path: Path) -> list[str]:
    """The names that a file's `__all__` lists."""
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            found: list[str] = ast.literal_eval(statement.value)
            return found
    return []


def table() -> dict[str, list[str]]:
    """The public names of each module, by its path in `lucid`."""
    found = {module: names.split() for module, names in SINGLES.items()}
    for pattern in FILES.split():
        for path in ROOT.glob(pattern):
            names = public(path)
            if names:
                module = path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("/__init__")
                found[module.replace("/", ".")] = names
    return {module: sorted(found[module]) for module in sorted(found)}


def text() -> str:
    """The whole file."""
    head, _, rest = INDEX.read_text().partition("NAMES = {")
    lines = [head + "NAMES = {"]
    for module, names in table().items():
        lines.append(f'    "{module}": """')
        line = "       "
        for name in names:
            if len(line) + len(name) > 118:
                lines.append(line)
                line = "       "
            line += f" {name}"
        lines += [line, '    """,']
    return "\n".join(lines) + "\n}" + rest.partition("\n}")[2]


if __name__ == "__main__":
    INDEX.write_text(text())
    print(f"{sum(map(len, table().values()))} names")
