"""A training step of ResNet-18 (He et al. 2016) on 8 images of 3x32x32; the same network in lucid and in mlx.nn."""

from __future__ import annotations

from collections.abc import Iterator

import mlx.core as mx
import mlx.nn as mnn
import mlx.optimizers as moptim

import lucid
import lucid.nn.functional as F
from benchmarks.timing import interleaved
from lucid import Tensor, nn

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

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.shortcut is None else self.shortcut(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        blocks, inner = [], 64
        for outer, stride in STAGES:
            blocks += [Block(inner, outer, stride), Block(outer, outer, 1)]
            inner = outer
        self.blocks = nn.Sequential(*blocks)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.blocks(x))
        return self.fc(lucid.flatten(x, 1))


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what, lucid, MLX, ratio."""
    images = mx.random.normal((BATCH, SIZE, SIZE, 3))
    labels = mx.random.randint(0, CLASSES, (BATCH,))
    raw = RawResNet()
    raw_optimizer = moptim.SGD(learning_rate=0.01, momentum=0.9)
    mx.eval(images, labels, raw.parameters())
    loss_and_grad = mnn.value_and_grad(raw, lambda x, y: mnn.losses.cross_entropy(raw(x), y, reduction="mean"))

    def raw_step() -> None:
        loss, grads = loss_and_grad(images, labels)
        raw_optimizer.update(raw, grads)
        mx.eval(loss, raw.parameters(), raw_optimizer.state)

    model = ResNet()
    optimizer = lucid.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, y = lucid.tensor(images).permute(0, 3, 1, 2).contiguous(), lucid.tensor(labels).long()

    def step(look: bool = False) -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        if look:
            loss.item()
        loss.backward()
        optimizer.step()
        loss.item()

    for name, look in (
        ("ResNet-18 step, nothing evaluated before backward", False),
        ("ResNet-18 step, loss printed before backward", True),
    ):
        mine_s, raw_s, ratio = interleaved(lambda look=look: step(look), raw_step, calls=2, rounds=11)  # type: ignore[misc]
        yield name, f"{mine_s * 1e3:.1f} ms", f"{raw_s * 1e3:.1f} ms", f"{ratio:.2f}x"

    def raw_eval() -> None:
        mx.eval(raw(images))

    def evaluate() -> None:
        with lucid.no_grad():
            model(x).sum().item()

    raw.eval()
    model.eval()
    mine_s, raw_s, ratio = interleaved(evaluate, raw_eval, calls=4, rounds=11)
    yield "ResNet-18 inference", f"{mine_s * 1e3:.1f} ms", f"{raw_s * 1e3:.1f} ms", f"{ratio:.2f}x"
