"""Special functions at points whose values are known from elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lucid
from lucid import special

# 16 digits of each function at each point, computed with 40
KNOWN = [
    ("airy_ai", 0.0, 0.3550280538878172), ("airy_ai", 1.0, 0.13529241631288141),
    ("airy_ai", 5.0, 0.00010834442813607442),
    ("airy_ai", -1.0, 0.5355608832923521), ("airy_ai", -10.0, 0.04024123848644319),
    ("bessel_j0", 1.0, 0.7651976865579666), ("bessel_j0", 20.0, 0.16702466434058316),
    ("bessel_j1", 1.0, 0.4400505857449335), ("bessel_j1", -20.0, -0.06683312417585005),
    ("bessel_y0", 1.0, 0.08825696421567696), ("bessel_y0", 20.0, 0.06264059680938383),
    ("bessel_y1", 1.0, -0.7812128213002887), ("bessel_y1", 20.0, -0.1655116143625213),
    ("i0", 1.0, 1.2660658777520084), ("i0", 20.0, 43558282.559553534),
    ("i1", 1.0, 0.565159103992485), ("i1", -20.0, -42454973.38512777),
    ("i0e", 100.0, 0.03994437929909668), ("i1e", 100.0, 0.03974415302513025),
    ("modified_bessel_k0", 1.0, 0.42102443824070834), ("modified_bessel_k0", 20.0, 5.741237815336525e-10),
    ("modified_bessel_k1", 1.0, 0.6019072301972346), ("modified_bessel_k1", 20.0, 5.883057969557038e-10),
    ("scaled_modified_bessel_k0", 100.0, 0.12517562165912657),
    ("scaled_modified_bessel_k1", 100.0, 0.12579995047957854),
    ("spherical_bessel_j0", 0.1, 0.9983341664682815), ("spherical_bessel_j0", 10.0, -0.05440211108893698),
    ("erfcx", 1.0, 0.427583576155807), ("erfcx", 100.0, 0.005641613782989433), ("erfcx", -2.0, 108.94090438997797),
    ("ndtr", -10.0, 7.619853024160525e-24), ("log_ndtr", -100.0, -5005.524208694205),
    ("ndtri", 1e-10, -6.361340902404057), ("ndtri", 0.975, 1.9599639845400538),
    ("entr", 0.5, 0.34657359027997264), ("gammaln", 0.1, 2.252712651734206), ("gammaln", 1e5, 1051287.7089736569),
    ("psi", 0.1, -10.423754940411076), ("psi", -0.3, 2.113309779635399), ("erfinv", 0.9, 1.1630871536766743),
]  # fmt: skip


@pytest.mark.parametrize(("name", "x", "value"), KNOWN)
def test_known_values(name: str, x: float, value: float) -> None:
    op = getattr(special, name)
    assert op(lucid.tensor(x, dtype=lucid.float64)).item() == pytest.approx(value, rel=4e-15, abs=1e-16)
    rounded = float(np.float32(x))
    exact = op(lucid.tensor(rounded, dtype=lucid.float64)).item()
    assert op(lucid.tensor(rounded)).item() == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    ("a", "x", "lower", "upper"),
    [
        (0.5, 0.1, 0.34527915398, 0.65472084602),
        (1.0, 2.0, 1 - math.exp(-2), math.exp(-2)),
        (3.0, 20.0, 0.99999954448505, 4.5551495e-7),
        (100.0, 100.0, 0.51329879828, 0.48670120172),
    ],
)
def test_both_halves_of_the_incomplete_gamma_function(a: float, x: float, lower: float, upper: float) -> None:
    s, t = lucid.tensor(a, dtype=lucid.float64), lucid.tensor(x, dtype=lucid.float64)
    assert special.gammainc(s, t).item() == pytest.approx(lower, rel=1e-9)
    assert special.gammaincc(s, t).item() == pytest.approx(upper, rel=1e-7)


def test_the_upper_half_is_exact_where_the_lower_one_is_all_but_1() -> None:
    tiny = special.gammaincc(lucid.tensor(1e-10, dtype=lucid.float64), lucid.tensor(0.5, dtype=lucid.float64))
    assert tiny.item() == pytest.approx(5.597735946941e-11, rel=1e-11)


def test_zeta_at_even_numbers() -> None:
    s = lucid.tensor([2.0, 4.0, 6.0], dtype=lucid.float64)
    want = [math.pi**2 / 6, math.pi**4 / 90, math.pi**6 / 945]
    assert special.zeta(s, 1).tolist() == pytest.approx(want, rel=1e-15)


def test_zeta_sums_terms_of_either_sign() -> None:
    q = -2.25
    want = sum((q + k) ** -3 for k in range(100000)) + 0.5e-10
    got = special.zeta(3.0, lucid.tensor(q, dtype=lucid.float64))
    assert got.item() == pytest.approx(want, rel=1e-9)


def test_polynomials_of_several_orders() -> None:
    orders = lucid.tensor([0, 1, 2, 3, -1])
    assert special.chebyshev_polynomial_t(2.0, orders).tolist() == [1, 2, 7, 26, 0]
    assert special.chebyshev_polynomial_u(2.0, orders).tolist() == [1, 4, 15, 56, 0]
    assert special.hermite_polynomial_h(2.0, orders).tolist() == [1, 4, 14, 40, 0]
    assert special.hermite_polynomial_he(2.0, orders).tolist() == [1, 2, 3, 2, 0]
    assert special.laguerre_polynomial_l(2.0, orders).tolist() == pytest.approx([1, -1, -1, -1 / 3, 0])
    assert special.legendre_polynomial_p(2.0, orders).tolist() == [1, 2, 5.5, 17, 0]


@pytest.mark.parametrize("family", "tuvw")
def test_chebyshev_polynomials_of_a_high_order_have_a_closed_form(family: str) -> None:
    op = getattr(special, f"chebyshev_polynomial_{family}")
    x = lucid.tensor([-1.0, -1.0001, -0.3, 0.999, 1.0, 1.0001, 2.0], dtype=lucid.float64)
    high, next_one, last = (op(x, n).tolist() for n in (2000, 2001, 2002))
    for k, value in enumerate(x.tolist()[:-1]):
        assert last[k] == pytest.approx(2 * value * next_one[k] - high[k], rel=1e-9)
    assert math.isnan(last[-1])  # where the recurrence overflows
    assert op(0.5, lucid.tensor(10**15)).isfinite()


@pytest.mark.parametrize("name", ["legendre_polynomial_p", "laguerre_polynomial_l"])
def test_orders_that_would_take_too_long(name: str) -> None:
    with pytest.raises(RuntimeError, match="expected orders up to 65536, got 100000"):
        getattr(special, name)(lucid.tensor([0.5]), 100000)
    assert getattr(special, name)(lucid.tensor([0.5]), float("nan")).item() == 0


def test_without_derivative_nothing_requires_a_gradient() -> None:
    x = lucid.ones(2, requires_grad=True)
    for name in ("airy_ai", "bessel_j0", "modified_bessel_i0", "modified_bessel_k1", "spherical_bessel_j0"):
        assert not getattr(special, name)(x).requires_grad
    assert not special.chebyshev_polynomial_t(x, 2).requires_grad


def test_a_derivative_that_pytorch_does_not_have_is_refused() -> None:
    x, y = lucid.full((2,), 2.0, requires_grad=True), lucid.ones(2, requires_grad=True)
    for op in (special.zeta, lucid.igamma, lucid.igammac):
        total = op(x.detach(), y).sum()
        total.backward()
        with pytest.raises(NotImplementedError, match="not implemented"):
            op(x, y).sum().backward()


def test_functions_at_the_top_level_are_the_same() -> None:
    assert special.gammainc is lucid.igamma
    assert special.expit is lucid.sigmoid
    assert special.psi is lucid.digamma


def test_derivatives_of_high_order() -> None:
    x = lucid.tensor([0.7, 3.0], dtype=lucid.float64, requires_grad=True)
    y = lucid.lgamma(x)
    for n in range(4):
        (y,) = lucid.autograd.grad(y.sum(), x, create_graph=True)
        want = lucid.polygamma(n, x.detach())
        assert y.tolist() == pytest.approx(want.tolist(), rel=1e-14)


def test_nothing_is_lost_under_vmap_and_compile() -> None:
    import mlx.core as mx

    from lucid.ops import _modified

    x = mx.array([0.5, 9.0])
    assert mx.vmap(_modified.i0)(x).tolist() == _modified.i0(x).tolist()
    assert mx.compile(mx.grad(_modified.i0))(x[0]).item() == pytest.approx(_modified.i1(x[0]).item(), rel=1e-6)


@pytest.mark.parametrize("op", [special.bessel_j0, special.ndtri, special.i0e, special.erfcx, lucid.lgamma])
def test_empty(op: object) -> None:
    assert op(lucid.empty(0, 3)).shape == (0, 3)  # type: ignore[operator]
