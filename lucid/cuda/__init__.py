"""CUDA, with MLX's CUDA build (`pip install mlx[cuda13]`); elsewhere `is_available()` is False.

Without CUDA, questions have an answer (no device, no memory in use), and what needs a GPU raises AssertionError as it
does in a PyTorch without CUDA. Streams, events and graphs are MLX's own business and do not exist here.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import random
from lucid._device import as_device, default
from lucid._device import device as _device
from lucid.cuda import amp as amp

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_rng_state",
    "get_rng_state_all",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_max_memory_allocated",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state",
    "set_rng_state_all",
    "synchronize",
]


def is_available() -> bool:
    """True if MLX computes on CUDA here."""
    return mx.cuda.is_available()


def is_initialized() -> bool:
    """True if MLX computes on CUDA here: it needs no initialisation."""
    return is_available()


def init() -> None:
    """Nothing, if there is CUDA."""
    _need("init")


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """True if there is CUDA: MLX has bfloat16 everywhere."""
    return is_available()


def device_count() -> int:
    """The number of CUDA devices; 0 without CUDA."""
    return mx.device_count(mx.gpu) if is_available() else 0


def _need(operation: str) -> None:
    if not is_available():
        raise AssertionError(
            f"cuda.{operation}: this build of MLX has no CUDA; install mlx[cuda13] on Linux with an NVIDIA GPU, or ask "
            "lucid.cuda.is_available() first"
        )


def current_device() -> int:
    """The index of the device that is used."""
    _need("current_device")
    return default().index or 0


def set_device(device: Any) -> None:
    """Use this device from here on."""
    where = _device("cuda", device) if isinstance(device, int) and is_available() else device
    if not isinstance(where, int) and str(where).partition(":")[0] != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    _need("set_device")
    mx.set_default_device(as_device(where).mx)


class device:
    """Use a CUDA device inside a `with` block; None, and an index below 0, changes nothing."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self._before: list[Any] = []

    def __enter__(self) -> None:
        self._before.append(mx.default_device())
        if self.device is not None and not (isinstance(self.device, int) and self.device < 0):
            set_device(self.device)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mx.set_default_device(self._before.pop())


def get_device_name(device: Any = None) -> str:
    """The name of the GPU."""
    _need("get_device_name")
    return str(mx.device_info().get("device_name", "CUDA"))


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done what it was given. What is lazy still is: nothing is started by this."""
    _need("synchronize")
    mx.synchronize()


# ---- memory: 0 without CUDA, as there none of it is used -------------------------------------------------------------


def empty_cache() -> None:
    """Give memory that MLX keeps for later arrays back to the system."""
    if is_available():
        mx.clear_cache()


def ipc_collect() -> None:
    """Nothing, if there is CUDA: no memory is shared between processes."""
    _need("ipc_collect")


def memory_allocated(device: Any = None) -> int:
    """The bytes that arrays take."""
    return mx.get_active_memory() if is_available() else 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that arrays have taken since the last `reset_peak_memory_stats`."""
    return mx.get_peak_memory() if is_available() else 0


def memory_reserved(device: Any = None) -> int:
    """The bytes that arrays take and those that MLX keeps for later ones."""
    return mx.get_active_memory() + mx.get_cache_memory() if is_available() else 0


def max_memory_reserved(device: Any = None) -> int:
    """The largest of `max_memory_allocated` and what is reserved now: MLX does not record more."""
    return max(max_memory_allocated(), memory_reserved())


def reset_peak_memory_stats(device: Any = None) -> None:
    """Measure `max_memory_allocated` from here on."""
    _need("reset_peak_memory_stats")
    mx.reset_peak_memory()


reset_max_memory_allocated = reset_peak_memory_stats


# ---- random numbers: one generator for all devices -------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Start the default generator, which all devices share, over from `seed`; nothing without CUDA, as in PyTorch."""
    if is_available():
        random.manual_seed(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Start the default generator, which all devices share, over from a seed of the operating system's."""
    if is_available():
        random.seed()


seed_all = seed


def initial_seed() -> int:
    """The seed that the default generator, which all devices share, was last started from."""
    _need("initial_seed")
    return random.initial_seed()


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The state of the default generator, which all devices share."""
    _need("get_rng_state")
    return random.get_rng_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Put the default generator, which all devices share, back into a state."""
    _need("set_rng_state")
    random.set_rng_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    """The state for each device: one, which all share; none without CUDA."""
    return [random.get_rng_state()] if is_available() else []


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Put the default generator back into the state that `get_rng_state_all` gave."""
    for state in new_states:
        set_rng_state(state)
