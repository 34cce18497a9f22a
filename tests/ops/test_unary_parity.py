"""Elementwise functions of one tensor, held against PyTorch: values everywhere, gradients where they are smooth."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_error, check_op
from tests.ops.samples import DTYPES, FLOATS, accepts, smooth, special

pytestmark = pytest.mark.parity

# name: the interval in which it is smooth
SMOOTH = {
    "acos": (-0.9, 0.9), "acosh": (1.1, 4), "asin": (-0.9, 0.9), "asinh": (-3, 3), "atan": (-3, 3),
    "atanh": (-0.8, 0.8),
    "cos": (-6, 6), "cosh": (-2, 2), "deg2rad": (-90, 90), "digamma": (0.2, 4), "erf": (-2, 2), "erfc": (-2, 2),
    "erfinv": (-0.8, 0.8), "exp": (-3, 3), "exp2": (-3, 3), "expm1": (-3, 3), "lgamma": (0.2, 4), "log": (0.1, 5),
    "log10": (0.1, 5), "log1p": (-0.5, 5), "log2": (0.1, 5), "logit": (0.1, 0.9), "neg": (-3, 3), "rad2deg": (-3, 3),
    "reciprocal": (0.2, 3), "rsqrt": (0.2, 3), "sigmoid": (-4, 4), "sin": (-6, 6), "sinc": (0.5, 3), "sinh": (-2, 2),
    "sqrt": (0.2, 3), "square": (-3, 3), "tan": (-1.2, 1.2), "tanh": (-2, 2), "abs": (0.1, 3), "relu": (0.1, 3),
    "frac": (0.1, 0.9), "angle": (0.1, 3), "sgn": (0.1, 3), "nan_to_num": (-3, 3),
}  # fmt: skip
STEPS = ["ceil", "floor", "round", "trunc", "fix", "sign"]
TESTS = ["isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "logical_not", "signbit"]
OTHERS = ["bitwise_not", "conj", "conj_physical", "imag", "positive", "real", "resolve_conj", "resolve_neg"]
ALIASES = ["absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "negative"]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", [*SMOOTH, *STEPS, *TESTS, *OTHERS, *ALIASES])
def test_special_values_and_dtypes(name: str, dtype: torch.dtype) -> None:
    op, reference, x = getattr(lucid, name), getattr(torch, name), special(dtype)
    if not accepts(reference, x):
        check_error(op, reference, x)
        return
    check_op(op, reference, x, tol=1e-6 if dtype is torch.float64 else None)
    check_op(op, reference, x[:0])
    check_op(op, reference, x[-2])


@pytest.mark.parametrize("dtype", [*FLOATS, torch.complex64], ids=str)
@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name: str, dtype: torch.dtype) -> None:
    low, high = SMOOTH[name]
    x = smooth((3, 4), dtype, low, high)
    op, reference = getattr(lucid, name), getattr(torch, name)
    if not accepts(reference, x):
        pytest.skip("not for this dtype")
    exact = dtype is torch.float64
    check_op(op, reference, x, second=exact and name not in ("sgn", "angle"), tol=1e-7 if exact else None)
    check_op(op, reference, x.detach().t().requires_grad_())


@pytest.mark.parametrize("name", [n for n in SMOOTH if n not in ("log2", "log10", "digamma")])
def test_float64_is_exact(name: str) -> None:
    if name == "nan_to_num":
        return
    low, high = SMOOTH[name]
    check_op(getattr(lucid, name), getattr(torch, name), smooth((200,), torch.float64, low, high), tol=1e-10)


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "exp", "sigmoid", "tanh", "erf", "erfc", "lgamma"])
def test_float64_is_exact_far_out(name: str) -> None:
    x = torch.linspace(-40, 40, 333, dtype=torch.float64)
    check_op(getattr(lucid, name), getattr(torch, name), x, tol=1e-11)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_large_angles_in_float64(name: str) -> None:
    check_op(getattr(lucid, name), getattr(torch, name), torch.tensor([1e4, -1e6, 1e9], dtype=torch.float64), tol=1e-9)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("decimals", [0, 1, 3, -1])
def test_round_to_decimals(decimals: int, dtype: torch.dtype) -> None:
    x = torch.tensor([0.12345, -7.55, 123.456, 15.0, 25.0, 0.5], dtype=dtype)
    check_op(lucid.round, torch.round, x, decimals=decimals)
    check_error(lucid.round, torch.round, torch.tensor([1]), decimals=1)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_nan_to_num_with_values(dtype: torch.dtype) -> None:
    check_op(lucid.nan_to_num, torch.nan_to_num, special(dtype), nan=1.5, posinf=7.0, neginf=-8.0)
    check_op(lucid.nan_to_num, torch.nan_to_num, torch.tensor([1, 2]))


@pytest.mark.parametrize("eps", [None, 0.25, 1e-6])
def test_logit_eps(eps: float | None) -> None:
    check_op(lucid.logit, torch.logit, smooth((5,), torch.float64, 0.01, 0.99), eps)
    check_op(lucid.logit, torch.logit, torch.tensor([0.0, 0.5, 1.0]), eps)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_polygamma(n: int) -> None:
    check_op(
        lambda x: lucid.polygamma(n, x), lambda x: torch.polygamma(n, x), smooth((5,), torch.float64, 0.5, 4), tol=1e-6
    )
    check_op(lucid.mvlgamma, torch.mvlgamma, smooth((5,), torch.float64, 3, 9), n + 1, tol=1e-9)


@pytest.mark.parametrize("name", [*SMOOTH, *STEPS, "bitwise_not", "logical_not"])
def test_methods_out_and_in_place(name: str) -> None:
    x = smooth((2, 3), torch.float32, *SMOOTH.get(name, (-3, 3))).detach()
    if name in ("bitwise_not", "logical_not"):
        x = x > 0
    if hasattr(torch.Tensor, name):
        check_op(getattr(lucid.Tensor, name), getattr(torch.Tensor, name), x)
    if hasattr(torch.Tensor, name + "_"):
        check_op(lambda t: getattr(t.clone(), name + "_")(), lambda t: getattr(t.clone(), name + "_")(), x)
    if "out" in (getattr(torch, name).__doc__ or "").partition("\n\n")[0]:
        check_op(lambda t: getattr(lucid, name)(t, out=lucid.zeros(2, 3, dtype=t.dtype)), getattr(torch, name), x)


def test_what_is_no_tensor_is_refused() -> None:
    for name in [*SMOOTH, *STEPS, *TESTS, "bitwise_not"]:
        check_error(getattr(lucid, name), getattr(torch, name), 2.0)
        check_error(getattr(lucid, name), getattr(torch, name), [1.0])


@pytest.mark.parametrize("word", ["input", "x", "a", "x1"])
def test_numpy_names_of_the_argument(word: str) -> None:
    for name in ("exp", "abs", "sigmoid", "neg", "sqrt", "floor", "isnan", "isfinite", "relu", "sum", "amax"):
        check_op(getattr(lucid, name), getattr(torch, name), **{word: torch.tensor([0.5, -1.5])})


@pytest.mark.parametrize("name", ["abs", "neg", "sign", "sgn", "floor", "ceil", "round", "trunc", "frac", "nan_to_num"])
def test_what_keeps_the_dtype_wants_an_out_of_it(name: str) -> None:
    x = torch.tensor([0.5, -1.5])
    check_error(getattr(lucid, name), getattr(torch, name), x, out=torch.zeros(2, dtype=torch.float64))
    check_op(getattr(lucid, name), getattr(torch, name), x, out=torch.zeros(2))


@pytest.mark.parametrize("name", ["isposinf", "isneginf", "signbit"])
def test_what_tests_wants_an_out_of_bools(name: str) -> None:
    check_error(getattr(lucid, name), getattr(torch, name), torch.ones(2), out=torch.zeros(2))


@pytest.mark.parametrize("name", ["abs", "sgn", "angle", "prod"])
def test_second_gradients_of_complex_lengths_and_products(name: str) -> None:
    def form(L: Any) -> Any:
        def of_parts(x: Any, y: Any) -> Any:
            result = getattr(L, name)(L.complex(x, y))
            return result.real + 2 * result.imag if result.is_complex() else result

        return of_parts

    x, y = smooth((5,), torch.float32, 0.5, 2), smooth((5,), torch.float32, -2, -0.5)
    check_op(form(lucid), form(torch), x, y, second=True, tol=2e-4)


def test_logit_has_no_gradient_where_it_has_no_value() -> None:
    x = torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5], dtype=torch.float64, requires_grad=True)
    for eps in (None, -1.0, 0.0, 0.1, 0.7):
        check_op(lucid.logit, torch.logit, x, eps)
    check_error(lucid.logit, torch.logit, x, "a")


@pytest.mark.parametrize("decimals", [True, 1.5, None, "1"])
def test_decimals_are_an_int(decimals: Any) -> None:
    check_error(lucid.round, torch.round, torch.tensor([0.5]), decimals=decimals)


def test_nan_to_num_of_other_than_numbers() -> None:
    check_error(lucid.nan_to_num, torch.nan_to_num, torch.ones(2), "a")
    check_error(lucid.nan_to_num, torch.nan_to_num, torch.ones(2), 1j)
    with pytest.raises(RuntimeError):
        lucid.nan_to_num(lucid.ones(2, dtype=lucid.complex64, requires_grad=True))
    inf, nan = float("inf"), float("nan")
    check_op(lucid.nan_to_num, torch.nan_to_num, torch.tensor([complex(nan, 1), complex(inf, -inf)]), 0.0, inf)
