"""stft and istft: what needs no PyTorch to be known."""

from __future__ import annotations

import warnings

import pytest

import lucid


@pytest.mark.parametrize("mode", ["reflect", "constant", "replicate", "circular"])
@pytest.mark.parametrize("normalized", [True, False])
def test_there_and_back(mode, normalized):
    x, w = lucid.randn(2, 100), lucid.hann_window(16)
    there = lucid.stft(x, 16, window=w, pad_mode=mode, normalized=normalized, return_complex=True)
    assert there.shape == (2, 9, 26)
    assert lucid.allclose(lucid.istft(there, 16, window=w, normalized=normalized, length=100), x, atol=1e-5)


def test_a_tone_stands_in_its_row():
    tone = lucid.cos(2 * 3.14159265 * 4 / 32 * lucid.arange(320))
    strength = lucid.stft(tone, 32, window=lucid.hann_window(32), center=False, return_complex=True).abs()
    assert (strength.argmax(0) == 4).all()


def test_gradients_reach_signal_and_window():
    x, w = lucid.randn(40, requires_grad=True), lucid.hann_window(8, requires_grad=True)
    back = lucid.istft(lucid.stft(x, 8, window=w, return_complex=True), 8, window=w)
    back.square().sum().backward()
    assert lucid.allclose(x.grad, 2 * x.detach(), atol=1e-4)
    assert w.grad.abs().max().item() < 1e-4  # the same signal comes back, whatever the window


def test_no_signals():
    assert lucid.stft(lucid.ones(0, 20), 4, window=lucid.ones(4), return_complex=True).shape == (0, 3, 21)


@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")
def test_no_double_signals():
    x, w = lucid.ones(0, 20, dtype=lucid.float64), lucid.ones(4, dtype=lucid.float64)
    assert lucid.stft(x, 4, window=w, return_complex=False).shape == (0, 3, 21, 2)


def test_warnings():
    x, w = lucid.ones(20), lucid.ones(4)
    with pytest.warns(UserWarning, match="no window was given"):
        there = lucid.stft(x, 4, return_complex=True)
    with pytest.warns(UserWarning, match="no window was given"):
        lucid.istft(there, 4)
    with pytest.warns(UserWarning, match="deprecated"):
        lucid.stft(x, 4, window=w, return_complex=False)
    with pytest.warns(UserWarning, match="zeros are appended"):
        assert lucid.istft(there, 4, window=w, length=30)[-1].item() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lucid.istft(lucid.stft(x, 4, window=w, return_complex=True), 4, window=w)


def test_errors_say_what_came():
    x = lucid.ones(20)
    with pytest.raises(RuntimeError, match="expected return_complex to be given for real signals"):
        lucid.stft(x, 4)
    with pytest.raises(RuntimeError, match="win_length=5, n_fft=4"):
        lucid.stft(x, 4, win_length=5, return_complex=True)
    with pytest.raises(RuntimeError, match="leave no sample out"):
        lucid.istft(lucid.ones(3, 5, dtype=lucid.complex64), 4, window=lucid.zeros(4))
