"""What may be a key of a dict or an element of a set.

A key is hashed, and a pickle can name one part many times: a tuple of a tuple of a tuple, each twice in the next, takes
longer to hash than anybody waits. Python's hashes of numbers are no secret either: a hundred thousand that collide keep
one dict busy for an hour.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid import dtypes
from lucid._device import device
from lucid._tensor import Tensor
from lucid.serialization._header import CheckpointError
from lucid.serialization._torch._budget import Budget

_PARTS = 1000  # of one key
_DEPTH = 20
_COLLISIONS = 64  # different keys of one container with the same hash
_UNIQUE = 1 << 60  # smaller integers are their own hashes

# Nobody can choose the hash of these, or make more than a few dozen with the same one.
_SAFE = (str, bytes, type(None), bool, float, dtypes.dtype, device, Tensor)
_NUMBERS = (int, complex, np.generic)


class Keys:
    """Admits keys to the containers of one pickle."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._hashes: dict[int, dict[int, int]] = {}  # how often there is a hash, by the id of the container

    def admit(self, container: Any, key: Any) -> None:
        """Raises CheckpointError for a key of another type, and for one that takes long."""
        if isinstance(key, _SAFE) or (type(key) is int and -_UNIQUE < key < _UNIQUE) or not self._guessable(key):
            return
        hashes = self._hashes.setdefault(id(container), {})
        value = hash(key)
        count = hashes.get(value, 0)
        if count >= _COLLISIONS:
            raise CheckpointError("its pickle is made to take forever: many keys of one dict have the same hash")
        self._budget.charge(100)
        hashes[value] = count + 1

    def _guessable(self, key: Any) -> bool:
        """True if somebody could choose the hash of `key`, all parts of which are looked at."""
        found, open_, parts = False, [(key, 0)], 0
        while open_:
            part, depth = open_.pop()
            parts += 1
            if parts > _PARTS or depth > _DEPTH:
                raise CheckpointError(
                    f"its pickle has a key of more than {_PARTS} parts, or nested more than {_DEPTH} deep"
                )
            if isinstance(part, (tuple, frozenset)):
                if len(part) > _PARTS:
                    raise CheckpointError(f"its pickle has a key of more than {_PARTS} parts")
                open_ += [(inner, depth + 1) for inner in part]
            elif isinstance(part, _SAFE):
                continue
            elif isinstance(part, _NUMBERS):
                found = True
            else:
                raise CheckpointError(f"its pickle has a key of type {type(part).__name__}")
        self._budget.charge(8 * parts)
        return found
