"""`functional_call` and `stack_module_state`, beside PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch.func")

import lucid
from tests.checks import check_program
from tests.nn.utils.pairs import attempt, filled, linear, seen, values

pytestmark = pytest.mark.parity


def net(t: Any) -> Any:
    layers = t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), t.nn.ReLU(), t.nn.Linear(4, 2)
    return filled(t, t.nn.Sequential(*layers))


def tied(t: Any, names: tuple[str, ...] = ("a", "b")) -> Any:
    """A module with one parameter, and one buffer, under several names each; one of them in a child."""

    class Tied(t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in names:
                setattr(self, name, t.nn.Parameter(values(t, 2)) if name == names[0] else getattr(self, names[0]))
            self.child = t.nn.Module()
            self.child.c = getattr(self, names[0])
            self.register_buffer("x", values(t, 2, seed=1))
            self.child.register_buffer("y", self.x)
            self.plain = values(t, 2, seed=2)

        def forward(self, x: Any = 0) -> Any:
            return [*(getattr(self, name) + x for name in names), self.child.c, self.x, self.child.y, self.plain]

    return Tied()


def test_values_and_gradients() -> None:
    def program(t: Any) -> Any:
        module, x = net(t), values(t, 5, 3)
        state = {name: (p.detach() * 2).requires_grad_() for name, p in module.named_parameters()}
        state.update({name: b.clone() for name, b in module.named_buffers()})
        before = [seen(module)]
        out = t.func.functional_call(module, state, x)
        (out * out).sum().backward()
        found = [out, [(name, value.grad) for name, value in state.items()], [p.grad for p in module.parameters()]]
        found += [list(state.items()), module[0].weight is not state["0.weight"]]
        module.eval()
        weights = {"0.weight": t.ones(4, 3), "3.bias": t.zeros(2)}
        return [*before, *found, seen(module), t.func.functional_call(module, weights, (x,)), module(x)]

    check_program(program, 1e-4)


def test_second_derivatives() -> None:
    def program(t: Any) -> Any:
        module, x = linear(t), values(t, 4, 3)
        weight = values(t, 2, 3, seed=3).requires_grad_()
        out = t.func.functional_call(module, {"weight": weight}, (x,))
        (first,) = t.autograd.grad((out**3).sum(), weight, create_graph=True)
        (second,) = t.autograd.grad((first**2).sum(), weight)
        step = weight - 0.1 * first  # one step of a learned optimizer
        (third,) = t.autograd.grad((t.func.functional_call(module, {"weight": step}, (x,)) ** 2).sum(), weight)
        return first, second, third

    check_program(program, 1e-3)


def test_arguments() -> None:
    def program(t: Any) -> Any:
        class Told(t.nn.Module):
            def forward(self, *args: Any, **kwargs: Any) -> Any:
                return [len(args), *args, *kwargs.items()]

        module, found = Told(), []
        for args in (None, (), 3, (1, 2), [1, 2], ([1, 2],)):
            found += [t.func.functional_call(module, {}, args), t.func.functional_call(module, {}, args, {"key": 1})]
        return [*found, t.func.functional_call(module, ({}, {}), kwargs={"key": 2})]

    check_program(program)


GIVEN: list[Any] = [
    ["a"],
    ["b"],
    ["child.c"],
    ["a", "b", "child.c"],  # with two of the three, PyTorch 2.13 fails with the KeyError of its own lookup
    ["x"],
    ["child.y"],
    ["x", "child.y"],
    ["plain"],
    ["a", "x", "plain"],
    ["new"],
    ["child.new"],
    ["other.weight"],
    ["forward"],
    [""],
    ["child."],
    ["x.y"],
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("names", GIVEN, ids=str)
def test_names(names: list[str], same: bool, tie: bool, strict: bool) -> None:
    def program(t: Any) -> Any:
        module = tied(t)
        one = t.zeros(2)
        state = {name: one if same else one + k for k, name in enumerate(names)}
        call = t.func.functional_call
        found = [attempt(lambda: call(module, state, tie_weights=tie, strict=strict)), list(state.items())]
        return [
            *found,
            seen(module),
            module(),
            module.a is module.b,
            hasattr(module, "new"),
            hasattr(module.child, "new"),
        ]

    check_program(program)


def test_strict_with_all_names() -> None:
    def program(t: Any) -> Any:
        module, call = linear(t), t.func.functional_call
        state = {"weight": t.ones(2, 3), "bias": t.ones(2)}
        found = [call(module, state, t.ones(1, 3), strict=True)]
        for wrong in ({"weight": state["weight"]}, state | {"more": state["bias"]}, {}):
            found.append(attempt(lambda wrong=wrong: call(module, wrong, t.ones(1, 3), strict=True)))
        return found

    check_program(program)


@pytest.mark.parametrize(
    "wrong", [3, None, "abc", [3], [{}, 3], ({"bias": 1}, {"bias": 2}), {"bias": 3}, {"bias": "a"}]
)
def test_what_is_refused(wrong: Any) -> None:
    def program(t: Any) -> Any:
        module = linear(t)
        return attempt(lambda: t.func.functional_call(module, wrong, t.ones(1, 3))), seen(module)

    check_program(program)


def test_several_dicts() -> None:
    def program(t: Any) -> Any:
        module, x = net(t), values(t, 5, 3)
        dicts = dict(module.named_parameters()), {name: b.clone() for name, b in module.named_buffers()}
        found = [t.func.functional_call(module, dicts, x), t.func.functional_call(module, list(dicts), x)]
        return [*found, list(dicts[1].items()), seen(module)]

    check_program(program, 1e-4)


def test_what_the_module_does_to_its_tensors() -> None:
    def program(t: Any) -> Any:
        class Writes(t.nn.Module):
            def __init__(self, fail: bool = False) -> None:
                super().__init__()
                self.fail = fail
                self.register_buffer("count", t.zeros(1))
                self.register_buffer("mean", t.zeros(1))
                self.w = t.nn.Parameter(t.ones(1))

            def forward(self) -> Any:
                self.count.add_(1)
                self.mean = self.mean + 2
                if self.fail:
                    raise KeyError("out")
                return self.w * 3

        found = []
        for module in (Writes(), Writes(fail=True)):
            state = {"count": t.ones(1), "mean": t.ones(1), "w": t.ones(1) * 5}
            weight = module.w
            found.append(attempt(lambda module=module, state=state: t.func.functional_call(module, state)))
            found += [list(state.items()), seen(module), module.w is weight]
        return found

    check_program(program)


def test_None_in_the_place_of_a_parameter() -> None:
    def program(t: Any) -> Any:
        module, bare = linear(t), linear(t, bias=False)
        x = values(t, 2, 3)
        return t.func.functional_call(module, {"bias": None}, x), t.func.functional_call(bare, {"bias": t.ones(2)}, x)

    check_program(program)


def test_parametrized_and_pruned_modules() -> None:
    def program(t: Any) -> Any:
        module, x = linear(t), values(t, 2, 3)
        t.nn.utils.parametrizations.weight_norm(module)
        state = {"parametrizations.weight.original0": t.ones(2, 1), "parametrizations.weight.original1": t.ones(2, 3)}
        return t.func.functional_call(module, state, x), module(x), seen(module)

    check_program(program)


def test_the_older_name() -> None:
    def program(t: Any) -> Any:
        module = linear(t)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call = t.nn.utils.stateless.functional_call
            out = call(module, {"weight": t.ones(2, 3)}, values(t, 1, 3), tie_weights=False, strict=False)
        return out, [w.category.__name__ for w in caught]

    check_program(program)


def test_stacking() -> None:
    def program(t: Any) -> Any:
        models = [filled(t, net(t), k) for k in range(3)]
        params, buffers = t.func.stack_module_state(models)
        found = [list(params.items()), list(buffers.items()), [p.requires_grad and p.is_leaf for p in params.values()]]
        for model in models:
            model.requires_grad_(False)
        found.append([p.requires_grad for p in t.func.stack_module_state(models)[0].values()])
        models[1].requires_grad_(True)
        other = t.nn.Sequential(t.nn.Linear(2, 2)), t.nn.Linear(2, 2)
        evaluating = net(t), net(t).eval()
        for wrong in (models, [], other, evaluating, [linear(t), linear(t, 4)]):
            found.append(attempt(lambda wrong=wrong: t.func.stack_module_state(wrong)))
        return found

    check_program(program)


def test_both_are_found_by_their_names() -> None:
    assert {"functional_call", "stack_module_state"} <= set(lucid.func.__all__)
    assert lucid.nn.utils.stateless.functional_call.__module__ == "lucid.nn.utils.stateless"
