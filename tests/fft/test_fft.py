"""Fourier transforms: literal values, and what needs no PyTorch to be known."""

from __future__ import annotations

import numpy as np
import pytest

import lucid
from lucid.ops._fourier import transform64

PI = np.pi


def test_a_wave_has_one_frequency():
    t = lucid.arange(16) / 16
    spectrum = lucid.fft.rfft(lucid.cos(2 * PI * 3 * t)).abs()
    assert spectrum.argmax().item() == 3
    assert spectrum.sum().item() == pytest.approx(8, abs=1e-4)


@pytest.mark.parametrize(("there", "back"), [("fft", "ifft"), ("rfft", "irfft"), ("ihfft", "hfft")])
@pytest.mark.parametrize("norm", ["forward", "backward", "ortho"])
def test_inverses(there, back, norm):
    x = lucid.randn(3, 8)
    for suffix in ("", "2", "n"):
        y = getattr(lucid.fft, there + suffix)(x, norm=norm)
        z = getattr(lucid.fft, back + suffix)(y, norm=norm)
        assert lucid.allclose(z if z.dtype is lucid.float32 else z.real, x, atol=1e-5)


def test_energy_is_kept():
    x = lucid.randn(50)
    assert lucid.fft.fft(x, norm="ortho").abs().square().sum().item() == pytest.approx(
        x.square().sum().item(), rel=1e-4
    )


def test_gradient():
    x, w = lucid.randn(9, requires_grad=True), lucid.randn(9)
    (lucid.fft.irfft(lucid.fft.rfft(x), 9) * w).sum().backward()
    assert lucid.allclose(x.grad, w, atol=1e-5)


def test_nothing_is_left_of_no_samples():
    assert lucid.fft.fft(lucid.ones(2, 0), 3).abs().sum().item() == 0
    assert lucid.fft.rfft(lucid.ones(0, 4)).shape == (0, 3)


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 128, 221, 521, 1024, 1031, 1042, 4489])
def test_double_transform(n):
    rng = np.random.default_rng(n)
    x, y = lucid.from_numpy(rng.normal(size=(2, n))), lucid.from_numpy(rng.normal(size=(2, n)))
    for inverse in (False, True):
        re, im = (np.array(part) for part in transform64(x._data, y._data, inverse))
        z = x.numpy() + 1j * y.numpy()
        np.testing.assert_allclose(re + 1j * im, np.fft.ifft(z) * n if inverse else np.fft.fft(z), rtol=0, atol=1e-11)


def test_errors_say_what_came():
    with pytest.raises(RuntimeError, match=r"rfft expects a real-valued input tensor, but got lucid\.complex64"):
        lucid.fft.rfft(lucid.ones(3, dtype=lucid.complex64))
    with pytest.raises(RuntimeError, match=r"fft: Invalid number of data points \(0\)"):
        lucid.fft.fft(lucid.ones(3), 0)
    with pytest.raises(RuntimeError, match="less than 2"):
        lucid.fft.fft(lucid.ones(3), 2**40)
    with pytest.raises(TypeError, match="MLX stores complex64 only"):
        lucid.fft.fft(lucid.ones(3, dtype=lucid.float64))


def test_frequencies_and_shifts():
    assert lucid.fft.fftfreq(5, 0.2).tolist() == [0, 1, 2, -2, -1]
    assert lucid.fft.rfftfreq(5, 0.2).tolist() == [0, 1, 2]
    assert lucid.fft.fftshift(lucid.fft.fftfreq(5, 0.2)).tolist() == [-2, -1, 0, 1, 2]
    assert lucid.fft.ifftshift(lucid.fft.fftshift(lucid.arange(7))).tolist() == list(range(7))
