"""Fourier transforms against PyTorch: values, dtypes, shapes, gradients, errors."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

import lucid
from tests.checks import assert_same, check_both, check_error, check_op, check_program, to_lucid

NORMS = (None, "backward", "forward", "ortho")
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = tuple(name + suffix for name in ONE for suffix in ("2", "n"))
REAL = ("rfft", "ihfft")  # want real input
TO_REAL = ("irfft", "hfft")  # give real output


def pair(name):
    return getattr(lucid.fft, name), getattr(torch.fft, name)


def draw(*shape, dtype=torch.complex64, grad=True):
    generator = torch.Generator().manual_seed(len(shape) + sum(shape))
    return torch.randn(shape, dtype=dtype, generator=generator).requires_grad_(grad)


def suited(name, *shape):
    return draw(*shape, dtype=torch.float32 if name.startswith(REAL) else torch.complex64)


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("norm", NORMS)
def test_along_one_dimension(name, norm):
    op, reference = pair(name)
    for shape in ((5,), (6,), (3, 4), (2, 3, 2)):
        x = suited(name, *shape)
        for n, dim in itertools.product((None, 1, 2, 5, 8), (-1, 0)):
            check_both(op, reference, x, n, dim, norm, second=True, tol=1e-4)


@pytest.mark.parametrize("name", MANY)
def test_over_several_dimensions(name):
    op, reference = pair(name)
    x = suited(name, 2, 3, 4)
    for dim in ((-2, -1), (0, 1), (-1, 0), (1,)):
        for s in (None, (3, 5), (-1, 4), (1, -1)):
            sizes = s if s is None else s[: len(dim)]
            for norm in NORMS[1:]:
                check_both(op, reference, x, sizes, dim, norm, second=True, tol=1e-4)


@pytest.mark.parametrize("name", [n for n in MANY if n.endswith("n")])
def test_default_dimensions(name):
    op, reference = pair(name)
    for shape in ((), (4,), (3, 4), (2, 3, 4)):
        for s in (None, (), (2,), (2, 3), 3):
            check_both(op, reference, suited(name, *shape), s, tol=1e-4)


@pytest.mark.parametrize("name", ONE + MANY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.uint8, torch.bool, torch.float16, torch.bfloat16])
def test_real_input_of_other_dtypes(name, dtype):
    op, reference = pair(name)
    check_both(op, reference, draw(4, 5, dtype=torch.float32, grad=False).mul(3).to(dtype))


@pytest.mark.parametrize("name", ONE + MANY)
def test_float64(name):
    op, reference = pair(name)
    x = draw(4, 6, dtype=torch.float64)
    if not name.startswith(TO_REAL):
        with pytest.raises(TypeError, match="complex64 only"):
            op(to_lucid(x))
        return
    for norm in NORMS:
        check_op(op, reference, x, norm=norm, second=True, tol=1e-12)
    if name in TO_REAL:
        for n in (1, 2, 7, 64, 65, 130, 521, 1042, 1200):
            check_op(op, reference, x, n, tol=1e-12)


def test_integers_with_float64_as_default():
    def program(library):
        library.set_default_dtype(library.float64)
        try:
            return library.fft.irfft(library.tensor([1, 2, 3]))
        finally:
            library.set_default_dtype(library.float32)

    check_program(program)


@pytest.mark.parametrize("name", ONE)
def test_layouts(name):
    op, reference = pair(name)
    x = suited(name, 4, 6)
    check_op(op, reference, x.detach().mT)
    check_op(lambda t: op(t[:, ::2], dim=0), lambda t: reference(t[:, ::2], dim=0), x)
    check_op(op, reference, x[:, :0].detach(), 3)


@pytest.mark.parametrize("name", ONE + MANY)
def test_zero_size_batches_are_empty(name):
    # PyTorch built with MKL refuses them; built with pocketfft, as on a Mac, it gives this.
    op, reference = pair(name)
    shape = reference(torch.ones(3, 4), **({"dim": -1} if name in ONE else {"dim": (-1,)})).shape[1:]
    dim = {"dim": -1} if name in ONE else {"dim": (-1,)}
    assert tuple(op(lucid.ones(0, 4), **dim).shape) == (0, *shape)


@pytest.mark.parametrize("name", ONE)
def test_errors_of_one_dimension(name):
    op, reference = pair(name)
    x = suited(name, 3, 4).detach()
    for args in ((0,), (-1,), (None, 2), (None, -3), (2.5,), (True,), (None, (0,)), (None, -1, "half"), (None, -1, 1)):
        check_error(op, reference, x, *args)
    check_error(op, reference, torch.tensor(1.0))
    check_error(op, reference, x[:, :0])
    check_error(op, reference, [1.0])
    check_error(op, reference)
    if name in REAL:
        check_error(op, reference, draw(3))
    if name in TO_REAL:
        check_error(op, reference, x[:, :1])


@pytest.mark.parametrize("name", MANY)
def test_errors_of_several_dimensions(name):
    op, reference = pair(name)
    x = suited(name, 3, 4).detach()
    for s, dim in (
        ((2, 3), (0,)),
        ((2, 3), (0, 0)),
        (None, (1, -1)),
        (None, (0, 2)),
        ((0, 2), (0, 1)),
        ((2, 0), (0, 1)),
        ((-2, 2), (0, 1)),
        ((2, 2.5), (0, 1)),
        (None, (0, 1.0)),
    ):
        check_error(op, reference, x, s, dim)
    check_both(op, reference, x, None, ())
    check_both(op, reference, x, None, None)
    check_both(op, reference, x, (2, 2, 2))
    check_both(op, reference, x[0])
    check_error(op, reference, x, norm="half")


@pytest.mark.parametrize("name", ONE + MANY)
@pytest.mark.parametrize("out", [torch.float32, torch.complex64, torch.float64, torch.int64])
def test_out(name, out):
    op, reference = pair(name)
    x = suited(name, 3, 4).detach()
    try:
        want = reference(x, out=torch.empty(0, dtype=out))
    except RuntimeError:
        with pytest.raises(RuntimeError):
            op(to_lucid(x), out=lucid.empty(0, dtype=to_lucid(out)))
        return
    place = lucid.empty(0, dtype=to_lucid(out))
    assert op(to_lucid(x), out=place) is place
    assert_same(place, want, 1e-5)


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
def test_frequencies(name):
    op, reference = pair(name)
    for n, d in itertools.product((1, 2, 5, 8), (1.0, 0.1, 3)):
        check_op(op, reference, n, d)
        for dtype in (torch.float64, torch.float16, torch.bfloat16):
            check_op(op, reference, n, d, dtype=dtype)
    check_op(op, reference, 5, 0)
    check_op(op, reference, 0)
    for dtype in (torch.int64, torch.bool, torch.complex64):
        check_error(op, reference, 5, dtype=dtype)
    check_error(op, reference, 5.0)
    check_program(lambda library: getattr(library.fft, name)(4, requires_grad=True).requires_grad)
    check_program(lambda library: getattr(library.fft, name)(4, out=library.empty(0, dtype=library.float64)))
    check_program(
        lambda library: getattr(library.fft, name)(
            4, dtype=library.float32, out=library.empty(0, dtype=library.float64)
        )
    )


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name):
    op, reference = pair(name)
    for dtype in (torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64, torch.bfloat16):
        check_op(op, reference, torch.arange(15).reshape(3, 5).to(dtype))
    x = draw(3, 4, 5)
    for dim in (None, 0, -1, (0, 2), [1], (0, 0)):
        check_op(op, reference, x, dim)
    check_op(op, reference, torch.zeros(0, 4))
    for dim in (3, (), (0, -4)):
        check_error(op, reference, x.detach(), dim)
    check_error(op, reference, torch.tensor(1.0))
    check_error(op, reference, torch.tensor(1.0), 0)
