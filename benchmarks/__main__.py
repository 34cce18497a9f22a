"""Print the table: `python -m benchmarks [SUITE...]`; with `--write` into benchmarks/RESULTS.md as well."""

from __future__ import annotations

import argparse
import contextlib
import importlib
from pathlib import Path

from benchmarks import machine, table
from benchmarks.pytorch import Worker, installed

SUITES = {
    "operations": "One call",
    "chain": "Backward",
    "mlp": "MLP",
    "gpt": "GPT",
    "generation": "Generation",
    "resnet": "ResNet-18",
    "lstm": "LSTM",
    "encoder": "Transformer encoder layer",
    "checkpoints": "Checkpoints",
    "imports": "Import",
    "memory": "Memory",
}
SAID = """\
Written by `python -m benchmarks --write`. All sides ran in turns in one run, PyTorch in a process of its own. Shown are
medians; of lucid's ratio or difference to another side, taken round by round, also the quartiles. A dash: there is no
such thing, or it is not installed."""
RESULTS = Path(__file__).parent / "RESULTS.md"


def run(name: str) -> list[tuple[str, ...]]:
    """The lines of one suite, printed as they come."""
    suite = importlib.import_module(f"benchmarks.{name}")
    rows = []
    with contextlib.ExitStack() as stack:
        worker = stack.enter_context(Worker(name)) if installed() and hasattr(suite, "words") else None
        for line in suite.lines(worker):
            rows.append(table.cells(line))
            print(table.printed(rows[-1]), flush=True)
    return rows


def document(rows: dict[str, list[tuple[str, ...]]]) -> str:
    """What stands in RESULTS.md."""
    said = (importlib.import_module(f"benchmarks.{name}").__doc__ for name in rows)
    parts = [
        f"# lucid beside raw MLX and PyTorch\n\n{machine.described()}\n\n{SAID}",
    ]
    parts += [
        f"## {SUITES[name]}\n\n{doc}\n\n{table.markdown(rows[name])}" for name, doc in zip(rows, said, strict=True)
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="lucid beside raw MLX and PyTorch")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"{', '.join(SUITES)}; all if none is named")
    parser.add_argument("--write", action="store_true", help="all suites, and into benchmarks/RESULTS.md as well")
    options = parser.parse_args()
    if unknown := sorted(set(options.suites) - set(SUITES)):
        parser.error(f"no such suite: {', '.join(unknown)}; there are {', '.join(SUITES)}")
    if options.write and options.suites:
        parser.error("--write takes all suites: what it writes replaces the file")
    print(machine.described(), table.printed(table.HEADER), sep="\n\n")
    found = {name: run(name) for name in options.suites or SUITES}
    if options.write:
        RESULTS.write_text(document(found), encoding="utf-8")


if __name__ == "__main__":
    main()
