"""Casting and moving modules."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn


def dtypes(module):
    return [(name, str(t.dtype)) for name, t in [*module.named_parameters(), *module.named_buffers()]]


TO = {
    "nothing": lambda lib, m: m.to(),
    "device": lambda lib, m: m.to("cpu"),
    "device object": lambda lib, m: m.to(lib.library.device("cpu")),
    "dtype": lambda lib, m: m.to(lib.library.float16),
    "python type": lambda lib, m: m.to(lib.library.float64),
    "dtype, non_blocking": lambda lib, m: m.to(lib.library.float16, True),
    "device, dtype": lambda lib, m: m.to("cpu", lib.library.float16),
    "device, dtype, non_blocking": lambda lib, m: m.to(lib.library.device("cpu"), lib.library.float64, True),
    "tensor": lambda lib, m: m.to(lib.zeros(1, dtype=lib.library.float64)),
    "tensor, non_blocking": lambda lib, m: m.to(lib.zeros(1, dtype=lib.library.float64), non_blocking=True),
    "tensor keyword": lambda lib, m: m.to(tensor=lib.zeros(1, dtype=lib.library.float16)),
    "dtype keyword": lambda lib, m: m.to(dtype=lib.library.bfloat16),
    "device keyword": lambda lib, m: m.to(device="cpu"),
    "both keywords": lambda lib, m: m.to(dtype=lib.library.float16, device="cpu", non_blocking=False),
    "None": lambda lib, m: m.to(None),
    "None, dtype": lambda lib, m: m.to(None, lib.library.float16),
    "both None": lambda lib, m: m.to(dtype=None, device=None),
    "integer dtype": lambda lib, m: m.to(lib.library.int32),
    "bool dtype": lambda lib, m: m.to(lib.library.bool),
    "python int": lambda lib, m: m.to(int),
    "integer tensor": lambda lib, m: m.to(lib.tensor([1])),
    "copy": lambda lib, m: m.to(lib.library.float16, copy=True),
    "positional copy": lambda lib, m: m.to(lib.library.float16, False, True),
    "copy beside a wrong argument": lambda lib, m: m.to([1], copy=True),
    "copy that is no bool": lambda lib, m: m.to("cpu", copy="yes"),
    "copy and an integer dtype": lambda lib, m: m.to(lib.library.int32, copy=False),
    "bool as device": lambda lib, m: m.to(device=True),
    "name of a dtype as device": lambda lib, m: m.to(device="float16"),
    "dtype, device": lambda lib, m: m.to(lib.library.float16, "cpu"),
    "tensor, dtype": lambda lib, m: m.to(lib.zeros(1), lib.library.float16),
    "device twice": lambda lib, m: m.to("cpu", device="cpu"),
    "unknown keyword": lambda lib, m: m.to(foo=1),
    "other keyword": lambda lib, m: m.to(other=lib.zeros(1)),
    "unknown device": lambda lib, m: m.to("warp"),
    "tensor keyword that is none": lambda lib, m: m.to(tensor=1),
    "list": lambda lib, m: m.to([1]),
    "too many": lambda lib, m: m.to("cpu", lib.library.float16, False, False, False),
    "dtype as device": lambda lib, m: m.to(device=lib.library.float16),
    "device as dtype": lambda lib, m: m.to(dtype="cpu"),
    "non_blocking text": lambda lib, m: m.to("cpu", non_blocking="yes"),
}


@pytest.mark.parity
class TestTo:
    @pytest.mark.parametrize("form", TO)
    def test_forms(self, twins, form):
        def scenario(lib):
            module = lib.stateful()
            before = module.weight
            try:
                assert TO[form](lib, module) is module
            except Exception as error:
                lib.note(type(error))
            lib.note(module.weight is before, dtypes(module), module.state_dict())

        twins(scenario)

    def test_the_integer_error_text(self, twins):
        twins(lambda lib: lib.raises(lambda: lib.stateful().to(lib.library.int64)))

    @pytest.mark.parametrize("method", ["half", "float", "double", "bfloat16", "cpu"])
    def test_named_casts(self, twins, method):
        def scenario(lib):
            net = lib.net()
            before = list(net.parameters())
            assert getattr(net, method)() is net
            assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
            lib.note(dtypes(net), net.state_dict())

        twins(scenario)

    def test_gradients_are_cast_too(self, twins):
        def scenario(lib):
            module = lib.scale()
            module(lib.tensor([1.0, 2.0])).sum().backward()
            grad = module.factor.grad
            module.half()
            lib.note(module.factor.grad, module.factor.grad is grad)
            module.zero_grad()
            module.to(lib.library.float64)
            module(lib.tensor([1.0, 2.0], dtype=lib.library.float64)).sum().backward()
            lib.note(module.factor.grad, module.factor)

        twins(scenario)

    def test_requires_grad_and_leaves_stay(self, twins):
        def scenario(lib):
            module = lib.stateful().requires_grad_(False).half()
            lib.note(module.weight)
            module = lib.scale().half()
            lib.note(module.factor, module.factor.is_leaf, type(module.factor))

        twins(scenario)

    def test_shared_parameters_stay_shared(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale(), lib.scale())
            net[1].factor = net[0].factor
            net.half()
            lib.note(net[0].factor is net[1].factor, net.state_dict())

        twins(scenario)

    def test_complex_parameters(self, twins):
        def scenario(lib):
            module = lib.nn.Module()
            module.w = lib.nn.Parameter(lib.ones(2, dtype=lib.library.complex64))
            module.f = lib.param(1.0)
            module.half()
            lib.note(dtypes(module))

        twins(scenario)

    def test_non_persistent_buffers_and_none(self, twins):
        def scenario(lib):
            module = lib.stateful().double()
            lib.note(module.cache, module.bias, module.nothing, sorted(module._non_persistent_buffers_set))

        twins(scenario)

    def test_apply_hook(self, twins):
        def scenario(lib):
            net = lib.net()

            class Watched(lib.nn.Module):
                def _apply(self, fn, recurse=True):
                    lib.note("_apply", recurse)
                    return super()._apply(fn, recurse)

            net.watched = Watched()
            net.watched.inner = lib.scale()
            assert net._apply(lambda t: t * 2) is net
            lib.note(net.state_dict())
            net._apply(lambda t: t * 2, recurse=False)
            lib.note(net.state_dict())

        twins(scenario)

    def test_integer_type(self, twins):
        def scenario(lib):
            module = lib.stateful()
            lib.raises(lambda: module.type(lib.library.int32), message=False)
            module.requires_grad_(False).type(lib.library.int32)
            lib.note(dtypes(module))
            lib.raises(lambda: module.type("no such type"), message=False)

        twins(scenario)


class TestThePage:
    """Where `module-reference-page` and PyTorch part, the page is followed."""

    @pytest.mark.parametrize("dst_type", ["float16", "lucid.float16", lucid.float16, mx.float16, np.float16])
    def test_type_takes_names_and_types(self, mine, dst_type):
        module = mine.stateful()
        assert module.type(dst_type) is module
        assert (module.weight.dtype, module.mean.dtype, module.count.dtype) == (
            lucid.float16,
            lucid.float16,
            lucid.int64,
        )

    def test_type_takes_python_types(self, mine):
        module = mine.stateful().half()
        assert module.type(float).weight.dtype is lucid.float32
        assert module.count.dtype is lucid.int64
        assert module.requires_grad_(False).type(int).weight.dtype is lucid.int64

    def test_to_takes_names(self, mine):
        assert mine.stateful().to("float16").weight.dtype is lucid.float16
        assert mine.stateful().to("cpu", "bfloat16").weight.dtype is lucid.bfloat16

    def test_share_memory_and_compile_return_self(self, mine):
        module = mine.scale()
        assert module.share_memory() is module
        assert module.compile("anything", at=all) is module

    def test_to_empty_moves(self, mine):
        module = mine.stateful()
        assert module.to_empty() is module
        assert module.to_empty(device="cpu", recurse=False) is module
        assert module.to_empty("cpu").weight.tolist() == [1.0, 2.0]


class TestMemoryFormats:
    def test_values_stay(self, mine):
        module = mine.stateful()
        module.register_buffer("image", lucid.arange(24.0).reshape(1, 2, 3, 4))
        assert module.to(memory_format=lucid.channels_last) is module
        assert module.image.tolist() == lucid.arange(24.0).reshape(1, 2, 3, 4).tolist()
        assert module.weight.tolist() == [1.0, 2.0]
        assert module.to("cpu", lucid.float16, memory_format=lucid.preserve_format).image.dtype is lucid.float16

    def test_what_is_none(self, mine):
        with pytest.raises(TypeError, match="invalid combination of arguments"):
            mine.stateful().to(memory_format="channels_last")


class TestDevices:
    @pytest.mark.parametrize("method", ["xpu", "ipu", "mtia"])
    def test_devices_that_are_not_there(self, mine, method):
        with pytest.raises(RuntimeError, match=f"{method}: .*cpu"):
            getattr(mine.scale(), method)()

    @pytest.mark.skipif(mx.cuda.is_available(), reason="has CUDA")
    @pytest.mark.parametrize("arguments", [(), (0,), ("cuda:0",)])
    def test_cuda_where_there_is_none(self, mine, arguments):
        module = mine.scale()
        with pytest.raises(RuntimeError, match=r"cuda.*not available"):
            module.cuda(*arguments)
        assert module.factor.tolist() == [2.0, 2.0]

    @pytest.mark.skipif(mx.metal.is_available(), reason="has Metal")
    @pytest.mark.parametrize(
        "call", [lambda m: m.metal(), lambda m: m.mps(), lambda m: m.to("metal"), lambda m: m.to("mps")]
    )
    def test_metal_where_there_is_none(self, mine, call):
        with pytest.raises(RuntimeError, match="not available"):
            call(mine.scale())

    @pytest.mark.skipif(not mx.metal.is_available(), reason="needs Metal")
    def test_metal(self, mine):
        module = mine.stateful().cpu()
        assert module.metal() is module
        assert {t.device.type for t in module.state_dict().values()} == {"metal"}
        assert module.cpu().count.device.type == "cpu"


def test_to_written_in_terms_of_cpu(twins):
    def scenario(lib):
        class Moving(lib.nn.Linear):
            def to(self, device):
                lib.note("to", device)
                return self.cpu()

        module = Moving(1, 1)
        lib.note(module.to("cpu") is module)

    twins(scenario)


def test_moving_keeps_integers_and_values(mine):
    module = mine.stateful().to("cpu")
    assert module.count.dtype is lucid.int64
    assert module.count.item() == 3


def test_an_optimizer_sees_the_cast_parameter(mine):
    module = mine.scale()
    held = next(module.parameters())
    module.half()
    assert held.dtype is lucid.float16
    assert isinstance(held, nn.Parameter)
