"""Cutting an array into many pieces."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from lucid.ops._split import split


@pytest.mark.parametrize("pieces", [1, 2, 9, 10, 11, 20, 99, 100, 101, 1234])
@pytest.mark.parametrize("least", [0, 1])
def test_the_pieces_are_those_of_numpy(pieces, least):
    sizes = np.random.default_rng(pieces).integers(least, 4, pieces)
    ends = np.cumsum(sizes)[:-1].tolist()
    whole = np.arange(2.0 * sizes.sum()).reshape(2, -1)
    got = split(mx.array(whole), ends, 1)
    assert len(got) == pieces
    for piece, want in zip(got, np.split(whole, ends, axis=1), strict=True):
        np.testing.assert_array_equal(np.array(piece), want)


def test_its_gradient():
    a = mx.arange(30.0)
    weights = mx.arange(30.0) * 2

    def f(a: mx.array) -> mx.array:
        return sum(k * piece.sum() for k, piece in enumerate(split(a * weights, range(1, 30), 0)))

    assert mx.grad(f)(a).tolist() == [2.0 * k * k for k in range(30)]
