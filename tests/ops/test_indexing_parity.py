"""`x[key]` and `x[key] = value` for random keys: values, gradients, views or copies, the class of the error."""

from __future__ import annotations

import random
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_op, to_lucid

pytestmark = pytest.mark.parity


def _item(r: random.Random, shape: tuple[int, ...], at: int, spread: tuple[int, ...]) -> tuple[Any, int]:
    """One part of a key for the dimension `at`, and how many dimensions it takes."""
    size = shape[at]
    kind = r.random()
    if kind < 0.3:
        return r.randint(-size - (r.random() < 0.05), max(size - 1 + (r.random() < 0.05), 0)), 1
    if kind < 0.55:
        bounds = [r.choice([None, r.randint(-size - 2, size + 2)]) for _ in range(2)]
        return slice(*bounds, r.choice([None, 1, 2, 3]) if r.random() < 0.97 else -1), 1
    if kind < 0.75:
        index = torch.randint(-size, max(size, 1 - size), spread) if size else torch.zeros(0, dtype=torch.long)
        return r.choice([index, index, index.int(), index.numpy(), index.tolist() if index.ndim else index]), 1
    if kind < 0.9:
        wide = min(r.choice([1, 1, 2]), len(shape) - at)
        mask = torch.rand(shape[at : at + wide]) > 0.5
        return r.choice([mask, mask, mask.numpy(), mask.tolist()]), wide
    return torch.tensor(r.randint(-size, max(size - 1, 0))), 1


def _key(r: random.Random, shape: tuple[int, ...]) -> Any:
    spread = r.choice([(2,), (1,), (3, 2), (2, 1), ()])
    found: list[Any] = []
    at, masked, skipped = 0, False, False
    while at < len(shape) and r.random() < 0.9:
        kind = r.random()
        if kind < 0.1:
            found.append(None)
        elif kind < 0.16 and not skipped and not masked:
            found.append(Ellipsis)
            skipped = True
            at += r.randint(0, len(shape) - at)
        elif kind < 0.18:
            found.append(r.choice([True, False]))
        else:
            item, wide = _item(r, shape, at, spread)
            if wide > 1 and skipped:
                continue  # PyTorch counts a mask after `...` as one dimension, and fails
            found.append(item)
            at += wide
            masked = masked or wide > 1
    return found[0] if len(found) == 1 and r.random() < 0.7 else tuple(found)


def _value(r: random.Random, shape: list[int], dtype: Any) -> Any:
    if r.random() < 0.3:
        return r.choice([1, 2.5, True, -3])
    while shape and r.random() < 0.3:
        shape = shape[1:]
    shape = [1 if r.random() < 0.2 else s for s in shape]
    if r.random() < 0.05:
        shape = [*shape, 2]
    value = (torch.randn(shape) * 3).to(dtype)
    return value.requires_grad_() if dtype.is_floating_point and r.random() < 0.5 else value


def _written(x: Any, key: Any, value: Any) -> Any:
    y = x * 2
    y[key] = value
    return y


def _refused(x: Any, key: Any, error: Exception, value: Any = None) -> None:
    try:
        to_lucid(x)[to_lucid(key)] if value is None else _written(to_lucid(x), to_lucid(key), to_lucid(value))
    except type(error):
        return
    raise AssertionError(f"accepted {key} for shape {tuple(x.shape)}, expected {error!r}")


@pytest.mark.parametrize("seed", range(4))
def test_random_keys(seed: int) -> None:
    r = random.Random(seed)
    for k in range(120):
        torch.manual_seed(1000 * seed + k)
        shape = r.choice([(3,), (2, 3), (3, 4), (2, 3, 4), (4, 1, 3), (0, 3), (2, 2, 2, 2), ()])
        dtype = r.choice([torch.float32, torch.float64, torch.int64])
        x = (torch.randn(shape) * 5).to(dtype).requires_grad_(dtype.is_floating_point)
        key = _key(r, shape)
        mine = to_lucid(key)
        try:
            want = x[key]
        except Exception as error:
            _refused(x, key, error)
            continue
        check_op(lambda t, key=mine: t[key], lambda t, key=key: t[key], x)
        assert (to_lucid(x)[mine]._base is not None) == (want._base is not None), f"{key} of {shape}"
        value = _value(r, list(want.shape), dtype)
        positions = torch.arange(x.numel()).reshape(shape)[key]
        if positions.numel() > positions.unique().numel():
            continue  # which of several values stays is not specified
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _written(x, key, value)
        except Exception as error:
            _refused(x, key, error, value)
            continue
        if isinstance(value, torch.Tensor):
            check_op(lambda a, v, key=mine: _written(a, key, v), lambda a, v, key=key: _written(a, key, v), x, value)
        else:
            check_op(
                lambda a, key=mine, v=value: _written(a, key, v), lambda a, key=key, v=value: _written(a, key, v), x
            )


def test_accumulating() -> None:
    x = torch.randn(3, 4, requires_grad=True)
    v = torch.randn(3, requires_grad=True)
    index = torch.tensor([0, 0, 2]), torch.tensor([1, 1, 3])
    check_op(
        lambda x, i, j, v: x.index_put((i, j), v, accumulate=True),
        lambda x, i, j, v: x.index_put((i, j), v, accumulate=True),
        x,
        *index,
        v,
    )
