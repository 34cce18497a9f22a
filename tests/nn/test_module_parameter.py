"""Parameter and Buffer."""

from __future__ import annotations

import copy
import pickle

import pytest

import lucid
from lucid import nn


@pytest.mark.parity
class TestParameter:
    def test_making(self, twins):
        def scenario(lib):
            plain = lib.tensor([[1.0, 2.0], [3.0, 4.0]])
            lib.note(
                lib.nn.Parameter(plain),
                lib.nn.Parameter(plain, False),
                lib.nn.Parameter(data=plain, requires_grad=False),
            )
            lib.note(lib.nn.Parameter(), plain, lib.nn.Parameter(lib.nn.Parameter(plain), requires_grad=False))
            with lib.no_grad():
                lib.note(lib.nn.Parameter(plain))

        twins(scenario)

    def test_is_a_leaf(self, twins):
        def scenario(lib):
            computed = lib.param(1.0, 2.0) * 3
            param = lib.nn.Parameter(computed)
            lib.note(param, param.is_leaf, param.grad_fn, param.grad, isinstance(param, lib.Tensor))
            (param * 2).sum().backward()
            lib.note(param.grad)

        twins(scenario)

    @pytest.mark.parametrize(
        "dtype", ["int64", "int32", "uint8", "bool", "float16", "bfloat16", "float64", "complex64"]
    )
    @pytest.mark.parametrize("requires_grad", [True, False])
    def test_dtypes(self, twins, dtype, requires_grad):
        def scenario(lib):
            values = lib.ones(2, dtype=getattr(lib.library, dtype))
            try:
                lib.note(lib.nn.Parameter(values, requires_grad))
            except Exception as error:
                lib.note(type(error))

        twins(scenario)

    def test_repr(self, twins):
        def scenario(lib):
            for param in (
                lib.param(1.0, 2.5),
                lib.param(1.0, requires_grad=False),
                lib.nn.Parameter(),
                lib.param(1.0).half(),
            ):
                lib.note(repr(param), str(param))
            lib.note(f"{lib.param(1.0)}", repr([lib.param(1.0)]), repr(lib.param(1.0) * 2), repr(lib.param(1.0).data))
            lib.note(repr(lib.nn.Parameter(lib.tensor([[1.0, -2.0], [3.25, 4.0]]))))

        twins(scenario)

    def test_results_are_plain_tensors(self, twins):
        def scenario(lib):
            param = lib.param(1.0, 2.0)
            results = [
                param.data,
                param.detach(),
                param.clone(),
                param[0],
                param + 1,
                param.to(lib.library.float64),
            ]
            lib.note(
                [type(t) for t in results], param.to(lib.library.float32) is param, type(param.requires_grad_(False))
            )

        twins(scenario)

    def test_copies(self, twins):
        def scenario(lib):
            param = lib.param(1.0, 2.0)
            param.note, param.grad = "text", lib.tensor([1.0, 1.0])
            deep, shallow = copy.deepcopy(param), copy.copy(param)
            lib.note(deep, deep.grad, hasattr(deep, "note"), shallow.note, type(shallow))
            first, second = copy.deepcopy([param, param])
            memo = {}
            lib.note(first is second, first is param, param.__deepcopy__(memo) is param.__deepcopy__(memo))
            with lib.no_grad():
                deep.add_(1.0)
            lib.note(param, deep, copy.deepcopy(lib.param(1.0, requires_grad=False)))

        twins(scenario)

    def test_pickle(self, twins):
        def scenario(lib):
            for dtype in ("float32", "float16", "bfloat16", "float64"):
                param = lib.nn.Parameter(lib.ones(2, dtype=getattr(lib.library, dtype)), dtype != "float16")
                param.note = "text"
                twin = pickle.loads(pickle.dumps(param))
                lib.note(twin, twin.note, twin.grad, twin.is_leaf)

        twins(scenario)

    def test_in_place_and_data(self, twins):
        def scenario(lib):
            param = lib.param(1.0, 2.0)
            lib.raises(lambda: param.add_(1.0), message=False)
            param.data.add_(1.0)
            lib.note(param)
            param.data = lib.tensor([5.0])
            lib.note(param, param.is_leaf)
            with lib.no_grad():
                param.copy_(lib.tensor([6.0]))
            lib.note(param, type(param))

        twins(scenario)

    def test_subclass(self, twins):
        def scenario(lib):
            class Quantised(lib.nn.Parameter):
                pass

            param = Quantised(lib.tensor([1.0]))
            module = lib.nn.Module()
            module.w = param
            lib.note(
                type(param), isinstance(param, lib.nn.Parameter), list(module.parameters()), type(copy.deepcopy(param))
            )

        twins(scenario)

    def test_hash_and_membership(self, twins):
        def scenario(lib):
            a, b = lib.param(1.0), lib.param(1.0)
            lib.note(len({a, b, a}), a in {a: 1}, b in {a: 1})

        twins(scenario)


@pytest.mark.parity
class TestBuffer:
    def test_making(self, twins):
        def scenario(lib):
            values = lib.tensor([1.0, 2.0])
            for buffer in (lib.nn.Buffer(values), lib.nn.Buffer(values, persistent=False), lib.nn.Buffer()):
                lib.note(repr(buffer), buffer.persistent, buffer.requires_grad, isinstance(buffer, lib.nn.Buffer))
                lib.note(isinstance(buffer, lib.Tensor), isinstance(buffer, lib.nn.Parameter))
            lib.note(isinstance(values, lib.nn.Buffer), lib.nn.Buffer(lib.param(1.0)).requires_grad)
            lib.note(lib.nn.Buffer(lib.tensor([1, 2])).tolist(), lib.nn.Buffer(lib.param(1.0) * 2).is_leaf)
            lib.raises(lambda: lib.nn.Buffer(values, False))

        twins(scenario)


def test_what_is_no_tensor_is_refused():
    for kind in (nn.Parameter, nn.Buffer):
        for value in ([1.0], 1.0, "text"):
            with pytest.raises(TypeError, match=rf"{kind.__name__}: expected a Tensor.*{kind.__name__}\(lucid.tensor"):
                kind(value)


def test_parameter_holds_the_same_array_and_is_independent_of_it():
    values = lucid.tensor([1.0, 2.0])
    param = nn.Parameter(values)
    values.add_(1.0)
    assert param.tolist() == [1.0, 2.0]
    with lucid.no_grad():
        param.add_(5.0)
    assert values.tolist() == [2.0, 3.0]


def test_parameter_of_a_view():
    values = lucid.tensor([[1.0, 2.0], [3.0, 4.0]])
    param = nn.Parameter(values[1])
    values.zero_()
    assert param.tolist() == [3.0, 4.0]
    assert param._base is None
