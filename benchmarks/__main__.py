"""Print the table: `python -m benchmarks [SUITE...]`.

Suites: operations, overhead, gpt, recurrent, resnet, transformer, compiled, checkpoints; all of them if none is named.
"""

from __future__ import annotations

import sys

from benchmarks import checkpoints, compiled, gpt, operations, overhead, recurrent, resnet, transformer

SUITES = {
    "operations": operations,
    "overhead": overhead,
    "gpt": gpt,
    "recurrent": recurrent,
    "resnet": resnet,
    "transformer": transformer,
    "compiled": compiled,
    "checkpoints": checkpoints,
}


def main(names: list[str]) -> None:
    """Run the named suites, or all."""
    unknown = sorted(set(names) - set(SUITES))
    if unknown:
        raise SystemExit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(SUITES)}")
    print(f"{'':45} {'lucid':>12} {'MLX':>12} {'':>12}")
    for name in names or SUITES:
        for what, mine, raw, ratio in SUITES[name].rows():
            print(f"{what:45} {mine:>12} {raw:>12} {ratio:>12}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
