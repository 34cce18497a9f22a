"""Masked operations: literal values."""

from __future__ import annotations

import math

import pytest

import lucid
from lucid import masked

X = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
MASK = [[True, False, True], [False, False, False]]


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("sum", [4, 0]),
        ("prod", [3, 1]),
        ("amax", [3, -math.inf]),
        ("amin", [1, math.inf]),
        ("argmax", [2, 0]),
        ("mean", [2, math.nan]),
        ("median", [1, math.nan]),
        ("var", [2, math.nan]),
        ("std", [2**0.5, math.nan]),
        ("norm", [10**0.5, 0]),
        ("logsumexp", [math.log(math.e + math.e**3), -math.inf]),
    ],
)
def test_reductions(name, want):
    op = getattr(masked, name)
    got = op(lucid.tensor(X), dim=1, mask=lucid.tensor(MASK)).tolist()
    assert got == pytest.approx(want, rel=1e-6, nan_ok=True)


def test_rows():
    x, mask = lucid.tensor(X), lucid.tensor(MASK)
    assert masked.cumsum(x, 1, mask=mask).tolist() == [[1, 1, 4], [0, 0, 0]]
    assert masked.softmax(x, 1, mask=mask)[0].tolist() == pytest.approx([0.119203, 0, 0.880797], rel=1e-5)
    assert masked.normalize(x, 1.0, 1, mask=mask).tolist() == [[0.25, 0, 0.75], [0, 0, 0]]


def test_what_is_left_out_has_no_gradient():
    x = lucid.tensor(X, requires_grad=True)
    masked.softmax(x, 1, mask=lucid.tensor(MASK)).pow(2).sum().backward()
    assert x.grad[0, 1].item() == 0
    assert x.grad[1].tolist() == [0, 0, 0]  # although the row itself is NaN


def test_errors_say_what_came():
    with pytest.raises(RuntimeError, match=r"expected a mask that broadcasts to \(2, 3\), got \(2,\)"):
        masked.sum(lucid.tensor(X), mask=lucid.tensor([True, False]))
    with pytest.raises(ValueError, match=r"got lucid\.int64"):
        masked.mean(lucid.tensor([1, 2]))
