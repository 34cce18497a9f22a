"""QR factors and Householder reflections, against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:torch.*deprecated")]

import lucid
from tests.checks import check_error, check_op, to_lucid
from tests.linalg.samples import SHAPES, normal

linalg, reference = lucid.linalg, torch.linalg
TOLERANCE = {torch.float32: 5e-4, torch.complex64: 5e-4, torch.float64: 1e-8}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_qr(shape, dtype):
    a, tol = normal(*shape, dtype=dtype), TOLERANCE[dtype]
    check_op(linalg.qr, reference.qr, a, tol=tol)
    check_op(lucid.qr, torch.qr, a, tol=tol)
    if shape[-2] <= shape[-1]:
        check_op(linalg.qr, reference.qr, a, mode="complete", tol=tol)
    check_op(linalg.qr, reference.qr, a.detach(), mode="complete", tol=tol)
    check_op(lucid.qr, torch.qr, a.detach(), some=False, tol=tol)
    check_op(linalg.qr, reference.qr, a.detach(), "r", tol=tol)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3)], ids=str)
def test_second_gradients_of_qr(shape):
    check_op(linalg.qr, reference.qr, normal(*shape, seed=4), second=True)


def test_modes_without_a_gradient():
    a = to_lucid(normal(4, 2), requires_grad=True)
    with pytest.raises(RuntimeError, match="complete"):
        linalg.qr(a, "complete").Q.sum().backward()
    check_error(linalg.qr, reference.qr, torch.eye(2), "other")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_geqrf(shape, dtype):
    check_op(lucid.geqrf, torch.geqrf, normal(*shape, dtype=dtype).detach(), tol=TOLERANCE[dtype])


def test_geqrf_of_what_needs_no_reflection():
    for a in (torch.zeros(3, 2), torch.eye(3), torch.ones(2, 3).triu(), -torch.eye(2)):
        check_op(lucid.geqrf, torch.geqrf, a)
        check_op(linalg.qr, reference.qr, a)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("sizes", [(4, 3, 3), (3, 3, 2), (3, 3, 0), (4, 0, 0), (0, 0, 0), (1, 1, 1)], ids=str)
def test_householder_product(sizes, dtype):
    m, n, k = sizes
    for batch in ((), (2,), (2, 1), (0,)):
        a, tau = normal(*batch, m, n, dtype=dtype), normal(*batch, k, dtype=dtype, seed=1)
        check_op(linalg.householder_product, reference.householder_product, a, tau, tol=TOLERANCE[dtype])
    check_op(lucid.orgqr, torch.orgqr, a.detach(), tau.detach(), tol=TOLERANCE[dtype])


@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_ormqr(dtype, left, transpose):
    for batch in ((), (2,), (2, 1)):
        a, tau = normal(*batch, 4, 3, dtype=dtype), normal(*batch, 3, dtype=dtype, seed=1)
        b = normal(*batch, *((4, 2) if left else (2, 4)), dtype=dtype, seed=2)
        check_op(lucid.ormqr, torch.ormqr, a, tau, b, left, transpose, tol=10 * TOLERANCE[dtype])


def test_second_gradients_of_reflections():
    a, tau = normal(4, 3), normal(3, seed=1)
    check_op(linalg.householder_product, reference.householder_product, a, tau, second=True, tol=1e-6)
    check_op(lucid.ormqr, torch.ormqr, a, tau, normal(4, 2), second=True, tol=1e-6)


def test_what_is_refused():
    eye, ones = torch.eye(3), torch.ones(3)
    for op, other in ((linalg.qr, reference.qr), (lucid.geqrf, torch.geqrf), (lucid.qr, torch.qr)):
        for a in (ones, eye.half(), eye.long(), eye.bool()):
            check_error(op, other, a)
    for a, tau in (
        (ones, ones),
        (torch.ones(2, 3), ones),
        (torch.ones(3, 2), ones),
        (eye, torch.ones(2, 3)),
        (eye, ones.double()),
        (eye.half(), ones.half()),
        (eye.long(), ones.long()),
        (torch.ones(2, 3, 3), torch.ones(1, 3)),
    ):
        check_error(linalg.householder_product, reference.householder_product, a, tau)
    for a, tau, b in (
        (ones, ones, eye),
        (eye, torch.ones(2), eye),
        (eye, ones, torch.ones(4, 3)),
        (eye, ones, ones),
        (eye, ones, eye.double()),
        (eye, ones, torch.ones(2, 3, 3)),
        (eye.half(), ones.half(), eye.half()),
    ):
        check_error(lucid.ormqr, torch.ormqr, a, tau, b)
