"""Small convolutional networks: MobileNetV2 and V3, EfficientNet, ShuffleNetV2, ConvNeXt, RepVGG."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Optional, Sequence  # noqa: UP035

import lucid
from lucid import Tensor, nn
from lucid.nn import functional as F
from lucid.nn.modules.utils import _pair
from tests.nn.models.example import Example, floats


def make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    min_value = divisor if min_value is None else min_value
    new_v = max(min_value, int(v + divisor / 2) // divisor * divisor)
    return new_v + divisor if new_v < 0.9 * v else new_v


class ConvNormActivation(nn.Sequential):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        groups: int = 1,
        norm_layer: Callable[..., nn.Module] | None = nn.BatchNorm2d,
        activation_layer: Callable[..., nn.Module] | None = nn.ReLU,
        dilation: int = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        padding = tuple((k - 1) // 2 * dilation for k in _pair(kernel_size))
        bias = norm_layer is None if bias is None else bias
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias=bias)
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class InvertedResidual(nn.Module):
    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int) -> None:
        super().__init__()
        assert stride in [1, 2]
        hidden_dim = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(ConvNormActivation(inp, hidden_dim, kernel_size=1, activation_layer=nn.ReLU6))
        layers.extend(
            [
                ConvNormActivation(hidden_dim, hidden_dim, stride=stride, groups=hidden_dim, activation_layer=nn.ReLU6),
                nn.Conv2d(hidden_dim, oup, 1, 1, 0, bias=False),
                nn.BatchNorm2d(oup),
            ]
        )
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, num_classes: int = 10, width_mult: float = 0.25, round_nearest: int = 4) -> None:
        super().__init__()
        channels = make_divisible(32 * width_mult, round_nearest)
        features: list[nn.Module] = [ConvNormActivation(3, channels, stride=2, activation_layer=nn.ReLU6)]
        for t, c, n, s in [[1, 16, 1, 1], [3, 24, 2, 2], [6, 32, 1, 2]]:
            for i in range(n):
                output = make_divisible(c * width_mult, round_nearest)
                features.append(InvertedResidual(channels, output, s if i == 0 else 1, expand_ratio=t))
                channels = output
        self.last_channel = 32
        features.append(ConvNormActivation(channels, self.last_channel, kernel_size=1, activation_layer=nn.ReLU6))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(p=0.0), nn.Linear(self.last_channel, num_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(m.weight)
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, 0.01)
                nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        return self.classifier(lucid.flatten(x, 1))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int, squeezed: int, activation=nn.ReLU, scale_activation=nn.Sigmoid) -> None:
        super().__init__()
        self.avgpool = lucid.nn.AdaptiveAvgPool2d(1)
        self.fc1 = lucid.nn.Conv2d(channels, squeezed, 1)
        self.fc2 = lucid.nn.Conv2d(squeezed, channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def _scale(self, input: Tensor) -> Tensor:
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input)))))

    def forward(self, input: Tensor) -> Tensor:
        return self._scale(input) * input


@dataclass
class V3Config:
    inputs: int
    kernel: int
    expanded: int
    out: int
    use_se: bool
    activation: str
    stride: int

    @property
    def use_hs(self) -> bool:
        return self.activation == "HS"


gate = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class V3Block(nn.Module):
    def __init__(self, cnf: V3Config, norm_layer: Callable[..., nn.Module], se_layer=gate) -> None:
        super().__init__()
        if not (1 <= cnf.stride <= 2):
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.inputs == cnf.out
        layers: list[nn.Module] = []
        act = nn.Hardswish if cnf.use_hs else nn.ReLU
        norms: dict[str, Any] = {"norm_layer": norm_layer}
        if cnf.expanded != cnf.inputs:
            layers.append(ConvNormActivation(cnf.inputs, cnf.expanded, kernel_size=1, activation_layer=act, **norms))
        layers.append(
            ConvNormActivation(
                cnf.expanded, cnf.expanded, cnf.kernel, cnf.stride, cnf.expanded, activation_layer=act, **norms
            )
        )
        if cnf.use_se:
            layers.append(se_layer(cnf.expanded, make_divisible(cnf.expanded // 4, 4)))
        layers.append(ConvNormActivation(cnf.expanded, cnf.out, 1, activation_layer=None, **norms))
        self.block = nn.Sequential(*layers)

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    def __init__(self, settings: Sequence[V3Config], last_channel: int = 24, num_classes: int = 6) -> None:
        super().__init__()
        norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        self.features = nn.Sequential(
            ConvNormActivation(3, settings[0].inputs, stride=2, norm_layer=norm, activation_layer=nn.Hardswish),
            *[V3Block(cnf, norm) for cnf in settings],
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(settings[-1].out, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=0.0, inplace=True),
            nn.Linear(last_channel, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(lucid.flatten(x, 1))


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if not training or p == 0.0:
        return input
    survival_rate = 1.0 - p
    size = [input.shape[0]] + [1] * (input.ndim - 1) if mode == "row" else [1] * input.ndim
    noise = lucid.empty(size, dtype=input.dtype, device=input.device)
    noise = noise.bernoulli_(survival_rate)
    if survival_rate > 0.0:
        noise.div_(survival_rate)
    return input * noise


class StochasticDepth(nn.Module):
    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(p={self.p}, mode={self.mode})"


class MBConv(nn.Module):
    def __init__(self, inputs: int, out: int, ratio: int, kernel: int, stride: int, sd_prob: float) -> None:
        super().__init__()
        self.use_res_connect = stride == 1 and inputs == out
        expanded = inputs * ratio
        layers: list[nn.Module] = []
        if expanded != inputs:
            layers.append(ConvNormActivation(inputs, expanded, kernel_size=1, activation_layer=nn.SiLU))
        layers.append(ConvNormActivation(expanded, expanded, kernel, stride, groups=expanded, activation_layer=nn.SiLU))
        layers.append(SqueezeExcitation(expanded, max(1, inputs // 4), activation=partial(nn.SiLU, inplace=True)))
        layers.append(ConvNormActivation(expanded, out, kernel_size=1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(sd_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class EfficientNet(nn.Module):
    def __init__(self, drop: float = 0.0, num_classes: int = 5) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvNormActivation(3, 8, stride=2, activation_layer=nn.SiLU)]
        block: list[nn.Module] = []
        settings = [(8, 8, 1, 3, 1), (8, 12, 4, 3, 2), (12, 12, 4, 5, 1)]
        for k, setting in enumerate(settings):
            block.append(MBConv(*setting, sd_prob=drop * float(k) / len(settings)))
        layers.append(nn.Sequential(*block))
        layers.append(ConvNormActivation(12, 32, kernel_size=1, activation_layer=nn.SiLU))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=drop, inplace=True), nn.Linear(32, num_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out")
            elif isinstance(m, nn.Linear):
                init_range = 1.0 / math.sqrt(m.out_features)
                nn.init.uniform_(m.weight, -init_range, init_range)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    batchsize, num_channels, height, width = x.size()
    x = x.view(batchsize, groups, num_channels // groups, height, width)
    x = lucid.transpose(x, 1, 2).contiguous()
    return x.view(batchsize, num_channels, height, width)


class ShuffleUnit(nn.Module):
    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        half = oup // 2
        assert (self.stride != 1) or (inp == half << 1)
        self.branch1 = nn.Sequential()
        if self.stride > 1:
            self.branch1 = nn.Sequential(
                self.depthwise_conv(inp, inp, kernel_size=3, stride=self.stride, padding=1),
                nn.BatchNorm2d(inp),
                nn.Conv2d(inp, half, kernel_size=1, bias=False),
                nn.BatchNorm2d(half),
                nn.ReLU(inplace=True),
            )
        self.branch2 = nn.Sequential(
            nn.Conv2d(inp if self.stride > 1 else half, half, kernel_size=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            self.depthwise_conv(half, half, kernel_size=3, stride=self.stride, padding=1),
            nn.BatchNorm2d(half),
        )

    @staticmethod
    def depthwise_conv(i: int, o: int, kernel_size: int, stride: int = 1, padding: int = 0, bias: bool = False):
        return nn.Conv2d(i, o, kernel_size, stride, padding, bias=bias, groups=i)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            x1, x2 = x.chunk(2, dim=1)
            out = lucid.cat((x1, self.branch2(x2)), dim=1)
        else:
            out = lucid.cat((self.branch1(x), self.branch2(x)), dim=1)
        return channel_shuffle(out, 2)


class ShuffleNet(nn.Module):
    def __init__(self, repeats: Sequence[int] = (2, 1), widths: Sequence[int] = (8, 16, 32), num_classes: int = 4):
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(True)
        )
        self.stage2: nn.Sequential
        self.stage3: nn.Sequential
        for k, count in enumerate(repeats):
            seq = [ShuffleUnit(widths[k], widths[k + 1], 2)]
            seq += [ShuffleUnit(widths[k + 1], widths[k + 1], 1) for _ in range(count - 1)]
            setattr(self, f"stage{k + 2}", nn.Sequential(*seq))
        self.fc = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage3(self.stage2(self.conv1(x)))
        return self.fc(x.mean([2, 3]))


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Permute(nn.Module):
    def __init__(self, dims: list[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return lucid.permute(x, self.dims)


class CNBlock(nn.Module):
    def __init__(self, dim: int, layer_scale: float, stochastic_depth_prob: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            nn.LayerNorm(dim, eps=1e-6),
            nn.Linear(in_features=dim, out_features=4 * dim, bias=True),
            nn.GELU(),
            nn.Linear(in_features=4 * dim, out_features=dim, bias=True),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(lucid.ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        result = self.layer_scale * self.block(input)
        result = self.stochastic_depth(result)
        result += input
        return result


class ConvNeXt(nn.Module):
    def __init__(self, widths: Sequence[int] = (8, 16), layer_scale: float = 0.1, drop: float = 0.0, classes: int = 5):
        super().__init__()
        norm_layer = partial(LayerNorm2d, eps=1e-6)
        layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), norm_layer(widths[0]))]
        total = len(widths)
        for k, width in enumerate(widths):
            layers.append(nn.Sequential(CNBlock(width, layer_scale, drop * k / (total - 1.0))))
            if k + 1 < total:
                layers.append(
                    nn.Sequential(norm_layer(width), nn.Conv2d(width, widths[k + 1], kernel_size=2, stride=2))
                )
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(norm_layer(widths[-1]), nn.Flatten(1), nn.Linear(widths[-1], classes))
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))


class RepBlock(nn.Module):
    """Three branches in training, one convolution once they are merged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.identity: Optional[nn.BatchNorm2d] = nn.BatchNorm2d(channels)  # noqa: UP045
        self.dense = ConvNormActivation(channels, channels, 3, activation_layer=None)
        self.point = ConvNormActivation(channels, channels, 1, activation_layer=None)
        self.register_module("merged", None)

    def forward(self, x: Tensor) -> Tensor:
        if self.merged is not None:
            return F.relu(self.merged(x))
        return F.relu(self.dense(x) + self.point(x) + self.identity(x))

    @staticmethod
    def fold(kernel: Tensor, bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
        std = (bn.running_var + bn.eps).sqrt()
        return kernel * (bn.weight / std).reshape(-1, 1, 1, 1), bn.bias - bn.running_mean * bn.weight / std

    @lucid.no_grad()
    def merge(self) -> RepBlock:
        channels = self.dense.out_channels
        one = self.dense[0].weight.new_zeros(channels, channels, 3, 3)
        one[range(channels), range(channels), 1, 1] = 1.0
        parts = [
            self.fold(self.dense[0].weight, self.dense[1]),
            self.fold(F.pad(self.point[0].weight, [1, 1, 1, 1]), self.point[1]),
            self.fold(one, self.identity),
        ]
        self.merged = nn.Conv2d(channels, channels, 3, padding=1)
        self.merged.weight.data = sum(kernel for kernel, _ in parts)
        self.merged.bias.data = self.merged.bias.data.to(parts[0][1]).copy_(sum(bias for _, bias in parts))
        for name in ("dense", "point", "identity"):
            self.__delattr__(name)
        return self


class RepNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNormActivation(3, 8, 3, 2, inplace=None)
        self.blocks = nn.ModuleList([RepBlock(8) for _ in range(2)])
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        out = self.fc(F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1))
        if self.training:
            return out, out
        merged = nn.Sequential(*[copy.deepcopy(block).merge() for block in self.blocks])
        return out, merged(self.stem(lucid.ones(1, 3, 8, 8).to(x)))


V3_SMALL = [
    V3Config(8, 3, 8, 8, True, "RE", 2),
    V3Config(8, 5, 24, 12, False, "HS", 2),
    V3Config(12, 3, 24, 12, True, "HS", 1),
]

EXAMPLES = {
    "mobilenet_v2": Example(MobileNetV2, floats(3, 3, 32, 32)),
    "mobilenet_v3": Example(lambda: MobileNetV3(V3_SMALL), floats(3, 3, 32, 32)),
    "efficientnet": Example(EfficientNet, floats(3, 3, 32, 32)),
    "efficientnet_stochastic_depth": Example(lambda: EfficientNet(0.3), floats(4, 3, 16, 16), train=False),
    "shufflenet": Example(ShuffleNet, floats(2, 3, 32, 32)),
    "convnext": Example(ConvNeXt, floats(2, 3, 16, 16)),
    "convnext_stochastic_depth": Example(lambda: ConvNeXt(drop=0.5), floats(4, 3, 16, 16), train=False),
    "repvgg": Example(RepNet, floats(2, 3, 16, 16)),
}
