"""What is around the steps, beside PyTorch's: state dicts both ways, groups, names, hooks, errors, copies."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import to_lucid
from tests.optim.runs import close, give_gradients, parameters, run

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("to_torch", [True, False])
def test_state_dicts_move_between_the_two(name: str, to_torch: bool) -> None:
    def make(package: Any, params: list[Any]) -> Any:
        extra = {"momentum": 0.9} if name == "SGD" else {"amsgrad": True}
        return getattr(package.optim, name)(params, lr=0.02, **extra)

    def convert(value: Any) -> Any:
        if isinstance(value, lucid.Tensor):
            return torch.tensor(value.numpy())
        if isinstance(value, dict):
            return {k: convert(v) for k, v in value.items()}
        return value if to_torch else to_lucid(value)

    source, target = (lucid, torch) if to_torch else (torch, lucid)
    first, params = run(source, make, 7)
    moved = parameters(target)
    for p, q in zip(moved, params, strict=True):
        p.data = convert(q.detach()) if to_torch else to_lucid(q.detach())
    second = make(target, moved)
    second.load_state_dict(convert(first.state_dict()) if to_torch else to_lucid(first.state_dict()))
    for step in range(7, 14):
        for optimizer, of in ((first, params), (second, moved)):
            give_gradients(of, step)
            optimizer.step()
    a, b = (moved, params) if target is lucid else (params, moved)
    close(a, b, 2e-5)
    pair = (second, first) if target is lucid else (first, second)
    close(pair[0].state_dict(), pair[1].state_dict(), 2e-5)


def test_loading_casts_to_the_dtype_of_the_parameters() -> None:
    found = []
    for package in (lucid, torch):
        wide, _ = run(package, lambda pk, ps: pk.optim.Adam(ps), 3, "float64")
        narrow = package.optim.Adam(parameters(package, dtype="float16"))
        narrow.load_state_dict(wide.state_dict())
        found.append(narrow.state_dict())
    close(found[0], found[1], 1e-3)


def test_loading_old_and_partial_state_dicts() -> None:
    found = []
    for package in (lucid, torch):
        optimizer, _ = run(package, lambda pk, ps: pk.optim.Adam(ps), 3)
        state = optimizer.state_dict()
        state["state"][0]["step"] = 5
        state["state"]["other"] = {"kept": 3}
        del state["param_groups"][0]["amsgrad"], state["param_groups"][0]["decoupled_weight_decay"]
        again = package.optim.AdamW(parameters(package))
        again.load_state_dict(state)
        sgd = package.optim.SGD(parameters(package))
        group = {"params": [0, 1, 2, 3, 4], "lr": 1.0}
        sgd.load_state_dict({"state": {0: {"momentum_buffer": None}}, "param_groups": [group]})
        found.append([again.state_dict(), sgd.state_dict()])
    close(found[0], found[1], 2e-5)


def test_named_parameters() -> None:
    found = []
    for package in (lucid, torch):
        names = list("abcde")
        optimizer = package.optim.Adam(zip(names, parameters(package), strict=True))
        plain = package.optim.Adam(parameters(package))
        other = package.optim.Adam(zip("vwxyz", parameters(package), strict=True))
        results = [optimizer.state_dict(), repr(optimizer)]
        plain.load_state_dict(optimizer.state_dict())
        results.append(plain.state_dict())
        other.load_state_dict(package.optim.Adam(parameters(package)).state_dict())
        results.append(other.state_dict())
        other.load_state_dict(optimizer.state_dict())
        results.append(other.state_dict())
        found.append(results)
    close(found[0], found[1], 0)


def plain_optimizer(p: Any, params: Any, defaults: Any = None) -> Any:
    return p.optim.Optimizer(params, defaults or {})


def loaded(p: Any, state: Any) -> None:
    p.optim.SGD(parameters(p)).load_state_dict(state)


def named(p: Any, *names: str) -> list[Any]:
    return list(zip(names, parameters(p), strict=False))


WRONG: dict[str, Callable[[Any], Any]] = {
    "a tensor": lambda p: p.optim.SGD(parameters(p)[0]),
    "nothing": lambda p: p.optim.SGD([]),
    "an empty iterator": lambda p: p.optim.SGD(iter([])),
    "an int": lambda p: p.optim.SGD(3),
    "None": lambda p: p.optim.SGD(None),
    "ints": lambda p: p.optim.SGD([1]),
    "a dict": lambda p: p.optim.SGD({"a": p.ones(1)}),
    "text": lambda p: p.optim.SGD([{"params": "abc"}]),
    "not a leaf": lambda p: p.optim.SGD([parameters(p)[0] * 2]),
    "twice": lambda p: (lambda q: p.optim.SGD([{"params": q}, {"params": [q]}]))(parameters(p)[0]),
    "a set": lambda p: p.optim.SGD([{"params": set(parameters(p))}]),
    "no params": lambda p: p.optim.SGD([{"x": parameters(p)}]),
    "mixed": lambda p: p.optim.SGD([{"params": parameters(p)}, parameters(p)[0]]),
    "some names": lambda p: p.optim.SGD([("a", parameters(p)[0]), parameters(p)[1]]),
    "names, then none": lambda p: p.optim.SGD([{"params": named(p, "a")}, {"params": parameters(p)}]),
    "none, then names": lambda p: p.optim.SGD([{"params": parameters(p)}, {"params": named(p, "a")}]),
    "a list as group": lambda p: p.optim.SGD(parameters(p)).add_param_group([1]),
    "no step": lambda p: plain_optimizer(p, parameters(p)).step(),
    "load groups": lambda p: loaded(p, {"state": {}, "param_groups": []}),
    "load sizes": lambda p: loaded(p, {"state": {}, "param_groups": [{"params": [0]}]}),
    "load no state": lambda p: loaded(p, {"param_groups": [{"params": [0, 1, 2, 3, 4]}]}),
    "load no groups": lambda p: loaded(p, {"state": {}}),
    "sgd lr": lambda p: p.optim.SGD(parameters(p), lr=-1),
    "sgd momentum": lambda p: p.optim.SGD(parameters(p), momentum=-1),
    "sgd decay": lambda p: p.optim.SGD(parameters(p), weight_decay=-1),
    "sgd nesterov": lambda p: p.optim.SGD(parameters(p), nesterov=True),
    "sgd dampened": lambda p: p.optim.SGD(parameters(p), nesterov=True, momentum=0.9, dampening=0.1),
    "sgd lr tensor": lambda p: p.optim.SGD(parameters(p), lr=p.ones(2)),
    "sgd both": lambda p: p.optim.SGD(parameters(p), foreach=True, fused=True),
    "sgd fused": lambda p: p.optim.SGD(parameters(p), differentiable=True, fused=True),
    "adam lr": lambda p: p.optim.Adam(parameters(p), lr=-1),
    "adam lr tensor": lambda p: p.optim.Adam(parameters(p), lr=p.ones(2)),
    "adam eps": lambda p: p.optim.Adam(parameters(p), eps=-1),
    "adam beta 0": lambda p: p.optim.Adam(parameters(p), betas=(1.0, 0.9)),
    "adam beta 1": lambda p: p.optim.AdamW(parameters(p), betas=(0.9, -0.1)),
    "adam betas": lambda p: p.optim.Adam(parameters(p), betas=0.9),
    "adam mixed": lambda p: p.optim.Adam(parameters(p), betas=(p.tensor(0.9), 0.9)),
    "adam tensors": lambda p: p.optim.Adam(parameters(p), betas=(p.tensor(0.9), p.tensor(2.0))),
    "adam decay": lambda p: p.optim.AdamW(parameters(p), weight_decay=-1),
    "adam both": lambda p: p.optim.Adam(parameters(p), foreach=True, fused=True),
    "adam text": lambda p: p.optim.Adam(parameters(p), lr="a"),
    "adamw option": lambda p: p.optim.AdamW(parameters(p), decoupled_weight_decay=False),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_pytorch_refuses_is_refused_with_the_same_exception(name: str) -> None:
    with pytest.raises(Exception) as want:  # noqa: PT011 - whatever it is
        WRONG[name](torch)
    with pytest.raises(want.type) as got:
        WRONG[name](lucid)
    assert got.type is want.type
    assert str(got.value) or not str(want.value)


def test_hooks_are_called_in_the_same_order_with_the_same_arguments() -> None:
    def run_with_hooks(package: Any) -> list[Any]:
        log: list[Any] = []
        optimizer = package.optim.SGD(parameters(package), lr=0.1)

        def note(what: str) -> Callable[..., None]:
            def hook(*args: Any) -> None:
                kinds = [type(a).__name__ for a in args]
                inner = [[type(x).__name__ for x in a] if isinstance(a, (tuple, dict)) else None for a in args[1:]]
                log.append((what, kinds, inner))

            return hook

        optimizer.register_step_pre_hook(note("pre"))
        handle = optimizer.register_step_post_hook(note("post"))
        optimizer.register_state_dict_pre_hook(note("state pre"))
        optimizer.register_state_dict_pre_hook(note("state pre first"), prepend=True)
        optimizer.register_state_dict_post_hook(note("state post"))
        optimizer.register_state_dict_post_hook(lambda o, s: {**s, "more": 1}, prepend=True)
        optimizer.register_load_state_dict_pre_hook(note("load pre"))
        optimizer.register_load_state_dict_pre_hook(lambda o, s: {**s, "ignored": 1}, prepend=True)
        optimizer.register_load_state_dict_post_hook(note("load post"))
        optimizer.step()
        log.append(float(optimizer.step(lambda: package.tensor(1.0))))
        optimizer.step(closure=lambda: None)
        handle.remove()
        optimizer.step()
        state = optimizer.state_dict()
        log.append(list(state))
        optimizer.load_state_dict(state)
        optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, {"closure": lambda: log.append("called")}))
        optimizer.step()
        optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
        with pytest.raises(RuntimeError, match="must return None or a tuple"):
            optimizer.step()
        return log

    assert run_with_hooks(lucid) == run_with_hooks(torch)


def test_duplicates_in_a_group_warn_and_are_updated_twice() -> None:
    found = []
    for package in (lucid, torch):
        p = parameters(package)[0]
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optimizer = package.optim.SGD([p, p], lr=0.1)
        p.grad = package.ones_like(p)
        optimizer.step()
        found.append([p, optimizer.state_dict()["param_groups"][0]["params"]])
    close(found[0][0], found[1][0], 1e-6)
    assert all(numbers == [numbers[0]] * 2 for _, numbers in found)


def test_zero_grad() -> None:
    for package in (lucid, torch):
        params = parameters(package)
        give_gradients(params, 2)
        held = params[0].grad
        optimizer = package.optim.SGD([*params, params[0].__class__(package.ones(1))])
        optimizer.zero_grad(set_to_none=False)
        assert params[0].grad is held
        assert float(abs(held).sum()) == 0
        optimizer.zero_grad()
        assert params[0].grad is None
        assert held is not None


def test_copies_and_pickles_have_the_same_state() -> None:
    for package in (lucid, torch):
        optimizer, params = run(package, lambda p, ps: p.optim.Adam(ps, lr=0.1), 3)
        for again_of in (copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))):
            again = again_of(optimizer)
            assert repr(again) == repr(optimizer)
            copied = [p for g in again.param_groups for p in g["params"]]
            assert all(p is not q for p, q in zip(params, copied, strict=True))
            assert set(again.state) <= set(copied)
            for o, ps in ((optimizer, params), (again, copied)):
                give_gradients(ps, 3)
                o.step()
            for p, q in zip(params, copied, strict=True):
                np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6)
            optimizer, params = again, copied


def test_a_users_own_optimizer() -> None:
    def train(package: Any) -> list[Any]:
        class Signs(package.optim.Optimizer):  # type: ignore[misc,name-defined]
            def __init__(self, params: Any, lr: float = 0.1) -> None:
                super().__init__(params, {"lr": lr})

            def step(self, closure: Any = None) -> Any:
                with package.no_grad():
                    for group in self.param_groups:
                        for p in group["params"]:
                            if p.grad is not None:
                                state = self.state[p]
                                state["count"] = state.get("count", 0) + 1
                                state.setdefault("last", package.zeros_like(p)).copy_(p.grad)
                                p.add_(p.grad.sign(), alpha=-group["lr"])
                return "done"

        calls: list[str] = []
        params = parameters(package)
        optimizer = Signs(params)
        optimizer.register_step_post_hook(lambda *args: calls.append("post"))
        scheduler = package.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        for step in range(4):
            give_gradients(params, step)
            assert optimizer.step() == "done"
            scheduler.step()
        assert calls == ["post"] * 4
        return [params, optimizer.state_dict()]

    close(train(lucid), train(torch), 1e-6)
