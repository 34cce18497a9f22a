"""DataParallel is a wrapper: what it returns, its state dicts, and the devices and processes that there are not."""

from __future__ import annotations

import copy
import importlib
import pickle
from collections import namedtuple

import pytest

import lucid
from lucid import nn
from lucid.nn import parallel
from lucid.nn.modules.utils import consume_prefix_in_state_dict_if_present
from lucid.nn.parallel.scatter_gather import scatter_kwargs

Point = namedtuple("Point", "x y")


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 3)

    def forward(self, a, *, b=None):
        return {"sum": self.inner(a), "b": b}


def test_it_returns_what_the_module_returns():
    inner = Sum()
    wrapped = nn.DataParallel(inner)
    x = lucid.ones(4, 2)
    assert (wrapped(x)["sum"] == inner(x)["sum"]).all()
    assert wrapped(x, b="kept")["b"] == "kept"
    assert wrapped.module is inner
    assert wrapped.device_ids == []
    wrapped(x)["sum"].sum().backward()
    assert inner.inner.weight.grad is not None
    assert not wrapped.eval().module.training
    assert nn.DataParallel[Sum](inner).module is inner


def test_state_dicts_have_the_prefix():
    inner = Sum()
    state = nn.DataParallel(inner).state_dict()
    assert list(state) == ["module.inner.weight", "module.inner.bias"]
    assert list(state._metadata) == ["", "module", "module.inner"]
    consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state._metadata) == ["", "inner"]
    other = Sum()
    assert str(other.load_state_dict(state)) == "<All keys matched successfully>"
    assert (other.inner.weight == inner.inner.weight).all()
    nn.DataParallel(other).load_state_dict(nn.DataParallel(inner).state_dict())


def test_copies():
    wrapped = nn.DataParallel(Sum())
    for twin in (copy.deepcopy(wrapped), pickle.loads(pickle.dumps(wrapped))):
        assert repr(twin) == repr(wrapped)
        assert (twin(lucid.ones(1, 2))["sum"] == wrapped(lucid.ones(1, 2))["sum"]).all()


def test_as_a_function():
    inner = Sum()
    x = lucid.ones(4, 2)
    assert (nn.parallel.data_parallel(inner, x)["sum"] == inner(x)["sum"]).all()
    assert nn.parallel.data_parallel(inner, (x,), module_kwargs={"b": 1})["b"] == 1


def test_with_cuda(monkeypatch: pytest.MonkeyPatch):
    """What there is on MLX's CUDA build, here with the CPU for a device."""
    here = lucid.device("cpu", 0)
    files = [importlib.import_module(f"lucid.nn.parallel.{name}") for name in ("data_parallel", "scatter_gather")]
    monkeypatch.setattr(files[0], "gpu_name", lambda: "cuda")
    for file in files:
        monkeypatch.setattr(file, "as_device", lambda value: here)
    for device_ids in (None, [0], [here]):
        wrapped = nn.DataParallel(Sum(), device_ids)
        assert wrapped.device_ids == [0]
        assert wrapped.output_device == 0
        assert wrapped.dim == 0
        assert wrapped.src_device_obj == here
        assert wrapped(lucid.ones(1, 2))["sum"].shape == (1, 3)
    with pytest.raises(NotImplementedError, match=r"DataParallel: expected one device, got \[0, 1\]"):
        nn.DataParallel(Sum(), [0, 1])
    inputs, kwargs = wrapped.scatter((lucid.ones(1, 2),), {"b": 2}, [0])
    replicas = wrapped.replicate(wrapped.module, [0])
    assert replicas == [wrapped.module]
    results = wrapped.parallel_apply(replicas, inputs, kwargs)
    assert wrapped.gather(results, 0)["b"] == 2


def test_one_part_for_one_device():
    x = lucid.ones(4, 2)
    assert [t.shape for t in parallel.scatter(x, ["cpu"])] == [(4, 2)]
    (part,) = parallel.scatter({"a": [x, (x, 1)], "p": Point(x, None)}, ["cpu"])
    assert part["a"][0].shape == (4, 2)
    assert part["a"][1][1] == 1
    assert part["p"] == Point(part["p"].x, None)
    assert parallel.scatter((), ["cpu"]) == [()]
    assert scatter_kwargs((x,), None, ["cpu"])[1] == ({},)
    assert parallel.gather([{"a": x, "b": lucid.tensor(2.0)}], "cpu")["b"].shape == (1,)
    assert parallel.gather([(x, x)], -1)[1].device.type == "cpu"


def test_calling_modules_one_after_the_other():
    modules = [nn.Linear(2, 3), nn.Identity()]
    x = lucid.ones(4, 2)
    assert [t.shape for t in parallel.parallel_apply(modules, [x, (x,)])] == [(4, 3), (4, 2)]
    assert parallel.parallel_apply([Sum()], [x], [{"b": 1}])[0]["b"] == 1
    for bad in (([x], None, None), ([x, x], [{}], None), ([x, x], None, [0])):
        with pytest.raises(AssertionError, match="2 modules"):
            parallel.parallel_apply(modules, *bad)


def test_more_devices_are_refused():
    x = lucid.ones(4, 2)
    for call in (
        lambda: parallel.scatter(x, ["cpu", "cpu"]),
        lambda: parallel.replicate(nn.Identity(), [0, 1]),
        lambda: parallel.gather([x, x], "cpu"),
        lambda: parallel.replicate(nn.Identity(), ["cpu"], detach=True),
    ):
        with pytest.raises(NotImplementedError, match=r"^(scatter|replicate|gather): "):
            call()
    with pytest.raises(RuntimeError):
        parallel.scatter(x, ["cuda:7"])


def test_there_is_one_process():
    with pytest.raises(ValueError, match=r"process group has not been initialized.*lucid\.distributed"):
        parallel.DistributedDataParallel(nn.Linear(2, 3), device_ids=[0])
    assert not isinstance(nn.DataParallel(nn.Identity()), parallel.DistributedDataParallel)


@pytest.mark.parity
def test_wrapping_is_pytorchs():
    torch = pytest.importorskip("torch")
    for args in ((), ([0],), ([0, 1], 0, 1)):  # without CUDA none of them counts
        theirs, mine = torch.nn.DataParallel(torch.nn.Linear(2, 3), *args), nn.DataParallel(nn.Linear(2, 3), *args)
        assert repr(mine) == repr(theirs)
        assert mine.device_ids == theirs.device_ids == []
        assert list(mine.state_dict()) == list(theirs.state_dict())
        assert set(vars(mine)) - set(vars(nn.Module())) == set(vars(theirs)) - set(vars(torch.nn.Module()))
    with pytest.raises(ValueError, match="process group has not been initialized"):
        torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 3))
