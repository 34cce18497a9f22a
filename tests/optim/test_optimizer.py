"""Steps on literal values, what an optimizer reads through its parameters, and what it refuses."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import _tape, _views
from lucid.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


def parameter(*values: float, gradient: float | None = 1.0) -> Any:
    p = lucid.nn.Parameter(lucid.tensor(values))
    if gradient is not None:
        p.grad = lucid.full_like(p.detach(), gradient)
    return p


def close(t: Any, *values: float) -> None:
    np.testing.assert_allclose(t.detach().numpy(force=True), values, rtol=1e-5, atol=1e-7)


MAKE: dict[str, Any] = {
    "SGD": lambda params: lucid.optim.SGD(params, lr=0.1, momentum=0.5),
    "Adam": lambda params: lucid.optim.Adam(params, lr=0.1, amsgrad=True),
    "AdamW": lambda params: lucid.optim.AdamW(params, lr=0.1),
}


def test_sgd() -> None:
    p = parameter(1.0, 2.0)
    optimizer = lucid.optim.SGD([p], lr=0.1, momentum=0.5, weight_decay=0.1)
    optimizer.step()
    close(p, 1 - 0.11, 2 - 0.12)
    close(optimizer.state[p]["momentum_buffer"], 1.1, 1.2)
    optimizer.step()
    close(optimizer.state[p]["momentum_buffer"], 0.55 + 1.089, 0.6 + 1.188)


def test_sgd_without_momentum_keeps_no_state() -> None:
    p = parameter(1.0)
    optimizer = lucid.optim.SGD([p], lr=0.1)
    optimizer.step()
    close(p, 0.9)
    assert optimizer.state_dict()["state"] == {}


def test_adam_goes_by_its_rate_at_first() -> None:
    for make in (lucid.optim.Adam, lucid.optim.AdamW):
        p = parameter(1.0, gradient=1e-3)
        optimizer = make([p], lr=0.1, weight_decay=0)
        for k in range(1, 4):
            optimizer.step()
            close(p, 1 - 0.1 * k)
        state = optimizer.state[p]
        assert state["step"].item() == 3
        assert list(state) == ["step", "exp_avg", "exp_avg_sq"]


def test_weight_decay_of_adamw_shrinks() -> None:
    p = parameter(2.0, gradient=0.0)
    lucid.optim.AdamW([p], lr=0.1, weight_decay=0.5).step()
    close(p, 2 * (1 - 0.05))


@pytest.mark.parametrize("name", MAKE)
def test_parameters_without_a_gradient_are_left_alone(name: str) -> None:
    p, q = parameter(1.0), parameter(1.0, gradient=None)
    optimizer = MAKE[name]([p, q])
    optimizer.step()
    close(q, 1.0)
    assert q not in optimizer.state
    assert q._version == 0


@pytest.mark.parametrize("name", MAKE)
def test_a_parameter_that_was_replaced_is_read_again(name: str) -> None:
    p, twin = parameter(1.0, 2.0), parameter(5.0, 6.0)
    optimizer, other = MAKE[name]([p]), MAKE[name]([twin])
    optimizer.step()
    other.step()
    p.data = lucid.tensor([5.0, 6.0])
    twin.data = lucid.tensor([5.0, 6.0])
    optimizer.step()
    other.step()
    assert p.tolist() == twin.tolist() != [5.0, 6.0]


@pytest.mark.parametrize("name", MAKE)
def test_a_module_that_was_cast_or_loaded_is_stepped_on(name: str) -> None:
    module = lucid.nn.ParameterDict({"w": parameter(1.0, 2.0, gradient=None)})
    optimizer = MAKE[name](module.parameters())

    def step() -> None:
        optimizer.zero_grad()
        (module["w"] * 2).sum().backward()
        optimizer.step()

    step()
    module.double()
    step()
    assert module["w"].dtype is lucid.float64
    assert all(t.dtype is lucid.float64 for key, t in optimizer.state[module["w"]].items() if key != "step")
    module.float()
    step()
    assert module["w"].dtype is lucid.float32
    assert all(t.dtype is lucid.float32 for t in optimizer.state[module["w"]].values())
    module.load_state_dict({"w": lucid.tensor([10.0, 20.0])})
    step()
    assert 9 < module["w"][0].item() < 10
    module.half()
    step()
    assert module["w"].dtype is lucid.float16


@pytest.mark.parametrize("name", MAKE)
def test_a_parameter_that_is_a_view_writes_through(name: str) -> None:
    base = lucid.tensor([1.0, 2.0, 3.0])
    p = base[1:].requires_grad_()
    p.grad = lucid.ones(2)
    whole = parameter(2.0, 3.0)
    MAKE[name]([p]).step()
    MAKE[name]([whole]).step()
    assert base.tolist() == [1.0, *whole.tolist()]
    assert p.tolist() == whole.tolist()


@pytest.mark.parametrize("name", MAKE)
def test_a_parameter_on_another_device_is_updated_there(name: str) -> None:
    p, q = parameter(1.0, 2.0), parameter(1.0, 2.0)
    p._extra = _views.elsewhere_than_default(lucid.device("cpu"))
    for t in (p, q):
        MAKE[name]([t]).step()
    assert p.tolist() == q.tolist()
    assert p.device == lucid.device("cpu")


def test_state_that_is_a_view_writes_through() -> None:
    p, base = parameter(1.0, 2.0), lucid.zeros(3)
    optimizer = lucid.optim.SGD([p], lr=0.1, momentum=0.9)
    optimizer.state[p]["momentum_buffer"] = base[1:]
    optimizer.step()
    assert base.tolist() == [0, 1, 1]


@pytest.mark.parametrize("name", MAKE)
def test_gradients_that_are_views_are_read(name: str) -> None:
    p, q = parameter(1.0, 2.0), parameter(1.0, 2.0)
    base = lucid.ones(2, 2)
    p.grad = base[0]
    base.mul_(1)
    for t in (p, q):
        MAKE[name]([t]).step()
    assert p.tolist() == q.tolist()


def test_a_step_is_seen_by_who_holds_the_tensors() -> None:
    p = parameter(1.0)
    optimizer = lucid.optim.Adam([p])
    optimizer.step()
    alias, state = p.detach(), optimizer.state_dict()["state"][0]
    version = p._version
    optimizer.step()
    assert alias.item() == p.item()
    assert state["step"].item() == 2
    assert state["exp_avg"] is optimizer.state[p]["exp_avg"]
    assert p._version == version + 1


def test_a_graph_recorded_before_a_step_keeps_its_values() -> None:
    p = parameter(3.0)
    loss = p * p
    lucid.optim.SGD([p], lr=1.0).step()
    loss.backward()
    close(p.grad, 1 + 6.0)


@pytest.mark.parametrize("name", MAKE)
def test_a_step_can_be_traced(name: str) -> None:
    def make() -> tuple[Any, Any]:
        p = parameter(1.0, -2.0)
        optimizer = MAKE[name]([p])
        optimizer.step()
        return p, optimizer

    p, optimizer = make()
    twin, other = make()
    held = [p, *optimizer.state[p].values()]

    def step(arrays: list[mx.array], gradient: mx.array) -> list[mx.array]:
        for t, a in zip(held, arrays, strict=True):
            t._data = a
        p.grad._data = gradient
        for update in optimizer._refreshed():
            update.run(optimizer.state)
        return [t._data for t in held]

    traced = mx.compile(step)
    arrays = [t._data for t in held]
    for k in range(3):
        arrays = traced(arrays, mx.array([float(k), 1.0]))
        twin.grad = lucid.tensor([float(k), 1.0])
        other.step()
    close(twin, *arrays[0].tolist())
    assert name == "SGD" or arrays[1].item() == 4


def test_numbers_are_arrays_that_follow_the_group() -> None:
    p = parameter(1.0)
    optimizer = lucid.optim.SGD([p], lr=0.5)
    optimizer.step()
    (update,) = optimizer._refreshed()
    held = update._tensors["lr", mx.float32]
    optimizer.param_groups[0]["lr"] = 0.25
    (again,) = optimizer._refreshed()
    assert again is update
    assert held.item() == 0.25
    optimizer.param_groups[0]["lr"] = lucid.tensor([0.125])
    optimizer._refreshed()
    assert held.item() == 0.125
    optimizer.param_groups[0]["lr"] = 1
    optimizer.step()
    close(p, 1 - 0.5 - 1)


def test_groups_may_be_removed_and_replaced() -> None:
    p, q = parameter(1.0), parameter(1.0)
    optimizer = lucid.optim.SGD([{"params": [p]}, {"params": [q]}], lr=0.5)
    optimizer.step()
    del optimizer.param_groups[0]
    optimizer.step()
    close(p, 0.5)
    close(q, 0.0)


def test_step_counts_share_an_array_also_after_loading() -> None:
    params = [parameter(1.0), parameter(2.0)]
    optimizer = lucid.optim.Adam(params)
    optimizer.step()

    def shared(optimizer: Any) -> bool:
        first, second = (state["step"] for state in optimizer.state.values())
        return first is not second and first._data is second._data

    assert shared(optimizer)
    again = lucid.optim.Adam(params)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert shared(again)
    again.step()
    assert shared(again)
    assert shared(pickle.loads(pickle.dumps(again)))


def test_loading_copies() -> None:
    p = parameter(1.0)
    optimizer = lucid.optim.Adam([p])
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0]["more"] = [lucid.ones(1), (lucid.ones(1), "text")]
    again = lucid.optim.Adam([parameter(1.0)])
    again.load_state_dict(state)
    again.step()
    assert state["state"][0]["step"].item() == 1
    assert again.state_dict()["state"][0]["more"][1][1] == "text"


def test_a_failed_load_changes_nothing() -> None:
    p = parameter(1.0)
    optimizer = lucid.optim.Adam([p])
    optimizer.step()
    before = repr(optimizer.state_dict())
    for wrong in ({"state": {}, "param_groups": []}, {"state": {0: {"exp_avg": 3}}}, 3):
        with pytest.raises((ValueError, KeyError, TypeError)):
            optimizer.load_state_dict(wrong)
    assert repr(optimizer.state_dict()) == before


def test_hooks_on_every_optimizer() -> None:
    seen: list[str] = []
    handles = [
        register_optimizer_step_pre_hook(lambda *args: seen.append("before")),
        register_optimizer_step_post_hook(lambda *args: seen.append("after")),
    ]
    optimizer = lucid.optim.SGD([parameter(1.0)])
    optimizer.register_step_pre_hook(lambda *args: seen.append("own before"))
    optimizer.register_step_post_hook(lambda *args: seen.append("own after"))
    optimizer.step()
    for handle in handles:
        handle.remove()
    assert seen == ["before", "own before", "own after", "after"]


def test_hooks_run_once_where_a_step_calls_the_step_above() -> None:
    class Twice(lucid.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            return super().step(closure)

    seen: list[int] = []
    p = parameter(1.0)
    optimizer = Twice([p], lr=0.1)
    optimizer.register_step_post_hook(lambda *args: seen.append(1))
    optimizer.step()
    close(p, 0.8)
    assert seen == [1]


def test_a_closure_is_called_with_gradients_on() -> None:
    p = parameter(1.0, gradient=None)
    optimizer = lucid.optim.SGD([p], lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p * 3).sum()
        loss.backward()
        return loss

    with lucid.no_grad():
        assert optimizer.step(closure).item() == 3
    close(p, 0.7)


def test_half_precision_is_computed_in_float32() -> None:
    p = lucid.nn.Parameter(lucid.ones(1, dtype=lucid.float16))
    p.grad = lucid.zeros(1, dtype=lucid.float16)
    optimizer = lucid.optim.Adam([p])  # eps is 0 in float16, where this gives 0 / 0
    optimizer.step()
    assert p.item() == 1
    assert optimizer.state[p]["exp_avg"].dtype is lucid.float16


def test_what_cannot_be_done_is_said() -> None:
    p = parameter(1.0)
    for make in (lucid.optim.SGD, lucid.optim.Adam, lucid.optim.AdamW):
        with pytest.raises(NotImplementedError, match="differentiable=True is not supported"):
            make([p], differentiable=True)
    optimizer = lucid.optim.SGD([p])
    optimizer.param_groups[0]["differentiable"] = True
    with pytest.raises(NotImplementedError, match="differentiable=True"):
        optimizer.step()
    with pytest.raises(NotImplementedError, match="overrides step"):
        lucid.optim.Optimizer([p], {}).step()


def test_shapes_that_do_not_fit_are_not_broadcast() -> None:
    p = parameter(1.0, 2.0)
    optimizer = lucid.optim.SGD([p], lr=0.1, momentum=0.9)
    optimizer.step()
    p._grad = lucid.ones(2, 1)
    with pytest.raises(RuntimeError, match=r"shape \(2,\) has a gradient of shape \(2, 1\)"):
        optimizer.step()


def test_gradients_of_a_recorded_backward_can_be_zeroed() -> None:
    p = parameter(2.0, gradient=None)
    (p**3).backward(create_graph=True)
    assert p.grad.requires_grad
    lucid.optim.SGD([p]).zero_grad(set_to_none=False)
    assert not p.grad.requires_grad
    assert p.grad.item() == 0
    whole = lucid.ones(2)
    p.grad = whole[:1]
    lucid.optim.SGD([p]).zero_grad(set_to_none=False)
    assert whole.tolist() == [0, 1]


def test_evaluation_starts_at_the_end_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(_tape, "start_evaluation", lambda tensors: started.extend(tensors))
    p = parameter(1.0)
    optimizer = lucid.optim.Adam([p])
    optimizer.step()
    assert [id(t) for t in started] == [id(p), *[id(t) for t in optimizer.state[p].values()]]
