"""PyTorch's own database of operations on tensors that lie channels last: the results are what they are otherwise."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import lucid
from lucid import _channels, _views
from tests.checks import to_lucid
from tests.ops import database
from tests.ops.known_differences import KNOWN

pytestmark = [pytest.mark.parity, pytest.mark.no_cover]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "key" in metafunc.fixturenames:
        left_out = metafunc.config.option.markexpr == "not parity"
        metafunc.parametrize("key", [] if left_out else [key for key in database.entries() if concerned(key)])


def concerned(key: str) -> bool:
    """Whether the operation is one of layers or computes elementwise, or has the name of one that does."""
    name = key.partition(".")[2] if key.startswith("nn.functional.") else key
    return name != key or any(part.strip("_") in _channels.POINTWISE for part in name.split("."))


def laid(value: Any, requires_grad: bool = False) -> Any:
    """`to_lucid`, and what has three to five dimensions lies channels last."""
    mine = to_lucid(value, requires_grad)
    for t in database.leaves(mine):
        if t._extra is None and 2 < t.ndim < 6:
            inside = mx.contiguous(_channels.last(t._data))
            t._data = _channels.first(inside)
            _views.lay(t, inside)
    return mine


def test_entry(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward, gradients by both strategies, in-place twin and `out=` in float32, where they are right otherwise."""
    from tests import checks

    monkeypatch.setattr(database, "to_lucid", laid)
    monkeypatch.setattr(checks, "to_lucid", laid)
    monkeypatch.setattr(database, "DTYPES", (torch.float32,))
    monkeypatch.setattr(database, "FIRST", 2)
    monkeypatch.setattr(database, "CHOSEN", 2)
    found = database.differences(key)
    news = {a: m for a, m in found.items() if f"{key}:{a}" not in KNOWN and a != "errors"}
    assert not news, "\n\n".join(f"{key}:{aspect}\n{messages[0]}" for aspect, messages in news.items())


def test_laid_tensors_are_what_the_tests_hold() -> None:
    assert _views.lies_last(laid(torch.zeros(2, 3, 4)))
    assert _views.lies_last(lucid.exp(laid(torch.zeros(2, 3, 4))))
