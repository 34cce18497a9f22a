"""Elementwise functions of two tensors, and the operators, held against PyTorch."""

from __future__ import annotations

import operator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_error, check_op
from tests.ops.samples import DTYPES, FLOATS, SHAPES, accepts, smooth, special

pytestmark = pytest.mark.parity

ARITHMETIC = ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "fmax", "fmin", "atan2", "hypot", "logaddexp"]
ARITHMETIC += ["logaddexp2", "xlogy", "copysign"]
DIVISIONS = ["floor_divide", "remainder", "fmod"]
COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"]
LOGIC = ["logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"]
SHIFTS = ["bitwise_left_shift", "bitwise_right_shift"]
ALIASES = ["subtract", "multiply", "divide", "true_divide", "arctan2", "greater", "greater_equal", "less", "less_equal"]
ALIASES += ["not_equal", "rsub"]
OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor", "lshift", "rshift"]
OPERATORS += ["eq", "ne", "lt", "le", "gt", "ge"]
NUMBERS: list[Any] = [2, -3, 0.5, True, 300, 1.0]


def check(op: Any, reference: Any, *args: Any, **kwargs: Any) -> None:
    """Both accept the arguments with the same result, or both refuse them."""
    if accepts(reference, *args, **kwargs):
        check_op(op, reference, *args, **kwargs)
    else:
        check_error(op, reference, *args, **kwargs)


def without_zero(x: torch.Tensor) -> torch.Tensor:
    return x[x != 0] if not x.dtype.is_floating_point and x.dtype is not torch.bool else x


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", [*ARITHMETIC, *DIVISIONS, *COMPARISONS, *LOGIC, *SHIFTS, *ALIASES])
def test_every_dtype_with_every_special_value(name: str, dtype: torch.dtype) -> None:
    a, b = special(dtype), special(dtype)
    if name in DIVISIONS:
        b = without_zero(b)
    if name == "xlogy" and dtype.is_floating_point:
        b = b[torch.isfinite(b)]  # 0 * log(inf) has another gradient
    check(getattr(lucid, name), getattr(torch, name), a[:, None], b)


@pytest.mark.parametrize(
    "name", ["add", "mul", "div", "pow", "eq", "lt", "maximum", "atan2", "logical_and", "bitwise_and"]
)
@pytest.mark.parametrize("other", DTYPES, ids=str)
def test_promotion(name: str, other: torch.dtype) -> None:
    op, reference = getattr(lucid, name), getattr(torch, name)
    for dtype in DTYPES:
        if torch.complex64 in (dtype, other) and (name == "pow" or {dtype, other} & {torch.float64, torch.float16}):
            continue  # complex128 and complex32 are not among MLX's dtypes
        a, b = smooth((3,), dtype, 0.5, 2).detach(), smooth((3,), other, 0.5, 2, seed=1).detach()
        check(op, reference, a, b)
        check(op, reference, a, b[0])
        check(op, reference, a[0], b)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["add", "mul", "div", "pow", "eq", "lt", "bitwise_or", *DIVISIONS])
def test_numbers(name: str, dtype: torch.dtype) -> None:
    op, reference, x = getattr(lucid, name), getattr(torch, name), smooth((4,), dtype, 0.5, 2).detach()
    for number in NUMBERS:
        if dtype.is_complex and number is True and name == "pow":
            continue
        check(op, reference, x, number)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.uint8, torch.float64], ids=str)
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str, dtype: torch.dtype) -> None:
    op = getattr(operator, name)
    a, b = smooth((2, 3), dtype, 0.5, 2).detach(), without_zero(smooth((3, 3), dtype, 0.5, 2, seed=1).detach())[:1]
    check(op, op, a, b)
    for number in (2, 1.5, True):
        check(op, op, a, number)
        check(op, op, number, b)
    for wrong in (None, "a", object()):
        check(op, op, a, wrong)
    in_place = getattr(operator, f"i{name.rstrip('_')}", None)
    if in_place is not None:
        check(lambda t, u: in_place(t.clone(), u), lambda t, u: in_place(t.clone(), u), a, b)
        check(lambda t: in_place(t.clone(), 2.5), lambda t: in_place(t.clone(), 2.5), a)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", [*ARITHMETIC, "fmod", "remainder"])
def test_broadcasting_and_gradients(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    a, b = smooth(shapes[0], torch.float64, 0.5, 2), smooth(shapes[1], torch.float64, 0.5, 2, seed=1)
    second = name in ("add", "mul", "div", "pow", "atan2", "hypot", "logaddexp", "xlogy")
    check_op(getattr(lucid, name), getattr(torch, name), a, b, second=second and a.numel() * b.numel() > 0, tol=1e-9)


@pytest.mark.parametrize("dtype", [*FLOATS, torch.complex64], ids=str)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "xlogy", "maximum", "atan2"])
def test_gradient_dtypes(name: str, dtype: torch.dtype) -> None:
    a, b = smooth((2, 3), dtype, 0.5, 2), smooth((3,), dtype, 0.5, 2, seed=1)
    if accepts(getattr(torch, name), a, b):
        check_op(getattr(lucid, name), getattr(torch, name), a, b, tol=5e-2 if dtype is torch.bfloat16 else 5e-3)
        check_op(getattr(lucid, name), getattr(torch, name), a, smooth((3,), torch.float32, 0.5, 2), tol=5e-2)


def test_gradients_at_special_points() -> None:
    zero = torch.tensor([0.0, 0.0, 0.0, 2.0], requires_grad=True)
    powers = torch.tensor([0.0, 1.0, 2.0, 0.0], requires_grad=True)
    check_op(lucid.pow, torch.pow, zero, powers)
    for exponent in (0, 1, 2, 3, 0.5, 1.5):
        check_op(lucid.pow, torch.pow, torch.tensor([0.0, 1.0, 2.0], requires_grad=True), exponent)
    check_op(lucid.pow, torch.pow, 2.0, torch.tensor([0.0, 1.0], requires_grad=True))
    check_op(lucid.atan2, torch.atan2, zero, torch.tensor([0.0, 1.0, -1.0, 0.0], requires_grad=True))
    tie = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for name in ("maximum", "minimum", "fmax", "fmin"):
        check_op(getattr(lucid, name), getattr(torch, name), tie, torch.tensor([1.0, 5.0, 0.0], requires_grad=True))
    check_op(lucid.relu, torch.relu, zero)
    check_op(lucid.abs, torch.abs, zero)
    check_op(lucid.abs, torch.abs, torch.tensor([0j, 3 + 4j], requires_grad=True))


@pytest.mark.parametrize("mode", [None, "floor", "trunc"])
@pytest.mark.parametrize("dtype", [d for d in DTYPES if not d.is_complex], ids=str)
def test_rounding_modes(mode: str | None, dtype: torch.dtype) -> None:
    a, b = special(dtype), without_zero(special(dtype))
    check(lucid.div, torch.div, a[:, None], b, rounding_mode=mode)
    check(lucid.div, torch.div, a, 3, rounding_mode=mode)
    check_error(lucid.div, torch.div, a, b[:1], rounding_mode="up")


def test_gradients_of_rounding_division() -> None:
    a, b = smooth((4,), torch.float32), smooth((4,), torch.float32, 0.5, 2, seed=1)
    for mode in (None, "floor", "trunc"):
        check_op(lucid.div, torch.div, a, b, rounding_mode=mode)


@pytest.mark.parametrize("name", [*DIVISIONS, "div"])
def test_integer_division_by_zero_and_of_the_smallest(name: str) -> None:
    op, reference = getattr(lucid, name), getattr(torch, name)
    keywords = {"rounding_mode": "floor"} if name == "div" else {}
    for dtype in (torch.int32, torch.int64, torch.int8, torch.uint8):
        x = torch.tensor([torch.iinfo(dtype).min, 7], dtype=dtype)
        check_error(op, reference, x, 0, **keywords)
        check_error(op, reference, x, torch.zeros(2, dtype=dtype), **keywords)
        check_op(op, reference, x, torch.tensor([1, 3], dtype=dtype), **keywords)
        if dtype is not torch.uint8:
            check_op(op, reference, x, -1, **keywords)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_alpha(dtype: torch.dtype) -> None:
    a, b = smooth((3,), dtype), smooth((3,), dtype, seed=1)
    for alpha in (1, 2, 0.5, True):
        check(lucid.add, torch.add, a, b, alpha=alpha)
        check(lucid.sub, torch.sub, a, b, alpha=alpha)
        check(lucid.rsub, torch.rsub, a, b, alpha=alpha)


@pytest.mark.parametrize("name", [*ARITHMETIC, *DIVISIONS, *COMPARISONS, *LOGIC])
def test_out_and_in_place(name: str) -> None:
    a, b = smooth((2, 3), torch.float32, 1, 4).detach(), smooth((2, 3), torch.float32, 1, 4, seed=1).detach()
    if name.startswith("bitwise"):
        a, b = a.long(), b.long()

    def into(library: Any) -> Any:
        def run(x: Any, y: Any) -> Any:
            out = getattr(library, name)(x, y) * 0
            result = getattr(library, name)(x, y, out=out)
            assert result is out
            return out

        return run

    if name not in (*COMPARISONS, "logical_and", "logical_or", "logical_xor"):
        check_op(into(lucid), into(torch), a, b)
    if hasattr(torch.Tensor, f"{name}_"):
        twin = f"{name}_"
        check(lambda x, y: getattr(x.clone(), twin)(y), lambda x, y: getattr(x.clone(), twin)(y), a, b)
        check(lambda x, y: getattr(x.clone()[0], twin)(y[0]), lambda x, y: getattr(x.clone()[0], twin)(y[0]), a, b)
        check(lambda x, y: getattr(x.clone().long(), twin)(y), lambda x, y: getattr(x.clone().long(), twin)(y), a, b)


@pytest.mark.parametrize("name", [*ARITHMETIC, *DIVISIONS, *COMPARISONS, *LOGIC])
def test_refused(name: str) -> None:
    op, reference = getattr(lucid, name), getattr(torch, name)
    check_error(op, reference, torch.ones(3), torch.ones(4))
    check_error(op, reference, torch.ones(2, 3), torch.ones(2, 4))
    check_error(op, reference, torch.ones(3), None)
    check_error(op, reference, torch.ones(3), "a")


def test_float_power_and_heaviside_and_lerp() -> None:
    for dtype in (torch.float32, torch.int64, torch.float16):
        check(lucid.float_power, torch.float_power, smooth((3,), dtype, 1, 2), 2.5)
        check(lucid.float_power, torch.float_power, smooth((3,), dtype, 1, 2), smooth((3,), torch.float32, 1, 2))
    check_op(lucid.heaviside, torch.heaviside, special(torch.float32)[:-1], torch.tensor(0.5))
    check_error(lucid.heaviside, torch.heaviside, torch.ones(2), torch.tensor(1))
    for dtype in (torch.float32, torch.float64, torch.float16, torch.complex64, torch.int64):
        a, b = smooth((2, 3), dtype), smooth((3,), dtype, seed=1)
        for weight in (0.25, 0.75, 1, 0, smooth((2, 1), dtype, 0, 1)):
            check(lucid.lerp, torch.lerp, a, b, weight)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
def test_addc(name: str, dtype: torch.dtype) -> None:
    tensors = smooth((2, 3), dtype, 0.5, 2), smooth((3,), dtype, 0.5, 2, seed=1), smooth((2, 1), dtype, 0.5, 2, seed=2)
    for value in (1, 3, 0.5):
        check(getattr(lucid, name), getattr(torch, name), *tensors, value=value)


BOUNDS: list[tuple[Any, Any]] = [(0, 1), (None, 1), (-1, None), (0.5, 1.5), (None, None), (2, 1), (float("nan"), 1)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_clamp(bounds: tuple[Any, Any], dtype: torch.dtype) -> None:
    x = special(dtype)
    check(lucid.clamp, torch.clamp, x.requires_grad_() if dtype.is_floating_point else x, *bounds)
    if None not in bounds:
        check(lucid.clamp_min, torch.clamp_min, x, bounds[0])
        check(lucid.clamp_max, torch.clamp_max, x, bounds[1])


def test_clamp_between_tensors() -> None:
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0], requires_grad=True)
    low, high = torch.tensor([0.0], requires_grad=True), torch.tensor([1.0, 1.0, 1.0, 1.0, -1.0], requires_grad=True)
    check_op(lucid.clamp, torch.clamp, x, low, high)
    check_op(lucid.clamp, torch.clamp, x, low)
    check_op(lucid.clamp, torch.clamp, x, None, high)
    check_op(lucid.clip, torch.clip, torch.tensor([1, 5]), torch.tensor([2.5]))
    check_error(lucid.clamp, torch.clamp, x, low, 3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_isclose(dtype: torch.dtype) -> None:
    x = special(dtype)
    for keywords in ({}, {"rtol": 0.5}, {"atol": 1}, {"rtol": 0, "atol": 0}, {"equal_nan": True}):
        check(lucid.isclose, torch.isclose, x[:, None], x, **keywords)
        check(lucid.allclose, torch.allclose, x, x, **keywords)
    check(lucid.equal, torch.equal, x, x)
    check(lucid.equal, torch.equal, x, x[:1])
    check_error(lucid.isclose, torch.isclose, x, x, rtol=-1)


def test_contains_and_rich_comparison_with_others() -> None:
    x, y = lucid.tensor([1, 2]), torch.tensor([1, 2])
    assert ((1 in x), (5 in x)) == ((1 in y), (5 in y))
    assert ((x == None), (x != None), (x == "a")) == ((y == None), (y != None), (y == "a"))  # noqa: E711
    with pytest.raises(RuntimeError):
        "a" in x  # noqa: B015
    with pytest.raises(TypeError):
        x < None  # noqa: B015


@pytest.mark.parametrize("words", [("input", "other"), ("x1", "x2"), ("x", "other")], ids=str)
def test_names_of_the_arguments(words: tuple[str, str]) -> None:
    for name in ("add", "div", "true_divide", "maximum", "atan2", "eq", "lt", "remainder", "logical_and"):
        pair = torch.tensor([1.0, -2.0]), torch.tensor([3.0, 2.0])
        check_op(getattr(lucid, name), getattr(torch, name), **dict(zip(words, pair, strict=True)))


@pytest.mark.parametrize("name", ["add", "mul", "div", "pow", "maximum", "eq", "remainder", "bitwise_and", "copysign"])
@pytest.mark.parametrize("other", [None, "a", {}], ids=str)
def test_what_is_no_operand_is_refused_by_name(name: str, other: Any) -> None:
    check_error(getattr(lucid, name), getattr(torch, name), torch.ones(2), other)
    with pytest.raises(TypeError, match=name):
        getattr(lucid, name)(lucid.ones(2), other)


@pytest.mark.parametrize("name", ["eq", "ne"])
def test_equality_of_float64_and_complex(name: str) -> None:
    x, z = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([1 + 0j, 2 + 1j])
    check_op(getattr(lucid, name), getattr(torch, name), x, z)
    check_op(getattr(lucid, name), getattr(torch, name), z, x)
    check_op(getattr(lucid, name), getattr(torch, name), x, 2j)


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin", "lt", "ge"])
def test_no_order_of_float64_and_complex(name: str) -> None:
    check_error(
        getattr(lucid, name), getattr(torch, name), torch.ones(2, dtype=torch.float64), torch.ones(2) * (1 + 0j)
    )


@pytest.mark.parametrize("name", DIVISIONS)
def test_nothing_divided_by_zero(name: str) -> None:
    check_op(getattr(lucid, name), getattr(torch, name), torch.ones(0, dtype=torch.int64), 0)
    check_op(getattr(lucid, name), getattr(torch, name), torch.ones(0, 1, dtype=torch.int32), torch.tensor([0, 1]))
    check_error(getattr(lucid, name), getattr(torch, name), torch.ones(1, dtype=torch.int64), 0)


def test_two_numbers_divided() -> None:
    check_op(lucid.div, torch.div, 2, 3)
    check_op(lucid.true_divide, torch.true_divide, 2.0, 3)
    check_error(lucid.div, torch.div, torch.ones(2), 3, rounding_mode=1)


@pytest.mark.parametrize("name", ["remainder", "fmod"])
def test_gradient_of_a_rest_by_zero(name: str) -> None:
    x = torch.tensor([3.0, -3.0, 0.0, 5.5, -5.5], requires_grad=True)
    check_op(getattr(lucid, name), getattr(torch, name), x, torch.tensor([0.0, 0.0, 0.0, 2.0, 2.0], requires_grad=True))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_gradient_of_an_extremum_with_nan(name: str) -> None:
    nan = float("nan")
    x, y = [torch.tensor(v, requires_grad=True) for v in ([nan, 1.0, 2.0, nan], [1.0, nan, 2.0, nan])]
    check_op(getattr(lucid, name), getattr(torch, name), x, y)


def test_gradients_at_the_edges_of_powers() -> None:
    inf = float("inf")
    x = torch.tensor([-inf, 0.5, 2.0, inf], requires_grad=True)
    for exponent in (-2, -1, 0, 1, 2):
        check_op(lucid.pow, torch.pow, x, exponent)
    zeros = torch.tensor([0.0, 0.0, 1.0], requires_grad=True), torch.tensor([0.0, 2.0, 0.0], requires_grad=True)
    check_op(lucid.xlogy, torch.xlogy, *zeros)


def test_clamp_between_equal_crossed_and_missing_bounds() -> None:
    nan = float("nan")
    x = torch.tensor([-2.0, 0.0, 2.0, nan, 1.0, 1.0], requires_grad=True)
    low = torch.tensor([0.0, 0.0, 0.0, 0.0, 2.0, nan], requires_grad=True)
    high = torch.tensor([0.0, 0.0, 0.0, 1.0, -2.0, 3.0], requires_grad=True)
    check_op(lucid.clamp, torch.clamp, x, low, high)
    flags = torch.tensor([True, False])
    check_error(lucid.clamp, torch.clamp, flags, flags, flags)
    check_op(lucid.clamp, torch.clamp, flags, flags)
    check_error(lucid.clamp, torch.clamp, torch.ones(2), 0, 1, out=torch.zeros(2, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.float16], ids=str)
def test_numbers_that_do_not_fit(dtype: torch.dtype) -> None:
    x = torch.ones(2, dtype=dtype)
    for value in (10**6, -(10**6)):
        check_error(lucid.add, torch.add, x, x, alpha=value)
        check_error(lucid.clamp, torch.clamp, x, value)
    check(lucid.addcmul, torch.addcmul, x, x, x, value=10**6)
    check(lucid.pow, torch.pow, x, 10**6)


def test_halves_of_three_tensors_are_computed_in_float32() -> None:
    x = torch.tensor([65504.0, 300.0], dtype=torch.float16)
    check_op(lucid.addcdiv, torch.addcdiv, x, x, x, value=2)
    check_op(lucid.addcmul, torch.addcmul, -x, x, x, value=1e-3)
    check_error(lucid.lerp, torch.lerp, x, x, 1j)


@pytest.mark.parametrize("operation", ["add_", "mul_", "div_", "clamp_min_", "exp_"])
def test_in_place_errors_name_the_operation(operation: str) -> None:
    x, others = lucid.ones(2, dtype=lucid.int32), () if operation == "exp_" else (lucid.tensor([1.5]),)
    with pytest.raises(RuntimeError, match=f"{operation}.* can't be cast"):
        getattr(x, operation)(*others)
