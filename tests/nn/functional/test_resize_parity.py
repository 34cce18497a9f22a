"""interpolate with antialias, and of uint8 images, against PyTorch."""

from __future__ import annotations

import random
import warnings

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid.nn.functional as F
from tests.checks import check_both, check_error, check_op

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("align", [None, False, True])
def test_antialias(mode, align):
    generator = torch.Generator().manual_seed(0)
    for shape in ((2, 3, 9, 11), (1, 1, 1, 1), (2, 1, 16, 5), (0, 2, 4, 4), (1, 0, 4, 4)):
        for dtype in (torch.float32, torch.float64):
            x = torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
            options = {"mode": mode, "align_corners": align, "antialias": True}
            for size in ((3, 4), (9, 11), (20, 13), (1, 1), 5):
                check_both(F.interpolate, TF.interpolate, x, size, second=dtype is torch.float64, **options)
            for scale in (0.5, (0.3, 1.7), 2.5):
                for recompute in (None, True):
                    options["recompute_scale_factor"] = recompute
                    check_both(F.interpolate, TF.interpolate, x, scale_factor=scale, **options)


def test_what_is_refused():
    x = torch.randn(1, 1, 4, 4)
    for mode in ("nearest", "bilinear"):
        for factor in (0, 0.1, -1.0, "a"):
            check_error(F.interpolate, TF.interpolate, x, scale_factor=factor, mode=mode)
        for size in (2.5, (2,), (1, 2, 3), 0, -1, "a"):
            check_error(F.interpolate, TF.interpolate, x, size, mode=mode)
    for mode in ("nearest", "area", "nearest-exact", "trilinear", "linear"):
        check_error(F.interpolate, TF.interpolate, x, 2, mode=mode, antialias=True)
    check_error(F.interpolate, TF.interpolate, x[0], 2, mode="bilinear", antialias=True)
    check_error(F.interpolate, TF.interpolate, x, 2, mode="lanczos")


def test_bytes():
    x = torch.arange(40, dtype=torch.uint8).reshape(2, 1, 4, 5)
    for mode in ("nearest", "nearest-exact"):
        check_op(F.interpolate, TF.interpolate, x, (3, 7), mode=mode)
        check_error(F.interpolate, TF.interpolate, x.int(), (3, 7), mode=mode)


RESIZED = (("nearest", {}), ("nearest-exact", {}), *[("bilinear", {"align_corners": a}) for a in (None, True)])
RESIZED += tuple([("bicubic", {"align_corners": a}) for a in (None, True)])
RESIZED += tuple([(mode, {"antialias": True}) for mode in ("bilinear", "bicubic", "lanczos")])


@pytest.mark.parametrize(("mode", "options"), RESIZED)
def test_bytes_to_the_last_digit(mode, options):
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    for _ in range(25):
        height, width = rng.randint(2, 9), rng.randint(2, 9)
        x = torch.randint(256, (2, 3, height, width), generator=generator, dtype=torch.uint8)
        check_op(F.interpolate, TF.interpolate, x, (rng.randint(2, 12), rng.randint(2, 12)), mode=mode, **options)


def test_a_size_that_a_factor_does_not_change():
    for factor in (1.0, 1.1, 1.24, 2.0, 2.2):
        for mode, n in (("linear", 1), ("bilinear", 2), ("trilinear", 3), ("nearest", 2), ("nearest-exact", 2)):
            x = torch.randn(2, 3, *[4] * n, dtype=torch.float64).requires_grad_()
            check_op(F.interpolate, TF.interpolate, x, scale_factor=factor, mode=mode)
        for mode in ("bilinear", "bicubic", "lanczos"):
            x = torch.randn(2, 3, 4, 5)
            check_op(F.interpolate, TF.interpolate, x, scale_factor=(factor, 1.3), mode=mode, antialias=True)


def test_random_arguments():
    rng = random.Random(0)
    dims = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
    for k in range(120):
        mode = rng.choice(["nearest", "nearest-exact", "area", *dims])
        ndim = dims.get(mode, rng.choice([3, 4, 5])) if rng.random() < 0.9 else rng.choice([2, 3, 4, 5])
        shape = [rng.randint(1, 6) for _ in range(ndim)]
        options = {"mode": mode}
        if rng.random() < 0.5:
            options["size"] = rng.choice([rng.randint(1, 8), [rng.randint(1, 8) for _ in range(ndim - 2)]])
        else:
            factors = [0.5, 1, 2, 3, 1.5]
            options["scale_factor"] = rng.choice([rng.choice(factors), [rng.choice(factors) for _ in range(ndim - 2)]])
            options["recompute_scale_factor"] = rng.choice([None, True, False])
        if rng.random() < 0.3:
            options["align_corners"] = rng.choice([None, True, False])
        dtype = (torch.float32, torch.float64, torch.float32, torch.int64)[k % 4]
        x = torch.randn(shape).to(dtype)
        if x.is_floating_point():
            x = x.requires_grad_()
        elif mode == "area":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_both(F.interpolate, TF.interpolate, x, second=dtype is torch.float64, **options)
