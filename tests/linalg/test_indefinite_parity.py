"""The LDL factorization, against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

import lucid
from tests.checks import check_error, check_op, to_lucid

linalg, reference = lucid.linalg, torch.linalg
TOLERANCE = {torch.float32: 1e-3, torch.complex64: 1e-3, torch.float64: 1e-8}


def matrices(n, dtype, *batch):
    """Two families: any matrix, and one whose diagonal of zeros asks for blocks of two."""
    a = torch.randn(*batch, n, n, dtype=dtype, generator=torch.Generator().manual_seed(n))
    return a, a * (1 - torch.eye(n, dtype=dtype))


@pytest.mark.parametrize("hermitian", [True, False])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 20])
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_factors_and_solutions(n, dtype, hermitian):
    tol = TOLERANCE[dtype]
    for a in matrices(n, dtype, 3):
        check_op(linalg.ldl_factor_ex, reference.ldl_factor_ex, a, hermitian=hermitian, tol=tol)
        factors, pivots, info = reference.ldl_factor_ex(a, hermitian=hermitian)
        if not info.any():
            b = torch.ones(3, n, 2, dtype=dtype)
            check_op(linalg.ldl_solve, reference.ldl_solve, factors, pivots, b, hermitian=hermitian, tol=20 * tol)


def test_batches():
    for batch, other in (((), ()), ((2,), ()), ((), (2,)), ((2,), (2,))):  # PyTorch ends the process for others
        a = matrices(3, torch.float64, *batch)[1]
        found = reference.ldl_factor_ex(a)
        check_op(linalg.ldl_factor, reference.ldl_factor, a)
        check_op(linalg.ldl_solve, reference.ldl_solve, *found[:2], torch.ones(*other, 3, 2, dtype=torch.float64))


def test_what_is_refused():
    eye, swaps = torch.eye(3), torch.tensor([1, 2, 3], dtype=torch.int32)
    for a in (eye.half(), eye.long(), torch.ones(2, 3), torch.ones(3)):
        check_error(linalg.ldl_factor, reference.ldl_factor, a)
    check_error(linalg.ldl_factor, reference.ldl_factor, torch.zeros(2, 3, 3))
    check_error(linalg.ldl_factor_ex, reference.ldl_factor_ex, torch.zeros(3, 3), check_errors=True)
    for a, pivots, b in (
        (eye, swaps[:2], eye),
        (eye, swaps.float(), eye),
        (eye, swaps, torch.ones(4, 2)),
        (eye, swaps, eye.double()),
    ):
        check_error(linalg.ldl_solve, reference.ldl_solve, a, pivots, b)


def test_there_is_no_gradient():
    a = to_lucid(torch.eye(2)).requires_grad_()
    with pytest.raises(NotImplementedError, match="ldl"):
        linalg.ldl_factor(a).LD.sum().backward()
