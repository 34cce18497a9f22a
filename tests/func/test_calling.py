"""`functional_call` without PyTorch."""

from __future__ import annotations

import pytest

import lucid
from lucid import nn
from lucid.func import functional_call, stack_module_state


def test_gradients_go_to_what_is_given() -> None:
    module = nn.Linear(2, 1)
    weight, bias = lucid.tensor([[1.0, 2.0]], requires_grad=True), lucid.tensor([3.0], requires_grad=True)
    own = module.weight
    functional_call(module, {"weight": weight, "bias": bias}, lucid.tensor([[4.0, 5.0]])).sum().backward()
    assert weight.grad.tolist() == [[4.0, 5.0]]
    assert bias.grad.tolist() == [1.0]
    assert own.grad is None
    assert module.weight is own


def test_a_failure_half_way_is_undone() -> None:
    module = nn.Linear(2, 1)
    before = dict(module.named_parameters())
    with pytest.raises(TypeError, match="expected a tensor for 'bias', got int"):
        functional_call(module, {"weight": lucid.ones(1, 2), "bias": 3}, lucid.ones(1, 2))
    with pytest.raises(RuntimeError):
        functional_call(module, {"weight": lucid.ones(1, 2)}, lucid.ones(1, 5))
    assert all(module.get_parameter(name) is p for name, p in before.items())


@pytest.mark.parametrize("tie_weights", [True, False])
def test_a_module_that_is_there_twice_gets_its_own_back(tie_weights: bool) -> None:
    """PyTorch 2.13 leaves the given tensor in it."""
    net = nn.Module()
    net.one = net.two = nn.Linear(1, 1, bias=False)
    net.forward = lambda x: net.one(x) + net.two(x)
    own, given = net.one.weight, lucid.full((1, 1), 5.0, requires_grad=True)
    values = {"one.weight": given, "two.weight": given}
    out = functional_call(net, values, lucid.ones(1), tie_weights=tie_weights)
    assert (out.tolist(), net.one.weight is own) == ([10.0], True)
    assert values["one.weight"] is given
    assert values["two.weight"] is given
    out.backward()
    assert (given.grad.tolist(), own.grad) == ([[2.0]], None)


def test_an_ensemble_has_a_gradient_for_each_model() -> None:
    models = [nn.Linear(3, 1) for _ in range(4)]
    params, buffers = stack_module_state(models)
    assert not buffers
    x = lucid.ones(2, 3)
    for k, model in enumerate(models):
        out = functional_call(models[0], {name: p[k] for name, p in params.items()}, x)
        assert lucid.equal(out, model(x))
        out.sum().backward()
    assert params["weight"].grad.tolist() == [[[2.0, 2.0, 2.0]]] * 4


def test_tied_weights_that_disagree() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module[1].weight = module[0].weight
    state = {"0.weight": lucid.ones(2, 2), "1.weight": lucid.zeros(2, 2)}
    with pytest.raises(ValueError, match=r"\['0.weight', '1.weight'\] are one tensor"):
        functional_call(module, state, lucid.ones(1, 2))
    x = lucid.ones(1, 2)
    assert lucid.equal(functional_call(module, state, x, tie_weights=False), module[1].bias.reshape(1, 2))


def test_some_names_of_a_tied_tensor_stand_for_all() -> None:
    module = nn.Module()
    module.a = module.b = module.c = nn.Parameter(lucid.zeros(1))
    module.forward = lambda: module.a + module.b + module.c
    one, two = lucid.ones(1), lucid.full((1,), 2.0)
    assert functional_call(module, {"a": one, "b": one}).item() == 3.0
    with pytest.raises(ValueError, match="got different values"):
        functional_call(module, {"a": one, "b": two})
    assert functional_call(module, {"a": one, "b": two}, tie_weights=False).item() == 3.0
