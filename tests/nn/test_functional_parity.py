"""`lucid.nn.functional` against PyTorch: values, dtypes, gradients both ways, errors."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import check_error, check_op

pytestmark = pytest.mark.parity

HALF = (torch.float16, torch.bfloat16)
FLOATS = (torch.float32, torch.float64, *HALF)


def r(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32, grad: bool = True) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))
    return values.to(dtype).requires_grad_(grad)


def p(*shape: int, seed: int = 0) -> torch.Tensor:
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return values.clamp(0.02, 0.98).requires_grad_()


def ints(high: int, *shape: int) -> torch.Tensor:
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(7))


def check(name: str, *args: object, **kwargs: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_op(getattr(F, name), getattr(TF, name), *args, **kwargs)


# ---- activations -----------------------------------------------------------------------------------------------------

ACTIVATIONS = (
    *("relu", "relu6", "gelu", "silu", "mish", "tanh", "sigmoid", "softplus", "elu", "selu", "celu", "leaky_relu"),
    *("hardtanh", "hardswish", "hardsigmoid", "logsigmoid", "softsign", "tanhshrink", "hardshrink", "softshrink"),
    *("glu", "rrelu"),
)
SPECIAL = torch.tensor([-100.0, -30, -6, -3, -1, -0.5, -0.0, 0, 0.5, 1, 3, 6, 20, 30, 100, float("inf")])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    for dtype in FLOATS:
        check(name, (r(4, 6, dtype=dtype) * 3).detach().requires_grad_())
    check(name, r(0, 2))
    if name != "glu":
        check(name, SPECIAL[:-1].clone().requires_grad_())
        check(name, torch.tensor(0.3, requires_grad=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_op(getattr(F, name), getattr(TF, name), torch.tensor([float("nan")]))
    if name in ("relu", "relu6", "hardtanh", "sigmoid", "tanh", "softsign", "tanhshrink"):
        check(name, ints(9, 2, 2) - 3)
    else:
        check_error(getattr(F, name), getattr(TF, name), ints(3, 2, 2))


def test_activation_options():
    x = r(4, 6)
    check("gelu", x, approximate="tanh")
    check("threshold", x, 0.1, 20.0)
    check("hardtanh", x, -0.3, 0.2)
    check("leaky_relu", x, 0.3)
    check("leaky_relu", x, -0.3)
    check("leaky_relu", x, 2.0)
    check("elu", x, 0.4)
    check("celu", x, 0.4)
    check("softplus", x, 3.0, 1.0)
    check("hardshrink", x, 0.2)
    check("softshrink", x, 0.2)
    check("glu", x, 0)
    check("prelu", r(4, 6, 2), r(6))
    check("prelu", r(4, 6, 2), r(1))
    check("prelu", r(6), r(1))
    check("rrelu", x.detach().abs(), training=True)
    for name in ("softmax", "log_softmax", "softmin"):
        for dim in (0, 1, -1, None):
            check(name, x, dim=dim)
        check(name, ints(3, 2, 2), dim=1, dtype=torch.float32)


@pytest.mark.parametrize("name", ["relu", "elu", "celu", "selu", "hardtanh", "leaky_relu", "threshold", "rrelu"])
def test_in_place_twins(name):
    options = (0.1, 2.0) if name == "threshold" else ()
    check_op(
        lambda t: getattr(F, f"{name}_")(t + 0, *options), lambda t: getattr(TF, f"{name}_")(t + 0, *options), r(3, 4)
    )


def test_activation_errors():
    x = r(2, 3)
    check_error(F.gelu, TF.gelu, x, approximate="exact")
    check_error(F.glu, TF.glu, x)
    check_error(F.glu, TF.glu, torch.tensor(1.0))
    check_error(F.prelu, TF.prelu, x, r(2))
    check_error(F.prelu, TF.prelu, x, r(1, 3))
    check_error(F.hardtanh, TF.hardtanh, torch.tensor([True]))
    check_error(F.hardtanh, TF.hardtanh, torch.tensor([1], dtype=torch.uint8))
    check_error(F.prelu, TF.prelu, x, r(3).double())
    check_error(F.softshrink, TF.softshrink, x, -1.0)
    check_error(F.celu, TF.celu, x, 0.0)
    check_error(F.rrelu, TF.rrelu, x, 1.0, 0.0)
    check_error(F.softmax, TF.softmax, x, dim=2)
    check_error(F.hardtanh, TF.hardtanh, x, 1.0, -1.0)
    check_error(F.silu, TF.silu, [1.0])
    check_error(F.gelu, TF.gelu, 1.0)
    check_error(F.relu, TF.relu, "x")


# ---- linear, convolution ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_linear(dtype):
    w, b = r(4, 3, dtype=dtype), r(4, dtype=dtype)
    tol = {torch.float16: 5e-3, torch.bfloat16: 3e-2}.get(dtype)
    for shape in ((3,), (2, 3), (5, 2, 3), (0, 3)):
        check("linear", r(*shape, dtype=dtype), w, b, tol=tol)
        check("linear", r(*shape, dtype=dtype), w, tol=tol)
    check("linear", r(5, 3, dtype=dtype), r(3, dtype=dtype), tol=tol)
    check(
        "bilinear",
        r(5, 3, dtype=dtype),
        r(5, 4, dtype=dtype),
        r(2, 3, 4, dtype=dtype),
        r(2, dtype=dtype),
        tol=tol and 4 * tol,
    )


def test_linear_second_gradient():
    check("linear", r(2, 3), r(4, 3), r(4), second=True)
    check("gelu", r(2, 3), second=True)
    check("layer_norm", r(2, 6), (6,), r(6), r(6), second=True)
    check("conv2d", r(1, 2, 4, 4), r(3, 2, 2, 2), second=True, tol=1e-3)


def test_linear_errors():
    w = r(4, 3)
    for x in (r(2, 4), r(2, 3).double(), ints(3, 2, 3), torch.tensor(1.0), r(2, 3).half()):
        check_error(F.linear, TF.linear, x, w)
    check_error(F.linear, TF.linear, r(2, 3), w, r(3))
    check_error(F.linear, TF.linear, r(2, 3), w, r(4).double())
    check_error(F.linear, TF.linear, [1.0], w)
    check_error(F.linear, TF.linear, r(2, 3), r(2, 4, 3, 3))
    check_error(F.bilinear, TF.bilinear, r(5, 3), r(4, 4), r(2, 3, 4))
    check_error(F.bilinear, TF.bilinear, r(5, 3), r(5, 4), r(2, 4, 3))
    check_error(F.bilinear, TF.bilinear, r(5, 3), r(5, 4), r(2, 3, 4), r(3))


CONVOLUTIONS = [
    ("conv1d", (2, 4, 9), (6, 4, 3), {"stride": 2, "padding": 2}),
    ("conv1d", (4, 9), (8, 1, 3), {"groups": 4}),
    ("conv2d", (2, 4, 8, 7), (6, 4, 3, 3), {"padding": 1}),
    ("conv2d", (2, 4, 9, 7), (6, 4, 3, 2), {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2)}),
    ("conv2d", (2, 4, 8, 7), (8, 1, 3, 3), {"groups": 4, "padding": 1, "stride": 2}),
    ("conv2d", (2, 4, 8, 7), (6, 2, 3, 3), {"groups": 2, "dilation": 2}),
    ("conv2d", (2, 4, 9, 9), (4, 1, 8, 8), {"groups": 4}),
    ("conv2d", (2, 4, 8, 7), (6, 4, 4, 3), {"padding": "same", "dilation": (1, 2)}),
    ("conv2d", (0, 4, 8, 7), (6, 4, 3, 3), {}),
    ("conv3d", (2, 4, 5, 6, 7), (6, 4, 3, 2, 3), {"stride": 2, "padding": [1]}),
    ("conv_transpose1d", (2, 4, 5), (4, 3, 3), {"stride": 3, "padding": 3, "dilation": 2, "output_padding": 2}),
    ("conv_transpose1d", (4, 5), (4, 3, 3), {"groups": 2, "stride": 2, "output_padding": 1}),
    ("conv_transpose2d", (2, 4, 5, 6), (4, 3, 3, 2), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
    ("conv_transpose2d", (4, 5, 6), (4, 3, 1, 1), {"padding": 1}),
    ("conv_transpose2d", (0, 4, 5, 6), (4, 3, 2, 2), {}),
    ("conv_transpose3d", (2, 4, 3, 4, 3), (4, 3, 2, 3, 2), {"stride": [2, 1, 2]}),
]


@pytest.mark.parametrize("case", range(len(CONVOLUTIONS)))
def test_convolutions(case):
    name, shape, weight, options = CONVOLUTIONS[case]
    out = weight[1] * options.get("groups", 1) if "transpose" in name else weight[0]
    check(name, r(*shape), r(*weight), r(out), tol=2e-4, **options)
    check(name, r(*shape), r(*weight), tol=2e-4, **options)


@pytest.mark.parametrize("dtype", [torch.float64, *HALF])
def test_convolution_dtypes(dtype):
    tol = {torch.float16: 2e-2, torch.bfloat16: 1e-1}.get(dtype, 1e-5)
    check("conv2d", r(1, 2, 5, 5, dtype=dtype), r(3, 2, 3, 3, dtype=dtype), r(3, dtype=dtype), tol=tol)
    check("conv_transpose2d", r(1, 2, 3, 3, dtype=dtype), r(2, 3, 2, 2, dtype=dtype), tol=tol)


def test_convolution_errors():
    x, w = r(2, 4, 8, 7), r(6, 4, 3, 3)
    for options in (
        {"stride": 0},
        {"dilation": 0},
        {"padding": -1},
        {"groups": 0},
        {"groups": 3},
        {"padding": "full"},
        {"padding": "same", "stride": 2},
        {"stride": (1, 2, 3)},
        {"stride": 1.5},
        {"dilation": 9},
    ):
        check_error(F.conv2d, TF.conv2d, x, w, **options)
    for bad in (r(2, 3, 8, 7), r(8, 7), r(2, 4, 2, 7), x.double(), ints(3, 2, 4, 8, 7), r(2, 4, 0, 7)):
        check_error(F.conv2d, TF.conv2d, bad, w)
    check_error(F.conv2d, TF.conv2d, x, r(6, 4, 3))
    check_error(F.conv2d, TF.conv2d, x, w, r(5))
    check_error(F.conv2d, TF.conv2d, x, w, r(6, 1))
    check_error(F.conv_transpose2d, TF.conv_transpose2d, x, r(3, 4, 3, 3))
    check_error(F.conv_transpose2d, TF.conv_transpose2d, x, r(4, 3, 3, 3), output_padding=1)
    check_error(F.conv_transpose2d, TF.conv_transpose2d, r(1, 4, 1, 1), r(4, 3, 1, 1), padding=1)


# ---- pooling, padding, resizing --------------------------------------------------------------------------------------

TIES = ints(4, 2, 3, 8, 7).float().requires_grad_()
WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (3, 2), "stride": (1, 2)},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True, "padding": 1},
    {"kernel_size": [2], "ceil_mode": True},
    {"kernel_size": 1, "stride": 3},
]


@pytest.mark.parametrize("case", range(len(WINDOWS)))
def test_pooling_2d(case):
    options = WINDOWS[case]
    check("max_pool2d", TIES, **options)
    check("max_pool2d", TIES, return_indices=True, **options)
    check("avg_pool2d", TIES, **options)
    check("avg_pool2d", TIES, count_include_pad=False, **options)
    check("avg_pool2d", TIES, divisor_override=3, **options)
    check("max_pool2d", TIES, dilation=2, **options)


def test_pooling_of_other_dimensions():
    check("max_pool1d", r(2, 3, 9), 3)
    check("max_pool1d", r(3, 9), 3, 2, return_indices=True)
    check("max_pool3d", r(2, 3, 5, 6, 7), 2, padding=1, stride=1)
    check("max_pool3d", r(2, 3, 5, 6, 7), 2, return_indices=True)
    check("avg_pool1d", r(3, 9), 3)
    check("avg_pool3d", r(2, 3, 5, 6, 7), 2)
    check("lp_pool1d", p(2, 3, 9), 3.0, 2)
    check("lp_pool2d", p(2, 3, 6, 6), 3.0, 2, 2, ceil_mode=True)
    check("lp_pool3d", p(1, 2, 4, 4, 4), 2.0, 2)
    check("max_pool2d", ints(9, 2, 3, 4, 4), 2)
    check("max_pool2d", r(0, 3, 4, 4), 2)
    for dtype in (torch.float64, *HALF):
        check("avg_pool2d", r(2, 3, 4, 4, dtype=dtype), 2)
        check("max_pool2d", r(2, 3, 4, 4, dtype=dtype), 2)
        check("adaptive_avg_pool2d", r(2, 3, 5, 4, dtype=dtype), 2)
    for name in ("max_pool1d", "max_pool2d", "max_pool3d"):
        check(f"{name}_with_indices", r(*(2, 3, 4, 4, 4)[: int(name[-2]) + 2]), 2)


@pytest.mark.parametrize("size", [1, (3, 2), (4, 7), 8, (5, 3), (4, None)])
def test_adaptive_pooling(size):
    check("adaptive_avg_pool2d", TIES, size)
    check("adaptive_max_pool2d", TIES, size)
    check("adaptive_max_pool2d", TIES, size, return_indices=True)


def test_adaptive_pooling_of_other_dimensions():
    check("adaptive_avg_pool1d", r(2, 3, 9), 4)
    check("adaptive_avg_pool3d", r(2, 3, 5, 6, 4), (2, 3, 2))
    check("adaptive_avg_pool2d", r(3, 5, 6), (2, 3))
    for name, shape in (("adaptive_max_pool1d", (2, 3, 9)), ("adaptive_max_pool3d", (2, 3, 5, 6, 4))):
        check(name, r(*shape), 2)
        check(f"{name}_with_indices", r(*shape), 2)
    check("adaptive_max_pool2d_with_indices", r(2, 3, 4, 4), 2)


def test_pooling_errors():
    x = r(2, 3, 8, 7)
    for options in (
        {"kernel_size": 0},
        {"kernel_size": 2, "stride": 0},
        {"kernel_size": 2, "padding": 2},
        {"kernel_size": 2, "padding": -1},
        {"kernel_size": 9},
        {"kernel_size": (2, 2, 2)},
        {"kernel_size": 2, "dilation": 0},
        {"kernel_size": 2.5},
    ):
        check_error(F.max_pool2d, TF.max_pool2d, x, **options)
    check_error(F.max_pool2d, TF.max_pool2d, r(8, 7), 2)
    check_error(F.max_pool2d, TF.max_pool2d, r(2, 0, 8, 7), 2)
    check_error(F.avg_pool2d, TF.avg_pool2d, x, 2, divisor_override=0)
    check_error(F.adaptive_avg_pool2d, TF.adaptive_avg_pool2d, x, (2, 2, 2))
    check_error(F.adaptive_avg_pool2d, TF.adaptive_avg_pool2d, x, [2])
    check_error(F.adaptive_avg_pool2d, TF.adaptive_avg_pool2d, x, -1)
    check_error(F.adaptive_avg_pool2d, TF.adaptive_avg_pool2d, x, "2")


def test_padding():
    x = r(2, 3, 5, 6)
    for mode in ("constant", "reflect", "replicate", "circular"):
        check("pad", x, (1, 2, 3, 1), mode=mode)
        check("pad", r(3, 6), (1, 2), mode=mode)
        check("pad", x, (-1, 2, 3, -2), mode=mode)
        check("pad", r(2, 3, 4, 5, 6), (1, 1, 2, 2, 1, 0), mode=mode)
    check("pad", x, (1, 2), value=2.5)
    check("pad", x, (1, 0, 0, 1, 2, 2, 1, 1))
    check("pad", ints(4, 5), (1, 1), value=3)
    check("pad", r(0, 3), (1, 1, 1, 1))
    check("pad", torch.tensor([True]), (1, 1))
    for bad, mode in (((1,), "constant"), ((1,) * 10, "constant"), ((-9, 0), "constant"), ((1, 1), "mirror")):
        check_error(F.pad, TF.pad, x, bad, mode=mode)
    check_error(F.pad, TF.pad, x, (6, 0, 0, 0), mode="reflect")
    check_error(F.pad, TF.pad, x, (7, 0, 0, 0), mode="circular")
    check_error(F.pad, TF.pad, x, (1, 1), mode="reflect")
    check_error(F.pad, TF.pad, x, (1, 1, 1, 1), mode="reflect", value=1.0)


RESIZES = [
    {"size": 7},
    {"size": 3},
    {"scale_factor": 2},
    {"scale_factor": 1.7},
    {"scale_factor": 0.6},
    {"scale_factor": 2.5, "recompute_scale_factor": True},
]


@pytest.mark.parametrize("case", range(len(RESIZES)))
def test_interpolate(case):
    options = RESIZES[case]
    for mode in ("nearest", "nearest-exact", "area"):
        for shape in ((2, 3, 5), (2, 3, 5, 6), (1, 2, 3, 4, 5)):
            check("interpolate", r(*shape), mode=mode, **options)
    for mode, shape in (
        ("linear", (2, 3, 5)),
        ("bilinear", (2, 3, 5, 6)),
        ("bicubic", (2, 3, 5, 6)),
        ("trilinear", (1, 2, 3, 4, 5)),
    ):
        for align in (None, True):
            check("interpolate", r(*shape), mode=mode, align_corners=align, tol=1e-4, **options)


def test_interpolate_errors():
    x = r(2, 3, 5, 6)
    for options in (
        {},
        {"size": 3, "scale_factor": 2},
        {"size": (3, 3, 3)},
        {"size": 2.5},
        {"scale_factor": 2, "mode": "cubic"},
        {"scale_factor": 2, "mode": "linear"},
        {"scale_factor": 2, "align_corners": True},
        {"size": 3, "recompute_scale_factor": True},
        {"size": 0},
    ):
        check_error(F.interpolate, TF.interpolate, x, **options)


def test_space_and_channels():
    check("pixel_shuffle", r(2, 8, 3, 4), 2)
    check("pixel_shuffle", r(9, 3, 4), 3)
    check("pixel_unshuffle", r(2, 2, 4, 6), 2)
    check("channel_shuffle", r(2, 6, 3), 3)
    check_error(F.pixel_shuffle, TF.pixel_shuffle, r(2, 6, 3, 4), 2)
    check_error(F.pixel_shuffle, TF.pixel_shuffle, r(6, 3), 2)
    check_error(F.pixel_unshuffle, TF.pixel_unshuffle, r(2, 2, 3, 6), 2)
    check_error(F.channel_shuffle, TF.channel_shuffle, r(2, 6, 3), 4)
    check_error(F.channel_shuffle, TF.channel_shuffle, r(2, 6, 3), 0)
    check_error(F.channel_shuffle, TF.channel_shuffle, r(2, 6), 2)
    check_error(F.pixel_shuffle, TF.pixel_shuffle, r(4, 3, 3), 0)
    check_error(F.pixel_unshuffle, TF.pixel_unshuffle, r(4, 3, 3), 0)
    check_error(F.pixel_unshuffle, TF.pixel_unshuffle, r(4, 3), 2)
    check("interpolate", r(0, 3, 4), size=8)
    assert F.native_channel_shuffle(F.pixel_shuffle(lucid.ones(1, 4, 1, 1), 2), 1).shape == (1, 1, 2, 2)
    for options in ({"kernel_size": 2}, {"kernel_size": (2, 3), "dilation": 2, "padding": 1, "stride": (2, 1)}):
        check("unfold", r(2, 3, 7, 6), **options)
        blocks = TF.unfold(r(2, 3, 7, 6), **options).detach().requires_grad_()
        check("fold", blocks, (7, 6), **options)
        check("fold", blocks[0].detach().requires_grad_(), (7, 6), **options)
    check_error(F.unfold, TF.unfold, r(2, 3, 7, 6), 8)
    check_error(F.fold, TF.fold, r(2, 12, 7), (7, 6), 2)
    check_error(F.fold, TF.fold, r(2, 13, 30), (7, 6), 2)
    check_error(F.fold, TF.fold, r(12), (7, 6), 2)
    check_error(F.unfold, TF.unfold, r(2, 3, 7, 6), 2, stride=0)


# ---- normalisation, embedding ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_normalisation(dtype):
    tol = {torch.float16: 1e-2, torch.bfloat16: 1e-1}.get(dtype, 1e-4)
    check("layer_norm", r(4, 6, dtype=dtype), (6,), r(6, dtype=dtype), r(6, dtype=dtype), tol=tol)
    check("layer_norm", r(4, 5, 6, dtype=dtype), [5, 6], r(5, 6, dtype=dtype), r(5, 6, dtype=dtype), tol=tol)
    check("rms_norm", r(4, 5, 6, dtype=dtype), (5, 6), r(5, 6, dtype=dtype), tol=tol)
    check("group_norm", r(4, 6, 3, 2, dtype=dtype), 3, r(6, dtype=dtype), r(6, dtype=dtype), tol=tol)
    check("batch_norm", r(4, 3, 5, dtype=dtype), None, None, r(3, dtype=dtype), r(3, dtype=dtype), True, tol=tol)
    check("instance_norm", r(4, 3, 5, 6, dtype=dtype), None, None, r(3, dtype=dtype), r(3, dtype=dtype), tol=tol)


def test_normalisation_without_weights():
    check("layer_norm", r(4, 6), (6,), tol=1e-4)
    check("layer_norm", r(4, 6), (6,), r(6), eps=0.1)
    check("layer_norm", r(0, 6), (6,))
    check("rms_norm", r(4, 6), (6,), eps=0.1)
    check("group_norm", r(4, 6, 5), 2, eps=0.1)
    check("group_norm", r(0, 6, 5), 2)
    check("batch_norm", r(4, 3, 5), r(3, grad=False), p(3).detach(), r(3), r(3), False)
    check("batch_norm", r(4, 3), None, None, None, r(3), True, tol=1e-4)
    check("batch_norm", (r(4, 3) + 1000).detach().requires_grad_(), None, None, None, None, True, tol=2e-3)
    check("instance_norm", r(4, 3, 5), r(3, grad=False), p(3).detach(), None, None, False)
    check("local_response_norm", r(2, 6, 4, 4), 3)
    check("local_response_norm", r(2, 6, 4), 4, 0.1, 0.5, 2.0)
    for options in ({}, {"p": 1}, {"p": 3.0, "dim": 0}, {"dim": -1}, {"p": float("inf")}):
        check("normalize", r(4, 6), **options)
    check("normalize", torch.zeros(2, 3, requires_grad=True))


def test_normalisation_errors():
    x = r(4, 6)
    check_error(F.layer_norm, TF.layer_norm, x, (5,))
    check_error(F.layer_norm, TF.layer_norm, x, ())
    check_error(F.layer_norm, TF.layer_norm, x, 6)
    check_error(F.instance_norm, TF.instance_norm, r(2, 3, 4), weight=r(4))
    check_error(F.layer_norm, TF.layer_norm, x, (6,), r(5))
    check_error(F.layer_norm, TF.layer_norm, ints(4, 4, 6), (6,))
    check_error(F.rms_norm, TF.rms_norm, x, (5,))
    check_error(F.group_norm, TF.group_norm, x, 4)
    check_error(F.group_norm, TF.group_norm, x, 3, r(5))
    check_error(F.group_norm, TF.group_norm, r(6), 3)
    check_error(F.batch_norm, TF.batch_norm, r(1, 3), None, None, training=True)
    check_error(F.batch_norm, TF.batch_norm, x, None, None)
    check_error(F.batch_norm, TF.batch_norm, x, r(5, grad=False), p(5).detach())
    check_error(F.instance_norm, TF.instance_norm, r(2, 3, 1))
    check_error(F.local_response_norm, TF.local_response_norm, x, 2)


def test_running_statistics_move():
    def run(library: object, training: bool) -> list[object]:
        functional = F if library is not torch else TF
        x = library.arange(24).float().reshape(4, 3, 2).requires_grad_()
        mean, var = library.zeros(3), library.ones(3)
        for _ in range(2):
            functional.batch_norm(x * 2, mean, var, training=training, momentum=0.3).sum().backward()
            functional.instance_norm(x, mean, var, momentum=0.2)
        return [mean, var, x.grad]

    from tests.checks import check_program

    check_program(lambda library: run(library, True))
    check_program(lambda library: run(library, False))


def test_embedding():
    i = ints(7, 3, 4)
    check("embedding", i, r(7, 5))
    check("embedding", i, r(7, 5), padding_idx=2)
    check("embedding", i, r(7, 5), padding_idx=-1)
    check("embedding", i.int(), r(7, 5), scale_grad_by_freq=True)
    check("embedding", torch.tensor(3), r(7, 5, dtype=torch.float16))
    check("embedding", i[:0], r(7, 5))
    check_error(F.embedding, TF.embedding, torch.tensor([7]), r(7, 5))
    check_error(F.embedding, TF.embedding, torch.tensor([-1]), r(7, 5))
    check_error(F.embedding, TF.embedding, r(2), r(7, 5))
    check_error(F.embedding, TF.embedding, i, r(7))
    check_error(F.embedding, TF.embedding, i, r(7, 5), padding_idx=7)
    check("one_hot", i)
    check("one_hot", i, 9)
    check_error(F.one_hot, TF.one_hot, i, 3)
    check_error(F.one_hot, TF.one_hot, i - 7)
    check_error(F.one_hot, TF.one_hot, i.float())
    check_error(F.one_hot, TF.one_hot, i[:0])
    check_error(F.one_hot, TF.one_hot, i, 0)
    check("one_hot", i[:0], 4)
