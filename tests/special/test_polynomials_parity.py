"""Orthogonal polynomials, held against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid.special import polynomials
from tests.checks import check_both, check_op
from tests.ops.samples import SHAPES

pytestmark = pytest.mark.parity

INF, NAN = float("inf"), float("nan")
POINTS = [0.0, -0.0, 0.5, -0.5, 1, -1, 2, -2, 1.5, 3, INF, -INF, 1e5, 0.3, 0.999, -0.999, 1.001]
ORDERS = [-2.0, -1, -0.5, 0, 0.9, 1, 1.7, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 50, 120]


def both(name: str) -> tuple[Any, Any]:
    return getattr(lucid.special, name), getattr(torch.special, name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", polynomials.__all__)
def test_orders_given_as_a_tensor(name: str, dtype: torch.dtype) -> None:
    x, n = torch.meshgrid(torch.tensor(POINTS, dtype=dtype), torch.tensor(ORDERS, dtype=dtype), indexing="ij")
    check_op(*both(name), x, n, tol=1e-9 if dtype is torch.float64 else 1e-4)
    check_op(*both(name), x.t(), n.t(), tol=1e-9 if dtype is torch.float64 else 1e-4)


@pytest.mark.parametrize(
    "n", [-3, 0, 1, 2, 6, 7, 8, 9, 30, 3.9, -0.9, True, NAN, INF, torch.tensor(4), torch.tensor(2.5)]
)
@pytest.mark.parametrize("name", polynomials.__all__)
def test_one_order(name: str, n: Any) -> None:
    for x in (
        torch.tensor(POINTS[:10]),
        torch.tensor(0.3, dtype=torch.float64),
        torch.tensor([3, 0, -1]),
        torch.rand(0),
    ):
        check_both(*both(name), x, n)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", polynomials.__all__)
def test_broadcasting(name: str, shapes: Any) -> None:
    # Recurrences add up the rounding of twelve steps.
    check_op(*both(name), torch.rand(shapes[0]), torch.randint(0, 12, shapes[1]), tol=1e-4)


@pytest.mark.parametrize(
    ("x", "n"),
    [
        (torch.ones(2), torch.ones(3)), (torch.ones(2), "a"), (torch.ones(2), 1j), (torch.ones(2), None), (2.0, 3),
        (torch.ones(2, dtype=torch.float16), 2), (torch.ones(2, dtype=torch.complex64), 2), (2.0, torch.ones(2)),
        (torch.ones(2, dtype=torch.bool), True), (torch.ones(2, dtype=torch.uint16), 1), (True, torch.ones(2)),
        (torch.ones(2, dtype=torch.float16), torch.ones(2)), (torch.ones(2), torch.ones((), dtype=torch.float64)),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", polynomials.__all__)
def test_operands(name: str, x: Any, n: Any) -> None:
    check_both(*both(name), x, n)


@pytest.mark.parametrize("name", ["hermite_polynomial_h", "hermite_polynomial_he"])
def test_highest_orders(name: str) -> None:
    for n in (127, 128, 129, 250, 511, 512, 513, 10**6):
        check_op(*both(name), torch.tensor([0.0, 0.3, 2.0], dtype=torch.float64), n, tol=1e-9)
        check_op(*both(name), torch.tensor([0.0, 0.3, 2.0]), n, tol=1e-3)


@pytest.mark.parametrize("name", polynomials.__all__)
def test_out(name: str) -> None:
    place = lucid.empty(0)
    got = getattr(lucid.special, name)(lucid.tensor([0.3, 0.6]), 3, out=place)
    assert got is place
    assert place.tolist() == pytest.approx(getattr(torch.special, name)(torch.tensor([0.3, 0.6]), 3).tolist(), rel=1e-5)
