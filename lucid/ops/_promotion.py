"""PyTorch's type promotion, and the two-argument ops that are built on it.

Tensors with dimensions outrank 0-dim tensors, which outrank Python numbers: a lower rank only changes the category
(bool, integer, floating, complex) of the result, never the width within it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import dtypes
from lucid._op_names import op_name
from lucid._tape import TensorCore, apply, explained, record, wrap
from lucid.dtypes import INEXACT, OF_MX, dtype
from lucid.ops._precise import COMPLEX, DOUBLE

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Number = int | float | bool | complex  # TypeAlias of Python's numbers
OPERANDS: Any = (
    TensorCore,
    int,
    float,
    complex,
    np.number,
    np.bool_,
)  # what may stand beside a tensor in an expression
_WIDE_UNSIGNED = (dtypes.uint16, dtypes.uint32, dtypes.uint64)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds both: PyTorch's table.

    Raises RuntimeError for uint16/32/64 with other integers, bool and complex numbers, and TypeError for float64
    with complex64, which would need complex128.

    >>> import lucid
    >>> lucid.promote_types(lucid.int32, lucid.float16)
    lucid.float16
    """
    a, b = (type1, type2) if (type1.rank, type1.itemsize) <= (type2.rank, type2.itemsize) else (type2, type1)
    if a is b:
        return b
    if (a in _WIDE_UNSIGNED and b.rank in (1, 3)) or (b in _WIDE_UNSIGNED and a.rank < 2):
        raise RuntimeError(
            "promote_types: promotion for uint16, uint32, uint64 types is not supported, attempted "
            f"to promote {a!r} and {b!r}; "
            "convert one of them with .to()"
        )
    if a.rank == 0:
        return b
    if b.rank == 3:
        return b.to_complex() if a is not dtypes.float64 else a.to_complex()
    if a.rank != b.rank:
        return b
    if a.rank == 2:
        return b if a.itemsize < b.itemsize else dtypes.float32  # float16 with bfloat16
    if a.is_signed == b.is_signed or (b.is_signed and a.itemsize < b.itemsize):
        return b
    return dtypes.int16  # uint8 with int8


def _combine(higher: dtype | None, lower: dtype | None) -> dtype | None:
    if higher is None or lower is None:
        return higher or lower
    if lower.rank > higher.rank:
        if higher.rank == 2:
            return higher.to_complex()
        return lower if lower.rank == 3 else promote_types(higher, lower)
    return higher


def result_type(*operands: Any) -> dtype:
    """The dtype of an operation on `operands`: tensors and Python numbers."""
    ranks: list[dtype | None] = [None, None, None]
    for value in operands:
        if isinstance(value, TensorCore):
            rank, found = (0 if value._data.ndim else 1), OF_MX[value._data.dtype]
        else:
            rank, found = 2, number_dtype(value)
        before = ranks[rank]
        ranks[rank] = found if before is None else promote_types(before, found)
    result = _combine(_combine(ranks[0], ranks[1]), ranks[2])
    if result is None:
        raise ValueError("result_type: expected at least one tensor or number, got none")
    return result


def number_dtype(value: Any) -> dtype:
    """The dtype a Python or numpy number takes part in promotion with. Raises TypeError for anything else."""
    if isinstance(value, (bool, np.bool_)):
        return dtypes.bool_
    if isinstance(value, (int, np.integer)):
        return dtypes.int64
    if isinstance(value, (float, np.floating)):
        return dtypes.get_default_dtype()
    if isinstance(value, (complex, np.complexfloating)):
        return dtypes.complex64
    raise TypeError(f"expected a Tensor or a number, got {type(value).__name__}")


def number(value: Any, to: mx.Dtype) -> mx.array:
    """`value` as a 0-dim array of dtype `to`; integers that do not fit wrap around, as C's do."""
    d = OF_MX[to]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and d.rank == 1:
        return mx.array(np.array(value % 2 ** (8 * d.itemsize), np.uint64).astype(d.numpy))
    if isinstance(value, complex) and not d.is_complex:
        value = value.real
    elif isinstance(value, int) and d.rank == 2:
        value = float(value)  # MLX takes no int beyond 64 bits
    return mx.array(value, dtype=to)


def _array(value: Any, to: mx.Dtype) -> Any:
    return value if isinstance(value, TensorCore) else number(value, to)


def require_tensor(operation: str, value: Any, argument: str = "input") -> Tensor:
    """`value` if it is a tensor. Raises TypeError naming the operation and the argument otherwise."""
    if isinstance(value, TensorCore):
        return value
    raise TypeError(f"{operation}(): argument '{argument}' must be Tensor, not {type(value).__name__}")


def require_one_tensor(operation: str, a: Any, b: Any) -> None:
    """Raise TypeError, naming the operation, if neither operand is a tensor."""
    if not (isinstance(a, TensorCore) or isinstance(b, TensorCore)):
        raise TypeError(
            f"{operation}(): expected at least one Tensor, got {type(a).__name__} and {type(b).__name__}; make one "
            "with lucid.tensor()"
        )


@functools.lru_cache(4096, typed=True)
def _cached(value: Any, to: mx.Dtype) -> mx.array | None:
    d = OF_MX[to]
    if d.rank == 1:
        return number(value, to) if value.__class__ is int and d.is_signed and d.itemsize > 2 else None
    if d is dtypes.float16 and value and not 6.2e-5 < abs(value) < 65504:
        return None  # the number is beyond float16, the result may not be: PyTorch multiplies in float32
    return number(value, to) if d.is_floating_point else None


def constant(value: Any, to: mx.Dtype) -> mx.array | None:
    """The Python float or int `value` as an array of `to`, if that is what it becomes beside a `to` tensor; else None.

    Cached, because making an array of a number takes longer than adding two arrays. (0.0 and -0.0 are one key, so they
    are not.)
    """
    kind = value.__class__
    if (kind is float and value) or kind is int:
        return _cached(value, to)
    return mx.array(value, to) if kind is float and to == mx.float32 else None


def binary(fn: Callable[[Any, Any], mx.array], a: Any, b: Any) -> Tensor:
    """`fn(a, b)` for tensors or numbers, both converted to their result type first."""
    if isinstance(a, TensorCore):
        x = a._data
        if isinstance(b, TensorCore):
            y = b._data
            if x.dtype == y.dtype:
                if a._extra is not None or b._extra is not None:
                    return apply(fn, a, b)  # type: ignore[no-any-return]
                try:  # `apply`, without the loops
                    out = fn(x, y)
                except ValueError as error:
                    raise explained(error, fn, [x, y]) from None
                return wrap(out) if a._node is None is b._node else record(fn, (a, b), [x, y], out)
        else:
            value = constant(b, x.dtype)
            if value is not None:
                return apply(fn, a, value)  # type: ignore[no-any-return]
    elif isinstance(b, TensorCore):
        value = constant(a, b._data.dtype)
        if value is not None:
            return apply(fn, value, b)  # type: ignore[no-any-return]
    try:
        to = result_type(a, b)
    except TypeError:
        if op_name(fn) in _EQUALITY:
            return _parts_equal(fn, a, b)
        check_operands(fn, a, b)
        raise
    if to.rank != 2 or fn is mx.subtract:
        check_operands(fn, a, b)
    if to is dtypes.float16 and (fn is mx.divide or (fn is mx.multiply and not isinstance(b, TensorCore))):
        return promoted(_through_float32(fn), dtypes.float32, a, b)
    return promoted(fn, to, a, b)


_ORDERED = (mx.less, mx.less_equal, mx.greater, mx.greater_equal)
_EQUALITY = ("eq", "ne")


def _parts_equal(fn: Callable[[Any, Any], mx.array], a: Any, b: Any) -> Tensor:
    """Equality of float64 with complex64, by their parts: there is no dtype that holds both."""

    def part(x: mx.array, of: Callable[[mx.array], mx.array]) -> mx.array:
        return of(x) if x.dtype == mx.complex64 else x if of is mx.real else mx.zeros_like(x)

    def compared(x: mx.array, y: mx.array) -> mx.array:
        same = (part(x, mx.real) == part(y, mx.real)) & (part(x, mx.imag) == part(y, mx.imag))
        return same if op_name(fn) == "eq" else mx.logical_not(same)

    compared.__qualname__ = op_name(fn)
    return apply(compared, *[_array(v, mx.complex64) for v in (a, b)])  # type: ignore[no-any-return]


def check_operands(fn: Callable[[Any, Any], mx.array], a: Any, b: Any) -> None:
    """Refuse what PyTorch refuses and MLX does not: the order of complex numbers, and the difference of bools.

    `binary` does it wherever it converts; for two tensors of one dtype it is left to the op.
    """
    found = [OF_MX[v._data.dtype] if isinstance(v, TensorCore) else number_dtype(v) for v in (a, b)]
    if fn in _ORDERED and dtypes.complex64 in found:
        raise NotImplementedError(f"{op_name(fn)}: complex numbers have no order; compare .abs(), .real or .imag")
    if fn is mx.subtract and dtypes.bool_ in found:
        raise RuntimeError(
            "sub: subtraction, the `-` operator, is not supported for bool tensors; use `^` or logical_xor(), or `~` to"
            " invert a mask"
        )


def _through_float32(fn: Callable[[Any, Any], mx.array]) -> Callable[[Any, Any], mx.array]:
    def rounded(a: mx.array, b: mx.array) -> mx.array:
        out = fn(a, b)
        return out.astype(mx.float16) if out.dtype == mx.float32 else out

    rounded.__qualname__ = op_name(fn)
    return rounded


def binary_float(fn: Callable[[Any, Any], mx.array], a: Any, b: Any) -> Tensor:
    """Like `binary`, with integers and bools computed in the default floating dtype: division, atan2 and the like."""
    try:
        kind = (a if isinstance(a, TensorCore) else b)._data.dtype
    except AttributeError:  # two numbers
        kind = None
    if kind in INEXACT:
        return binary(fn, a, b)
    to = result_type(a, b)
    return promoted(fn, to if to.is_inexact else dtypes.get_default_dtype(), a, b)


def promoted(fn: Callable[..., mx.array], to: dtype, *operands: Any) -> Tensor:
    """`fn(*operands)` with every operand, a tensor or a number, converted to the dtype `to` first."""
    target = to.mx

    def converted(*arrays: mx.array) -> mx.array:
        return fn(*[x.astype(target) for x in arrays])

    converted.__qualname__ = op_name(fn)
    return apply(converted, *[_array(v, target) for v in operands])  # type: ignore[no-any-return]


def unary_float(fn: Callable[[mx.array], mx.array], input: Tensor) -> Tensor:
    """`fn(input)`, with integers and bools computed in the default floating dtype: exp, sqrt, sin and the like."""
    if not isinstance(input, TensorCore):
        raise TypeError(f"{op_name(fn)}(): argument 'input' must be Tensor, not {type(input).__name__}")
    dtype = input._data.dtype
    if dtype == mx.float32:
        return apply(fn, input)  # type: ignore[no-any-return]
    if dtype not in INEXACT:
        to = dtypes.get_default_dtype()
        return promoted(fn if to is not dtypes.float64 else DOUBLE.get(fn, fn), to, input)
    if dtype == mx.float64:
        fn = DOUBLE.get(fn, fn)
    elif dtype == mx.complex64:
        fn = COMPLEX.get(fn, fn)
    return apply(fn, input)  # type: ignore[no-any-return]


def can_cast(from_: dtype, to: dtype) -> bool:
    """True if PyTorch's casting rules let an operation store a `from_` result in a `to` tensor: never down a category.

    >>> import lucid
    >>> lucid.can_cast(lucid.float64, lucid.float32), lucid.can_cast(lucid.float32, lucid.int64)
    (True, False)
    """
    return from_.rank <= to.rank
