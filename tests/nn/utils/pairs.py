"""What programs need that are run with torch and with lucid: the same numbers in modules, and what can be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lucid
from tests.checks import to_lucid
from tests.nn.layer_checks import as_lucid, as_torch


def values(t: Any, *shape: int, seed: int = 0) -> Any:
    """Normal random numbers as a float32 tensor of the library `t`."""
    return t.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def filled(t: Any, module: Any, seed: int = 1) -> Any:
    """`module` with the same random numbers in all floating parameters and buffers; singular vectors have length 1."""
    rng = np.random.default_rng(seed)
    with t.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.dtype.is_floating_point:
                numbers = rng.standard_normal(tuple(tensor.shape))
                if name.endswith(("_u", "_v")):
                    numbers /= np.linalg.norm(numbers)
                tensor.copy_(t.tensor(numbers, dtype=tensor.dtype))
    return module


def linear(t: Any, inputs: int = 3, outputs: int = 2, **options: Any) -> Any:
    """A `Linear` with the same numbers in both libraries."""
    return filled(t, t.nn.Linear(inputs, outputs, **options))


def attempt(call: Callable[[], Any]) -> Any:
    """What `call` returns, or the name of the class of what it raises."""
    try:
        return call()
    except Exception as error:
        return type(error).__name__ if str(error) else "an error without a message"


def seen(module: Any) -> Any:
    """The class, the print, the names in order with their shapes, and all values of a module."""
    named = [(n, tuple(p.shape), p.requires_grad) for n, p in module.named_parameters()]
    buffers = [(n, tuple(b.shape)) for n, b in module.named_buffers()]
    return type(module).__name__, repr(module), named, buffers, list(module.state_dict().items())


def step(module: Any, *inputs: Any) -> Any:
    """The output of a call, and the gradients of the sum of its squares."""
    module.zero_grad()
    out = module(*inputs)
    (out * out).sum().backward()
    return out.detach(), [(name, p.grad) for name, p in module.named_parameters()]


def exchange(mine: Any, theirs: Any) -> None:
    """Load the state of each of the two modules into the other; names and their order must be the same."""
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert mine.state_dict()._metadata == theirs.state_dict()._metadata
    before = {key: to_lucid(value.clone()) for key, value in theirs.state_dict().items()}
    theirs.load_state_dict(as_torch(mine.state_dict()), strict=True)
    mine.load_state_dict(as_lucid(before), strict=True)
    for key, value in before.items():
        assert lucid.equal(mine.state_dict()[key], value)
