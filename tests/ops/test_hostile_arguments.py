"""Bad arguments give Python exceptions: the interpreter neither crashes nor hangs."""

from __future__ import annotations

import faulthandler
import functools
import inspect
import itertools
import random
import subprocess
import sys
import warnings
from typing import Any

import pytest

import lucid

PARTS, CALLS = 4, 5000  # calls of each part, in a process of its own
CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
import test_hostile_arguments
test_hostile_arguments.run(int(sys.argv[2]), int(sys.argv[3]))
"""
# What does what it is asked to: files, other devices, global settings.
SPARED = frozenset(
    "Tensor as_tensor compile from_file inference_mode load save set_default_device set_default_dtype set_grad_enabled "
    "set_printoptions set_rng_state cuda metal mps share_memory_ set_num_threads set_anomaly_enabled "
    "set_default_tensor_type".split()
)
INT_MIN = -(2**63)


def _operations() -> list[tuple[str, Any]]:
    """The public functions of lucid and its namespaces, and the methods of Tensor."""
    found = {}
    spaces = {"": lucid, "F.": lucid.nn.functional, "T.": lucid.Tensor}
    for name in ("linalg", "fft", "special", "masked", "signal.windows", "nn.init"):
        space = functools.reduce(lambda at, part: getattr(at, part, None), name.split("."), lucid)
        spaces[f"{name}."] = space
    for prefix, space in spaces.items():
        for name in dir(space):
            value = getattr(space, name, None)
            if callable(value) and not isinstance(value, type) and not name.startswith("_") and name not in SPARED:
                found[prefix + name] = value
    return sorted(found.items())


def _values(draw: random.Random) -> Any:
    """One argument that a careful caller would not pass."""
    tensors = [
        lambda: lucid.tensor([]),
        lambda: lucid.empty(0, 3),
        lambda: lucid.tensor(float("nan")),
        lambda: lucid.tensor([1.0, float("inf"), float("nan")]),
        lambda: lucid.randn(2, 3),
        lambda: lucid.randn(2, 3, requires_grad=True) * 1,
        lambda: lucid.randn(2, 3, 4, 4),
        lambda: lucid.randn(3, 3).mT,
        lambda: lucid.arange(6),
        lambda: lucid.tensor([5, -7, 10**6]),
        lambda: lucid.tensor([INT_MIN, -1, 0]),
        lambda: lucid.tensor([True, False, True]),
        lambda: lucid.tensor([1 + 2j, 0]),
        lambda: lucid.zeros(3, dtype=lucid.uint8),
        lambda: lucid.ones(2, 3, dtype=lucid.float64),
        lambda: lucid.ones(4, dtype=lucid.bfloat16),
        lambda: lucid.zeros(1).expand(2, 3),
        lambda: lucid.randn(1, 1, 1, 1, 1),
    ]
    plain = [
        0, 1, 2, -1, -5, 7, 10**6, 2**31, 2**63 - 1, INT_MIN, 2**70, 0.5, -1e300, float("nan"), float("inf"), True,
        None, "", "mean", "x", (), (0,), (2, 3), (-1,), (-1, 10**9), [0, 0], [], [1.5], [None], (2**40, 2**40),
        1j, {}, object(), lucid.float32, lucid.int64, lucid.bool, lucid.complex64, slice(None), [[1, 2], [3]],
    ]  # fmt: skip
    kind = draw.random()
    if kind < 0.5:
        return draw.choice(tensors)()
    if kind < 0.95:
        return draw.choice(plain)
    return [draw.choice(tensors)() for _ in range(draw.randrange(3))]


def _too_much(values: list[Any]) -> bool:
    """True for sizes that ask for more memory than a test may have."""
    flat = [v for value in values for v in (value if isinstance(value, (tuple, list)) else [value])]
    return any(isinstance(v, int) and 10**5 < v < 2**40 for v in flat)


def run(seed: int, calls: int) -> None:
    """Make `calls` calls; say which one is under way, for whoever finds the process dead."""
    warnings.simplefilter("ignore")
    draw = random.Random(seed)
    operations = _operations()
    made = 0
    for k in itertools.count():
        name, op = operations[(seed + k) % len(operations)]
        args = [_values(draw) for _ in range(draw.randrange(1, 5))]
        if draw.random() < 0.8:
            args[0] = lucid.tensor([[1.0, 2.0], [3.0, 4.0]]) if draw.random() < 0.4 else _tensor(draw)
        kwargs = {key: _values(draw) for key in _keywords(op) if draw.random() < 0.1}
        if _too_much([*args, *kwargs.values()]):
            continue
        made += 1
        if made > calls:
            return
        told = [*map(_short, args), *(f"{key}={_short(value)}" for key, value in kwargs.items())]
        print(f"{seed} {k}: {name}({', '.join(told)})", flush=True)
        faulthandler.dump_traceback_later(20, exit=True)
        try:
            result = op(*args, **kwargs)
            for t in result if isinstance(result, (tuple, list)) else [result]:
                if isinstance(t, lucid.Tensor) and t.numel() < 10**6:
                    t.tolist()
        except Exception as error:
            str(error)
        faulthandler.cancel_dump_traceback_later()


@functools.cache
def _keywords(op: Any) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(op).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty)


def _tensor(draw: random.Random) -> Any:
    while not isinstance(value := _values(draw), lucid.Tensor):
        pass
    return value


def _short(value: Any) -> str:
    if isinstance(value, lucid.Tensor):
        return f"{value.dtype}{tuple(value.shape)}"
    return repr(value)[:60]


@pytest.mark.parametrize("part", range(PARTS))
def test_no_call_brings_the_interpreter_down(part: int) -> None:
    folder = inspect.getfile(run).rpartition("/")[0]
    command = [sys.executable, "-c", CHILD, folder, str(part * CALLS), str(CALLS)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    last = child.stdout.strip().rpartition("\n")[2]
    assert child.returncode == 0, f"status {child.returncode} in {last}\n{child.stderr[-2000:]}"
