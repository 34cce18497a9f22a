"""Window functions against PyTorch, those of `lucid` and those of `lucid.signal.windows`."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

import lucid
from tests.checks import check_error, check_op, check_program

LENGTHS = (0, 1, 2, 3, 8, 33)
TOLERANCE = {torch.float64: 2e-14}
PLAIN = ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")
OPTIONS = {
    "bartlett": [{}],
    "blackman": [{}],
    "cosine": [{}],
    "exponential": [{}, {"tau": 3}, {"center": 1.5, "tau": 0.7, "sym": False}],
    "gaussian": [{}, {"std": 2.5}],
    "general_cosine": [{"a": [0.3, 0.5, 0.2]}, {"a": (1,)}],
    "general_hamming": [{}, {"alpha": 0.7}],
    "hamming": [{}],
    "hann": [{}],
    "kaiser": [{}, {"beta": 0}, {"beta": 30.0}],
    "nuttall": [{}],
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("dtype", [None, torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_window(name, dtype):
    op, reference = getattr(lucid, name), getattr(torch, name)
    for n in LENGTHS:
        for periodic in (True, False):
            check_op(op, reference, n, periodic, dtype=dtype, tol=TOLERANCE.get(dtype))


def test_shapes_of_windows():
    for periodic in (True, False):
        check_op(lucid.hamming_window, torch.hamming_window, 7, periodic, 0.6)
        check_op(lucid.hamming_window, torch.hamming_window, 7, periodic, alpha=0.6, beta=0.1)
        check_op(lucid.kaiser_window, torch.kaiser_window, 7, periodic, 5)
        check_op(lucid.kaiser_window, torch.kaiser_window, 7, periodic, beta=-2.0)


@pytest.mark.parametrize("name", PLAIN)
def test_arguments_of_windows(name):
    op, reference = getattr(lucid, name), getattr(torch, name)
    check_program(lambda library: getattr(library, name)(3, requires_grad=True).requires_grad)
    check_op(op, reference, window_length=4, periodic=False, device="cpu", pin_memory=False)
    for args, kwargs in (
        ((-1,), {}),
        ((3.0,), {}),
        ((True,), {}),
        ((), {}),
        ((3, 1), {}),
        ((3,), {"dtype": torch.int64}),
        ((3,), {"dtype": torch.complex64}),
        ((3,), {"out": torch.empty(0)}),
    ):
        check_error(op, reference, *args, **kwargs)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("dtype", [None, torch.float32, torch.float64])
def test_signal_window(name, dtype):
    op, reference = getattr(lucid.signal.windows, name), getattr(torch.signal.windows, name)
    for options in OPTIONS[name]:
        for n in LENGTHS:
            for sym in (True, False):
                kwargs = {"sym": sym, "dtype": dtype} | options
                check_op(op, reference, n, tol=TOLERANCE.get(dtype), **kwargs)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_of_signal_windows(name):
    op, reference = getattr(lucid.signal.windows, name), getattr(torch.signal.windows, name)
    options = OPTIONS[name][0]
    assert op(3, requires_grad=True, **options).requires_grad
    check_error(op, reference, -1, **options)
    check_error(op, reference, 3.0, **options)
    check_error(op, reference, 3, True, **options)
    check_error(op, reference, 3, layout=torch.sparse_coo, **options)
    for dtype in (torch.float16, torch.bfloat16, torch.int64, torch.complex64):
        check_error(op, reference, 3, dtype=dtype, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("exponential", {"tau": 0}),
        ("exponential", {"center": 2.0}),
        ("gaussian", {"std": 0}),
        ("gaussian", {"std": -1.0}),
        ("general_cosine", {}),
        ("general_cosine", {"a": []}),
        ("general_cosine", {"a": 0.5}),
        ("kaiser", {"beta": -1.0}),
    ],
)
def test_refused_shapes_of_signal_windows(name, options):
    check_error(getattr(lucid.signal.windows, name), getattr(torch.signal.windows, name), 5, **options)


def test_names():
    assert lucid.signal.windows.__all__ == torch.signal.windows.__all__
