"""`assert_close`: equality of numbers, tensors and what is nested of them, within tolerances that fit the dtype."""

from __future__ import annotations

import cmath
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lucid import dtypes
from lucid._tensor import Tensor
from lucid.creation import tensor

__all__ = ["assert_allclose", "assert_close"]

# rtol and atol; those of two dtypes are the larger ones. Integers and bools have to be equal.
_TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
}
_NUMBERS = (int, float, complex, np.number)
Array = np.ndarray[Any, Any]


class _Different(Exception):
    """What is different, and where it is: a list of indices and keys."""

    def __init__(self, kind: type[Exception], message: str, of_values: bool = True) -> None:
        super().__init__(message)
        self.kind, self.message, self.of_values = kind, message, of_values
        self.path: list[Any] = []


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise AssertionError unless `actual` is close to `expected`: |actual - expected| <= atol + rtol * |expected|.

    Args:
        actual: a tensor, numpy array, number, bool or None, or sequences and mappings of such.
        expected: the same kind of thing.
        allow_subclasses: compare a tensor with one of a subclass too.
        rtol: the relative tolerance; by default one that fits the dtype, 0 for integers. Needs `atol` as well.
        atol: the absolute tolerance, likewise.
        equal_nan: NaN equals NaN.
        check_device: the devices have to be the same.
        check_dtype: the dtypes have to be the same; otherwise both are promoted.
        check_layout: accepted in either value: all tensors are dense.
        check_stride: the strides have to be the same.
        msg: the message of the error, or a function that makes it of the one that is described below.

    Raises AssertionError saying how many elements differ, and by how much at most; TypeError for what cannot be
    compared; ValueError if only one tolerance is given.

    >>> import lucid
    >>> lucid.testing.assert_close(lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 2.0 + 1e-6]))
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    checks = {"device": check_device, "dtype": check_dtype, "stride()": check_stride}
    given = None if rtol is None or atol is None else (rtol, atol)
    try:
        _compare(actual, expected, given, equal_nan, checks, allow_subclasses)
    except _Different as found:
        message = found.message
        if found.path:
            message += f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in found.path)}"
        if found.kind is AssertionError and found.of_values and msg is not None:
            message = msg(message) if callable(msg) else msg
        raise found.kind(message) from None


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: Any = "",
) -> None:
    """`assert_close` without a look at dtypes and devices. Deprecated: use `assert_close`."""
    warnings.warn("assert_allclose is deprecated; use assert_close", FutureWarning, stacklevel=2)
    a, b = (v if isinstance(v, Tensor) else tensor(v) for v in (actual, expected))
    assert_close(
        a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=False, check_dtype=False, msg=msg or None
    )


def _compare(
    actual: Any, expected: Any, given: Any, equal_nan: bool, checks: dict[str, bool], subclasses: bool
) -> None:
    both = (actual, expected)

    def one(key: Any, a: Any, b: Any) -> None:
        try:
            _compare(a, b, given, equal_nan, checks, subclasses)
        except _Different as found:
            found.path.insert(0, key)
            raise

    if actual is None or expected is None:
        if actual is not expected:
            raise _Different(AssertionError, f"None mismatch: {actual!r} is not {expected!r}")
    elif all(isinstance(v, (bool, np.bool_)) for v in both):
        if bool(actual) is not bool(expected):
            raise _Different(AssertionError, f"Booleans mismatch: {actual} is not {expected}")
    elif all(isinstance(v, _NUMBERS) for v in both):
        _compare_numbers(actual, expected, given, equal_nan, checks["dtype"])
    elif all(isinstance(v, Tensor) for v in both) or all(isinstance(v, np.ndarray) for v in both):
        related = subclasses and (isinstance(actual, type(expected)) or isinstance(expected, type(actual)))
        if type(actual) is not type(expected) and not related:
            raise _uncomparable(actual, expected)
        a, b = (v if isinstance(v, Tensor) else tensor(v) for v in both)
        _compare_tensors(a, b, given, equal_nan, checks)
    elif all(isinstance(v, Mapping) for v in both):
        missing, more = [k for k in expected if k not in actual], [k for k in actual if k not in expected]
        if missing or more:
            lines = ["The keys of the mappings do not match:"]
            lines += [f"Missing keys in the actual mapping: {missing}"] if missing else []
            lines += [f"Additional keys in the actual mapping: {more}"] if more else []
            raise _Different(AssertionError, "\n".join(lines), of_values=False)
        for key in expected:
            one(key, actual[key], expected[key])
    elif all(isinstance(v, Sequence) and not isinstance(v, (str, bytes)) for v in both):
        if len(actual) != len(expected):
            lengths = f"{len(actual)} != {len(expected)}"
            raise _Different(AssertionError, f"The length of the sequences mismatch: {lengths}", of_values=False)
        for k, (a, b) in enumerate(zip(actual, expected, strict=True)):
            one(k, a, b)
    else:
        raise _uncomparable(actual, expected)


def _uncomparable(actual: Any, expected: Any) -> _Different:
    return _Different(
        TypeError, f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
    )


# ---- numbers ---------------------------------------------------------------------------------------------------------


def _compare_numbers(actual: Any, expected: Any, given: Any, equal_nan: bool, check_dtype: bool) -> None:
    a, b = (v.item() if isinstance(v, np.generic) else v for v in (actual, expected))
    if check_dtype and type(a) is not type(b):
        raise _Different(AssertionError, f"The (d)types do not match: {type(a)} != {type(b)}.")
    inexact = not (isinstance(a, int) and isinstance(b, int))
    rtol, atol = given or ((1e-7, 1e-7) if inexact else (0.0, 0.0))
    apart = abs(a - b)
    if a == b or (equal_nan and cmath.isnan(a) and cmath.isnan(b)):
        return
    if cmath.isfinite(a) and cmath.isfinite(b) and apart <= atol + rtol * abs(b):
        return
    close = bool(rtol or atol)
    relative = apart / abs(b) if b else np.inf
    raise _Different(
        AssertionError,
        f"Scalars are not {'close' if close else 'equal'}!\n\nExpected {b} but got {a}.\n"
        f"Absolute difference: {apart}{f' (up to {atol} allowed)' if close else ''}\n"
        f"Relative difference: {relative}{f' (up to {rtol} allowed)' if close else ''}",
    )


# ---- tensors ---------------------------------------------------------------------------------------------------------


def _compare_tensors(actual: Tensor, expected: Tensor, given: Any, equal_nan: bool, checks: dict[str, bool]) -> None:
    attributes = {
        "shape": (actual.shape, expected.shape),
        "device": (actual.device, expected.device),
        "dtype": (actual.dtype, expected.dtype),
        "stride()": (actual.stride(), expected.stride()),
    }
    for name, (a, b) in attributes.items():
        if checks.get(name, True) and a != b:
            raise _Different(AssertionError, f"The values for attribute '{name}' do not match: {a!r} != {b!r}.")
    tolerances = [_TOLERANCES.get(t.dtype, (0.0, 0.0)) for t in (actual, expected)]
    rtol, atol = given or tuple(max(pair) for pair in zip(*tolerances, strict=True))
    a, b = _values(actual), _values(expected)
    kind = np.result_type(a, b)
    a, b = a.astype(kind), b.astype(kind)
    with np.errstate(all="ignore"):
        apart = np.array(np.abs(a - b))
        same = (a == b) | (np.isfinite(a) & np.isfinite(b) & (apart <= atol + rtol * np.abs(b)))
        if equal_nan:
            same |= np.isnan(a) & np.isnan(b)
        if same.all():
            return
        apart[same] = 0
        sizes = np.abs(b)
        exact = apart.dtype.kind == "f"
        relative = np.array(apart / sizes if exact else apart.astype(np.float32) / sizes.astype(np.float32))
        relative[same] = 0
    raise _Different(AssertionError, _described(apart, relative, int((~same).sum()), b, a, rtol, atol))


def _values(t: Tensor) -> Array:
    found = t.detach().numpy(force=True)
    return found if t.dtype.is_inexact else found.astype(np.uint64 if t.dtype is dtypes.uint64 else np.int64)


def _described(
    apart: Array, relative: Array, wrong: int, expected: Array, actual: Array, rtol: float, atol: float
) -> str:
    close = bool(rtol or atol)
    head = f"{'Tensor-likes' if apart.ndim else 'Scalars'} are not {'close' if close else 'equal'}!\n\n"

    def line(name: str, values: Array, limit: float) -> str:
        allowed = f" (up to {limit} allowed)" if close else ""
        if not values.ndim:
            return f"{name} difference: {values.item()}{allowed}"
        at = np.unravel_index(int(np.argmax(values)), values.shape)
        place = tuple(int(k) for k in at)
        return f"Greatest {name.lower()} difference: {values[at].item()} at index {place}{allowed}"

    if not apart.ndim:
        head += f"Expected {expected.item()} but got {actual.item()}.\n"
    else:
        head += f"Mismatched elements: {wrong} / {apart.size} ({wrong / apart.size:.1%})\n"
    return head + line("Absolute", apart, atol) + "\n" + line("Relative", relative, rtol)
