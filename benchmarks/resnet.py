"""A training step of ResNet-18 (He et al. 2016) on 8 images of 3x32x32, SGD with momentum; and inference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as mnn
import mlx.optimizers as moptim

from benchmarks import training
from benchmarks.race import Line, Row, Worker
from benchmarks.timing import Clock, clock

BATCH, SIZE, CLASSES = 8, 32, 10
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))


class RawBlock(mnn.Module):
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = mnn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.conv2 = mnn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = mnn.BatchNorm(outer), mnn.BatchNorm(outer)
        if stride != 1 or inner != outer:
            self.shortcut = mnn.Sequential(mnn.Conv2d(inner, outer, 1, stride, bias=False), mnn.BatchNorm(outer))

    def __call__(self, x: mx.array) -> mx.array:
        y = self.bn2(self.conv2(mnn.relu(self.bn1(self.conv1(x)))))
        return mnn.relu(y + (self.shortcut(x) if "shortcut" in self else x))


class RawResNet(mnn.Module):
    """Channels last, as MLX has it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = mnn.Conv2d(3, 64, 7, 2, 3, bias=False), mnn.BatchNorm(64)
        self.pool = mnn.MaxPool2d(3, 2, 1)
        self.blocks, inner = [], 64
        for outer, stride in STAGES:
            self.blocks += [RawBlock(inner, outer, stride), RawBlock(outer, outer, 1)]
            inner = outer
        self.fc = mnn.Linear(512, CLASSES)

    def __call__(self, x: mx.array) -> mx.array:
        x = self.pool(mnn.relu(self.bn1(self.conv1(x))))
        for block in self.blocks:
            x = block(x)
        return self.fc(mx.mean(x, axis=(1, 2)))


def resnet(library: Any) -> Any:
    """The network in PyTorch's words, channels first."""
    nn = library.nn

    class Block(nn.Module):
        def __init__(self, inner: int, outer: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outer)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outer)
            self.shortcut = None
            if stride != 1 or inner != outer:
                self.shortcut = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

        def forward(self, x: Any) -> Any:
            identity = x if self.shortcut is None else self.shortcut(x)
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += identity
            return self.relu(out)

    blocks, inner = [], 64
    for outer, stride in STAGES:
        blocks += [Block(inner, outer, stride), Block(outer, outer, 1)]
        inner = outer
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
        *blocks, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(1), nn.Linear(512, CLASSES),
    )  # fmt: skip


def case(library: Any) -> training.Case:
    model, F = resnet(library), library.nn.functional
    optimizer = library.optim.SGD(model.parameters(), lr=training.RATE, momentum=0.9)
    x, y = library.randn(BATCH, 3, SIZE, SIZE), library.randint(0, CLASSES, (BATCH,))
    return training.Case(model, optimizer, lambda x, y: F.cross_entropy(model(x), y), (x, y))


def raw_case() -> training.Case:
    model = RawResNet()
    x, y = mx.random.normal((BATCH, SIZE, SIZE, 3)), mx.random.randint(0, CLASSES, (BATCH,))
    return training.Case(
        model, moptim.SGD(training.RATE, momentum=0.9),
        lambda x, y: mnn.losses.cross_entropy(model(x), y, reduction="mean"), (x, y),
    )  # fmt: skip


def words(library: Any) -> dict[str, Clock]:
    model, x = resnet(library).eval(), library.randn(BATCH, 3, SIZE, SIZE)
    settle = training.settler(library)

    @library.no_grad()
    def infer() -> None:
        settle(model(x))

    return {**training.words(library, case), "inference": clock(infer)}


def raw() -> dict[str, Clock]:
    model, x = RawResNet(), mx.random.normal((BATCH, SIZE, SIZE, 3))
    model.eval()
    mx.eval(x, model.parameters())
    return {**training.raw(raw_case), "inference": clock(lambda: mx.eval(model(x)))}


def lines(worker: Worker | None) -> Iterator[Line]:
    import lucid

    race = training.race("ResNet-18", words(lucid), raw())
    rows = [*race.rows, Row("ResNet-18 inference", "inference", "inference", "inference")]
    yield from race._replace(rows=rows, calls=2).run(worker)
