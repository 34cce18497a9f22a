"""Global switches, limits of dtypes, and the namespaces of devices, held against PyTorch on the CPU."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid._device import gpu_name
from tests.checks import check_program

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.skipif(gpu_name() is not None, reason="the oracle has no GPU"),
]


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "complex64"])
def test_finfo(name):
    a, b = torch.finfo(getattr(torch, name)), lucid.finfo(getattr(lucid, name))
    assert repr(a) == repr(b)
    for key in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(a, key) == getattr(b, key)


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_iinfo(name):
    a, b = torch.iinfo(getattr(torch, name)), lucid.iinfo(getattr(lucid, name))
    assert repr(a) == repr(b)
    assert (a.bits, a.max, a.min, a.dtype) == (b.bits, b.max, b.min, b.dtype)


KERNELS = ("flash", "math", "mem_efficient", "cudnn")


def kernels_of_attention(t):
    return [getattr(t.backends.cuda, f"{name}_sdp_enabled")() for name in KERNELS]


def switched(t):
    try:
        for name in KERNELS[::2]:
            getattr(t.backends.cuda, f"enable_{name}_sdp")(False)
        return kernels_of_attention(t)
    finally:
        for name in KERNELS:
            getattr(t.backends.cuda, f"enable_{name}_sdp")(True)


def inside_sdp_kernel(t):
    before = kernels_of_attention(t)
    with (
        pytest.warns(FutureWarning, match="sdp_kernel"),
        t.backends.cuda.sdp_kernel(enable_flash=False, enable_mem_efficient=False) as given,
    ):
        inside = kernels_of_attention(t)
    return before, inside, kernels_of_attention(t), given


def declared(x): ...


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.finfo(t.int32),
        lambda t: t.iinfo(t.float32),
        lambda t: t.iinfo(t.bool),
        lambda t: t.iinfo(),
        lambda t: t.finfo("a"),
        lambda t: hash(t.finfo(t.float32)),
        lambda t: setattr(t.finfo(t.float32), "max", 1),
        lambda t: [t.finfo().dtype, t.finfo(t.float32) == t.finfo(t.float32), t.finfo(t.half) == t.finfo(t.float32)],
        lambda t: [t.pi, t.e, t.inf, str(t.nan), t.newaxis],
        lambda t: t.set_num_threads(0),
        lambda t: t.set_num_threads("a"),
        lambda t: t.set_num_interop_threads(0),
        lambda t: t.use_deterministic_algorithms("a"),
        lambda t: t.set_deterministic_debug_mode("x"),
        lambda t: t.set_deterministic_debug_mode(5),
        lambda t: t.set_flush_denormal(1),
        lambda t: t.set_warn_always(1),
        lambda t: t.set_default_tensor_type(t.LongTensor),
        lambda t: t.set_default_tensor_type("torch.LongTensor"),
        lambda t: t.set_default_tensor_type(3),
        lambda t: t.get_float32_matmul_precision(),
        lambda t: [t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()],
        lambda t: [t.is_autocast_enabled(), t.is_autocast_enabled("cpu"), t.get_autocast_dtype("cpu")],
        lambda t: t.get_autocast_dtype("cuda"),
        lambda t: t.autocast("foo"),
        lambda t: t.autocast(),
        lambda t: t.autocast(3, enabled=False),
        lambda t: t.autocast("cpu", enabled=False)(lambda: 3)(),
        lambda t: [t.cuda.is_available(), t.cuda.device_count(), t.cuda.memory_allocated(), t.cuda.is_initialized()],
        lambda t: [t.cuda.manual_seed_all(0), t.cuda.empty_cache(), t.cuda.is_bf16_supported(), t.cuda.seed()],
        lambda t: [t.cuda.max_memory_allocated(), t.cuda.memory_reserved(), t.cuda.get_rng_state_all()],
        lambda t: t.cuda.synchronize(),
        lambda t: t.cuda.current_device(),
        lambda t: t.cuda.get_device_name(),
        lambda t: t.cuda.init(),
        lambda t: t.cuda.ipc_collect(),
        lambda t: t.cuda.initial_seed(),
        lambda t: t.cuda.get_rng_state(),
        lambda t: t.cuda.set_device("cpu"),
        lambda t: [t.accelerator.is_available(), t.accelerator.current_accelerator(), t.accelerator.device_count()],
        lambda t: t.accelerator.synchronize(),
        lambda t: t.accelerator.set_device_index(0),
        lambda t: t.accelerator.current_device_index(),
        lambda t: t.accelerator.memory_allocated(),
        lambda t: t.mps.synchronize(),
        lambda t: t.mps.current_allocated_memory(),
        lambda t: t.mps.recommended_max_memory(),
        lambda t: t.mps.set_per_process_memory_fraction(3.0),
        lambda t: t.mps.set_per_process_memory_fraction(3),
        lambda t: [t.mps.is_available(), t.mps.device_count(), t.backends.mps.is_available()],
        lambda t: [t.backends.cuda.is_built(), t.backends.cudnn.enabled, t.backends.cudnn.benchmark],
        lambda t: t.backends.cuda.matmul.allow_tf32,
        lambda t: [kernels_of_attention(t), switched(t), kernels_of_attention(t)],
        lambda t: inside_sdp_kernel(t),
        lambda t: [t.cpu.device_count(), t.cpu.current_device(), t.cpu.is_available(), t.cpu.synchronize()],
        lambda t: [t.jit.is_scripting(), t.jit.is_tracing(), t.jit.annotate(int, 3), t.jit.isinstance(3, int)],
        lambda t: [t.jit.ignore(lambda: 3)(), t.jit.unused(lambda: 3)(), t.jit.ignore(drop=False)(lambda: 3)()],
        lambda t: t.jit.export(lambda: 3)(),
        lambda t: str(t.ones(2, 3).shape).removeprefix(t.__name__ + "."),
        lambda t: [str(t.device(n)) for n in ("cuda", "cuda:1", "cpu:7")],
        lambda t: t.jit._overload_method(declared).__name__,
        lambda t: t.jit._script_if_tracing(lambda: 3)(),
        lambda t: t._assert(t.ones(2).all(), "never said"),
        lambda t: t._assert(1 > 2, "said"),
        lambda t: t.version.cuda,
        lambda t: t.get_default_device().type,
    ],
)
def test_programs(program):
    check_program(program)


def test_what_is_set_is_what_is_read():
    def program(t):
        t.set_deterministic_debug_mode("warn")
        found = [t.get_deterministic_debug_mode(), t.are_deterministic_algorithms_enabled()]
        found.append(t.is_deterministic_algorithms_warn_only_enabled())
        t.use_deterministic_algorithms(False)
        found.append(t.get_deterministic_debug_mode())
        t.set_float32_matmul_precision("high")
        found.append(t.get_float32_matmul_precision())
        t.set_float32_matmul_precision("highest")
        t.set_warn_always(True)
        found.append(t.is_warn_always_enabled())
        t.set_warn_always(False)
        found.append(t.is_warn_always_enabled())
        t.set_default_tensor_type(t.DoubleTensor)
        found.append(t.tensor(1.0))
        t.set_default_tensor_type("torch.FloatTensor")
        found.append(t.tensor(1.0))
        t.set_anomaly_enabled(True)
        found.append(t.is_anomaly_enabled())
        t.set_anomaly_enabled(False)
        t.set_default_device("cpu")
        found.append(t.zeros(1).is_cpu)
        t.set_default_device(None)
        return found

    check_program(program)


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.futures.wait_all([]),
        lambda t: t.futures.collect_all([]).wait(),
        lambda t: (lambda f: [f.done(), f.set_result(3), f.done(), f.wait(), f.value()])(t.futures.Future()),
        lambda t: t.futures.Future().value(),
        lambda t: (lambda f: [f.set_result(1), f.set_result(2)])(t.futures.Future()),
        lambda t: (lambda f: [f.set_exception(KeyError("x")), f.wait()])(t.futures.Future()),
        lambda t: (lambda f: [f.set_result(2), f.then(lambda g: g.wait() + 1).wait()])(t.futures.Future()),
        lambda t: (lambda f: [f.set_result(2), f.then(lambda g: 1 / 0).wait()])(t.futures.Future()),
        lambda t: (lambda f: [f.set_result(2), t.futures.wait_all([f, f])])(t.futures.Future()),
        lambda t: t.futures.Future().set_exception("x"),
    ],
)
def test_futures(program):
    check_program(program)
