"""Arguments for what PyTorch's own database of modules leaves out: classes that it lacks, and options of those it has.

An entry looks like one of the database's, so that `module_database` runs it in the same way.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.testing._internal.common_modules import FunctionInput, ModuleInput


class Case:
    """Arguments of a constructor; `on` adds those of a call."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.constructor = FunctionInput(*args, **kwargs)

    def on(self, *args: Any, **kwargs: Any) -> Any:
        return ModuleInput(constructor_input=self.constructor, forward_input=FunctionInput(*args, **kwargs))


class Draw:
    """Makes the tensors of the cases."""

    def __init__(self, dtype: torch.dtype, requires_grad: bool) -> None:
        self.dtype, self.requires_grad = dtype, requires_grad

    def __call__(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=self.dtype).requires_grad_(self.requires_grad)

    def positive(self, *shape: int) -> torch.Tensor:
        return (torch.rand(shape, dtype=self.dtype) + 0.1).requires_grad_(self.requires_grad)

    def below(self, high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape)


Cases = Callable[[Draw], list[Any]]
C = Case


def _dropout(*shapes: tuple[int, ...]) -> Cases:
    def cases(x: Draw) -> list[Any]:
        found = [C(p).on(x(*shape)) for shape in shapes for p in (0.0, 0.5, 1.0)]
        return [*found, C().on(x(*shapes[0])), C(p=0.3, inplace=True).on(x(*shapes[-1]))]

    return cases


def _unpooled(n: int) -> Cases:
    def cases(x: Draw) -> list[Any]:
        found = []
        pool = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[n - 1]
        for lead in ((2, 3), (3,)):
            for kernel, stride, padding in ((2, None, 0), (3, 2, 1), ((2,) * n, (2,) * n, (0,) * n)):
                values, where = pool(kernel, stride, padding, return_indices=True)(torch.randn(*lead, *[6] * n))
                values = values.detach().to(x.dtype).requires_grad_(x.requires_grad)
                if not padding or padding != 1:  # else it is one too small for where the values are
                    found.append(C(kernel, stride, padding).on(values, where))
                found.append(C(kernel, stride=stride, padding=padding).on(values, where, output_size=[6] * n))
        return found

    return cases


def _lazy_norm(n: int) -> Cases:
    def cases(x: Draw) -> list[Any]:
        sizes = (2, 5, 4, 4, 4)[: n + 2]
        options: list[dict[str, Any]] = [{}, {"eps": 1e-3, "momentum": None}, {"affine": False}]
        options += [{"affine": True, "track_running_stats": True}, {"track_running_stats": False}]
        return [C(**o).on(x(*sizes)) for o in options]

    return cases


def _embedding_bags(x: Draw) -> list[Any]:
    found = []
    for mode in ("sum", "mean", "max"):
        for kwargs in ({}, {"padding_idx": 2}, {"max_norm": 0.5}):  # (scale_grad_by_freq is wrong in PyTorch 2.13)
            found.append(C(8, 3, mode=mode, **kwargs).on(x.below(8, 4, 5)))
            flat, offsets = x.below(8, 9), torch.tensor([0, 3, 3, 7])
            found.append(C(8, 3, mode=mode, **kwargs).on(flat, offsets))
        ends = torch.tensor([0, 2, 9])
        found.append(C(8, 3, mode=mode, include_last_offset=True).on(x.below(8, 9), ends))
    weights = x.positive(4, 5)
    return [*found, C(8, 3, mode="sum").on(x.below(8, 4, 5), per_sample_weights=weights)]


def _convolutions(n: int, *, transposed: bool) -> Cases:
    def cases(x: Draw) -> list[Any]:
        size = (7, 6, 5)[:n]
        options: list[dict[str, Any]] = [
            {}, {"bias": False}, {"stride": 2}, {"stride": (2, 1, 2)[:n], "padding": (1, 0, 1)[:n]}, {"groups": 2},
            {"dilation": 2, "padding": 2}, {"groups": 4, "padding": 1}, {"kernel_size": 1},
            {"kernel_size": (3, 2, 1)[:n]},
        ]  # fmt: skip
        if transposed:
            options += [
                {"stride": 2, "output_padding": 1},
                {"stride": 3, "padding": 1, "output_padding": (2, 1, 0)[:n]},
            ]
        else:
            options += [{"padding": p, "dilation": d} for p in ("same", "valid") for d in (1, 2)]
            options += [{"padding": 1, "padding_mode": m} for m in ("zeros", "reflect", "replicate", "circular")]
            options += [{"padding": "same", "padding_mode": "circular", "kernel_size": 2}]
        found = []
        for o in options:
            kwargs = {"kernel_size": 2, **o}
            found.append(C(4, 8, **kwargs).on(x(2, 4, *size)))
            found.append(C(4, 4, **kwargs).on(x(4, *size)))
        if transposed:
            found.append(C(4, 2, 3, stride=2).on(x(2, 4, *size), output_size=[2 * s + 2 for s in size]))
            found.append(C(4, 2, 3, 2, 1).on(x(2, 4, *size), [2, 2, *[2 * s for s in size]]))
        return found

    return cases


def _upsampled(x: Draw) -> list[Any]:
    found = []
    for n, modes in (
        (1, ("nearest", "linear")),
        (2, ("nearest", "bilinear", "bicubic")),
        (3, ("nearest", "trilinear")),
    ):
        for mode in modes:
            aligned: list[dict[str, Any]] = [{}, {"align_corners": False}, {"align_corners": True}]
            for o in [{}] if mode == "nearest" else aligned:
                found.append(C(scale_factor=2, mode=mode, **o).on(x(2, 3, *[4] * n)))
                found.append(C(size=(5, 3, 6)[:n], mode=mode, **o).on(x(2, 3, *[4] * n)))
        exact = {"scale_factor": 1.5, "recompute_scale_factor": True, "mode": "nearest-exact"}
        found.append(C(**exact).on(x(2, 3, *[4] * n)))
    return found


def _triplets(x: Draw) -> list[Any]:
    options: list[dict[str, Any]] = [{}, {"margin": 0.3, "p": 1.0}, {"swap": True, "eps": 1e-3}, {"reduction": "none"}]
    options += [{"reduction": "sum"}]
    return [C(**o).on(x(5, 4), x(5, 4), x(5, 4)) for o in options]


def _triplets_by(x: Draw) -> list[Any]:
    options: list[dict[str, Any]] = [{}, {"margin": 0.3}, {"swap": True}, {"reduction": "none"}, {"reduction": "sum"}]
    return [C(**o).on(x(5, 4), x(5, 4), x(5, 4)) for o in options] + [
        C(distance_function=nn.functional.pairwise_distance).on(x(5, 4), x(5, 4), x(5, 4))
    ]


def _decoders(x: Draw) -> list[Any]:
    found = []
    for first in (False, True):
        for norm in (None, nn.LayerNorm(16)):
            layer = nn.TransformerDecoderLayer(16, 2, 16, 0.0, batch_first=first)
            found.append(C(layer, 2, norm).on(x(3, 3, 16), x(3, 3, 16)))
            mask = torch.full((3, 3), float("-inf"), dtype=x.dtype).triu(1)
            padding = torch.tensor([[False, False, True]] * 3)
            found.append(C(layer, 2, norm).on(x(3, 3, 16), x(3, 3, 16), mask, memory_key_padding_mask=padding))
    return found


SHAPES = ((), (3,), (2, 3, 4))

MORE: dict[str, Cases] = {
    "AdaptiveLogSoftmaxWithLoss": lambda x: [
        C(6, 12, [4, 8]).on(x(7, 6), x.below(12, 7)),
        C(6, 12, [2, 3, 7], div_value=2.0, head_bias=True).on(x(7, 6), x.below(12, 7)),
        C(6, 12, [5]).on(x(6), torch.tensor(9)),
    ],
    "AlphaDropout": _dropout(*SHAPES),
    "ChannelShuffle": lambda x: [C(2).on(x(2, 4, 3, 3)), C(groups=3).on(x(1, 6, 2))],
    "CosineSimilarity": lambda x: [
        C().on(x(4, 5), x(4, 5)), C(dim=-1, eps=1e-3).on(x(4, 5), x(4, 5)), C(0).on(x(4, 1), x(4, 5)),
    ],
    "CrossMapLRN2d": lambda x: [C(3).on(x(2, 5, 3, 3)), C(2, alpha=0.1, beta=0.5, k=2).on(x(2, 5, 3, 3))],
    "DataParallel": lambda x: [C(nn.Linear(3, 2)).on(x(4, 3)), C(nn.Linear(3, 2), dim=1).on(x(4, 3))],
    "Dropout": _dropout(*SHAPES),
    "Dropout1d": _dropout((2, 3, 4), (3, 4)),
    "Dropout2d": _dropout((2, 3, 4, 4)),
    "Dropout3d": _dropout((2, 3, 2, 2, 2), (3, 2, 2, 2)),
    "EmbeddingBag": _embedding_bags,
    "FeatureAlphaDropout": _dropout((2, 3, 4), (2, 3, 4, 4)),
    "Flatten": lambda x: [C().on(x(2, 3, 4)), C(0, -2).on(x(2, 3, 4)), C(start_dim=2, end_dim=2).on(x(2, 3, 4))],
    "Fold": lambda x: [
        C((4, 5), (2, 2)).on(x(2, 12, 12)), C((4, 5), 2, padding=1, stride=2).on(x(2, 12, 9)),
        C(output_size=(4, 5), kernel_size=(2, 3), dilation=(2, 1)).on(x(12, 6)),
    ],
    "Hardsigmoid": lambda x: [C().on(x(*shape)) for shape in SHAPES] + [C(inplace=True).on(x(4, 5))],
    "Identity": lambda x: [C().on(x(2, 3)), C(54, unused=0.1).on(x(2))],
    "LazyBatchNorm1d": _lazy_norm(1), "LazyBatchNorm2d": _lazy_norm(2), "LazyBatchNorm3d": _lazy_norm(3),
    "LazyInstanceNorm1d": _lazy_norm(1), "LazyInstanceNorm2d": _lazy_norm(2), "LazyInstanceNorm3d": _lazy_norm(3),
    "LazyLinear": lambda x: [C(3).on(x(2, 4)), C(3, bias=False).on(x(4)), C(out_features=1).on(x(2, 3, 4))],
    "MaxUnpool1d": _unpooled(1), "MaxUnpool2d": _unpooled(2), "MaxUnpool3d": _unpooled(3),
    "NLLLoss2d": lambda x: [C().on(x(2, 4, 3, 3), x.below(4, 2, 3, 3))],
    "PairwiseDistance": lambda x: [
        C().on(x(4, 5), x(4, 5)), C(p=1, eps=1e-3).on(x(4, 5), x(4, 5)), C(3.0, keepdim=True).on(x(5), x(4, 5)),
    ],
    "PixelShuffle": lambda x: [C(2).on(x(2, 8, 3, 3)), C(upscale_factor=3).on(x(9, 2, 2))],
    "PixelUnshuffle": lambda x: [C(2).on(x(2, 2, 4, 6)), C(downscale_factor=3).on(x(1, 6, 3))],
    "RReLU": lambda x: [C().on(x(4, 5)), C(0.1, 0.9).on(x(2, 3, 4)), C(0.2, 0.2, inplace=True).on(x(4))],
    "TransformerDecoder": _decoders,
    "TripletMarginLoss": _triplets,
    "TripletMarginWithDistanceLoss": _triplets_by,
    "Unflatten": lambda x: [
        C(1, (2, 3)).on(x(2, 6)), C(-1, (3, -1)).on(x(2, 6)), C(dim=0, unflattened_size=torch.Size([2, 1])).on(x(2, 6)),
    ],
    "Unfold": lambda x: [
        C(2).on(x(2, 3, 4, 5)), C((2, 3), stride=(2, 1), padding=1).on(x(2, 3, 4, 5)), C(2, dilation=2).on(x(3, 4, 5)),
    ],
    "Upsample": _upsampled,
    "UpsamplingBilinear2d": lambda x: [C(scale_factor=2).on(x(2, 3, 4, 4)), C(size=(3, 5)).on(x(2, 3, 4, 4))],
    "UpsamplingNearest2d": lambda x: [C(scale_factor=2).on(x(2, 3, 4, 4)), C(size=6).on(x(2, 3, 4, 4))],
}  # fmt: skip
MORE |= {f"Conv{n}d with more options": _convolutions(n, transposed=False) for n in (1, 2, 3)}
MORE |= {f"ConvTranspose{n}d with more options": _convolutions(n, transposed=True) for n in (1, 2, 3)}


def entries() -> dict[str, Any]:
    """The entries, in the form of the database's."""

    def inputs(cases: Cases) -> Any:
        def make(info: Any, device: str, dtype: torch.dtype, requires_grad: bool, training: bool) -> list[Any]:
            return cases(Draw(dtype, requires_grad))

        return make

    return {
        name: types.SimpleNamespace(
            module_cls=getattr(nn, name.partition(" ")[0]),
            module_inputs_func=inputs(cases),
            is_lazy=name.startswith("Lazy"),
            module_error_inputs_func=None,
        )
        for name, cases in MORE.items()
    }
