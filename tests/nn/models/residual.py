"""Convolutional classifiers: ResNet and ResNeXt, VGG, DenseNet, Inception with an auxiliary head, SqueezeNet."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import lucid
import lucid.nn as nn
import lucid.nn.functional as F
from lucid import Tensor
from tests.nn.models.example import Example, floats


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        in_planes,
        out_planes,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        bias=False,
        dilation=dilation,
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    expansion: int = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1, norm=None):
        super().__init__()
        if groups != 1 or base_width != 64 or dilation > 1:
            raise NotImplementedError("BasicBlock has one group of width 64 and no dilation")
        norm = norm or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class Bottleneck(nn.Module):
    expansion: int = 4

    def __init__(self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1, norm=None):
        super().__init__()
        norm = norm or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1, self.bn1 = conv1x1(inplanes, width), norm(width)
        self.conv2, self.bn2 = conv3x3(width, width, stride, groups, dilation), norm(width)
        self.conv3, self.bn3 = conv1x1(width, planes * self.expansion), norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: list[int],
        num_classes: int = 10,
        width: int = 8,
        zero_init_residual: bool = False,
        groups: int = 1,
        base_width: int = 64,
        dilate: tuple[bool, ...] = (False, False),
        norm: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self._norm = norm or nn.BatchNorm2d
        self.inplanes, self.dilation = width, 1
        self.groups, self.base_width = groups, base_width
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, width, layers[0])
        self.layer2 = self._make_layer(block, width * 2, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, width * 4, layers[2], stride=2, dilate=dilate[1])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width * 4 * block.expansion, num_classes)

        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)
        if zero_init_residual:
            for m in self.modules():
                if isinstance(m, Bottleneck) and m.bn3.weight is not None:
                    nn.init.constant_(m.bn3.weight, 0)
                elif isinstance(m, BasicBlock) and m.bn2.weight is not None:
                    nn.init.constant_(m.bn2.weight, 0)

    def _make_layer(self, block, planes: int, blocks: int, stride: int = 1, dilate: bool = False) -> nn.Sequential:
        previous, downsample = self.dilation, None
        if dilate:
            self.dilation *= stride
            stride = 1
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                conv1x1(self.inplanes, planes * block.expansion, stride),
                self._norm(planes * block.expansion),
            )
        shared = {"groups": self.groups, "base_width": self.base_width, "norm": self._norm}
        layers = [block(self.inplanes, planes, stride, downsample, dilation=previous, **shared)]
        self.inplanes = planes * block.expansion
        layers += [block(self.inplanes, planes, dilation=self.dilation, **shared) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = lucid.flatten(self.avgpool(x), 1)
        return self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


class VGG(nn.Module):
    def __init__(self, features: nn.Module, num_classes: int = 10, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((3, 3))
        self.classifier = nn.Sequential(
            nn.Linear(16 * 3 * 3, 32),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(32, num_classes),
        )
        self.apply(self._init)

    @staticmethod
    def _init(m: nn.Module) -> None:
        classname = m.__class__.__name__
        if classname.find("Conv") != -1:
            nn.init.kaiming_uniform_(m.weight, a=0.1, nonlinearity="leaky_relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, 0, 0.01)
            m.bias.data.fill_(0.1)

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(x.view(x.size(0), -1))


def make_layers(cfg: list[str | int], batch_norm: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = []
    in_channels = 3
    for v in cfg:
        if v == "M":
            layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
        else:
            conv2d = nn.Conv2d(in_channels, v, kernel_size=3, padding=1)
            layers += [conv2d, nn.BatchNorm2d(v), nn.ReLU(inplace=True)] if batch_norm else [conv2d, nn.ReLU(True)]
            in_channels = v
    return nn.Sequential(*layers)


class DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        self.norm1: nn.BatchNorm2d
        self.add_module("norm1", nn.BatchNorm2d(inputs))
        self.add_module("relu1", nn.ReLU(inplace=True))
        self.add_module("conv1", nn.Conv2d(inputs, bn_size * growth, kernel_size=1, stride=1, bias=False))
        self.add_module("norm2", nn.BatchNorm2d(bn_size * growth))
        self.add_module("relu2", nn.ReLU(inplace=True))
        self.add_module("conv2", nn.Conv2d(bn_size * growth, growth, kernel_size=3, padding=1, bias=False))
        self.drop_rate = float(drop_rate)

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        features = [input] if isinstance(input, Tensor) else input
        bottleneck = self.conv1(self.relu1(self.norm1(lucid.cat(features, 1))))
        new = self.conv2(self.relu2(self.norm2(bottleneck)))
        return F.dropout(new, p=self.drop_rate, training=self.training) if self.drop_rate > 0 else new


class DenseBlock(nn.ModuleDict):
    _version = 2

    def __init__(self, layers: int, inputs: int, growth: int, bn_size: int = 2, drop_rate: float = 0.0) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(f"denselayer{i + 1}", DenseLayer(inputs + i * growth, growth, bn_size, drop_rate))

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for _, layer in self.items():
            features.append(layer(features))
        return lucid.cat(features, 1)


class Transition(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=1, stride=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    def __init__(self, growth: int = 4, blocks: tuple[int, ...] = (2, 3), num_classes: int = 7) -> None:
        super().__init__()
        width = 2 * growth
        self.features = nn.Sequential(
            OrderedDict(
                [
                    ("conv0", nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)),
                    ("norm0", nn.BatchNorm2d(width)),
                    ("relu0", nn.ReLU(inplace=True)),
                    ("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1)),
                ]
            )
        )
        for i, layers in enumerate(blocks):
            self.features.add_module(f"denseblock{i + 1}", DenseBlock(layers, width, growth))
            width = width + layers * growth
            if i != len(blocks) - 1:
                self.features.add_module(f"transition{i + 1}", Transition(width, width // 2))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.features(x), inplace=True)
        out = F.adaptive_avg_pool2d(out, (1, 1))
        return self.classifier(lucid.flatten(out, 1))


InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])


class BasicConv2d(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class InceptionBlock(nn.Module):
    def __init__(self, in_channels: int, pool_features: int, conv_block=BasicConv2d) -> None:
        super().__init__()
        self.branch1x1 = conv_block(in_channels, 4, kernel_size=1)
        self.branch7x7_1 = conv_block(in_channels, 4, kernel_size=1)
        self.branch7x7_2 = conv_block(4, 4, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7_3 = conv_block(4, 6, kernel_size=(7, 1), padding=(3, 0))
        self.branch3x3_1 = conv_block(in_channels, 4, kernel_size=1)
        self.branch3x3_2a = conv_block(4, 3, kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3_2b = conv_block(4, 3, kernel_size=(3, 1), padding=(1, 0))
        self.branch_pool = conv_block(in_channels, pool_features, kernel_size=1)
        self.width = 16 + pool_features

    def _forward(self, x: Tensor) -> list[Tensor]:
        branch7x7 = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        branch3x3 = self.branch3x3_1(x)
        branch3x3 = lucid.cat([self.branch3x3_2a(branch3x3), self.branch3x3_2b(branch3x3)], 1)
        branch_pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return [self.branch1x1(x), branch7x7, branch3x3, branch_pool]

    def forward(self, x: Tensor) -> Tensor:
        return lucid.cat(self._forward(x), 1)


class Inception(nn.Module):
    __constants__: ClassVar[list[str]] = ["aux_logits", "transform_input"]

    def __init__(self, num_classes: int = 5, aux_logits: bool = True, transform_input: bool = True) -> None:
        super().__init__()
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.stem = nn.Sequential(BasicConv2d(3, 8, kernel_size=3, stride=2), nn.MaxPool2d(3, stride=1, ceil_mode=True))
        self.mixed1 = InceptionBlock(8, pool_features=4)
        self.AuxLogits: nn.Module | None = None
        if aux_logits:
            self.AuxLogits = nn.Sequential(
                nn.AvgPool2d(3, 2), BasicConv2d(self.mixed1.width, 4, kernel_size=1), nn.Flatten(), nn.LazyLinear(5)
            )
            self.AuxLogits[-1] = nn.Linear(4 * 9, num_classes)
        self.mixed2 = InceptionBlock(self.mixed1.width, pool_features=2)
        self.fc = nn.Linear(self.mixed2.width, num_classes)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                stddev = float(m.stddev) if hasattr(m, "stddev") else 0.1
                nn.init.trunc_normal_(m.weight, mean=0.0, std=stddev, a=-2, b=2)

    def _transform_input(self, x: Tensor) -> Tensor:
        if self.transform_input:
            x_ch0 = lucid.unsqueeze(x[:, 0], 1) * (0.229 / 0.5) + (0.485 - 0.5) / 0.5
            x_ch1 = lucid.unsqueeze(x[:, 1], 1) * (0.224 / 0.5) + (0.456 - 0.5) / 0.5
            x_ch2 = lucid.unsqueeze(x[:, 2], 1) * (0.225 / 0.5) + (0.406 - 0.5) / 0.5
            x = lucid.cat((x_ch0, x_ch1, x_ch2), 1)
        return x

    def forward(self, x: Tensor):
        x = self.mixed1(self.stem(self._transform_input(x)))
        aux: Tensor | None = None
        if self.AuxLogits is not None and self.training:
            aux = self.AuxLogits(x)
        x = self.fc(self.mixed2(x).mean([2, 3]))
        if lucid.jit.is_scripting():
            return InceptionOutputs(x, aux)
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x


class Fire(nn.Module):
    def __init__(self, inplanes: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze, expand, kernel_size=1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, kernel_size=3, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        return lucid.cat([self.expand1x1(x).relu_(), self.expand3x3(x).relu_()], dim=1)


class SqueezeNet(nn.Module):
    def __init__(self, num_classes: int = 6) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, kernel_size=3, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
            Fire(8, 4, 8),
            Fire(16, 4, 8),
        )
        final_conv = nn.Conv2d(16, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(nn.Dropout(0.0), final_conv, nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                if m is final_conv:
                    nn.init.normal_(m.weight, mean=0.0, std=0.3)
                else:
                    nn.init.kaiming_uniform_(m.weight)
                if m.bias is not None:
                    nn.init.constant_(m.bias, 0.05)

    def forward(self, x: Tensor) -> Tensor:
        return lucid.flatten(self.classifier(self.features(x)), 1)


EXAMPLES = {
    "resnet_basic": Example(lambda: ResNet(BasicBlock, [1, 1, 1], zero_init_residual=True), floats(2, 3, 32, 32)),
    "resnet_bottleneck_dilated": Example(
        lambda: ResNet(Bottleneck, [1, 1, 1], width=4, dilate=(False, True)), floats(2, 3, 32, 32)
    ),
    "resnext": Example(lambda: ResNet(Bottleneck, [1, 1, 1], width=8, groups=4, base_width=16), floats(2, 3, 32, 32)),
    "resnet_group_norm": Example(
        lambda: ResNet(BasicBlock, [1, 1, 1], norm=partial(nn.GroupNorm, 4)), floats(2, 3, 32, 32)
    ),
    "vgg": Example(lambda: VGG(make_layers([8, "M", 16, 16, "M"])), floats(2, 3, 16, 16)),
    "vgg_bn": Example(lambda: VGG(make_layers([8, "M", 16, "M"], batch_norm=True)), floats(3, 3, 16, 16)),
    "densenet": Example(DenseNet, floats(3, 3, 32, 32)),
    "inception": Example(Inception, floats(3, 3, 19, 19)),
    "squeezenet": Example(SqueezeNet, floats(2, 3, 25, 25)),
}
