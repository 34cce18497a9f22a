"""Models, their data and what else the tests of `lucid.compile` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lucid
from lucid import nn
from lucid.compiler._compiled import Compiled
from lucid.nn import functional as F


def traces(f: Any) -> int:
    """How many graphs a compiled function holds."""
    compiled = f if isinstance(f, Compiled) else f.__dict__["forward"]
    return sum(len(known) for known in compiled._entries.values())


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(11, 16), nn.Embedding(6, 16)
        self.blocks = nn.ModuleList(
            [nn.TransformerEncoderLayer(16, 2, 32, 0.1, "gelu", batch_first=True, norm_first=True) for _ in range(2)]
        )
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 11, bias=False)
        self.head.weight = self.token.weight  # tied

    def forward(self, ids: Any) -> Any:
        length = ids.shape[1]
        x = self.token(ids) + self.position(lucid.arange(length))
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        for block in self.blocks:
            x = block(x, mask, is_causal=True)
        return self.head(self.norm(x))


def images(n: int) -> tuple[Any, Any]:
    return lucid.randn(n, 1, 8, 8), lucid.randint(0, 3, (n,))


def rows(n: int) -> tuple[Any, Any]:
    return lucid.randn(n, 4), lucid.randint(0, 3, (n,))


def texts(n: int) -> tuple[Any, Any]:
    ids = lucid.randint(0, 11, (n, 7))
    return ids[:, :-1].clone(), ids[:, 1:].clone()


def training_step(model: nn.Module, of: Callable[[], Any]) -> Callable[[Any, Any], Any]:
    """A step of the optimizer that `of()` is at the call."""

    def step(x: Any, y: Any) -> Any:
        opt = of()
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step
