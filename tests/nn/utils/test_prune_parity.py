"""Pruning, beside PyTorch's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")

import lucid
from tests.checks import check_program
from tests.nn.utils.pairs import attempt, exchange, seen, step, values

pytestmark = pytest.mark.parity

AMOUNTS = [0, 1, 3, 12, 13, -1, 0.0, 0.3, 0.5, 1.0, 1.5, "a", None]


def layer(t: Any, rows: int = 3, columns: int = 4, seed: int = 0) -> Any:
    """A `Linear` whose weights have different absolute values, for each seed others."""
    order = np.random.default_rng(seed).permutation(rows * columns).reshape(rows, columns)
    module = t.nn.Linear(columns, rows)
    with t.no_grad():
        module.weight.copy_(t.tensor((order + 1 + 0.1 * seed) * np.where(order % 3, 0.25, -0.25)))
        module.bias.copy_(t.arange(rows).float())
    return module


def pruned(module: Any) -> Any:
    hooks = [type(hook).__name__ for hook in module._forward_pre_hooks.values()]
    return seen(module)[1:3], sorted(module.state_dict()), hooks, module.weight, getattr(module, "weight_mask", None)


@pytest.mark.parametrize("dim", [0, 1, -1, 2, -3])
@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_one_after_another(amount: Any, dim: int) -> None:
    def program(t: Any) -> Any:
        tools, module, found = t.nn.utils.prune, layer(t), []
        for call in (
            lambda: tools.l1_unstructured(module, "weight", amount),
            lambda: tools.ln_structured(module, "weight", amount, n=2, dim=dim),
            lambda: tools.l1_unstructured(module, "weight", amount=0.5),
            lambda: tools.ln_structured(module, "weight", 1, 1, 0),
            lambda: tools.identity(module, "weight"),
        ):
            result = attempt(call)
            if isinstance(result, str):  # PyTorch loses its hook then
                return [*found, result]
            found += [result is module, pruned(module), tools.is_pruned(module), step(module, values(t, 2, 4))]
        tools.remove(module, "weight")
        return [*found, pruned(module), tools.is_pruned(module), attempt(lambda: tools.remove(module, "weight"))]

    check_program(program, 1e-4)


@pytest.mark.parametrize("dim", [0, 1, -1, 2])
@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_numbers_of_what_is_drawn(amount: Any, dim: int) -> None:
    def program(t: Any) -> Any:
        tools, found = t.nn.utils.prune, []
        for module in (layer(t), t.nn.Conv2d(4, 3, 3)):
            for call in (
                lambda module=module: tools.random_unstructured(module, "weight", amount),
                lambda module=module: tools.random_structured(module, "weight", amount, dim),
            ):
                twin = copy.deepcopy(module)
                result = attempt(lambda call=call, twin=twin: call(twin))
                if isinstance(result, str):
                    found.append(result)
                else:
                    counts = [twin.weight_mask.sum(dim=d).sum().item() for d in range(module.weight.ndim)]
                    found.append((counts, bool(((twin.weight_mask == 0) | (twin.weight_mask == 1)).all())))
        return found

    check_program(program)


@pytest.mark.parametrize("n", [1, 2, 3.0, float("inf"), "fro"], ids=str)
def test_norms(n: Any) -> None:
    def program(t: Any) -> Any:
        tools, module = t.nn.utils.prune, t.nn.Conv2d(4, 3, 3)
        with t.no_grad():
            module.weight.copy_(values(t, 3, 4, 3, 3))
        found = [tools.ln_structured(module, "weight", 2, n, 1).weight]
        return [*found, tools.ln_structured(module, "weight", 0.4, n=n, dim=0).weight, module.weight_mask]

    check_program(program)


def test_importance_scores() -> None:
    def program(t: Any) -> Any:
        tools, scores = t.nn.utils.prune, t.arange(12.0).reshape(3, 4)
        module = layer(t)
        found = [
            tools.l1_unstructured(module, "weight", 5, importance_scores=scores).weight,
            tools.l1_unstructured(module, "weight", 3, importance_scores=-scores).weight,
            tools.ln_structured(layer(t), "weight", 1, 1, 1, importance_scores=scores).weight,
        ]
        for call in (
            lambda: tools.l1_unstructured(layer(t), "weight", 3, importance_scores=t.ones(2)),
            lambda: tools.L1Unstructured(3).prune(t.arange(6.0), importance_scores=t.ones(5)),
        ):
            found.append(attempt(call))
        vector = t.arange(6.0)
        found.append(tools.L1Unstructured(3).prune(vector))
        found.append(tools.L1Unstructured(3).prune(vector, default_mask=t.tensor([1.0, 1, 1, 1, 1, 0])))
        found.append(tools.L1Unstructured(3).prune(vector, importance_scores=-vector))
        found.append(tools.LnStructured(1, 2, 0).prune(vector.reshape(2, 3)))
        return [*found, tools.Identity().prune(vector)]

    check_program(program)


def test_masks_of_the_users() -> None:
    def program(t: Any) -> Any:
        tools, module = t.nn.utils.prune, layer(t)
        rows, columns = t.ones(3, 4), t.ones(3, 4)
        rows[0], columns[:, 1] = 0, 0
        found = [pruned(tools.custom_from_mask(module, "weight", rows))]
        found.append(pruned(tools.custom_from_mask(module, "weight", mask=columns)))
        return [*found, attempt(lambda: tools.custom_from_mask(layer(t), "weight", t.ones(2)))]

    check_program(program)


def test_methods_of_the_users() -> None:
    def program(t: Any) -> Any:
        tools, module = t.nn.utils.prune, layer(t)

        class EveryOther(tools.BasePruningMethod):
            PRUNING_TYPE = "unstructured"

            def compute_mask(self, t: Any, default_mask: Any) -> Any:
                mask = default_mask.clone()
                mask.view(-1)[::2] = 0
                return mask

        class Unknown(EveryOther):
            PRUNING_TYPE = "other"

        class NoDim(EveryOther):
            PRUNING_TYPE = "structured"

        found = [type(EveryOther.apply(module, "weight")).__name__, pruned(module)]
        found += [type(EveryOther.apply(module, "weight")).__name__, pruned(module)]
        other = tools.identity(layer(t), "weight")
        found += [attempt(lambda: Unknown.apply(other, "weight")), attempt(lambda: tools.BasePruningMethod())]
        third = tools.identity(layer(t), "weight")
        return [*found, attempt(lambda: NoDim.apply(third, "weight"))]

    check_program(program)


def test_containers() -> None:
    def program(t: Any) -> Any:
        tools = t.nn.utils.prune
        one, other = tools.L1Unstructured(1), tools.L1Unstructured(2)
        one._tensor_name, other._tensor_name = "w", "v"
        container = tools.PruningContainer(one)
        found = [len(container), container[0] is one, list(container) == [one], container._tensor_name]
        found.append(attempt(lambda: container.add_pruning_method(3)))
        found.append(attempt(lambda: container.add_pruning_method(other)))
        mask = container.compute_mask(t.arange(4.0), t.tensor([0.0, 1, 1, 1]))
        return [*found, len(tools.PruningContainer()), mask]

    check_program(program)


def test_several_as_one() -> None:
    def program(t: Any) -> Any:
        tools = t.nn.utils.prune
        net = t.nn.Sequential(layer(t), t.nn.Sequential(layer(t, 2, 3, seed=1)))
        first, second = net[0], net[1][0]
        pairs = [(first, "weight"), (second, "weight")]
        found = [tools.is_pruned(net), tools.global_unstructured(pairs, tools.L1Unstructured, amount=7)]
        found += [pruned(first), pruned(second), tools.is_pruned(net)]
        tools.global_unstructured(tuple(pairs), tools.L1Unstructured, amount=0.5)
        found += [pruned(first), pruned(second)]
        scores = {pairs[0]: -t.arange(12.0).reshape(3, 4)}
        tools.global_unstructured(pairs, tools.L1Unstructured, importance_scores=scores, amount=2)
        found += [pruned(first), pruned(second)]
        tools.global_unstructured(pairs, tools.RandomUnstructured, amount=1)
        found.append((first.weight_mask.sum() + second.weight_mask.sum()).item())
        for call in (
            lambda: tools.global_unstructured(3, tools.L1Unstructured, amount=1),
            lambda: tools.global_unstructured(pairs, tools.LnStructured, amount=1, n=2),
            lambda: tools.global_unstructured(pairs, tools.L1Unstructured, importance_scores=[], amount=1),
        ):
            found.append(attempt(call))
        return found

    check_program(program)


def test_what_is_refused() -> None:
    def program(t: Any) -> Any:
        tools, found = t.nn.utils.prune, []
        norm = t.nn.BatchNorm1d(3)
        for call in (
            lambda: tools.ln_structured(layer(t), "bias", 1, 2, 0),
            lambda: tools.random_structured(layer(t), "bias", 1, 0),
            lambda: tools.identity(layer(t), "other"),
            lambda: tools.identity(norm, "running_mean"),
        ):
            found.append(attempt(call))
        module = layer(t)
        found += [attempt(lambda: tools.l1_unstructured(module, "weight", 20)), sorted(module.state_dict())]
        found += [len(module._forward_pre_hooks), module(t.ones(1, 4)), module.weight.grad]
        return [*found, list(norm.state_dict())]

    check_program(program)


def test_state_dicts_are_exchanged() -> None:
    mine, theirs = (
        t.nn.utils.prune.l1_unstructured(layer(t, seed=k), "weight", 5) for k, t in enumerate((lucid, torch))
    )
    exchange(mine, theirs)

    def program(t: Any) -> Any:
        tools, module = t.nn.utils.prune, layer(t)
        trained = module.weight
        tools.l1_unstructured(module, "weight", 3)
        other = tools.identity(layer(t, seed=3), "weight")
        found = [repr(other.load_state_dict(module.state_dict())), step(other, values(t, 2, 4)), other.weight]
        tools.remove(module, "weight")
        found += [module.weight is trained, seen(pickle.loads(pickle.dumps(module)))]
        return [*found, tools.l1_unstructured(layer(t).half(), "weight", 0.5).weight]

    check_program(program)
