"""Singular values and eigenvalues, held against PyTorch: results up to signs and phases, and their gradients."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

import lucid
from tests.checks import assert_same, check_both, check_error, check_op, to_lucid

REAL = (torch.float32, torch.float64)
SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 1, 3, 3), (1, 1), (0, 0), (0, 3), (3, 0), (0, 3, 3), (2, 0, 3)]


def make(*shape, dtype=torch.float64):
    torch.manual_seed(sum(shape) + 10 * len(shape))
    return torch.randn(shape, dtype=dtype).requires_grad_()


def tolerance(dtype):
    return 1e-9 if dtype is torch.float64 else 2e-3


def squares(x):
    return (x * x.conj()).real if x.is_complex() else x * x


def invariants(u, s, vh):
    """What does not change with the signs of singular vectors."""
    k = s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    return squares(u), s, squares(vh), (u * s[..., None, :]) @ vh


# ---- svd -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*REAL, torch.complex64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("full", [True, False])
def test_svd(shape, dtype, full):
    x = make(*shape, dtype=dtype)
    found = lucid.linalg.svd(to_lucid(x.detach()), full)
    assert [tuple(t.shape) for t in found] == [tuple(t.shape) for t in torch.linalg.svd(x, full)]
    check_op(
        lambda a: invariants(*lucid.linalg.svd(a, full)),
        lambda a: invariants(*torch.linalg.svd(a, full)),
        x,
        tol=tolerance(dtype),
        second=dtype is torch.float64,
    )
    check_op(
        lambda a: invariants(*(lambda u, s, v: (u, s, v.mH))(*lucid.svd(a, not full))),
        lambda a: invariants(*(lambda u, s, v: (u, s, v.mH))(*torch.svd(a, not full))),
        x,
        tol=tolerance(dtype),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_the_vectors_that_are_added_are_orthogonal_to_the_others(shape):
    x = make(*shape).detach()
    for t in (lucid.linalg.svd(to_lucid(x)).U, lucid.linalg.svd(to_lucid(x)).Vh):
        n = t.shape[-1]
        assert_same(t @ t.mT, torch.eye(n, dtype=torch.float64).expand(*t.shape[:-2], n, n), 1e-12)


@pytest.mark.parametrize("dtype", [*REAL, torch.complex64])
@pytest.mark.parametrize("shape", SHAPES)
def test_svdvals(shape, dtype):
    x = make(*shape, dtype=dtype)
    second = dtype is torch.float64
    check_op(lucid.linalg.svdvals, torch.linalg.svdvals, x, tol=tolerance(dtype), second=second)


@pytest.mark.parametrize("shape", [(200, 3), (3, 200), (2, 130, 2)])
def test_long_matrices(shape):
    check_op(
        lambda a: invariants(*lucid.linalg.svd(a, False)),
        lambda a: invariants(*torch.linalg.svd(a, False)),
        make(*shape),
        tol=1e-9,
        second=True,
    )


def test_the_gradient_of_equal_singular_values():
    for x in (torch.eye(3, dtype=torch.float64), torch.zeros(3, 2, dtype=torch.float64), torch.ones(3, 3).double()):
        x.requires_grad_()
        found = to_lucid(x, requires_grad=True)
        lucid.linalg.svd(found)[1].sum().backward()
        assert bool(lucid.isfinite(found.grad).all())
    x = torch.eye(3, dtype=torch.float64, requires_grad=True)
    check_op(lambda a: lucid.linalg.svdvals(a).sum(), lambda a: torch.linalg.svdvals(a).sum(), x)


def test_svd_without_vectors():
    for shape in ((4, 2), (2, 2, 3)):
        for some in (True, False):
            check_op(
                lambda a, some=some: lucid.svd(a, some, False),
                lambda a, some=some: torch.svd(a, some, False),
                make(*shape),
            )


def test_svd_out():
    x = make(4, 3, dtype=torch.float32).detach()
    places = tuple(lucid.empty(0) for _ in range(3))
    found = lucid.linalg.svd(to_lucid(x), out=places)
    assert all(f is p for f, p in zip(found, places, strict=True))
    assert_same((places[0] * 1.0)[:, :3] * places[1] @ places[2], x, 1e-5)
    with pytest.raises(RuntimeError, match="dtype"):
        lucid.linalg.svdvals(to_lucid(x), out=lucid.empty(0, dtype=lucid.float64))


def test_low_rank():
    torch.manual_seed(0)
    for dtype in (*REAL, torch.complex64):
        for m, n in ((8, 5), (5, 8)):
            x = torch.randn(2, m, 2, dtype=dtype) @ torch.randn(2, 2, n, dtype=dtype)
            u, s, v = lucid.svd_lowrank(to_lucid(x), 2)
            assert_same(u * s[..., None, :] @ v.mH, x, 1e-3)
            u, s, v = lucid.svd_lowrank(to_lucid(x), 3, M=to_lucid(x[..., :1, :]))
            assert_same(u * s[..., None, :] @ v.mH, x - x[..., :1, :], 1e-3)
            u, s, v = lucid.pca_lowrank(to_lucid(x), 3)
            assert_same(u * s[..., None, :] @ v.mH, x - x.mean(-2, keepdim=True), 1e-3)
    check_error(lucid.pca_lowrank, torch.pca_lowrank, torch.ones(3, 4), 5)
    check_error(lucid.pca_lowrank, torch.pca_lowrank, torch.ones(3, 4), 2, niter=-1)
    check_error(lucid.svd_lowrank, torch.svd_lowrank, torch.ones(3))


# ---- Hermitian eigenvalues -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*REAL, torch.complex64])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 3, 3), (2, 0, 0)])
def test_eigh(shape, dtype):
    def essence(values, vectors):
        return values, squares(vectors), (vectors * values[..., None, :]) @ vectors.mH

    x = make(*shape, dtype=dtype)
    for uplo in ("L", "U", "l"):
        check_op(
            lambda a, uplo=uplo: essence(*lucid.linalg.eigh(a + a.mH, uplo)),
            lambda a, uplo=uplo: essence(*torch.linalg.eigh(a + a.mH, uplo)),
            x,
            tol=tolerance(dtype),
            second=dtype is torch.float64,
        )
        # ... and where the matrix is not Hermitian, it says which triangle is read.
        check_op(lucid.linalg.eigvalsh, torch.linalg.eigvalsh, x, uplo, tol=tolerance(dtype))
    check_op(
        lambda a: lucid.linalg.eigvalsh(a + a.mH),
        lambda a: torch.linalg.eigvalsh(a + a.mH),
        x,
        tol=tolerance(dtype),
        second=dtype is torch.float64,
    )


def test_the_gradient_of_equal_eigenvalues():
    x = torch.eye(3, dtype=torch.float64, requires_grad=True)
    check_op(lambda a: lucid.linalg.eigvalsh(a).sum(), lambda a: torch.linalg.eigvalsh(a).sum(), x)
    check_op(lambda a: lucid.linalg.eigh(a)[0].sum(), lambda a: torch.linalg.eigh(a)[0].sum(), x)


# ---- eigenvalues -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 3, 3)])
def test_eig(shape, dtype):
    def essence(values, vectors):
        return squares(vectors).to(values.dtype) @ values[..., :, None], (values * values).sum(-1)

    x = make(*shape, dtype=dtype)
    check_op(lambda a: essence(*lucid.linalg.eig(a)), lambda a: essence(*torch.linalg.eig(a)), x, tol=tolerance(dtype))
    check_op(
        lambda a: (lucid.linalg.eigvals(a) ** 3).sum(-1),
        lambda a: (torch.linalg.eigvals(a) ** 3).sum(-1),
        x,
        tol=tolerance(dtype),
    )


def test_the_second_gradient_of_eig():
    def essence(values, vectors):
        return (squares(vectors) @ values.real[..., :, None]).sum() + (values * values).sum().real

    x = make(3, 3, dtype=torch.float32)
    op, reference = (lambda a, lib=lib: essence(*lib.linalg.eig(a)) for lib in (lucid, torch))
    check_op(op, reference, x, tol=5e-3, second=True)
    op, reference = (lambda a, lib=lib: (lib.linalg.eigvals(a) ** 3).sum().real for lib in (lucid, torch))
    check_op(op, reference, x, tol=5e-3, second=True)


# ---- errors ----------------------------------------------------------------------------------------------------------

NAMES = ("svd", "svdvals", "eigh", "eigvalsh", "eig", "eigvals")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_refused(name):
    op, reference = getattr(lucid.linalg, name), getattr(torch.linalg, name)
    for dtype in (torch.int64, torch.bool, torch.float16, torch.bfloat16):
        check_error(op, reference, torch.eye(3).to(dtype))
    for shape in ((), (3,)):
        check_error(op, reference, torch.ones(shape))
    if name.startswith("eig"):
        check_error(op, reference, torch.ones(2, 3))
    if name.endswith("h"):
        for uplo in ("x", "", "Lower", 1):
            check_both(op, reference, torch.ones(2, 2), uplo)
    check_error(op, reference, [[1.0]])


def test_lobpcg():
    torch.manual_seed(0)
    x = torch.randn(12, 12, dtype=torch.float64)
    a, b = x @ x.mT + torch.eye(12), torch.diag(torch.rand(12).double() + 1)
    for second in (None, b):
        values, vectors = lucid.lobpcg(to_lucid(a), 3, None if second is None else to_lucid(second))
        want, _ = torch.lobpcg(a, 3, second, niter=200, tol=1e-10)
        assert_same(values, want, 1e-6)
        right = vectors if second is None else to_lucid(second) @ vectors
        assert_same(to_lucid(a) @ vectors - right * values, torch.zeros(12, 3).double(), 1e-8)
    assert_same(lucid.lobpcg(to_lucid(a), 2, largest=False)[0], torch.linalg.eigvalsh(a)[:2], 1e-8)
    check_error(lucid.lobpcg, torch.lobpcg, torch.eye(5), 2)
