"""Dropout: what does not depend on the random numbers against PyTorch, and the statistics of what does."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import assert_same, check_both, to_lucid

pytestmark = pytest.mark.parity


NAMES = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
SHAPES = ((), (5,), (0,), (2, 3), (4, 3, 5), (2, 3, 4, 4), (2, 3, 2, 2, 3), (1, 2, 1, 1, 1, 2))
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool)


@pytest.mark.parametrize("name", NAMES)
def test_without_chance(name):
    rng = random.Random(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(80):
            x = torch.randn(rng.choice(SHAPES)).to(rng.choice(DTYPES))
            p, training = rng.choice([0, 0.0, 1, 1.0, 0.5, -0.1, 1.1]), rng.choice([True, False])
            if p == 0.5:
                training = False
            args, kwargs = ((p, training), {}) if rng.random() < 0.5 else ((), {"p": p, "training": training})
            x = x.requires_grad_() if x.is_floating_point() else x
            check_both(getattr(F, name), getattr(TF, name), x, *args, **kwargs)
            theirs, mine = x.detach().clone(), to_lucid(x)
            try:
                want = getattr(TF, name)(theirs, *args, inplace=True, **kwargs)
            except Exception:
                continue
            got = getattr(F, name)(mine, *args, inplace=True, **kwargs)
            assert (got is mine) == (want is theirs)
            assert_same(mine, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_warnings(name):
    for shape in SHAPES:
        seen = []
        for library, functional in ((torch, TF), (lucid, F)):
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter("always")
                try:
                    getattr(functional, name)(library.ones(shape), 0.5, False)
                    error = None
                except Exception as e:
                    error = type(e)
            seen.append((error, [w.category for w in found]))
        assert seen[0] == seen[1], shape


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_statistics(name, p):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for shape in ((200, 50), (200, 50, 3), (200, 50, 2, 3), (20, 30, 2, 2, 2)):
            if name == "dropout1d" and len(shape) > 3:
                continue
            for dtype in (torch.float32, torch.float16):
                want = getattr(TF, name)(torch.ones(shape), p, True).double().numpy()
                got = getattr(F, name)(to_lucid(torch.ones(shape, dtype=dtype)), p, True).double().numpy()
                levels = np.unique(want)
                np.testing.assert_allclose(np.unique(got), levels, rtol=2e-3)  # what is dropped, and what is kept
                apart = [self_alike(v) for v in (want, got)]
                assert apart[0] == apart[1]
                units = apart[0][1]
                assert abs((got < levels.mean()).mean() - p) < 5 * (p * (1 - p) / units) ** 0.5


def self_alike(values: np.ndarray) -> tuple[int, int]:
    """How many leading dimensions tell elements apart, and how many elements are drawn on their own."""
    for k in range(1, values.ndim):
        rows = values.reshape(*values.shape[:k], -1)
        if (rows == rows[..., :1]).all():
            return k, int(np.prod(values.shape[:k]))
    return values.ndim, values.size


def test_gradients_follow_the_mask():
    for name in NAMES:
        x = lucid.randn(8, 6, 5, requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = getattr(F, name)(x, 0.5, True)
        values = y.detach().numpy()
        y.sum().backward()
        slopes = np.unique(x.grad.numpy().round(4))
        assert len(slopes) == 2
        assert slopes[0] == 0
        changed = x.grad.numpy() != 0
        kept = np.unique((values - slopes[1] * x.detach().numpy())[changed].round(3))
        assert len(kept) == 1  # the same number added to all that was kept
