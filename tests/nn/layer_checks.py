"""Holding a lucid module against the PyTorch module of the same name: values, gradients, repr, state dicts, copies."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

import lucid
from lucid import _tape, nn
from tests.checks import assert_same, leaves, to_lucid


def build(name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """The lucid module and the PyTorch module, both with random numbers as parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty weights
        theirs = getattr(torch.nn, name)(*args, **kwargs)
        mine = getattr(nn, name)(*to_lucid(args), **to_lucid(kwargs))
    share(mine, theirs)
    return mine, theirs


def share(mine: Any, theirs: Any) -> None:
    """Give both modules the same random numbers as parameters."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.5 + 0.1)
    mine.load_state_dict(as_lucid(theirs.state_dict()), strict=True)


def as_lucid(state: dict[str, Any]) -> dict[str, Any]:
    return {key: to_lucid(value) for key, value in state.items()}


def as_torch(state: dict[str, Any]) -> dict[str, Any]:
    return {key: _as_torch(value) for key, value in state.items()}


def _as_torch(t: Any) -> torch.Tensor:
    if t.dtype == lucid.bfloat16:  # NumPy has no such dtype
        return torch.tensor(np.array(t.detach().float().numpy())).bfloat16()
    return torch.tensor(np.array(t.numpy()))


def check_layer(
    name: str, args: Sequence[Any], kwargs: dict[str, Any], inputs: Sequence[Any], tol: float = 3e-5
) -> None:
    """Everything that a module of PyTorch's shows."""
    check_modules(*build(name, *args, **kwargs), inputs, tol)


def check_modules(mine: Any, theirs: Any, inputs: Sequence[Any], tol: float = 3e-5) -> None:
    """Everything that two modules with the same parameters show."""
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert [(n, tuple(p.shape)) for n, p in mine.named_parameters()] == [
        (n, tuple(p.shape)) for n, p in theirs.named_parameters()
    ]
    for training in (False, True):
        for how in ("replay", "per node"):
            mine.train(training)
            theirs.train(training)
            check_forward(mine, theirs, inputs, how, tol)
    for key, value in theirs.state_dict().items():
        assert_same(mine.state_dict()[key], value, tol, key)  # running statistics moved alike
    theirs.load_state_dict(as_torch(mine.state_dict()), strict=True)
    for twin in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert repr(twin) == repr(mine)
        for key, value in theirs.state_dict().items():
            assert_same(twin.state_dict()[key], value, tol, key)


def _fresh(inputs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Copies of `inputs` for both; one tensor given twice stays one tensor."""
    copies = {id(t): t.detach().clone().requires_grad_(t.requires_grad) for t in leaves(tuple(inputs))}
    mine = {key: to_lucid(t, requires_grad=True) for key, t in copies.items()}
    return [_exchange(t, copies) for t in inputs], [_exchange(t, mine) for t in inputs]


def _exchange(value: Any, copies: dict[int, Any]) -> Any:
    """`value` with the tensors in it replaced."""
    if isinstance(value, (list, tuple)):
        return type(value)(_exchange(v, copies) for v in value)
    return copies.get(id(value), value)


def check_forward(mine: Any, theirs: Any, inputs: Sequence[Any], how: str, tol: float) -> None:
    """Values and gradients of one call, in the mode that the modules are in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs, arguments = _fresh(inputs)
        want = theirs(*inputs)
        got = mine(*arguments)
    assert_same(got, want, tol)
    outs = [t for t in leaves(want) if t.requires_grad]
    variables = list({id(t): t for t in leaves(tuple(inputs)) if t.requires_grad}.values()) + list(theirs.parameters())
    if not outs or not variables:
        return
    loss = sum((t * torch.linspace(-1, 1, t.numel()).reshape(t.shape)).sum() for t in outs)
    expected = torch.autograd.grad(loss, variables, allow_unused=True)
    my_outs = [t for t in leaves(got) if t.requires_grad]
    my_variables = list({id(t): t for t in leaves(arguments) if t.requires_grad}.values()) + list(mine.parameters())
    if how == "per node":
        _tape.evaluate(*my_outs)
    seeds = [lucid.tensor(np.linspace(-1, 1, t.numel(), dtype=np.float32).reshape(t.shape)) for t in my_outs]
    found = lucid.autograd.grad(my_outs, my_variables, seeds, allow_unused=True)
    for k, (g, w) in enumerate(zip(found, expected, strict=True)):
        if w is not None:
            assert_same(g, w, tol, f"gradient {k} ({how})")
