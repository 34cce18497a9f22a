"""stft and istft against PyTorch."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:.*window was:UserWarning"),
    pytest.mark.filterwarnings("ignore:stft.*deprecated:UserWarning"),
]

import lucid
from tests.checks import check_both, check_error, check_op

MODES = ("reflect", "constant", "replicate", "circular")
FLOATS = (torch.float32, torch.float64)


def draw(*shape, dtype=torch.float32):
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, dtype=dtype, generator=generator).requires_grad_()


def window(n, dtype=torch.float32):
    return (torch.hann_window(n, dtype=torch.float64) + 0.1).to(dtype)


def stft(*args, **kwargs):
    check_both(lucid.stft, torch.stft, *args, second=not args[0].is_complex(), tol=1e-4, **kwargs)


def istft(*args, **kwargs):
    check_both(lucid.istft, torch.istft, *args, tol=1e-4, **kwargs)


@pytest.mark.parametrize("n_fft", [1, 2, 5, 8])
@pytest.mark.parametrize("hop", [1, 2, 3, 9])
def test_frames(n_fft, hop):
    for shape, center, onesided in itertools.product(((17,), (2, 12)), (True, False), (None, True, False)):
        w = window(n_fft).requires_grad_()
        stft(draw(*shape), n_fft, hop, window=w, center=center, onesided=onesided, return_complex=True)


@pytest.mark.parametrize("mode", MODES)
def test_edges(mode):
    for n_fft in (3, 8, 12, 14):
        stft(draw(2, 6), n_fft, 2, window=window(n_fft), pad_mode=mode, return_complex=True)


@pytest.mark.parametrize("length", [1, 4, 5, 7, 8])
def test_short_windows(length):
    for given in (None, window(length)):
        stft(draw(30), 8, 3, length, given, return_complex=True, normalized=True)
        stft(draw(30), 8, 3, length, given, center=False, align_to_window=False, return_complex=True)
        if (8 - length) % 2 == 0:  # of odd ones PyTorch sometimes says that it read beyond its memory
            stft(draw(30), 8, 3, length, given, center=False, align_to_window=True, return_complex=True)


def test_complex_signals_and_windows():
    for onesided in (None, False, True):
        stft(draw(20), 6, onesided=onesided, return_complex=True)
        stft(draw(20, dtype=torch.complex64), 6, window=window(6), onesided=onesided)
        stft(draw(20).detach() + 0j, 6, window=window(6), onesided=onesided, return_complex=False)
        stft(draw(20), 6, window=window(6) * (1 + 1j), onesided=onesided)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.int32, torch.bool])
def test_other_windows(kind):
    w = torch.tensor([1, 2, 0, 3, 1, 1]).to(kind)
    stft(draw(20), 6, window=w, return_complex=kind is not torch.float64)
    stft(draw(20).detach().half(), 6, window=w, return_complex=kind is not torch.float64)


@pytest.mark.parametrize("dtype", FLOATS)
def test_parts_of_the_result(dtype):
    for onesided, normalized in itertools.product((True, False), (True, False)):
        check_op(
            lucid.stft,
            torch.stft,
            draw(2, 40, dtype=dtype),
            8,
            window=window(8, dtype),
            onesided=onesided,
            normalized=normalized,
            return_complex=False,
            second=True,
            tol=1e-4 if dtype is torch.float32 else 1e-10,
        )


def test_errors_of_stft():
    x, w = draw(2, 40).detach(), window(8)
    for args in ((0, 1), (-2, 1), (41,), (8, 0), (8, -1), (1,), (8, 2, 9), (8, 2, 0), (8.0,), (8, 2.0), (True,)):
        check_error(lucid.stft, torch.stft, x, *args, center=False, return_complex=True)
    check_error(lucid.stft, torch.stft, x, 8)
    check_error(lucid.stft, torch.stft, x, 82, return_complex=True)
    check_error(lucid.stft, torch.stft, x, 8, pad_mode="mirror", return_complex=True)
    check_error(lucid.stft, torch.stft, x, 8, align_to_window=True, return_complex=True)
    check_error(lucid.stft, torch.stft, x, 8, window=w[:4], return_complex=True)
    check_error(lucid.stft, torch.stft, x, 8, window=w[None], return_complex=True)
    check_error(lucid.stft, torch.stft, x, 8, window=[1.0], return_complex=True)
    check_error(lucid.stft, torch.stft, x[None], 8, window=w, return_complex=True)
    check_error(
        lucid.stft, torch.stft, x[0, :6], 8, 1, 4, w[:4], center=False, align_to_window=True, return_complex=True
    )
    check_error(lucid.stft, torch.stft, x.double(), 8, window=w + 0j, onesided=True, return_complex=True)
    check_error(lucid.stft, torch.stft, x[:, :0], 8, window=w, return_complex=True)
    check_error(lucid.stft, torch.stft, torch.tensor(1.0), 8, window=w, return_complex=True)
    for dtype in (torch.int64, torch.bool, torch.float16, torch.bfloat16):
        check_error(lucid.stft, torch.stft, x.to(dtype), 8, window=w.to(dtype), return_complex=True)
    with pytest.raises(TypeError, match="complex64 only"):
        lucid.stft(lucid.ones(20, dtype=lucid.float64), 4, return_complex=True)


@pytest.mark.parametrize("n_fft", [2, 5, 8])
@pytest.mark.parametrize("hop", [1, 2, 5])
def test_inverse(n_fft, hop):
    for lead, center, normalized in itertools.product(((), (2,)), (True, False), (True, False)):
        for onesided in (None, True, False):
            points = n_fft if onesided is False else n_fft // 2 + 1
            x = draw(*lead, points, 6, dtype=torch.complex64)
            w = window(n_fft).requires_grad_()
            istft(x, n_fft, hop, window=w, center=center, normalized=normalized, onesided=onesided)


@pytest.mark.parametrize("length", [1, 7, 10, 12])
def test_length_of_the_inverse(length):
    for center in (True, False):
        istft(draw(5, 4, dtype=torch.complex64), 8, 4, window=window(8), length=length, center=center)


@pytest.mark.filterwarnings("ignore:.*zeros are appended:UserWarning", "ignore:The length of signal:UserWarning")
def test_length_beyond_the_inverse():
    istft(draw(5, 4, dtype=torch.complex64), 8, 4, window=window(8), length=30)


def test_complex_inverse():
    x = draw(2, 6, 5, dtype=torch.complex64)
    for w in (None, window(6), window(6) * (1 + 2j)):
        for onesided in (None, True, False):
            istft(x, 6, 2, window=w, return_complex=True, onesided=onesided)
            istft(x, 6, 2, window=w, onesided=onesided)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.int32, torch.bool])
def test_other_windows_of_the_inverse(kind):
    istft(draw(4, 5, dtype=torch.complex64), 6, 2, window=torch.tensor([1, 2, 1, 3, 1, 1]).to(kind))


def test_errors_of_istft():
    x, w = draw(2, 5, 6, dtype=torch.complex64).detach(), window(8)
    for args in ((10,), (8, 0), (8, 9), (8, 2, 9), (8, 2, 0), (8, 5, 4), (8.0,), (8, 2, 4, w), (8, 2, 8, w[None])):
        check_error(lucid.istft, torch.istft, x, *args)
    check_error(lucid.istft, torch.istft, x, 8, window=torch.zeros(8))
    check_error(lucid.istft, torch.istft, x, 8, window=torch.hann_window(8), center=False)
    check_error(lucid.istft, torch.istft, x, 8, window=w, onesided=False)
    check_error(lucid.istft, torch.istft, x, 8, window=w, return_complex=True)
    check_error(lucid.istft, torch.istft, x, 8, window=w + 0j)
    check_error(lucid.istft, torch.istft, x, 8, window=w, length=0)
    for value in (x.real, torch.view_as_real(x), x[None], x[0, 0], x[:0], x[..., :0], x[..., :1], [1.0]):
        check_error(lucid.istft, torch.istft, value, 8, window=w)


def test_methods():
    x = draw(20)
    check_op(
        lambda t: t.stft(4, return_complex=True).istft(4),
        lambda t: t.stft(4, return_complex=True).istft(4),
        x,
        tol=1e-4,
    )
