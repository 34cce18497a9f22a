"""The functions of layers at the top level, with the signatures of PyTorch's operations."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import check_both, check_error, check_op, check_program

pytestmark = pytest.mark.parity

HALF = {torch.float16: 1e-2, torch.bfloat16: 6e-2}
FLOATS = (torch.float32, torch.float64, *HALF)


def r(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)), dtype=torch.float64)
    return made.to(dtype).requires_grad_()


def both(name: str, *args: object, **kwargs: object) -> None:
    check_both(getattr(lucid, name), getattr(torch, name), *args, **kwargs)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normalisations(dtype):
    x, w, b = r(2, 4, 3, dtype=dtype), r(4, dtype=dtype), r(4, dtype=dtype, seed=1)
    mean, var, close = torch.zeros(4, dtype=dtype), torch.full((4,), 1.5, dtype=dtype), {"tol": HALF.get(dtype)}
    for training in (True, False):
        for scales in ((w, b), (None, None)):
            both("batch_norm", x, *scales, mean, var, training, 0.1, 1e-5, True, **close)
            both("native_batch_norm", x, *scales, mean, var, training, 0.1, 1e-5, **close)
            both("instance_norm", x, *scales, mean, var, training, 0.1, 1e-5, True, **close)
    both("batch_norm", x, w, b, None, None, True, 0.1, 1e-5, True, **close)
    both("batch_norm", x[:1, :, :1], w, b, mean, var, True, 0.1, 1e-5, True, **close)
    both("native_batch_norm", x, w, b, None, None, True, 0.1, 1e-5, **close)
    both("group_norm", x, 2, w, b, 1e-5, False, **close)
    both("layer_norm", x, (3,), w[:3], b[:3], 1e-5, False, **close)
    both("rms_norm", x, (3,), w[:3], **close)
    both("native_layer_norm", x, (3,), w[:3], b[:3], 1e-5, **close)
    both("native_layer_norm", x, (4, 3), None, None, 1e-5, **close)
    both("native_layer_norm", x[:0], (3,), None, None, 1e-5, **close)
    both("native_group_norm", x, w, b, 2, 4, 3, 2, 1e-5, **close)
    both("native_group_norm", x[:0], None, None, 0, 4, 3, 2, 1e-5, **close)
    both("native_group_norm", x.reshape(2, 12), None, None, 2, 4, 3, 4, 1e-5, **close)
    both("native_group_norm", x, None, None, 2, 4, 2, 2, 1e-5, **close)
    for dim in (0, 1, 2, -1, -2, -3, 3):
        for p in (1, 2):
            both("norm_except_dim", x, p, dim, **close)
    both("norm_except_dim", w, **close)


def test_running_statistics():
    def program(lib):
        x, mean, var = lib.arange(24.0).reshape(2, 4, 3), lib.zeros(4), lib.ones(4)
        lib.batch_norm(x, None, None, mean, var, True, 0.3, 1e-5, False)
        lib.native_batch_norm(x * 2, None, None, mean, var, True, 0.3, 1e-5)
        lib.instance_norm(x, None, None, mean, var, True, 0.3, 1e-5, False)
        return mean, var

    check_program(program, tol=1e-4)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_losses(dtype, reduction):
    x, close = r(2, 4, 3, dtype=dtype), {"tol": HALF.get(dtype)}
    y = torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(dtype)
    sign = torch.where(y > 0.5, 1, -1).to(dtype)
    both("binary_cross_entropy_with_logits", x, y, None, None, reduction, **close)
    both("binary_cross_entropy_with_logits", x, y, y, y, reduction, **close)
    both("hinge_embedding_loss", x, sign, 0.5, reduction, **close)
    both("kl_div", x, y, reduction, **close)
    both("kl_div", x, y, reduction, log_target=True, **close)
    both("margin_ranking_loss", x, y, sign, 0.1, reduction, **close)
    both("poisson_nll_loss", x, y, True, False, 1e-8, reduction, **close)
    both("triplet_margin_loss", x, y, sign, 1.0, 2.0, 1e-6, True, reduction, **close)
    both("cosine_embedding_loss", x[0], y[0], sign[0, :, 0], 0.1, reduction, **close)


def test_a_reduction_is_a_number():
    for reduction in (5, "mean", -1):
        with pytest.raises(ValueError, match=r"functional\.kl_div"):
            lucid.kl_div(lucid.ones(2), lucid.ones(2), reduction)


@pytest.mark.parametrize("dtype", FLOATS)
def test_layers_in_another_order(dtype):
    x, w, close = r(2, 4, 3, dtype=dtype), r(4, dtype=dtype), {"tol": HALF.get(dtype)}
    table = r(5, 2, dtype=dtype)
    for pad, value in (((1, 2), 0), ((1, 2), 3.5), ((1, -2, 0, 1), 2), ((1, 2, 3), 0)):
        both("constant_pad_nd", x, pad, value, **close)
    for ids, padding, freq in (([1, 2], -1, False), ([1, 2], -7, False), ([1, 2, 2], 2, True), ([1, 2], 7, False)):
        both("embedding", table, torch.tensor(ids), padding, freq, **close)
    both("adaptive_max_pool1d", x, 2)
    both("threshold", x, threshold=0.1, value=3)
    both("hardshrink", x, lambd=0.1)
    both("prelu", x, w, **close)
    both("rrelu", x, 0.1, 0.3, False, **close)
    images, kernels = r(1, 4, 5, 5, dtype=dtype), r(4, 4, 3, 3, dtype=dtype)
    rough = {"tol": {torch.float16: 2e-2, torch.bfloat16: 0.2}.get(dtype)}
    both("convolution", images, kernels, w, [1], [0], [1], False, [0], 1, **rough)
    both("convolution", images, kernels, w, [2, 1], [1, 0], [1, 1], True, [1, 0], 1, **rough)
    both("convolution", images[:, :, 0], kernels[:, :, 0], None, [1], [0], [1], False, [0], 1, **rough)
    both("convolution", images[0], kernels, w, [1], [0], [1], False, [0], 1)
    check_op(lambda t, s: t.prelu(s), lambda t, s: t.prelu(s), x, w, **close)
    check_op(lambda t: t.hardshrink(0.1), lambda t: t.hardshrink(0.1), x)


def test_dropout():
    x = r(2, 4, 3)
    for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"):
        both(name, x, 0.0, True)
        both(name, x, 0.5, False)
        both(name, x, 1.5, True)
        both(name, x, -0.5, True)
        both(name, x, p=0.5, train=False)
        op = getattr(lucid, name)
        assert op(lucid.ones(2, 4, 3), 0.5, True).shape == (2, 4, 3)
        y = lucid.ones(2, 4, 3)
        assert getattr(lucid, name + "_")(y, 0.5, True) is y
    both("dropout", x, 1.0, True)
    both("feature_dropout", r(3), 0.5, True)
    both("feature_dropout", r(3), 0.5, False)
    both("feature_alpha_dropout", r(3), 0.5, True)
    check_error(lucid.dropout, torch.dropout, x, 0.5)
    for p, train in ((1.0, True), (0.5, False), (0.0, True)):
        both("native_dropout", x, p, train)
    out, mask = lucid.native_dropout(lucid.ones(1000), 0.25, True)
    assert mask.dtype is lucid.bool
    assert 600 < mask.sum().item() < 900
    assert lucid.equal(out, mask * (1 / 0.75))


def test_in_place():
    def program(lib):
        x = lib.arange(-3.0, 3.0)
        found = [
            lib.selu_(x.clone()),
            lib.celu_(x.clone(), 2.0),
            lib.rrelu_(x.clone()),
            lib.threshold_(x.clone(), 1, 2),
        ]
        table = lib.arange(10.0).reshape(5, 2)
        same = lib.embedding_renorm_(table, lib.tensor([1, 3, 3]), 2.0, 2.0) is table
        return (*found, table, lib.relu_(x), same)

    check_program(program)
    check_error(lucid.embedding_renorm_, torch.embedding_renorm_, torch.ones(2, 2), torch.tensor([5]), 1.0, 2.0)


def test_slopes_from_a_generator():
    x = -lucid.ones(100)
    a = lucid.rrelu(x, 0.1, 0.3, True, lucid.Generator().manual_seed(3))
    b = lucid.rrelu(x, 0.1, 0.3, True, lucid.Generator().manual_seed(3))
    assert lucid.equal(a, b)
    assert (a <= -0.1).all()
    assert (a >= -0.3).all()


def test_other_products():
    for dtype in FLOATS:
        close = {"tol": HALF.get(dtype)}
        for pad in (0, 1, 3):
            both("conv_tbc", r(7, 2, 3, dtype=dtype), r(3, 3, 5, dtype=dtype), r(5, dtype=dtype), pad, tol=0.1)
        if dtype is torch.float64:
            continue
        offs = torch.tensor([4, 8], dtype=torch.int32)
        for a, b, ends in (
            ((8, 16), (2, 16, 16), offs),
            ((8, 16), (2, 16, 16), None),
            ((2, 8, 16), (2, 16, 16), None),
            ((2, 8, 16), (16, 8), offs),
            ((8, 8), (8, 16), offs),
            ((2, 8, 16), (3, 16, 16), None),
            ((8, 16), (2, 8, 16), offs),
            ((8, 16), (2, 16, 16), offs.long()),
        ):
            a, b = r(*a, dtype=dtype), r(*b, dtype=dtype)
            check_both(F.grouped_mm, TF.grouped_mm, a, b, offs=ends, **close)
    for wrong in ((r(7, 2), r(3, 3, 5), r(5)), (r(7, 2, 3), r(3, 4, 5), r(5)), (r(7, 2, 3), r(3, 3, 5), r(4))):
        both("conv_tbc", *wrong)


def test_linear_cross_entropy():
    classes = torch.randint(0, 5, (4,), generator=torch.Generator().manual_seed(1))
    for options in (
        {},
        {"reduction": "sum"},
        {"reduction": "none"},
        {"ignore_index": 1},
        {"label_smoothing": 0.1},
        {"weight": torch.rand(5)},
    ):
        for a in (
            (r(4, 3), r(5, 3), classes),
            (r(4, 3), r(5, 2, 3), classes[:, None].expand(4, 2).contiguous()),
            (r(3), r(5, 3), classes[0]),
            (r(4, 3), r(5, 3), torch.full((4, 5), 0.2)),
            (r(3), r(5, 2, 3), classes[0]),
            (r(4, 3), r(5, 4), classes),
        ):
            check_both(F.linear_cross_entropy, TF.linear_cross_entropy, *a, **options)
    check_op(F.linear_cross_entropy, TF.linear_cross_entropy, r(4, 3), r(5, 3), classes, linear_bias=r(5))
    with pytest.raises(TypeError, match="options"):
        F.linear_cross_entropy(lucid.ones(1, 2), lucid.ones(2, 2), lucid.tensor([0]), options=3)
