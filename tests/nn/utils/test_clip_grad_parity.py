"""Clipping gradients, and parameters as one vector, beside PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import assert_same, check_error, check_op, to_lucid

pytestmark = pytest.mark.parity

ORDERS = [2, 1, 3.0, 0.5, 0, float("inf"), -float("inf"), "inf", -1.0]
VALUES = [[1.0, 0.5, -3.0], [[2.0, 4.0]], 7.0]


def gradients(package: Any, dtype: str = "float32", scale: float = 1.0) -> list[Any]:
    """Parameters with gradients, one without, one empty."""
    params = []
    for value in [*VALUES, [1.0], []]:
        g = torch.tensor(value, dtype=getattr(torch, dtype)) * scale
        p = torch.nn.Parameter(torch.zeros_like(g))
        if package is lucid:
            p, g = lucid.nn.Parameter(to_lucid(p.detach())), to_lucid(g)
        if value not in ([1.0], []):
            p.grad = g
        params.append(p)
    return params


def both(action: Callable[[Any], Any], tol: float = 2e-6) -> None:
    results = []
    for package in (lucid, torch):
        params = gradients(package)
        results.append((action((package.nn.utils, params)), [p.grad for p in params]))
    assert_same(results[0][0], results[1][0], tol)
    for mine, want in zip(results[0][1], results[1][1], strict=True):
        assert_same(mine, want, tol)


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_clipping_by_norm(order: Any, limit: float) -> None:
    both(lambda args: args[0].clip_grad_norm_(args[1], limit, order))
    both(lambda args: args[0].clip_grad_norm_(iter(args[1]), max_norm=limit, norm_type=order, foreach=False))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "complex64"])
def test_clipping_other_dtypes(dtype: str) -> None:
    tol = {"float16": 2e-3, "bfloat16": 2e-2, "float64": 1e-12, "complex64": 1e-6}[dtype]
    mine, want = gradients(lucid, dtype), gradients(torch, dtype)
    assert_same(lucid.nn.utils.clip_grad_norm_(mine, 1.0), torch.nn.utils.clip_grad_norm_(want, 1.0), tol)
    for a, b in zip(mine, want, strict=True):
        assert_same(a.grad, b.grad, tol)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_total_norms(order: Any) -> None:
    tensors = [torch.tensor(v) for v in VALUES]
    check_op(lucid.nn.utils.get_total_norm, torch.nn.utils.get_total_norm, tensors, order, tol=2e-6)
    check_op(lucid.nn.utils.get_total_norm, torch.nn.utils.get_total_norm, tensors[0], order, tol=2e-6)
    check_op(lucid.nn.utils.get_total_norm, torch.nn.utils.get_total_norm, [], order)


@pytest.mark.parametrize("dtypes", [("float32", "float16"), ("bfloat16", "float16"), ("float64", "float32")], ids=str)
def test_total_norms_of_mixed_dtypes(dtypes: tuple[str, str]) -> None:
    tensors = [torch.ones(3, dtype=getattr(torch, d)) for d in dtypes]
    check_op(lucid.nn.utils.get_total_norm, torch.nn.utils.get_total_norm, tensors, tol=1e-3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("order", [2.0, float("inf")])
def test_norms_that_are_not_finite(bad: float, order: float) -> None:
    found = []
    for package in (lucid, torch):
        p = package.nn.Parameter(package.zeros(3))
        p.grad = package.tensor([1.0, bad, 2.0])
        with pytest.raises(RuntimeError, match="non-finite"):
            package.nn.utils.clip_grad_norm_([p], 1.0, order, error_if_nonfinite=True)
        assert p.grad[0].item() == 1
        found.append((package.nn.utils.clip_grad_norm_([p], 1.0, order), p.grad))
    assert_same(found[0], found[1])


def test_clipping_by_value_and_with_a_given_norm() -> None:
    both(lambda args: args[0].clip_grad_value_(args[1], 1.5))
    both(lambda args: args[0].clip_grad_value_(args[1][0], 1))
    for package in (lucid, torch):
        assert package.nn.utils.clip_grad_norm_([], 1.0).item() == 0
        with pytest.warns(FutureWarning, match="clip_grad_norm_"):
            package.nn.utils.clip_grad_norm(gradients(package), 1.0)
        with pytest.warns(UserWarning, match="empty generator"):
            package.nn.utils.clip_grad_norm_((p for p in ()), 1.0)
    for total in (10.0, 0.1):
        found = []
        for package in (lucid, torch):
            params = gradients(package)
            assert package.nn.utils.clip_grads_with_norm_(params, 2.0, package.tensor(total)) is None
            found.append([p.grad for p in params])
        for a, b in zip(*found, strict=True):
            assert_same(a, b, 1e-6)


def test_gradients_stay_the_same_tensors() -> None:
    params = gradients(lucid)
    held = params[0].grad
    lucid.nn.utils.clip_grad_norm_(params, 0.1)
    lucid.nn.utils.clip_grad_value_(params, 0.01)
    assert params[0].grad is held
    np.testing.assert_allclose(held.numpy()[2], -0.01)


def test_many_values_keep_their_digits() -> None:
    g = lucid.full((3_000_001,), 0.1)  # PyTorch's own result is off by 4e-4 here
    np.testing.assert_allclose(lucid.nn.utils.get_total_norm([g]).item(), np.sqrt(3_000_001) * 0.1, rtol=5e-5)


def test_what_is_refused() -> None:
    check_error(lucid.nn.utils.get_total_norm, torch.nn.utils.get_total_norm, [torch.ones(2).long()])
    check_error(lucid.nn.utils.parameters_to_vector, torch.nn.utils.parameters_to_vector, [])
    check_error(lucid.nn.utils.vector_to_parameters, torch.nn.utils.vector_to_parameters, [1], [])
    check_error(
        lucid.nn.utils.vector_to_parameters, torch.nn.utils.vector_to_parameters, torch.ones(2), [torch.ones(3)]
    )


def test_parameters_as_one_vector() -> None:
    tensors = [
        torch.randn(2, 3, requires_grad=True),
        torch.randn((), requires_grad=True),
        torch.randn(0, 4),
        torch.randn(2),
    ]
    check_op(lucid.nn.utils.parameters_to_vector, torch.nn.utils.parameters_to_vector, tensors)
    found = []
    for package in (lucid, torch):
        params = [package.nn.Parameter(package.zeros(*s)) for s in ((2, 3), (1,), (0, 4))]
        package.nn.utils.vector_to_parameters(package.arange(9) * 1.0, params)
        found.append(params)
    for a, b in zip(*found, strict=True):
        assert_same(a, b)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lucid.nn.utils.parameters_to_vector(iter(found[0]))
