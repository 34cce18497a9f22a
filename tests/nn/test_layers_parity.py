"""Every layer against PyTorch's: values in training and evaluation, gradients both ways, repr, state dict, copies."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_error
from tests.nn.layer_checks import check_layer

pytestmark = pytest.mark.parity


def x(*shape: int, seed: int = 1) -> torch.Tensor:
    """Normal numbers, rounded so that pooling meets ties but no activation meets its kink."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return ((values * 8).round() / 8 + 0.03).requires_grad_()


def ids(*shape: int, high: int = 5) -> torch.Tensor:
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(2))


IMAGE = (2, 4, 7, 6)
LAYERS = {
    "Identity": [((), {}, [x(2, 3)])],
    "Linear": [
        ((3, 4), {}, [x(3)]),
        ((3, 4), {"bias": False}, [x(2, 5, 3)]),
        ((3, 0), {}, [x(2, 3)]),
        ((3, 4), {"dtype": torch.float64}, [x(2, 3).double().detach().requires_grad_()]),
    ],
    "Bilinear": [((3, 4, 2), {}, [x(5, 3), x(5, 4, seed=2)]), ((3, 4, 2, False), {}, [x(3), x(4)])],
    "Flatten": [((), {}, [x(2, 3, 4)]), ((0, 1), {}, [x(2, 3, 4)])],
    "Unflatten": [((1, (2, 3)), {}, [x(2, 6)]), ((-1, (3, -1)), {}, [x(2, 6)])],
    "Embedding": [
        ((5, 3), {}, [ids(2, 4)]),
        ((5, 3), {"padding_idx": 1}, [ids(2, 4)]),
        ((5, 3), {"padding_idx": -1, "scale_grad_by_freq": True}, [ids(2, 4).int()]),
        ((5, 3), {"max_norm": 0.5}, [ids(2, 4)]),
        ((5, 3), {"max_norm": 0.5, "norm_type": 1.0}, [ids(2, 4)]),
        ((5, 3), {"_freeze": True}, [ids(0, 2)]),
    ],
    "LayerNorm": [
        ((6,), {}, [x(2, 3, 6)]),
        (((3, 6),), {"eps": 1e-3}, [x(2, 3, 6)]),
        ((6,), {"bias": False}, [x(2, 6)]),
        ((6,), {"elementwise_affine": False}, [x(2, 6)]),
    ],
    "RMSNorm": [((6,), {}, [x(2, 3, 6)]), (((3, 6), 1e-3, False), {}, [x(2, 3, 6)])],
    "GroupNorm": [
        ((2, 4), {}, [x(*IMAGE)]),
        ((4, 4), {"bias": False}, [x(2, 4, 5)]),
        ((1, 4), {"affine": False}, [x(2, 4, 3)]),
    ],
    "LocalResponseNorm": [((3,), {}, [x(*IMAGE)])],
    "BatchNorm1d": [
        ((4,), {}, [x(6, 4)]),
        ((4,), {"momentum": None}, [x(2, 4, 5)]),
        ((4,), {"affine": False, "track_running_stats": False}, [x(2, 4, 5)]),
    ],
    "BatchNorm2d": [((4,), {}, [x(*IMAGE)]), ((4,), {"bias": False, "momentum": 0.3, "eps": 1e-2}, [x(*IMAGE)])],
    "BatchNorm3d": [((3,), {}, [x(2, 3, 2, 3, 2)])],
    "Dropout": [((0.0,), {}, [x(2, 3)])],
    "Dropout1d": [((0.0,), {}, [x(2, 3, 4)])],
    "Dropout2d": [((0.0,), {}, [x(*IMAGE)])],
    "Dropout3d": [((0.0,), {}, [x(2, 3, 2, 2, 2)])],
    "AlphaDropout": [((0.0, False), {}, [x(2, 3)])],
    "FeatureAlphaDropout": [((0.0,), {}, [x(2, 3)])],
    "Conv1d": [
        ((4, 6, 3), {}, [x(2, 4, 9)]),
        ((4, 6, 3, 2, 1, 2, 2, False), {}, [x(4, 9)]),
        ((4, 6, 4), {"padding": "same", "dilation": 2}, [x(2, 4, 9)]),
    ],
    "Conv2d": [
        ((4, 6, 3), {}, [x(*IMAGE)]),
        ((4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}, [x(*IMAGE)]),
        ((4, 8, 3), {"groups": 4, "padding": 1}, [x(*IMAGE)]),
        ((4, 6, 3), {"groups": 2, "padding": "valid", "bias": False}, [x(4, 7, 6)]),
        ((4, 6, 3), {"padding": 2, "padding_mode": "reflect"}, [x(*IMAGE)]),
        ((4, 6, 3), {"padding": (2, 1), "padding_mode": "circular"}, [x(*IMAGE)]),
        ((4, 6, 3), {"padding": "same", "padding_mode": "replicate"}, [x(*IMAGE)]),
    ],
    "Conv3d": [((2, 3, 2), {"stride": 2, "padding": 1}, [x(2, 2, 3, 4, 3)])],
    "ConvTranspose1d": [((4, 3, 3), {"stride": 2, "output_padding": 1}, [x(2, 4, 5)])],
    "ConvTranspose2d": [
        ((4, 3, 3), {"stride": 2, "padding": 1}, [x(2, 4, 3, 4)]),
        ((4, 6, 2), {"groups": 2, "dilation": 2, "bias": False}, [x(4, 3, 4)]),
    ],
    "ConvTranspose3d": [((2, 3, 2), {}, [x(1, 2, 2, 3, 2)])],
    "MaxPool1d": [((2,), {}, [x(2, 3, 7)])],
    "MaxPool2d": [
        ((2,), {}, [x(*IMAGE)]),
        ((3, 2, 1), {"ceil_mode": True}, [x(*IMAGE)]),
        ((2, 1), {"dilation": 2, "return_indices": True}, [x(*IMAGE)]),
        (((3, 2),), {"stride": (2, 1)}, [x(4, 7, 6)]),
    ],
    "MaxPool3d": [((2,), {"stride": 1}, [x(1, 2, 3, 4, 3)])],
    "AvgPool1d": [((3,), {"stride": 2, "padding": 1}, [x(2, 3, 7)])],
    "AvgPool2d": [
        ((2,), {}, [x(*IMAGE)]),
        ((3, 2, 1, True, False), {}, [x(*IMAGE)]),
        ((3,), {"divisor_override": 5}, [x(4, 7, 6)]),
    ],
    "AvgPool3d": [((2,), {}, [x(1, 2, 3, 4, 3)])],
    "LPPool1d": [((2, 3), {}, [x(2, 3, 7)])],
    "LPPool2d": [((2, 2), {"stride": 1}, [x(*IMAGE)])],
    "LPPool3d": [((2, 2), {}, [x(1, 2, 3, 4, 3)])],
    "AdaptiveAvgPool1d": [((3,), {}, [x(2, 3, 7)])],
    "AdaptiveAvgPool2d": [((1,), {}, [x(*IMAGE)]), (((3, None),), {}, [x(*IMAGE)]), (((5, 4),), {}, [x(4, 7, 6)])],
    "AdaptiveAvgPool3d": [((2,), {}, [x(1, 2, 3, 4, 3)])],
    "AdaptiveMaxPool1d": [((3,), {}, [x(2, 3, 7)])],
    "AdaptiveMaxPool2d": [(((3, None),), {}, [x(*IMAGE)]), (((7, 2), True), {}, [x(*IMAGE)])],
    "AdaptiveMaxPool3d": [((2,), {}, [x(1, 2, 3, 4, 3)])],
    "PReLU": [((), {}, [x(2, 3)]), ((4, 0.1), {}, [x(*IMAGE)])],
    "GELU": [((), {}, [x(2, 3)]), (("tanh",), {}, [x(2, 3)])],
    "Hardtanh": [((), {}, [x(2, 3)]), ((-0.3, 0.4, True), {}, [x(2, 3).detach()])],
    "Threshold": [((0.1, 20.0), {}, [x(2, 3)])],
    "Softmax2d": [((), {}, [x(*IMAGE)])],
    "GLU": [((), {}, [x(2, 6)]), ((1,), {}, [x(*IMAGE)])],
    "InstanceNorm1d": [
        ((4,), {}, [x(2, 4, 5)]),
        ((4,), {"affine": True, "track_running_stats": True}, [x(2, 4, 5)]),
        ((4,), {"affine": True, "bias": False}, [x(4, 5)]),
    ],
    "InstanceNorm2d": [((4,), {"track_running_stats": True, "momentum": 0.3}, [x(*IMAGE)]), ((4,), {}, [x(4, 7, 6)])],
    "InstanceNorm3d": [((3,), {}, [x(2, 3, 2, 3, 2)])],
    "Upsample": [
        ((), {"scale_factor": 2}, [x(2, 3, 4)]),
        (((5, 9),), {"mode": "bilinear"}, [x(*IMAGE)]),
        ((), {"scale_factor": (1.5, 2), "mode": "bilinear", "align_corners": True}, [x(*IMAGE)]),
    ],
    "UpsamplingNearest2d": [((), {"scale_factor": 2}, [x(*IMAGE)])],
    "UpsamplingBilinear2d": [((9,), {}, [x(*IMAGE)])],
    "PixelShuffle": [((2,), {}, [x(2, 8, 3, 4)])],
    "PixelUnshuffle": [((2,), {}, [x(2, 2, 4, 6)])],
    "ChannelShuffle": [((2,), {}, [x(*IMAGE)])],
    "Unfold": [((2,), {"stride": 2}, [x(*IMAGE)])],
    "Fold": [(((4, 5), (2, 2)), {}, [x(2, 8, 12)])],
    "CosineSimilarity": [((), {}, [x(4, 3), x(4, 3, seed=2)])],
    "PairwiseDistance": [((1.0,), {"keepdim": True}, [x(4, 3), x(4, 3, seed=2)])],
    "Softplus": [((2.0, 1.0), {}, [x(4, 6)]), ((), {}, [x(4, 6)])],
}
for _name in ("ReLU", "ReLU6", "SiLU", "Mish", "SELU", "Hardswish", "Hardsigmoid", "LeakyReLU", "ELU", "CELU", "RReLU"):
    LAYERS[_name] = [((), {}, [x(5, 6) if _name != "RReLU" else x(5, 6).abs().detach()])]
    LAYERS[_name].append(((), {"inplace": True}, [x(5, 6).detach().abs()]))
for _name in ("Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink", "Hardshrink", "Softshrink"):
    LAYERS[_name] = [((), {}, [x(5, 6)])]
for _name in ("Softmax", "Softmin", "LogSoftmax"):
    LAYERS[_name] = [((dim,), {}, [x(4, 5)]) for dim in (0, -1, None)]

for _n, _shape in ((1, (2, 3, 6)), (2, (2, 3, 5, 6)), (3, (1, 2, 4, 5, 6))):
    for _name in ("Circular", "Reflection", "Replication", "Zero"):
        LAYERS[f"{_name}Pad{_n}d"] = [((1,), {}, [x(*_shape)]), ((tuple(range(2 * _n)[:2]) * _n,), {}, [x(*_shape)])]
    LAYERS[f"ConstantPad{_n}d"] = [((2, 3.5), {}, [x(*_shape)])]

TARGETS = ids(4, high=3)
CLASSES, PROBABILITIES = x(4, 3), torch.softmax(x(4, 3, seed=3), 1).detach()
SIGNS = torch.tensor([1.0, -1.0, 1.0, -1.0])
LOSSES = {
    "L1Loss": [((), {}, [x(4, 3), x(4, 3, seed=2)])],
    "MSELoss": [((), {}, [x(4, 3), x(4, 3, seed=2)])],
    "SmoothL1Loss": [((), {"beta": 0.3}, [x(4, 3), x(4, 3, seed=2)])],
    "HuberLoss": [((), {"delta": 0.3}, [x(4, 3), x(4, 3, seed=2)])],
    "CrossEntropyLoss": [
        ((), {}, [CLASSES, TARGETS]),
        ((torch.tensor([0.2, 1.0, 3.0]),), {"ignore_index": 1, "label_smoothing": 0.1}, [CLASSES, TARGETS]),
        ((), {"label_smoothing": 0.1}, [CLASSES, PROBABILITIES]),
        ((), {}, [x(2, 3, 4), ids(2, 4, high=3)]),
    ],
    "NLLLoss": [((torch.tensor([0.2, 1.0, 3.0]),), {"ignore_index": 0}, [CLASSES, TARGETS])],
    "BCELoss": [((), {}, [PROBABILITIES.clone().requires_grad_(), PROBABILITIES.flip(0)])],
    "BCEWithLogitsLoss": [
        ((), {}, [CLASSES, PROBABILITIES]),
        ((torch.tensor([1.0, 2.0, 0.5]),), {"pos_weight": torch.tensor([3.0, 1.0, 0.2])}, [CLASSES, PROBABILITIES]),
    ],
    "KLDivLoss": [((), {}, [CLASSES, PROBABILITIES]), ((), {"log_target": True}, [CLASSES, x(4, 3, seed=4)])],
    "PoissonNLLLoss": [((), {"full": True}, [CLASSES, TARGETS[:, None].expand(4, 3).float()])],
    "GaussianNLLLoss": [((), {"full": True}, [CLASSES, x(4, 3, seed=2), PROBABILITIES])],
    "MarginRankingLoss": [((0.1,), {}, [x(4), x(4, seed=2), SIGNS])],
    "CosineEmbeddingLoss": [((0.1,), {}, [x(4, 3), x(4, 3, seed=2), SIGNS])],
    "HingeEmbeddingLoss": [((), {}, [x(4), SIGNS])],
    "SoftMarginLoss": [((), {}, [x(4), SIGNS])],
    "MultiLabelMarginLoss": [((), {}, [x(2, 4), torch.tensor([[3, 0, -1, 1], [1, 2, 3, 0]])])],
    "MultiLabelSoftMarginLoss": [((torch.tensor([1.0, 2.0, 0.5]),), {}, [CLASSES, PROBABILITIES.round()])],
    "MultiMarginLoss": [((2, 0.5), {}, [CLASSES, TARGETS])],
    "TripletMarginLoss": [((), {"swap": True}, [x(4, 3), x(4, 3, seed=2), x(4, 3, seed=3)])],
    "TripletMarginWithDistanceLoss": [((), {}, [x(4, 3), x(4, 3, seed=2), x(4, 3, seed=3)])],
}
CASES = [(name, k) for name, cases in LAYERS.items() for k in range(len(cases))]
LOSS_CASES = [
    (name, k, r) for name, cases in LOSSES.items() for k in range(len(cases)) for r in ("mean", "sum", "none")
]


@pytest.mark.parametrize(("name", "k"), CASES)
def test_layer_is_pytorchs(name, k):
    args, kwargs, inputs = LAYERS[name][k]
    tol = 1e-4 if "Norm" in name or "Conv" in name else 3e-5
    check_layer(name, args, kwargs, inputs, tol)


@pytest.mark.parametrize(("name", "k", "reduction"), LOSS_CASES)
def test_loss_is_pytorchs(name, k, reduction):
    args, kwargs, inputs = LOSSES[name][k]
    check_layer(name, args, {**kwargs, "reduction": reduction}, inputs)


A, B, C = x(5, 2, 8), x(7, 2, 8, seed=2), x(7, 2, 8, seed=3)
CAUSAL = torch.triu(torch.ones(5, 7, dtype=torch.bool), 1)
PADDING = torch.tensor([[False] * 5 + [True] * 2, [False] * 7])
ATTENTION = [
    ({}, [A, B, B], {}),
    ({}, [A, A, A], {"need_weights": False}),
    ({}, [A, B, C], {"average_attn_weights": False, "attn_mask": CAUSAL}),
    ({"bias": False, "kdim": 6, "vdim": 3}, [A, x(7, 2, 6), x(7, 2, 3)], {"key_padding_mask": PADDING}),
    ({"add_bias_kv": True, "add_zero_attn": True}, [A, B, C], {"attn_mask": CAUSAL, "key_padding_mask": PADDING}),
    ({"batch_first": True}, [x(2, 5, 8), x(2, 7, 8, seed=2), x(2, 7, 8, seed=2)], {"key_padding_mask": PADDING}),
    (
        {},
        [x(5, 8), x(7, 8), x(7, 8)],
        {"attn_mask": torch.zeros(5, 7).masked_fill(CAUSAL, -2.0), "need_weights": False},
    ),
    ({}, [A, A, A], {"attn_mask": CAUSAL[:, :5], "is_causal": True, "need_weights": False}),
    ({}, [A, B, B], {"attn_mask": torch.randn(4, 5, 7, generator=torch.Generator().manual_seed(5))}),
]


@pytest.mark.parametrize("case", range(len(ATTENTION)))
def test_multihead_attention_is_pytorchs(case):
    made, inputs, options = ATTENTION[case]
    order = ("key_padding_mask", "need_weights", "attn_mask", "average_attn_weights", "is_causal")
    defaults = {"key_padding_mask": None, "need_weights": True, "attn_mask": None, "average_attn_weights": True}
    values = {**defaults, "is_causal": False, **options}
    check_layer("MultiheadAttention", (8, 2), made, [*inputs, *[values[name] for name in order]], 1e-4)


BAD_LAYERS = [
    ("Conv2d", (4, 6, 3), {"groups": 3}),
    ("Conv2d", (4, 6, 3), {"groups": 0}),
    ("Conv2d", (4, 6, 3), {"padding": "full"}),
    ("Conv2d", (4, 6, 3), {"padding": "same", "stride": 2}),
    ("Conv2d", (4, 6, 3), {"padding_mode": "mirror"}),
    ("ConvTranspose2d", (4, 6, 3), {"padding_mode": "reflect"}),
    ("GroupNorm", (3, 4), {}),
    ("Dropout", (1.5,), {}),
    ("Embedding", (5, 3), {"padding_idx": 5}),
    ("Embedding", (5, 3), {"_weight": torch.zeros(2, 3)}),
    ("MultiheadAttention", (8, 3), {}),
    ("MultiheadAttention", (0, 3), {}),
    ("Bilinear", (0, 3, 4), {}),
    ("Hardtanh", (1.0, -1.0), {}),
    ("Unflatten", (1, 6), {}),
    ("Unflatten", (1, (2, 3.0)), {}),
    ("MultiMarginLoss", (3,), {}),
    ("TripletMarginLoss", (-1.0,), {}),
]


def test_attention_with_given_keys_and_its_errors():
    import lucid.nn.functional as F
    from tests.checks import check_op

    theirs = torch.nn.functional.multi_head_attention_forward
    generator = torch.Generator().manual_seed(6)
    w, b = torch.randn(24, 8, generator=generator), torch.randn(24, generator=generator)
    rest = (None, None, False, 0.0, torch.randn(8, 8, generator=generator), None)
    keys = [torch.randn(4, 3, 4, generator=generator) for _ in range(2)]
    arguments = (A, x(5, 2, 8, seed=4), x(5, 2, 8, seed=5), 8, 2, w, b, *rest)
    check_op(F.multi_head_attention_forward, theirs, *arguments, static_k=keys[0], static_v=keys[1], tol=1e-4)
    for options in (
        {"is_causal": True},
        {"static_k": keys[0][:3]},
        {"static_v": keys[0][..., :3]},
        {"use_separate_proj_weight": True},
        {"key_padding_mask": torch.zeros(2, 9, dtype=torch.bool)},
        {"key_padding_mask": torch.zeros(2, dtype=torch.bool)},
        {"attn_mask": torch.zeros(5, 9)},
        {"attn_mask": torch.zeros(3, 5, 5)},
        {"attn_mask": torch.zeros(5)},
        {"attn_mask": torch.zeros(5, 5, dtype=torch.int64)},
    ):
        check_error(F.multi_head_attention_forward, theirs, A, A, A, 8, 2, w, b, *rest, **options)
    check_error(F.multi_head_attention_forward, theirs, A, B, B[:5], 8, 2, w, b, *rest)
    check_error(F.multi_head_attention_forward, theirs, A, A, A, 8, 3, w, b, *rest)
    check_error(F.multi_head_attention_forward, theirs, A[0, 0], A, A, 8, 2, w, b, *rest)
    flat = A[:, 0]
    check_error(
        F.multi_head_attention_forward, theirs, flat, flat, flat, 8, 2, w, b, *rest, attn_mask=torch.zeros(3, 5, 5)
    )


@pytest.mark.parametrize("case", range(len(BAD_LAYERS)))
def test_bad_arguments_are_refused_alike(case):
    from lucid import nn

    name, args, kwargs = BAD_LAYERS[case]
    check_error(getattr(nn, name), getattr(torch.nn, name), *args, **kwargs)


BAD_INPUTS = [
    ("Linear", (3, 4), [x(2, 4)]),
    ("Linear", (3, 4), [x(2, 3).double()]),
    ("Linear", (3, 4), [ids(2, 3)]),
    ("Conv2d", (4, 6, 3), [x(2, 3, 7, 6)]),
    ("Conv2d", (4, 6, 3), [x(2, 4, 2, 6)]),
    ("Conv2d", (4, 6, 3), [x(4, 6)]),
    ("Conv2d", (4, 6, 3), [x(*IMAGE).double()]),
    ("BatchNorm1d", (4,), [x(*IMAGE)]),
    ("BatchNorm2d", (4,), [x(2, 4)]),
    ("BatchNorm2d", (3,), [x(*IMAGE)]),
    ("BatchNorm1d", (4,), [x(1, 4)]),
    ("LayerNorm", (5,), [x(2, 4)]),
    ("GroupNorm", (2, 4), [x(2, 6, 3)]),
    ("MaxPool2d", (3,), [x(2, 4, 2, 6)]),
    ("MaxPool2d", (2, 2, 2), [x(*IMAGE)]),
    ("MaxPool2d", (2,), [x(4, 6)]),
    ("AvgPool2d", (3, 0), [x(*IMAGE)]),
    ("Embedding", (5, 3), [x(2)]),
    ("Embedding", (5, 3), [torch.tensor([5])]),
    ("Embedding", (5, 3), [torch.tensor([-1])]),
    ("GLU", (), [x(2, 5)]),
    ("Softmax", (2,), [x(2, 5)]),
    ("Softmax", (1,), [ids(2, 5)]),
    ("GELU", (), [ids(2, 5)]),
    ("PReLU", (3,), [x(2, 5)]),
    ("CrossEntropyLoss", (), [x(4, 3), torch.tensor([0, 1, 2, 3])]),
    ("CrossEntropyLoss", (), [x(4, 3), torch.tensor([0, 1, 2])]),
    ("CrossEntropyLoss", (), [x(4, 3), x(4)]),
    ("NLLLoss", (), [x(4, 3), torch.tensor([0, -1, 2, 1])]),
    ("BCEWithLogitsLoss", (), [x(4, 3), x(4)]),
    ("MultiheadAttention", (8, 2), [A, x(2, 8), x(2, 8)]),
    ("MultiheadAttention", (8, 2), [x(5, 2, 6), x(5, 2, 6), x(5, 2, 6)]),
    ("Flatten", (3,), [x(2, 3)]),
    ("InstanceNorm1d", (4,), [x(*IMAGE)]),
    ("InstanceNorm2d", (4,), [x(2, 4)]),
    ("InstanceNorm3d", (4,), [x(2, 4)]),
    ("InstanceNorm2d", (3, 1e-5, 0.1, True), [x(*IMAGE)]),
    ("BatchNorm3d", (4,), [x(2, 4)]),
    ("Softmax2d", (), [x(2, 4)]),
    ("ReflectionPad2d", (9,), [x(*IMAGE)]),
    ("PixelShuffle", (3,), [x(*IMAGE)]),
    ("Unflatten", (1, (2, 2)), [x(2, 6)]),
]


@pytest.mark.parametrize("case", range(len(BAD_INPUTS)))
def test_bad_inputs_are_refused_alike(case):
    from lucid import nn

    name, args, inputs = BAD_INPUTS[case]
    check_error(lambda *a: getattr(nn, name)(*args)(*a), lambda *a: getattr(torch.nn, name)(*args)(*a), *inputs)
