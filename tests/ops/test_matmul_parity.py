"""Products of vectors and matrices, einsum and tensordot, held against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_error, check_op
from tests.ops.database import oracle_is_spoiled
from tests.ops.samples import DTYPES, FLOATS, accepts, smooth

pytestmark = pytest.mark.parity


@pytest.fixture(autouse=True)
def _sound_oracle(request: pytest.FixtureRequest) -> None:
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and callspec.params.get("dtype") is torch.complex64 and oracle_is_spoiled():
        pytest.skip("PyTorch's complex dot products are wrong where another OpenBLAS is preloaded")


TOLERANCE = {torch.float64: 1e-12, torch.float16: 1e-2, torch.bfloat16: 8e-2, torch.complex64: 1e-4}


def check(name: str, *args: Any, dtype: Any = torch.float32, **kwargs: Any) -> None:
    op, reference = getattr(lucid, name), getattr(torch, name)
    if accepts(reference, *args, **kwargs):
        check_op(op, reference, *args, tol=TOLERANCE.get(dtype), **kwargs)
    else:
        check_error(op, reference, *args, **kwargs)


def wide(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Integers from their whole range, so that products wrap around."""
    if dtype.is_floating_point or dtype.is_complex or dtype is torch.bool:
        return smooth(shape, dtype, seed=seed)
    info = torch.iinfo(dtype)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(max(info.min, -(2**62)), min(info.max, 2**62), shape, generator=generator).to(dtype)


SHAPES = [
    ((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)),
    ((5, 1, 3, 4), (2, 4, 5)), ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 5)),
    ((1, 1), (1, 1)),
    ((3, 4), (3, 4)), ((4,), (3,)), ((), (3,)), ((2, 3, 4), (3, 4, 5)), ((2, 0, 3), (3, 4)), ((2, 3, 0), (0, 4)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["matmul", "mm", "bmm", "dot", "vdot"])
def test_products(name: str, dtype: torch.dtype) -> None:
    for left, right in SHAPES:
        check(name, wide(left, dtype), wide(right, dtype, seed=1), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_vector_products(dtype: torch.dtype) -> None:
    for name, left, right in [
        ("mv", (3, 4), (4,)), ("mv", (3, 4), (3,)), ("mv", (4,), (4,)), ("outer", (3,), (4,)), ("outer", (0,), (3,)),
        ("outer", (2, 2), (3,)), ("ger", (2,), (3,)), ("inner", (3,), (3,)), ("inner", (2, 3), (4, 3)),
        ("inner", (), (3,)),
        ("inner", (2, 2, 3), (5, 3)), ("inner", (2, 3), (2, 4)), ("kron", (2, 2), (3, 2)), ("kron", (2,), (2, 3)),
        ("kron", (), (3,)), ("kron", (0,), (2,)), ("kron", (2, 1, 2), (3,)),
    ]:  # fmt: skip
        check(name, wide(left, dtype), wide(right, dtype, seed=1), dtype=dtype)


@pytest.mark.parametrize("name", ["matmul", "mm", "bmm", "mv", "dot", "inner"])
def test_two_dtypes_and_numbers_are_refused(name: str) -> None:
    shape = (2, 3, 3) if name == "bmm" else (3,) if name in ("dot",) else (3, 3)
    other = (3,) if name == "mv" else shape
    check_error(getattr(lucid, name), getattr(torch, name), torch.ones(shape), torch.ones(other, dtype=torch.float64))
    check_error(getattr(lucid, name), getattr(torch, name), torch.ones(shape), 2)


def test_second_gradients() -> None:
    a, b = smooth((2, 3, 4), torch.float64), smooth((4, 2), torch.float64, seed=1)
    check_op(lucid.matmul, torch.matmul, a, b, second=True, tol=1e-10)
    check_op(lucid.einsum, torch.einsum, "bij,jk->ik", a, b, second=True, tol=1e-10)
    check_op(lucid.matmul, torch.matmul, a.detach().mT.requires_grad_(), smooth((3, 2), torch.float64), tol=1e-12)


@pytest.mark.parametrize("factors", [{}, {"beta": 2, "alpha": 3}, {"beta": 0}, {"beta": 0.5, "alpha": 0.25}], ids=str)
@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.int8, torch.bool, torch.complex64], ids=str)
def test_added_products(dtype: torch.dtype, factors: dict[str, Any]) -> None:
    for name, left, right, added in [
        ("addmm", (3, 4), (4, 5), [(3, 5), (5,), (1, 5), (), (3, 1), (2, 5), (4, 3, 5)]),
        ("addmv", (3, 4), (4,), [(3,), (), (1,), (2,)]),
        ("addr", (3,), (4,), [(3, 4), (4,), ()]),
        ("addbmm", (2, 3, 4), (2, 4, 5), [(3, 5), (5,), ()]),
        ("baddbmm", (2, 3, 4), (2, 4, 5), [(2, 3, 5), (5,), (1, 3, 1)]),
    ]:
        for shape in added:
            check(
                name,
                smooth(shape, dtype),
                smooth(left, dtype, seed=1),
                smooth(right, dtype, seed=2),
                dtype=dtype,
                **factors,
            )


def test_added_empty_products_and_chains() -> None:
    check("addmm", smooth((3, 5), torch.float32), smooth((3, 0), torch.float32), smooth((0, 5), torch.float32))
    check("addbmm", smooth((3, 5), torch.float32), torch.ones(0, 3, 4), torch.ones(0, 4, 5))
    matrices = [smooth(s, torch.float64) for s in ((3, 4), (4, 5), (5, 2), (2, 6))]
    check_op(lucid.chain_matmul, lambda *m: torch.linalg.multi_dot(m), *matrices, tol=1e-12)
    check("addmm", torch.ones(2, 2), torch.ones(2, 2), torch.ones(2, 2, dtype=torch.float64))


@pytest.mark.parametrize("name", ["matmul", "mm", "dot", "mv", "outer", "bmm"])
def test_out(name: str) -> None:
    shapes = {"dot": ((3,), (3,)), "mv": ((3, 3), (3,)), "outer": ((3,), (3,)), "bmm": ((2, 3, 3), (2, 3, 3))}
    left, right = (torch.ones(s) * 2 for s in shapes.get(name, ((3, 3), (3, 3))))

    def fill(library: Any) -> Any:
        def run(x: Any, y: Any) -> Any:
            out = getattr(library, name)(x, y) * 0
            assert getattr(library, name)(x, y, out=out) is out
            return out

        return run

    check_op(fill(lucid), fill(torch), left, right)


EQUATIONS: list[tuple[Any, ...]] = [
    ("ij,jk->ik", (3, 4), (4, 5)), ("ij,jk", (3, 4), (4, 5)), ("i,i->", (4,), (4,)), ("i,j->ij", (3,), (4,)),
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)), ("...ij,jk", (2, 7, 3, 4), (4, 5)), ("ii->i", (3, 3)), ("ii", (3, 3)),
    ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->i", (2, 3)), ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("i,j,k->ijk", (2,), (3,), (4,)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)), ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,kj->ik", (1, 3), (2, 3)), ("ij,j", (2, 1), (3,)), ("...i,...i->...", (2, 1, 3), (4, 3)),
    ("a...b->b...a", (2, 3, 4)),
    ("iij->j", (2, 2, 3)), ("iijj->ij", (2, 2, 3, 3)), ("ij,jk->k", (2, 0), (0, 3)), ("i,i->i", (0,), (0,)),
    ("ij,jk->ik", (2, 3), (4, 5)), ("ij->ik", (2, 3)), ("ij->ii", (2, 3)), ("i", (2, 3)),
    ("i->i", (3,), (3,)), ("ii", (2, 3)),
    ("", ()), (",->", (), ()), (" i j , j k -> k i ", (3, 4), (4, 5)), ("Aa,aB->BA", (3, 4), (4, 5)),
    ("...->...", (2, 3)),
    ("i...->...", (2, 3)), ("ij,...->ij...", (2, 3), (4,)), ("bn,anm,bm->ba", (2, 3), (5, 3, 4), (2, 4)),
    ("i1->i", (2, 3)),
    ("ij..->i", (2, 3)), ("...ij...->ij", (2, 3)), ("ijk,k->ij", (2, 3, 1), (4,)), ("abc,abc->c", (2, 3, 4), (2, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda case: case[0])
def test_einsum(case: tuple[Any, ...]) -> None:
    for dtype in (torch.float32, torch.float64, torch.int64, torch.complex64):
        check("einsum", case[0], *[smooth(s, dtype, seed=k) for k, s in enumerate(case[1:])], dtype=dtype)


MIXED: list[tuple[Any, ...]] = [
    ("i,j->ij", (3,), (4,)), ("i,i->i", (3,), (3,)), ("i,i->", (3,), (3,)), ("i,j->i", (3,), (4,)),
    ("i,j->", (3,), (4,)),
    ("ij,j->ij", (2, 3), (3,)), ("ij,j->i", (2, 3), (3,)), ("ij,jk->ik", (2, 1), (1, 3)), ("ij,j->i", (2, 3), (1,)),
    ("ij,kl->ik", (2, 3), (3, 4)), (",i->i", (), (3,)), (",->", (), ()), ("i,j,k->ij", (2,), (3,), (4,)),
    ("ij,jk,k->i", (2, 3), (3, 4), (4,)), ("i,j,j->ij", (2,), (3,), (3,)), ("...i,i->...i", (2, 2, 3), (3,)),
]  # fmt: skip


@pytest.mark.parametrize("case", MIXED, ids=lambda case: case[0])
def test_einsum_of_several_dtypes(case: tuple[Any, ...]) -> None:
    kinds = (torch.float32, torch.int64, torch.float64, torch.uint8, torch.bool, torch.float16)
    for first in kinds:
        for second in kinds:
            dtypes = (first, *[second] * (len(case) - 2))
            check(
                "einsum",
                case[0],
                *[smooth(s, d, seed=k) for k, (s, d) in enumerate(zip(case[1:], dtypes, strict=True))],
            )


def test_einsum_called_otherwise() -> None:
    a, b = smooth((3, 4), torch.float32), smooth((4, 5), torch.float32)
    check("einsum", a, [0, 1], b, [1, 2], [0, 2])
    check("einsum", a, [0, 1], b, [1, 2])
    check("einsum", a, [..., 1], [1, ...])
    check("einsum", a, [26, 1], [1, 26])
    check("einsum", a, [60, 1])
    check("einsum", "ij,jk", [a, b])
    check("einsum", "ij,jk", a, smooth((4, 5), torch.float64))
    check("einsum")
    check("einsum", "ij")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.complex64], ids=str)
def test_tensordot(dtype: torch.dtype) -> None:
    for left, right, dims in [
        ((3, 4, 5), (4, 5, 6), 2), ((3, 4), (5, 6), 0), ((3, 4, 5), (5, 4, 2), ([1, 2], [1, 0])),
        ((3, 4), (4, 3), ([-1], [0])),
        ((3, 4), (4, 3), ([0, 1], [1, 0])), ((3, 4), (3, 4), 1), ((3, 4), (3, 4), 3), ((3,), (3,), 1), ((), (), 0),
        ((3, 4), (4, 5), ([1], [0, 1])), ((3, 4), (4, 5), -1), ((2, 0), (0, 3), 1),
    ]:  # fmt: skip
        check("tensordot", smooth(left, dtype), smooth(right, dtype, seed=1), dims, dtype=dtype)


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.complex64], ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name: str, dtype: torch.dtype) -> None:
    x = smooth((2, 3), dtype, -3, 3)
    exact = dtype is torch.float64
    for dim in (0, 1, -1, 2, -3):
        if accepts(getattr(torch, name), x, dim):
            check_op(getattr(lucid, name), getattr(torch, name), x, dim, second=exact, tol=1e-10 if exact else None)
        else:
            check_error(getattr(lucid, name), getattr(torch, name), x, dim)
    if not dtype.is_complex:
        check_op(getattr(lucid, name), getattr(torch, name), x, -1, dtype=torch.float64)
    if dtype.is_floating_point:
        inf = float("inf")
        edges = torch.tensor([[-inf, -inf, 0.0], [-inf, -inf, -inf], [1e4, 0, -1e4]], dtype=dtype)
        check_op(getattr(lucid, name), getattr(torch, name), edges, 1)
        for shape in ((0, 3), (3, 0), ()):
            check_op(getattr(lucid, name), getattr(torch, name), smooth(shape, dtype), 0)


def test_addr_and_inner_promote() -> None:
    x, y = torch.tensor([1, 2]), torch.tensor([0.5, 1.5, 2.5])
    check_op(lucid.addr, torch.addr, torch.ones(3, dtype=torch.float64), x, y)
    check_op(lucid.inner, torch.inner, torch.tensor(3), y)
    check_error(lucid.addr, torch.addr, torch.ones(3), torch.ones(2), y, beta=True)


@pytest.mark.parametrize("name", ["mm", "addmm"])
def test_out_of_another_dtype(name: str) -> None:
    x = torch.ones(2, 2)
    arguments = (x, x) if name == "mm" else (x, x, x)
    check_error(getattr(lucid, name), getattr(torch, name), *arguments, out=torch.zeros(2, 2, dtype=torch.float64))
    check_error(getattr(lucid, name), getattr(torch, name), *arguments, 3)


def test_tensordot_of_no_dimensions() -> None:
    check_error(lucid.tensordot, torch.tensordot, torch.ones(2, 2), torch.ones(2, 2), "a")
    check_error(lucid.addmm, torch.addmm, torch.ones(2, 2), torch.ones(2, 2), torch.ones(2, 2), beta="a")
