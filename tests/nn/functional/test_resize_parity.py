"""interpolate with antialias, and of uint8 images, against PyTorch."""

from __future__ import annotations

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
    for mode in ("nearest", "area", "nearest-exact", "trilinear", "linear"):
        check_error(F.interpolate, TF.interpolate, x, 2, mode=mode, antialias=True)
    check_error(F.interpolate, TF.interpolate, x[0], 2, mode="bilinear", antialias=True)
    check_error(F.interpolate, TF.interpolate, x, 2, mode="lanczos")


def test_bytes():
    x = torch.arange(40, dtype=torch.uint8).reshape(2, 1, 4, 5)
    for mode in ("nearest", "nearest-exact"):
        check_op(F.interpolate, TF.interpolate, x, (3, 7), mode=mode)
        check_error(F.interpolate, TF.interpolate, x.int(), (3, 7), mode=mode)
