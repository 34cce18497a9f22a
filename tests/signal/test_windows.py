"""Window functions: literal values."""

from __future__ import annotations

import pytest

import lucid
from lucid.signal import windows


def test_values():
    assert lucid.hann_window(4).tolist() == pytest.approx([0, 0.5, 1, 0.5])
    assert lucid.hann_window(5, periodic=False).tolist() == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert lucid.bartlett_window(5, False).tolist() == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert lucid.hamming_window(1).tolist() == [1]
    assert windows.gaussian(3, std=1.0).tolist() == pytest.approx([0.60653, 1, 0.60653], rel=1e-5)
    assert windows.cosine(2).tolist() == pytest.approx([0.5**0.5] * 2)
    falling = windows.exponential(3, center=0, tau=1.0, sym=False).tolist()
    assert falling == pytest.approx([1, 0.367879, 0.135335], rel=1e-5)


@pytest.mark.parametrize("name", sorted(set(windows.__all__) - {"general_cosine"}))
def test_symmetry(name):
    window = getattr(windows, name)
    w = window(9, dtype=lucid.float64)
    assert lucid.allclose(w, w.flip(0), rtol=0, atol=1e-15)
    assert lucid.equal(window(8, sym=False), window(9)[:8])
    assert w[4].item() == pytest.approx(1)


def test_double_precision():
    third = lucid.hann_window(6, dtype=lucid.float64)[1].item()
    assert abs(third - 0.25) < 1e-16


def test_errors_say_what_came():
    with pytest.raises(RuntimeError, match="hann_window requires non-negative window_length, got window_length=-1"):
        lucid.hann_window(-1)
    with pytest.raises(RuntimeError, match=r"hann_window expects floating point dtypes, got: lucid\.int64"):
        lucid.hann_window(3, dtype=lucid.int64)
    with pytest.raises(ValueError, match=r"hann expects float32 or float64 dtypes, got: lucid\.float16"):
        windows.hann(3, dtype=lucid.float16)
