"""Views write through as PyTorch does it: random programs of views and in-place writes."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import _tape
from lucid._backward import grad
from tests.checks import assert_same, to_lucid

pytestmark = pytest.mark.parity

Step = tuple[str, str, int, Callable[..., Any]]


def _library(x: Any) -> Any:
    return lucid if isinstance(x, lucid.Tensor) else torch


def _a_view(r: random.Random, shape: tuple[int, ...]) -> tuple[str, Callable[[Any], Any]]:
    n = len(shape)
    found: list[tuple[str, Callable[[Any], Any]]] = [
        ("unsqueeze", lambda x: x.unsqueeze(-1)),
        ("...", lambda x: x[...]),
    ]
    if n:
        d, e = r.randrange(n), r.randrange(n)
        lead = (slice(None),) * d
        i = r.randrange(shape[d]) if shape[d] else 0
        a = r.randint(0, shape[d])
        b = r.randint(a, shape[d])
        found += [
            ("transpose", lambda x: x.transpose(d, e)),
            ("slice", lambda x: x[(*lead, slice(a, b))]),
            ("step", lambda x: x[(*lead, slice(None, None, 2))]),
            ("permute", lambda x: x.permute(*range(n - 1, -1, -1))),
            ("squeeze", lambda x: x.squeeze(d)),
            ("narrow", lambda x: x.narrow(d, a, b - a)),
            ("None", lambda x: x[..., None]),
            ("chunk", lambda x: x.chunk(2, d)[-1]),
            ("split", lambda x: x.split(1, d)[0]),
            ("unfold", lambda x: x.unfold(d, min(1, shape[d]), 1)),
            ("movedim", lambda x: x.movedim(d, e)),
            ("reshape", lambda x: x.reshape(-1) if x.is_contiguous() else x[None]),
            ("view", lambda x: x.view(-1) if x.is_contiguous() else x),
            ("expand", lambda x: x.expand_as(x)),
            ("as_strided", lambda x: x.as_strided(x.size(), x.stride()) if x.numel() else x),
        ]
        if shape[d]:
            found += [
                ("select", lambda x: x.select(d, i)),
                ("int", lambda x: x[(*lead, i)]),
                ("unbind", lambda x: x.unbind(d)[i]),
                ("tensor int", lambda x: x[(*lead, _library(x).tensor(i))]),
                ("lazy int", lambda x: x[(*lead, _library(x).tensor(i) * 1)]),
            ]
        if n > 1 and d != e:
            found.append(("diagonal", lambda x: x.diagonal(0, d, e)))
    return r.choice(found)


def _a_write(r: random.Random) -> tuple[str, Callable[..., None]]:
    seed = r.randint(0, 10**6)

    def drawn(v: Any) -> Any:
        values = torch.randn(tuple(v.shape), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        return to_lucid(values) if _library(v) is lucid else values

    def iadd(v: Any, c: Any) -> None:
        v += c

    def assign(v: Any, c: Any) -> None:
        v[...] = drawn(v) * c

    def masked(v: Any, c: Any) -> None:
        v[drawn(v) > 0] = c * 3

    def indexed(v: Any, c: Any) -> None:
        if v.ndim and v.shape[0]:
            v[_library(v).tensor([0])] = c
        else:
            v.add_(1)

    writes: dict[str, Callable[..., Any]] = {
        "zero_": lambda v, c: v.zero_(),
        "fill_": lambda v, c: v.fill_(1.5),
        "add_": lambda v, c: v.add_(c * 2),
        "mul_": lambda v, c: v.mul_(c),
        "copy_": lambda v, c: v.copy_(drawn(v) * c),
        "masked_fill_": lambda v, c: v.masked_fill_(drawn(v) > 0, 2.0),
        "+=": iadd,
        "[...] =": assign,
        "[mask] =": masked,
        "[index] =": indexed,
    }
    name = r.choice(list(writes))
    return name, writes[name]


def _program(r: random.Random) -> tuple[tuple[int, ...], list[Step]]:
    shape = r.choice([(4,), (2, 3), (2, 3, 4), (1, 4), (3, 3)])
    steps: list[Step] = []
    tensors = [torch.zeros(shape)]
    for _ in range(r.randint(2, 7)):
        at = r.randrange(len(tensors))
        if r.random() < 0.5:
            name, view = _a_view(r, tuple(tensors[at].shape))
            steps.append(("view", name, at, view))
            tensors.append(view(tensors[at]))
        else:
            name, write = _a_write(r)
            steps.append(("write", name, at, write))
    return shape, steps


def _run(steps: list[Step], start: Any, c: Any, evaluate_at: int) -> list[Any]:
    tensors, reads = [start], []
    for k, (kind, _, at, step) in enumerate(steps):
        if kind == "view":
            tensors.append(step(tensors[at]))
        else:
            step(tensors[at], c)
        if k == evaluate_at:
            tensors[at].detach().tolist()
        if k % 2:
            reads.append(tensors[-1] * 1 if tensors[-1].numel() else tensors[-1].clone())
    return tensors + reads


def _strides(t: Any) -> list[int]:
    return [s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1]


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_random_programs(seed: int, recorded: bool) -> None:
    r = random.Random(seed)
    for k in range(60):
        shape, steps = _program(r)
        torch.manual_seed(k)
        x = torch.randn(shape, dtype=torch.float64, requires_grad=recorded)
        c = torch.tensor(1.3, dtype=torch.float64, requires_grad=recorded)
        mine = to_lucid([x, c], True)
        what = f"program {k}: {[step[:3] for step in steps]}"
        evaluate_at = r.choice([-1, -1, 1, 2])
        start = (lambda x, c: x * c) if recorded else (lambda x, c: x.clone())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                want = _run(steps, start(x, c), c, -1)
                sum(t.sum() for t in want)  # PyTorch may refuse only when a view is used
        except RuntimeError as error:
            if "multiple views" not in str(error):  # lucid lets these through
                with pytest.raises(RuntimeError):
                    _run(steps, start(*mine), mine[1], evaluate_at)
            continue
        got = _run(steps, start(*mine), mine[1], evaluate_at)
        for g, w in zip(got, want, strict=True):
            assert_same(g, w, what=what)
            assert g.requires_grad == w.requires_grad, what
        views = 1 + sum(step[0] == "view" for step in steps)
        for g, w in zip(got[:views], want[:views], strict=True):
            if w.numel():
                assert _strides(g) == _strides(w), what
                assert "lazy int" in what or g.storage_offset() == w.storage_offset(), what
        if recorded:
            _compare_gradients(got, want, mine, [x, c], evaluate_at == 2, what)


def _compare_gradients(got: list[Any], want: list[Any], mine: Any, theirs: Any, evaluated: bool, what: str) -> None:
    seeds = [torch.randn(t.shape, dtype=torch.float64) for t in want]
    total = sum((t * s).sum() for t, s in zip(want, seeds, strict=True))
    loss = sum((t * to_lucid(s)).sum() for t, s in zip(got, seeds, strict=True))
    expected = torch.autograd.grad(total, theirs, allow_unused=True)
    if evaluated:
        _tape.evaluate(loss)
    for g, w in zip(grad(loss, mine, allow_unused=True), expected, strict=True):
        if w is not None:
            assert_same(lucid.zeros(tuple(w.shape), dtype=lucid.float64) if g is None else g, w, what=what)
