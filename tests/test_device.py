"""Devices. There is no GPU here: what would be sent to Metal is seen in the streams that MLX is asked for."""

from __future__ import annotations

import contextlib
import pickle

import mlx.core as mx
import pytest

import lucid
from lucid import _device as gpu_module
from lucid import _tape, _views
from lucid import device as Device


@pytest.fixture
def metal(monkeypatch):
    """A machine with Metal, as far as lucid can tell; the list of the devices whose streams were used."""
    used = []

    @contextlib.contextmanager
    def stream(where):
        used.append("cpu" if where == mx.Device(mx.cpu, 0) or where == mx.cpu else "gpu")
        yield

    monkeypatch.setattr(gpu_module, "gpu_name", lambda: "metal")
    monkeypatch.setattr(mx, "device_count", lambda kind: 1)
    monkeypatch.setattr(mx, "stream", stream)
    default = mx.default_device()
    mx.set_default_device(mx.cpu)
    yield used
    mx.set_default_device(default)


def test_names():
    cpu = Device("cpu")
    assert (cpu.type, cpu.index, str(cpu), repr(cpu)) == ("cpu", None, "cpu", "device(type='cpu')")
    indexed = Device("cpu", 0)
    assert str(indexed) == "cpu:0" == str(Device("cpu:0"))
    assert repr(indexed) == "device(type='cpu', index=0)"
    assert Device(indexed) == indexed != cpu
    assert hash(Device("cpu")) == hash(cpu)
    assert pickle.loads(pickle.dumps(indexed)) == indexed
    assert cpu != "cpu"


@pytest.mark.parametrize("name", ["tpu", "cpu:x", "cpu:-1", ""])
def test_bad_names(name):
    with pytest.raises(RuntimeError, match="device"):
        Device(name)


@pytest.mark.parametrize("name", ["cpu:7", "cuda:0" if gpu_module.gpu_name() != "cuda" else "metal:0"])
@pytest.mark.parametrize(
    "use",
    [
        lambda where: lucid.ones(2, device=where),
        lambda where: lucid.tensor([1.0], device=where),
        lambda where: lucid.ones(2).to(where),
        lambda where: lucid.nn.Linear(2, 2, device=where),
        lambda where: lucid.nn.Linear(2, 2).to(where),
        lambda where: lucid.rand(2, device=where),
        lambda where: lucid.Generator(where),
        lambda where: lucid.set_default_device(where),
        lambda where: where.__enter__(),
    ],
)
def test_what_is_not_here_can_be_named_but_not_used(name, use):
    where = Device(name)
    assert str(where) == name
    before = mx.default_device()
    with pytest.raises(RuntimeError, match=r"not available here|out of range"):
        use(where)
    assert mx.default_device() == before


def test_index_twice():
    with pytest.raises(RuntimeError, match="index"):
        Device("cpu:0", 0)


def test_wrong_type():
    with pytest.raises(TypeError, match="device"):
        Device(1.5)


@pytest.mark.skipif(gpu_module.gpu_name() is not None, reason="this machine has a GPU")
@pytest.mark.parametrize("name", ["metal", "mps", "cuda", "gpu", 0])
def test_missing_gpu_says_what_there_is(name):
    with pytest.raises(RuntimeError, match="cpu only"):
        lucid.ones(2).to(name)


@pytest.mark.skipif(gpu_module.gpu_name() is not None, reason="this machine has a GPU")
def test_everything_is_on_the_cpu():
    x = lucid.ones(2)
    assert x.device == Device("cpu")
    assert x.is_cpu
    assert not any((x.is_cuda, x.is_mps, x.is_metal))
    assert x.to("cpu")._extra is None
    assert (x + 1).device.type == "cpu"


def test_aliases(metal):
    assert Device("mps") == Device("metal") == Device("gpu")
    assert lucid.ones(2).to("mps").device == Device("metal")


def test_ops_run_where_their_tensors_are(metal):
    x, w = lucid.ones(2, 2), lucid.ones(2, 2, device="metal")
    assert w.is_metal
    metal.clear()
    y = x + w
    assert metal == ["gpu"]
    assert y.device.type == "metal"
    metal.clear()
    assert (x + x).device == x.device
    assert metal == []


def test_results_views_and_gradients_stay_there(metal):
    w = lucid.ones(2, 2, device="metal", requires_grad=True)
    assert w[0].device.type == w.T.device.type == w.detach().device.type == "metal"
    loss = (w * w).sum()
    metal.clear()
    loss.backward()
    assert set(metal) == {"gpu"}  # the replayed functions ask for it again
    assert w.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_moving_costs_nothing(metal):
    x = lucid.ones(2)
    y = x.to("metal")
    assert _tape.array(y) is _tape.array(x)
    assert y.to("cpu").device.type == "cpu"


def test_float64_is_refused_on_metal(metal):
    with pytest.raises(TypeError, match="float64 lives on the CPU only"):
        lucid.ones(2, dtype=lucid.float64, device="metal")
    with pytest.raises(TypeError, match="float64 lives on the CPU only"):
        lucid.ones(2, device="metal").to(lucid.float64)
    with pytest.raises(TypeError, match="float64 lives on the CPU only"):
        lucid.ones(2, device="metal").double()
    with pytest.raises(TypeError, match="float64 lives on the CPU only"):
        lucid.ones(2, dtype=lucid.float64).to("metal")


def test_pin_to_the_default_is_no_pin():
    x = lucid.ones(2)
    assert _views.pin(x, lucid.device("cpu")) is x


def test_module_moves(metal):
    layer = lucid.nn.Linear(2, 2)
    weight = layer.weight
    assert layer.metal() is layer
    assert layer.weight is weight
    assert layer.weight.device.type == "metal"
    assert layer(lucid.ones(1, 2)).device.type == "metal"
    assert layer.cpu().weight.device.type == "cpu"


def test_a_device_is_a_context_in_which_new_tensors_are_on_it():
    before = lucid.get_default_device()
    with lucid.device("cpu") as where:
        assert where == lucid.device("cpu") == lucid.get_default_device()
        assert lucid.zeros(1).is_cpu
        with lucid.device("cpu"):
            pass
        assert lucid.get_default_device() == where
    assert lucid.get_default_device() == before
    lucid.set_default_device("cpu")
    assert lucid.get_default_device() == lucid.device("cpu")
    lucid.set_default_device(None)
    assert lucid.get_default_device() == before


def test_switches_say_what_they_cannot_do():
    with pytest.raises(RuntimeError, match="not available"):
        lucid.set_default_device("cuda" if not lucid.cuda.is_available() else "metal")
    with pytest.warns(UserWarning, match="no effect"):
        lucid.set_num_interop_threads(2)
    lucid.set_num_threads(1)
    assert lucid.get_num_threads() >= 1
    assert lucid.get_num_interop_threads() == 1
    assert lucid.set_flush_denormal(True) is False
    with pytest.raises(RuntimeError, match="'highest', 'high' or 'medium'"):
        lucid.set_float32_matmul_precision("low")
    with pytest.raises(NotImplementedError, match=r"lucid\.compile"):
        lucid.jit.trace(lambda x: x, ())
    assert lucid.jit.script_if_tracing(abs) is abs
    assert lucid.__version__ == lucid.version.__version__
