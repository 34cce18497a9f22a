"""`vmap` of every operation of PyTorch's database that lucid has, beside one call an example: values and gradients."""

from __future__ import annotations

import functools
import itertools
import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import lucid
from lucid._tape import NeedsValue
from lucid.func._trees import flatten
from tests.checks import leaves, to_lucid
from tests.ops import database

pytestmark = [pytest.mark.parity, pytest.mark.no_cover]

# What one run for all examples cannot do: the result's shape, or the way to it, depends on values.
NEED_VALUES = frozenset(
    """
    argwhere bincount cov histc histogram histogramdd index_put linspace.tensor_overload logspace.tensor_overload
    masked_select narrow nn.functional.ctc_loss nn.functional.one_hot nonzero repeat_interleave tensor_split unique
    unique_consecutive
    """.split()
)
WRITE = frozenset("native_batch_norm nn.functional.batch_norm nn.functional.instance_norm".split())  # statistics


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "key" in metafunc.fixturenames:  # loading the database takes seconds: not where these tests are left out anyway
        left_out = metafunc.config.option.markexpr == "not parity"
        metafunc.parametrize("key", [] if left_out else list(database.entries()))


def examples(t: Any) -> Any:
    """Two tensors like `t`, stacked."""
    return torch.stack([t, t.flip(list(range(t.dim()))) if t.dim() or not t.dtype.is_floating_point else t * 0.75])


def chosen(info: Any, dtype: Any) -> list[Any]:
    """One of the first samples, or none: that with the most dimensions."""
    torch.manual_seed(0)
    random.seed(0)
    few = itertools.islice(info.sample_inputs("cpu", dtype, requires_grad=False), database.FIRST)
    return sorted(few, key=lambda s: max([t.dim() for t in leaves((s.input, s.args, s.kwargs))], default=0))[-1:]


def of_tensors(op: Callable[..., Any], args: Any, kwargs: Any, at: list[int]) -> Callable[..., list[Any]]:
    """`op` as a function of the leaves numbered `at` of its arguments, with its tensors in a list."""
    given, tree = flatten((args, kwargs))

    def fn(*tensors: Any) -> list[Any]:
        new = list(given)
        for k, t in zip(at, tensors, strict=True):
            new[k] = t
        a, b = tree.build(new)
        return leaves(op(*a, **b))

    return fn


def gradients(fn: Callable[..., list[Any]], floating: tuple[int, ...]) -> Callable[..., list[Any]]:
    def total(*tensors: Any) -> Any:
        outs = [o for o in fn(*tensors) if o.dtype.is_floating_point]
        return sum((o * (lucid.arange(o.numel()).reshape(o.shape) * 0.3 + 0.5).sin()).sum() for o in outs)

    return lambda *tensors: list(lucid.func.grad(total, argnums=floating)(*tensors))


def check(fn: Callable[..., list[Any]], tensors: list[Any], dim: int) -> None:
    rows = [fn(*[t.select(dim, k).clone() for t in tensors]) for k in range(2)]
    got = lucid.vmap(fn, in_dims=dim)(*tensors)
    for g, w in zip(got, [lucid.stack(list(row)) for row in zip(*rows, strict=True)], strict=True):
        assert (g.dtype, g.shape) == (w.dtype, w.shape)
        assert lucid.allclose(g, w, rtol=1e-3, atol=2e-4, equal_nan=True), f"got {g}, expected {w}"


@functools.cache
def dtype_of(key: str) -> Any:
    supported = database.entries()[key].supported_dtypes("cpu")
    return torch.float32 if torch.float32 in supported else next((d for d in database.DTYPES if d in supported), None)


def test_operation(key: str) -> None:
    info, dtype = database.entries()[key], dtype_of(key)
    if info.name in database.ANY_VALUE or dtype is None or key in WRITE:
        pytest.skip("values are chance, or statistics are written")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in chosen(info, dtype):
            args, kwargs = database._arguments(sample)
            if not database.representable(args, kwargs):
                continue
            op: Any = database.then(database.counterpart(info), database.essence(info, sample))  # type: ignore[arg-type]
            mine = to_lucid((args, kwargs))
            found = flatten(mine)[0]
            at = [k for k, t in enumerate(found) if isinstance(t, lucid.Tensor)]
            theirs = leaves((args, kwargs))
            try:
                fn = of_tensors(op, *mine, at)
                out = fn(*[found[k] for k in at])
            except Exception:
                continue  # a sample that the database's own test knows to differ
            if not at or not out:
                continue
            derives = info.supports_autograd and any(o.dtype.is_floating_point for o in out)
            floating = tuple([k for k, t in enumerate(theirs) if t.dtype.is_floating_point]) if derives else ()
            try:
                _hold(fn, functools.partial(_lone, op, mine, at), theirs, floating)
            except RuntimeError as error:
                known = key in NEED_VALUES or "_polynomial_" in key
                values = isinstance(error, NeedsValue) or "needs values" in str(error)
                if "random number" not in str(error) and not (known and values):
                    raise


def _lone(op: Any, arguments: Any, at: list[int], k: int) -> Callable[..., list[Any]]:
    return of_tensors(op, *arguments, [at[k]])


def _hold(fn: Any, lone: Callable[[int], Any], tensors: list[Any], floating: tuple[int, ...]) -> None:
    check(fn, [to_lucid(examples(t)) for t in tensors], 0)
    check(fn, [to_lucid(examples(t).movedim(0, -1)) for t in tensors], -1)
    for k in range(min(3, len(tensors))) if len(tensors) > 1 else ():  # examples in one of them only
        check(lone(k), [to_lucid(examples(tensors[k]))], 0)
    if floating:
        check(gradients(fn, floating), [to_lucid(examples(t)) for t in tensors], 0)
