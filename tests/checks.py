"""Holding lucid against PyTorch: one line a case.

`check_op(lucid.exp, torch.exp, x)` compares value, dtype, shape and gradients, through both ways the tape goes
backward.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import _tape
from lucid._backward import grad

torch = pytest.importorskip("torch")

TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-6, "complex64": 2e-5}


def to_lucid(value: Any, requires_grad: bool = False) -> Any:
    """`value` with torch's tensors and dtypes, also those in lists, tuples and dicts, as lucid's."""
    if isinstance(value, torch.Tensor):
        dtype = getattr(lucid, str(value.dtype).removeprefix("torch."))
        plain = value.detach().resolve_conj().resolve_neg()
        host = plain.float().numpy() if value.dtype is torch.bfloat16 else plain.numpy()
        t = lucid.tensor(np.array(host, order="C"), dtype=dtype)
        if plain.dim() > 1 and not plain.is_contiguous() and plain.mT.is_contiguous():
            t = lucid.tensor(np.array(host.swapaxes(-1, -2), order="C"), dtype=dtype).mT
        return t.requires_grad_() if requires_grad and value.requires_grad else t
    if isinstance(value, (torch.dtype, torch.memory_format)):
        return getattr(lucid, str(value).removeprefix("torch."))
    if isinstance(value, (list, tuple)):
        return type(value)(to_lucid(v, requires_grad) for v in value)
    if isinstance(value, dict):
        return {k: to_lucid(v, requires_grad) for k, v in value.items()}
    if isinstance(value, types.BuiltinFunctionType):  # a function as an argument
        name = value.__name__
        return getattr(lucid, name, None) or getattr(lucid.nn.functional, name, value)
    if isinstance(value, torch.nn.LinearCrossEntropyOptions):
        fields = dataclasses.fields(value)
        return lucid.nn.LinearCrossEntropyOptions(**{f.name: to_lucid(getattr(value, f.name)) for f in fields})
    if isinstance(value, torch.nn.PairwiseDistance):
        return functools.partial(
            lucid.nn.functional.pairwise_distance, p=value.norm, eps=value.eps, keepdim=value.keepdim
        )
    return value


def leaves(value: Any) -> list[Any]:
    """The tensors in nested lists, tuples and dicts, in order."""
    if isinstance(value, (torch.Tensor, lucid.Tensor)):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in leaves(v)] if isinstance(value, (list, tuple)) else []


def assert_same(got: Any, want: Any, tol: float | None = None, what: str = "value") -> None:
    """Assert that a lucid result equals torch's: structure, dtype, shape and values (NaN equals NaN)."""
    if isinstance(want, torch.Tensor):
        assert isinstance(got, lucid.Tensor), f"{what}: expected a Tensor, got {type(got)}"
        name = str(want.dtype).removeprefix("torch.")
        assert str(got.dtype) == f"lucid.{name}", f"{what}: dtype {got.dtype}, expected {want.dtype}"
        assert tuple(got.shape) == tuple(want.shape), f"{what}: shape {got.shape}, expected {tuple(want.shape)}"
        limit = TOLERANCE.get(name, 0.0) if tol is None else tol
        a = got.detach().numpy(force=True)
        b = want.detach()
        b = b.float().numpy() if want.dtype is torch.bfloat16 else b.resolve_conj().resolve_neg().numpy(force=True)
        np.testing.assert_allclose(a, b, rtol=limit, atol=limit, equal_nan=True, err_msg=what)
    elif isinstance(want, (list, tuple)):
        assert isinstance(got, (list, tuple)), f"{what}: got {got!r}, expected {want!r}"
        assert len(got) == len(want), f"{what}: got {got!r}, expected {want!r}"
        for k, (g, w) in enumerate(zip(got, want, strict=True)):
            assert_same(g, w, tol, f"{what}[{k}]")
    elif isinstance(want, dict):
        assert isinstance(got, dict), f"{what}: got {got!r}, expected {want!r}"
        assert list(got) == list(want), f"{what}: got {got!r}, expected {want!r}"
        for key, w in want.items():
            assert_same(got[key], w, tol, f"{what}[{key!r}]")
    elif isinstance(want, (torch.dtype, torch.Size, torch.device)):
        assert str(got).split(".")[-1] == str(want).split(".")[-1] or tuple(got) == tuple(want), f"{what}: {got} {want}"
    elif isinstance(want, float):
        np.testing.assert_allclose(got, want, rtol=tol or 1e-5, atol=tol or 1e-6, equal_nan=True, err_msg=what)
    else:
        assert got == want, f"{what}: got {got!r}, expected {want!r}"


def check_op(
    op: Callable[..., Any],
    reference: Callable[..., Any],
    *args: Any,
    tol: float | None = None,
    second: bool = False,
    **kwargs: Any,
) -> None:
    """Hold `op` against `reference` on torch arguments: value, dtype, shape, and gradients by replay and per node.

    Gradients are compared for each argument tensor with `requires_grad`; `second` compares the second ones too.
    """
    want = reference(*args, **kwargs)
    assert_same(op(*to_lucid(args), **to_lucid(kwargs)), want, tol)
    inputs = [t for t in leaves((args, kwargs)) if t.requires_grad]
    outs = [t for t in leaves(want) if t.requires_grad]
    if not inputs or not outs:
        return
    generator = torch.Generator().manual_seed(0)
    seeds = [torch.randn(t.shape, generator=generator, dtype=torch.float64).to(t.dtype) for t in outs]
    expected = torch.autograd.grad(outs, inputs, seeds, allow_unused=True, create_graph=second)
    for how in ("replay", "per node"):
        mine = to_lucid((args, kwargs), requires_grad=True)
        got = [t for t in leaves(op(*mine[0], **mine[1])) if t.requires_grad]
        assert len(got) == len(outs), f"{len(got)} outputs require grad, expected {len(outs)}"
        if how == "per node":
            _tape.evaluate(*got)
        variables = [t for t in leaves(mine) if t.requires_grad]
        found = grad(got, variables, [to_lucid(s) for s in seeds], allow_unused=True, create_graph=second)
        for k, (g, w) in enumerate(zip(found, expected, strict=True)):
            if w is not None:
                g = lucid.tensor(np.zeros(w.shape), dtype=to_lucid(w.dtype)) if g is None else g
                assert_same(g, w, None if tol is None else tol, f"gradient {k} ({how})")
        if second:
            total = sum((w * w).sum() for w in expected if w is not None and w.requires_grad)
            mine_total = sum(
                (g * g).sum() for g, w in zip(found, expected, strict=True) if w is not None and w.requires_grad
            )
            if isinstance(total, torch.Tensor):
                second_w = torch.autograd.grad(total, inputs, allow_unused=True, retain_graph=True)
                constant = not mine_total.requires_grad
                second_g = [None] * len(variables) if constant else grad(mine_total, variables, allow_unused=True)
                for k, (g, w) in enumerate(zip(second_g, second_w, strict=True)):
                    if w is not None and (g is not None or constant):
                        g = lucid.tensor(np.zeros(w.shape), dtype=to_lucid(w.dtype)) if g is None else g
                        assert_same(g, w, 1e-3 if tol is None else tol, f"second gradient {k} ({how})")


def _outcome(op: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    try:
        return op(*args, **kwargs)
    except Exception as error:
        return error


def class_of(error: Exception) -> type[Exception]:
    """The class of torch's `error`, or lucid's own of the same name."""
    return lucid.linalg.LinAlgError if isinstance(error, torch.linalg.LinAlgError) else type(error)


def check_error(op: Callable[..., Any], reference: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Assert that both refuse the arguments, with the same class of exception."""
    expected = _outcome(reference, args, kwargs)
    assert isinstance(expected, Exception), "the reference accepts these arguments"
    got = _outcome(op, to_lucid(args), to_lucid(kwargs))
    assert isinstance(got, class_of(expected)), f"{got!r}, expected {expected!r}"
    assert str(got), "an error without a message"


def check_both(op: Callable[..., Any], reference: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """`check_op`, or `check_error` where the reference refuses these arguments."""
    options = {k: kwargs.pop(k) for k in ("tol", "second") if k in kwargs}
    try:
        reference(*args, **kwargs)
    except Exception:
        check_error(op, reference, *args, **kwargs)
    else:
        check_op(op, reference, *args, **options, **kwargs)


def check_program(program: Callable[[Any], Any], tol: float | None = None) -> None:
    """Run `program(torch)` and `program(lucid)`: results, or classes of exceptions, have to be the same."""
    want, got = (_outcome(program, (library,), {}) for library in (torch, lucid))
    if isinstance(want, Exception):
        assert isinstance(got, class_of(want)), f"{got!r}, expected {want!r}"
    elif isinstance(got, Exception):
        raise AssertionError(f"raised {got!r}, expected {want!r}") from got
    else:
        assert_same(got, want, tol)


def check_listed(name: str, values: dict[str, Any], errors: dict[str, Any], tol: float | None = None) -> None:
    """`check_program` of the program `name` in `values`, or in `errors`: then it has to raise in PyTorch."""
    if name in errors:
        assert isinstance(_outcome(errors[name], (torch,), {}), Exception), f"PyTorch accepts {name!r}"
    check_program(errors[name] if name in errors else values[name], tol)
