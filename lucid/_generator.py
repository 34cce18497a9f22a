"""Generators of random numbers and the draws of arrays from them.

A `Generator` holds an MLX key. Each draw splits it: one half is the key of the draw, the other the new state. Both stay
lazy arrays, so drawing costs no evaluation and a compiled step can carry the key along.

MLX 0.32 starts every thread with the same key and gives no way to restore its own state; that is why it is not used.
"""

from __future__ import annotations

import math
import secrets
import threading
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._device import as_device
from lucid._grad_mode import mode
from lucid._tape import Core, TensorCore, array, wrap
from lucid.ops._reduce import HALF

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_ZERO, _ONE = mx.array(0.0), mx.array(1.0)
_FIRST_SEED = 67280421310721  # that of a Generator nobody seeded, as in PyTorch


class Generator:
    """A source of random numbers with a state of its own, to be passed as `generator=`.

    >>> import lucid
    >>> g = lucid.Generator().manual_seed(1)
    >>> a = lucid.rand(2, generator=g)
    >>> bool((a == lucid.rand(2, generator=g.manual_seed(1))).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = as_device(device)
        self._lock = threading.Lock()
        self._held = Core()
        self._held._node = self._held._extra = self._held._grad = None
        self._held._writes = 0
        self.manual_seed(_FIRST_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Start over from `seed`, an int between -2**63 and 2**64 - 1. Returns the generator."""
        self._restart(_seed(seed))
        return self

    def seed(self) -> int:
        """Start over from a seed that the operating system gives; it is returned."""
        fresh = secrets.randbits(64)
        self._restart(fresh)
        return fresh

    def initial_seed(self) -> int:
        """The seed that the generator was last started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor, for `set_state`."""
        with self._lock:
            self._here()
            words = [self._seed, self._moves, *np.array(self.key).tolist()]
        packed = np.array([words[0] & 0xFFFFFFFF, words[0] >> 32, *words[1:]], np.uint32)
        return wrap(mx.array(packed.view(np.uint8)))

    def set_state(self, new_state: Tensor) -> Generator:
        """Go back to a state that `get_state` returned. Returns the generator.

        Raises TypeError for what is no uint8 tensor and RuntimeError for one that is no generator's state.
        """
        if not isinstance(new_state, TensorCore) or new_state._data.dtype != mx.uint8:
            raise TypeError(f"set_state: expected a uint8 tensor from get_state(), got {type(new_state).__name__}")
        state = np.array(array(new_state))
        if state.shape != (20,):
            raise RuntimeError(f"set_state: expected the 20 bytes of a generator's state, got shape {state.shape}")
        words = state.view(np.uint32)
        with self._lock:
            self._seed = int(words[0]) | int(words[1]) << 32
            self._moves = int(words[2])
            self.key = mx.array(words[3:].copy())
            self._thread = threading.get_ident()
        return self

    def clone_state(self) -> Generator:
        """A new generator in the same state."""
        return Generator(self.device).set_state(self.get_state())

    def draw(self) -> mx.array:
        """A key that was not used before. The state moves on, lazily."""
        if mode.level is not None:
            return mode.level.draw(self)  # type: ignore[no-any-return] # vmap may want one for each example
        return self.next_key()

    def next_key(self) -> mx.array:
        """The key that `draw` gives outside of `lucid.vmap`."""
        with self._lock:
            self._here()
            self.key, fresh = mx.split(mx.random.split(self.key).reshape(-1), 2)
            return fresh

    @property
    def key(self) -> mx.array:
        """The state: it is held as tensors hold their arrays, so that a compiled function finds it."""
        return self._held._data

    @key.setter
    def key(self, value: mx.array) -> None:
        self._held._data = value

    def _restart(self, seed: int) -> None:
        with self._lock:
            self._seed, self._moves = seed, 0
            self.key = mx.random.key(seed)
            self._thread = threading.get_ident()

    def _here(self) -> None:
        # MLX cannot use another thread's unevaluated arrays: a thread that takes over goes on from the seed and a count
        # of such moves.
        if self._thread != threading.get_ident():
            self._thread = threading.get_ident()
            self._moves += 1
            mixed = np.random.SeedSequence([self._seed, self._moves]).generate_state(2)
            self.key = mx.array(mixed.astype(np.uint32))

    def __getstate__(self) -> dict[str, Any]:
        return {"device": str(self.device), "state": self.get_state().numpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["device"])  # type: ignore[misc]
        self.set_state(wrap(mx.array(state["state"])))

    def __repr__(self) -> str:
        return f"<lucid.Generator device={self.device} initial_seed={self._seed}>"


def _seed(value: Any) -> int:
    if not hasattr(value, "__index__") and not (isinstance(value, float) and value.is_integer()):
        raise TypeError(f"manual_seed: expected an int, got {type(value).__name__}")
    number = int(value)
    if not -(2**63) <= number < 2**64:
        raise ValueError(f"manual_seed: Overflow when unpacking long, expected -2**63 to 2**64 - 1, got {number}")
    return number % 2**64


default_generator = Generator()
default_generator.seed()


# ---- drawing arrays --------------------------------------------------------------------------------------------------


def fresh_key(generator: Generator | None = None) -> mx.array:
    """A key that was not used before, of `generator` or the default one. Raises TypeError for what is no Generator."""
    if generator is None:
        return default_generator.draw()
    if not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be lucid.Generator, not {type(generator).__name__}")
    return generator.draw()


def _bits(shape: tuple[int, ...], key: mx.array) -> mx.array:
    """Uniform 32-bit integers; `mx.random.split` is what MLX 0.32 has for them."""
    n = math.prod(shape)
    if n % 2 == 0:
        return mx.random.split(key, n // 2).reshape(shape) if n else mx.zeros(shape, mx.uint32)
    return mx.random.split(key, (n + 1) // 2).reshape(-1)[:n].reshape(shape)


def draw_uniform(shape: tuple[int, ...], kind: mx.Dtype, key: mx.array) -> mx.array:
    """Numbers in [0, 1), with all the digits that `kind` has."""
    if kind == mx.float64:
        high, low = _bits(shape, key), _bits(shape, mx.random.split(key, 1)[0])
        fraction = (high >> 5).astype(mx.float64) * 67108864.0 + (low >> 6).astype(mx.float64)
        return fraction * mx.array(2.0**-53, mx.float64)
    return mx.random.uniform(_ZERO, _ONE, shape, kind, key)


def draw_normal(shape: tuple[int, ...], kind: mx.Dtype, key: mx.array) -> mx.array:
    """Standard normal numbers; for a complex `kind` the two parts have variance 1/2."""
    if kind == mx.complex64:
        parts = mx.random.normal((2, *shape), mx.float32, key=key) * math.sqrt(0.5)
        return parts[0] + parts[1] * mx.array(1j, mx.complex64)
    if kind == mx.float64:
        a, b = mx.split(mx.random.split(key).reshape(-1), 2)
        radius = mx.sqrt(-2.0 * mx.log1p(-draw_uniform(shape, kind, a)))
        return radius * mx.cos(draw_uniform(shape, kind, b) * (2 * math.pi))
    if kind in HALF:
        return mx.random.normal(shape, mx.float32, key=key).astype(kind)
    return mx.random.normal(shape, kind, key=key)


def draw_integers(shape: tuple[int, ...], low: int, high: int, key: mx.array) -> mx.array:
    """int64 numbers in [low, high), any range that int64 holds."""
    span = high - low
    if span <= 2**32:
        drawn = (_bits(shape, key).astype(mx.uint64) * span) >> 32
    else:
        a, b = mx.split(mx.random.split(key).reshape(-1), 2)
        drawn = (_bits(shape, a).astype(mx.uint64) << 32) | _bits(shape, b).astype(mx.uint64)
        drawn = drawn % unsigned(span) if span < 2**64 else drawn
    drawn = drawn.astype(mx.int64)
    return drawn + mx.array(low, mx.int64) if low else drawn


def unsigned(value: int) -> mx.array:
    """A uint64 number; MLX's own conversion ends at 2**63."""
    return mx.array(np.array(value, np.uint64))


def draw_exponential(shape: tuple[int, ...], kind: mx.Dtype, key: mx.array) -> mx.array:
    """Exponential numbers of rate 1, never 0."""
    wide = mx.float32 if kind in HALF else kind
    return mx.maximum(-mx.log1p(-draw_uniform(shape, wide, key)), mx.array(2.0**-25, wide)).astype(kind)


def bernoulli_mask(p: float, shape: tuple[int, ...], generator: Generator | None = None) -> Tensor:
    """A bool tensor that is True with probability `p`: the mask of a dropout, at the cost of one MLX call."""
    return wrap(mx.random.bernoulli(p, shape, fresh_key(generator)))
