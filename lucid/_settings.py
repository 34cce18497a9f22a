"""PyTorch's global switches: the default device, determinism, threads, precision. Each says what it means on MLX."""

from __future__ import annotations

import ctypes
import warnings
from typing import Any

import mlx.core as mx

from lucid import dtypes
from lucid._device import as_device, default, device, gpu_name
from lucid._grad_mode import is_anomaly_enabled, set_detect_anomaly
from lucid.creation.legacy import tensortype
from lucid.ops.conversion import TYPE_NAMES

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_anomaly_enabled",
    "set_default_device",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]

_FIRST_DEVICE = mx.default_device()


class _State:
    deterministic = 0  # as a debug mode: 0 off, 1 warn only, 2 on
    precision = "highest"


_state = _State()


def _need_bool(operation: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise RuntimeError(f"{operation} expects a bool, but got {type(value).__name__}")


# ---- defaults --------------------------------------------------------------------------------------------------------


def get_default_device() -> device:
    """The device that new tensors are on: MLX's default device."""
    return default()


def set_default_device(device: Any) -> None:
    """Make `device` the one that new tensors are on; None is the one that MLX started with.

    This is MLX's own default device, so tensors that were never sent to a device follow.
    """
    mx.set_default_device(_FIRST_DEVICE if device is None else as_device(device).mx)


def set_default_tensor_type(t: Any, /) -> None:
    """Make the dtype of `t`, such as `lucid.DoubleTensor` or its name, the default dtype.

    Raises TypeError unless it is a floating one.
    """
    if isinstance(t, str):
        t = t.rpartition(".")[2]
        if t not in TYPE_NAMES:
            raise TypeError(f"set_default_tensor_type: invalid type {t!r}; expected a name such as 'lucid.FloatTensor'")
        dtypes.set_default_dtype(TYPE_NAMES[t])
    elif isinstance(t, tensortype):
        dtypes.set_default_dtype(t.dtype)
    else:
        raise TypeError(
            f"set_default_tensor_type: invalid type object {t!r}: only floating-point types are supported as the "
            "default type"
        )


# ---- determinism -----------------------------------------------------------------------------------------------------


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same results in every run.

    MLX has one algorithm for each operation, so there is nothing to choose: on the CPU all of them are deterministic;
    on a GPU sums over repeated indices (`index_add_`, `scatter_add_`, the gradient of an embedding) add in no fixed
    order, which a warning says there.
    """
    if not isinstance(mode, bool):
        raise TypeError(f"use_deterministic_algorithms(): argument 'mode' must be bool, not {type(mode).__name__}")
    _state.deterministic = (1 if warn_only else 2) if mode else 0
    if mode and gpu_name() is not None:
        warnings.warn(
            "use_deterministic_algorithms: on a GPU MLX adds values at repeated indices in no fixed order; run on the "
            'CPU (lucid.set_default_device("cpu")) where the last bits matter',
            UserWarning,
            stacklevel=2,
        )


def are_deterministic_algorithms_enabled() -> bool:
    """True if `use_deterministic_algorithms` was asked for."""
    return _state.deterministic > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """True if `use_deterministic_algorithms` was asked for with `warn_only`."""
    return _state.deterministic == 1


_DEBUG_MODES = ("default", "warn", "error")


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` by a number or a word: 0 "default" is off, 1 "warn", 2 "error"."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode).__name__}")
    if debug_mode not in (*_DEBUG_MODES, 0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, 2, `default`, `warn` or `error`, but got {debug_mode}"
        )
    level = debug_mode if isinstance(debug_mode, int) else _DEBUG_MODES.index(debug_mode)
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def get_deterministic_debug_mode() -> int:
    """The number that `set_deterministic_debug_mode` takes for what is set now."""
    return _state.deterministic


# ---- threads ---------------------------------------------------------------------------------------------------------


def _openblas(function: str) -> Any:
    return getattr(ctypes.CDLL(None), function, None)


def get_num_threads() -> int:
    """How many threads one operation on the CPU uses: those of OpenBLAS if it is loaded, else 1.

    MLX computes the operations of a stream one after the other on one thread.
    """
    found = _openblas("openblas_get_num_threads")
    return 1 if found is None else int(found())


def set_num_threads(num: int, /) -> None:
    """Set the number of threads that OpenBLAS, if it is loaded, uses in matrix products on the CPU.

    Without OpenBLAS a warning says that there is nothing to set: MLX computes on one thread, and Apple's Accelerate
    takes its number from the environment variable VECLIB_MAXIMUM_THREADS.
    """
    _check_threads("set_num_threads", num)
    found = _openblas("openblas_set_num_threads")
    if found is not None:
        found(num)
    elif num != 1:
        warnings.warn(
            f"set_num_threads({num}) has no effect: MLX computes on one thread, and its matrix products take their "
            "number of threads from VECLIB_MAXIMUM_THREADS (macOS) or OPENBLAS_NUM_THREADS at the start of the program",
            UserWarning,
            stacklevel=2,
        )


def get_num_interop_threads() -> int:
    """How many operations run at once on the CPU: 1, since there is one stream."""
    return 1


def set_num_interop_threads(num: int, /) -> None:
    """Accept 1, which is what there is; a warning says so for other numbers."""
    _check_threads("set_num_interop_threads", num)
    if num != 1:
        warnings.warn(
            f"set_num_interop_threads({num}) has no effect: MLX runs the operations of a stream one after the other",
            UserWarning,
            stacklevel=2,
        )


def _check_threads(operation: str, num: Any) -> None:
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"{operation} expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError(f"{operation} expects a positive integer, got {num}")


# ---- precision, warnings, anomalies ----------------------------------------------------------------------------------


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was given last; "highest" at first."""
    return _state.precision


def set_float32_matmul_precision(precision: str) -> None:
    """Allow float32 matrix products to be less precise than "highest": "high" or "medium".

    It is a permission that MLX makes no use of on the CPU and on Metal. On CUDA it does what the environment variable
    MLX_ENABLE_TF32 says when the program starts.
    """
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"set_float32_matmul_precision: expected 'highest', 'high' or 'medium', got {precision!r}")
    _state.precision = precision


def set_flush_denormal(mode: bool, /) -> bool:
    """False: MLX does not let the treatment of denormal numbers be changed."""
    _need_bool("set_flush_denormal", mode)
    return False


_ALWAYS: Any = ("always", None, UserWarning, None, 0)


def set_warn_always(b: bool, /) -> None:
    """Show a UserWarning each time, not once for each place, or no longer. It is Python's own filter that is set."""
    _need_bool("set_warn_always", b)
    if b:
        warnings.simplefilter("always", UserWarning)
    elif is_warn_always_enabled():
        warnings.filters.remove(_ALWAYS)  # type: ignore[attr-defined]


def is_warn_always_enabled() -> bool:
    """True if Python shows a UserWarning each time."""
    return _ALWAYS in warnings.filters


def is_anomaly_check_nan_enabled() -> bool:
    """True: anomaly detection always looks for NaN."""
    return True


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch anomaly detection on or off: see `lucid.autograd.set_detect_anomaly`."""
    set_detect_anomaly(mode, check_nan)
