"""grid_sample and affine_grid against PyTorch, and the operations they are at the top level."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import check_both, check_error, check_op, check_program

pytestmark = pytest.mark.parity

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
SHAPES = (
    ((2, 3, 5, 7), (2, 4, 3, 2)),
    ((2, 2, 4, 5, 3), (2, 2, 3, 3, 3)),
    ((1, 1, 1, 1), (1, 3, 3, 2)),
    ((2, 3, 1, 4), (2, 3, 3, 2)),
    ((0, 3, 2, 4), (0, 3, 3, 2)),
    ((2, 3, 5, 4), (2, 0, 3, 2)),
)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("align", [True, False])
def test_values_and_gradients(mode, padding, align):
    generator = torch.Generator().manual_seed(3)
    for shape, places in SHAPES:
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        near = torch.randn(places, generator=generator, dtype=torch.float64) * 1.5
        edges = torch.randint(-8, 9, places, generator=generator) / 4  # on elements, between them and at the ends
        for grid in (near, edges, near * 40):
            dtype = torch.float64 if grid is near else torch.float32
            inputs = x.to(dtype).requires_grad_(), grid.to(dtype).requires_grad_()
            smooth = grid is near and grid.numel() > 0 and mode != "nearest"
            check_both(F.grid_sample, TF.grid_sample, *inputs, mode, padding, align, second=smooth)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    x, grid = torch.randn(1, 2, 4, 4), torch.rand(1, 3, 3, 2) - 0.5
    for mode in MODES:
        wide = TF.grid_sample(x.to(dtype).float(), grid.to(dtype).float(), mode, align_corners=True).to(dtype)
        check_op(
            lambda *a, m=mode: F.grid_sample(*a, m, align_corners=True),
            lambda *a, w=wide: w,
            x.to(dtype),
            grid.to(dtype),
        )


def test_places_that_are_no_numbers():
    x = torch.randn(1, 1, 3, 3)
    grid = torch.tensor([[[[float("nan"), 0.0], [float("inf"), 0], [0, -float("inf")], [1e30, 0]]]])
    for mode in MODES:
        for padding in PADDINGS:
            check_op(F.grid_sample, TF.grid_sample, x, grid, mode, padding, False)


def test_what_is_refused():
    x, grid = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 3, 2)
    for a in (
        (x, grid[:1]),
        (x, grid[..., :1]),
        (x, grid.double()),
        (x[0], grid[0]),
        (x, grid[0]),
        (x[:, :, :0], grid),
        (x[:, :, None], torch.randn(2, 1, 3, 3, 3), "bicubic"),
        (x, grid, "cubic"),
        (x, grid, "nearest", "wrap"),
    ):
        check_error(
            lambda *v: F.grid_sample(*v, align_corners=True), lambda *v: TF.grid_sample(*v, align_corners=True), *a
        )
    with pytest.warns(UserWarning, match="align_corners"):
        F.grid_sample(lucid.ones(1, 1, 2, 2), lucid.zeros(1, 1, 1, 2))
    with pytest.warns(UserWarning, match="align_corners"):
        F.affine_grid(lucid.ones(1, 2, 3), (1, 1, 2, 2))


@pytest.mark.filterwarnings("ignore:Since version 1.3.0", "ignore:affine_grid. with align_corners=True")
def test_affine_grid():
    for size in ((2, 3, 4, 5), (2, 3, 1, 5), (2, 3, 4, 5, 1), (2, 1, 0, 5), (1, 1, 3), (3, 1, 2, 2)):
        n = min(len(size) - 2, 3)
        for align in (True, False):
            theta = torch.randn(2, n, n + 1, requires_grad=True)
            if size[0] == 2 or n == 1:
                check_both(F.affine_grid, TF.affine_grid, theta, size, align, second=True)
            check_both(lucid.affine_grid_generator, torch.affine_grid_generator, theta.double(), size, align)
    check_error(F.affine_grid, TF.affine_grid, torch.ones(1, 2, 3).int(), (1, 1, 2, 2), False)
    check_error(F.affine_grid, TF.affine_grid, torch.ones(1, 3, 3), (1, 1, 2, 2), False)


def test_the_operations_below():
    x, grid = torch.randn(1, 2, 4, 4, requires_grad=True), torch.randn(1, 3, 3, 2, requires_grad=True)
    for mode in range(3):
        for padding in range(3):
            check_op(lucid.grid_sampler, torch.grid_sampler, x, grid, mode, padding, True)
            check_op(lucid.grid_sampler_2d, torch.grid_sampler_2d, x, grid, mode, padding, False)
    x, grid = torch.randn(1, 2, 3, 4, 4, requires_grad=True), torch.randn(1, 2, 3, 3, 3, requires_grad=True)
    check_op(lucid.grid_sampler_3d, torch.grid_sampler_3d, x, grid, 0, 1, False)
    with pytest.raises(RuntimeError, match="interpolation_mode"):
        lucid.grid_sampler(lucid.ones(1, 1, 2, 2), lucid.zeros(1, 1, 1, 2), 3, 0, False)
    with pytest.raises(RuntimeError, match="5D"):
        lucid.grid_sampler_3d(lucid.ones(1, 1, 2, 2), lucid.zeros(1, 1, 1, 2), 0, 0, False)


def test_a_spatial_transformer():
    def program(lib):
        functional = lib.nn.functional
        theta = lib.tensor([[[0.8, 0.1, 0.0], [-0.1, 1.1, 0.2]]], requires_grad=True)
        image = lib.arange(16.0).reshape(1, 1, 4, 4)
        grid = functional.affine_grid(theta, (1, 1, 3, 3), align_corners=False)
        out = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
        out.square().sum().backward()
        return out, theta.grad

    check_program(program, tol=1e-3)
