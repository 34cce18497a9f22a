"""Factorizations, equations and determinants: values worked out by hand, and what never ends the process."""

from __future__ import annotations

import math

import pytest

import lucid
from lucid import _tape, linalg
from lucid.linalg import LinAlgError

A = [[4.0, 2.0], [2.0, 5.0]]


def test_factors():
    a = lucid.tensor(A)
    assert linalg.cholesky(a).tolist() == [[2.0, 0.0], [1.0, 2.0]]
    assert linalg.cholesky(a, upper=True).tolist() == [[2.0, 1.0], [0.0, 2.0]]
    packed = linalg.lu_factor(lucid.tensor([[1.0, 2.0], [2.0, 2.0]]))
    assert packed.LU.tolist() == [[2.0, 2.0], [0.5, 1.0]]
    assert packed.pivots.tolist() == [2, 2]
    assert packed.pivots.dtype is lucid.int32
    found = linalg.ldl_factor(lucid.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert found.LD.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert found.pivots.tolist() == [-2, -2]


def test_equations():
    a, b = lucid.tensor(A), lucid.tensor([8.0, 12.0])
    x = linalg.solve(a, b)
    assert lucid.allclose(a @ x, b)
    assert lucid.allclose(linalg.inv(a) @ b, x)
    assert lucid.allclose(linalg.lu_solve(*linalg.lu_factor(a), b[:, None])[:, 0], x)
    assert lucid.allclose(linalg.ldl_solve(*linalg.ldl_factor(a), b[:, None])[:, 0], x)
    assert lucid.allclose(lucid.cholesky_solve(b[:, None], linalg.cholesky(a))[:, 0], x)


def test_determinants():
    a = lucid.tensor(A)
    assert math.isclose(linalg.det(a).item(), 16.0, rel_tol=1e-6)
    assert math.isclose(a.logdet().item(), math.log(16.0), rel_tol=1e-6)
    assert linalg.slogdet(lucid.zeros(2, 2)).sign.item() == 0
    assert linalg.slogdet(lucid.zeros(2, 2)).logabsdet.item() == -math.inf
    assert math.isnan(lucid.tensor([[-1.0]]).logdet().item())
    assert lucid.eye(0).det().item() == 1


def test_the_gradient_of_the_determinant_of_a_singular_matrix():
    a = lucid.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    linalg.det(a).backward()
    assert lucid.allclose(a.grad, lucid.tensor([[4.0, -2.0], [-2.0, 1.0]]), atol=1e-5)


def test_named_results():
    a = lucid.eye(2)
    for result, fields in (
        (linalg.cholesky_ex(a), "L info"),
        (linalg.inv_ex(a), "inverse info"),
        (linalg.solve_ex(a, a), "result info"),
        (linalg.lu(a), "P L U"),
        (linalg.lu_factor_ex(a), "LU pivots info"),
        (linalg.ldl_factor_ex(a), "LD pivots info"),
        (linalg.slogdet(a), "sign logabsdet"),
        (linalg.qr(a), "Q R"),
        (lucid.geqrf(a), "a tau"),
        (lucid.triangular_solve(a, a), "solution cloned_coefficient"),
        (lucid.lu_unpack(a, lucid.tensor([1, 2], dtype=lucid.int32)), "P L U"),
    ):
        assert result._fields == tuple(fields.split())


def test_an_error_names_the_operation_the_matrix_and_the_place():
    bad = lucid.stack([lucid.eye(3), lucid.diag(lucid.tensor([1.0, 0.0, 1.0]))])
    assert issubclass(LinAlgError, RuntimeError)
    with pytest.raises(LinAlgError, match=r"linalg\.inv: \(Batch element 1\): The diagonal element 2 is zero"):
        linalg.inv(bad)
    with pytest.raises(LinAlgError, match=r"linalg\.cholesky: \(Batch element 1\): .* minor of order 2 is not"):
        linalg.cholesky(bad)
    with pytest.raises(LinAlgError, match=r"linalg\.solve: .* singular"):
        linalg.solve(bad, lucid.ones(3))
    with pytest.raises(RuntimeError, match=r"linalg\.lu_factor: .*U\[2,2\] is zero"):
        linalg.lu_factor(bad)


@pytest.mark.parametrize("name", ["cholesky_ex", "inv_ex", "solve_ex"])
def test_ex_gives_nan_and_info_instead_of_an_error(name):
    bad = lucid.stack([lucid.eye(2), lucid.zeros(2, 2)])
    found = getattr(linalg, name)(*[bad] * (2 if name == "solve_ex" else 1))
    assert found.info.tolist() == [0, 1]
    assert found[0][0].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert found[0][1].isnan().all()


def test_ex_evaluates_nothing():
    before, x = _tape.evaluated, lucid.eye(2)
    linalg.inv_ex(x)
    linalg.cholesky_ex(x)
    linalg.solve_ex(x, x)
    linalg.lu_factor_ex(x)
    linalg.ldl_factor_ex(x)
    linalg.qr(x)
    linalg.det(x)
    assert _tape.evaluated == before
    linalg.inv(x)
    assert _tape.evaluated > before


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 3, 3), (1, 1)])
@pytest.mark.parametrize(
    "name", "cholesky inv det slogdet lu_factor lu ldl_factor qr cholesky_ex inv_ex lu_factor_ex".split()
)
def test_matrices_without_elements(name, shape):
    a = lucid.ones(shape, requires_grad=True)
    result = getattr(linalg, name)(a)
    first = result[0] if isinstance(result, tuple) else result
    assert first.detach().numpy().shape[: len(shape) - 2] == shape[:-2]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e38, 1e-42])
def test_no_value_ends_the_process(value):
    a = lucid.full((2, 3, 3), value)
    for name in ("cholesky_ex", "inv_ex", "det", "slogdet", "lu", "lu_factor_ex", "ldl_factor_ex", "qr"):
        result = getattr(linalg, name)(a)
        for t in result if isinstance(result, tuple) else (result,):
            t.numpy()
    linalg.solve_ex(a, a).result.numpy()
    linalg.solve_triangular(a, a, upper=True).numpy()
    lucid.geqrf(a).a.numpy()


def test_pivots_out_of_range_read_no_foreign_memory():
    pivots = lucid.tensor([1, 2, 900], dtype=lucid.int32)
    with pytest.raises(RuntimeError, match="pivots between 1 and 3"):
        lucid.lu_unpack(lucid.eye(3), pivots)
    lazy = pivots + lucid.zeros(3, dtype=lucid.int32)  # whose values are not known
    assert lucid.lu_unpack(lucid.eye(3), lazy).P.sum().item() == 3
    linalg.ldl_solve(lucid.eye(3), lazy, lucid.eye(3)).numpy()


def test_lu_results_can_be_used_by_elementwise_operations():
    """MLX 0.32.4 writes beyond the end of such an array: many of them would end the process."""
    for _ in range(300):
        linalg.lu_factor_ex(lucid.ones(1, 1)).LU.exp().numpy()


def test_methods():
    a = lucid.tensor(A)
    assert lucid.allclose(a.inverse() @ a, lucid.eye(2), atol=1e-6)
    assert lucid.allclose(a.cholesky().cholesky_inverse(), a.inverse())
    q, r = a.qr()
    assert lucid.allclose(q @ r, a)
    assert lucid.allclose(a.geqrf().a.triu(), r)
    P, L, U = lucid.lu_unpack(*a.lu())
    assert lucid.allclose(P @ L @ U, a)
    assert math.isclose(a.det().item(), 16.0, rel_tol=1e-6)


def test_wide_types_and_half_precision():
    assert linalg.inv(lucid.eye(2, dtype=lucid.float64)).dtype is lucid.float64
    assert linalg.qr(lucid.eye(2, dtype=lucid.complex64)).Q.dtype is lucid.complex64
    with pytest.raises(RuntimeError, match=r"linalg\.inv: Low precision"):
        linalg.inv(lucid.eye(2, dtype=lucid.float16))
    with pytest.raises(NotImplementedError, match=r"linalg\.qr: Low precision"):
        linalg.qr(lucid.eye(2, dtype=lucid.bfloat16))
