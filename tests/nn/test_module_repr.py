"""Printing, copying and pickling modules."""

from __future__ import annotations

import copy
import pickle

import pytest

import lucid
from lucid import nn


class Pickled(nn.Module):
    """At module level, where pickle finds it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(lucid.tensor([1.0, 2.0]))
        self.register_buffer("mean", lucid.tensor([3.0]), persistent=False)
        self.child = nn.Identity()
        self.plain = {"a": 1}

    def forward(self, x):
        return x * self.weight


@pytest.mark.parity
class TestRepr:
    @pytest.mark.parametrize(
        "text", ["", "size=3", "a=1\nb=2", "\n", "a\n\nb", "trailing\n", "(x): y", "  indented"], ids=repr
    )
    @pytest.mark.parametrize("children", [0, 1, 2])
    def test_extra_repr_and_children(self, twins, text, children):
        def scenario(lib):
            class Told(lib.nn.Module):
                def extra_repr(self):
                    return text

            module = Told()
            for k in range(children):
                module.add_module(f"child{k}", Told() if k else lib.nn.Identity())
            lib.note(repr(module), str(module))
            lib.note(repr(lib.nn.Sequential(module, lib.nn.Sequential(module, lib.nn.Identity()))))
            lib.note(repr(lib.nn.ModuleList([module, module, lib.nn.Identity(), module])))
            lib.note(repr(lib.nn.ModuleDict({"a": lib.nn.ModuleList([module, module])})))

        twins(scenario)

    def test_whole_net(self, twins):
        twins(lambda lib: lib.note(repr(lib.net()), lib.nn.Module(), lib.net()._get_name()))

    def test_overridden_name_and_child_repr(self, twins):
        def scenario(lib):
            class Odd(lib.nn.Module):
                def _get_name(self):
                    return "Strange"

            class Lines(lib.nn.Module):
                def __repr__(self):
                    return "one\n\n  two\n"

            odd = Odd()
            lib.note(repr(odd))
            odd.inner = Lines()
            lib.note(repr(odd), repr(lib.nn.ModuleList([Lines(), Lines()])))

        twins(scenario)


@pytest.mark.parity
class TestCopies:
    def test_deepcopy(self, twins):
        def scenario(lib):
            net = lib.net()
            net.first.weight.grad = lib.tensor([1.0, 1.0])
            net.first.weight.note = "kept on the original"
            twin = copy.deepcopy(net)
            lib.note(twin, twin.state_dict(), twin.first is twin.again, twin.shared is twin.first.weight)
            lib.note(twin.first is net.first, twin.shared.grad, hasattr(twin.shared, "note"), twin.shared.is_leaf)
            with lib.no_grad():
                twin.shared.add_(1.0)
                twin.first.mean.add_(1.0)
            lib.note(net.state_dict(), twin.state_dict(), twin.first.mean)

        twins(scenario)

    def test_copy_shares_what_it_holds(self, twins):
        def scenario(lib):
            net = lib.stateful()
            twin = copy.copy(net)
            lib.note(twin.weight is net.weight, twin._parameters is net._parameters)
            twin.extra = 1
            lib.note(hasattr(net, "extra"))

        twins(scenario)

    def test_hooks_are_copied(self, twins):
        def scenario(lib):
            module = lib.scale()
            module.handle = module.register_forward_hook(lambda m, args, out: lib.note("hook", m is module))
            twin = copy.deepcopy(module)
            twin(lib.tensor([1.0, 1.0]))
            twin.handle.remove()
            twin(lib.tensor([1.0, 1.0]))
            module(lib.tensor([1.0, 1.0]))

        twins(scenario)

    def test_load_pre_hook_follows_its_module(self, twins):
        def scenario(lib):
            module = lib.scale()
            seen = []
            module.register_load_state_dict_pre_hook(lambda m, *rest: seen.append(m))
            twin = copy.deepcopy(module)
            twin.load_state_dict(module.state_dict())
            lib.note(seen[0] is twin, len(seen))

        twins(scenario)


class TestPickling:
    def test_round_trip(self):
        module = Pickled().eval()
        module.weight.grad = lucid.tensor([1.0, 1.0])
        module.alias = module.weight
        twin = pickle.loads(pickle.dumps(module))
        assert repr(twin) == repr(module)
        assert isinstance(twin.weight, nn.Parameter)
        assert twin.weight.requires_grad
        assert twin.weight.grad is None
        assert twin.alias is twin.weight
        assert twin.mean.tolist() == [3.0]
        assert twin.state_dict().keys() == module.state_dict().keys()
        assert not twin.training
        assert twin.plain == {"a": 1}
        assert twin(lucid.tensor([1.0, 1.0])).tolist() == [1.0, 2.0]

    def test_state_of_an_older_class(self):
        state = Pickled().__getstate__()
        for name in ("_forward_hooks", "_forward_pre_hooks", "_non_persistent_buffers_set"):
            del state[name]
        module = Pickled.__new__(Pickled)
        module.__setstate__(state)
        assert module.weight.tolist() == [1.0, 2.0]
        module.register_forward_hook(lambda *args: None, always_call=True)
        assert module(lucid.tensor([1.0, 1.0])).tolist() == [1.0, 2.0]

    def test_hooks_of_another_process_keep_their_numbers(self):
        module = Pickled()
        handle = module.register_forward_hook(_ten_times)
        twin = pickle.loads(pickle.dumps(module))
        later = vars(twin)["_forward_hooks"]
        later[handle.id + 1] = later.pop(handle.id)  # as if it came with the number that is next here
        twin.register_forward_hook(_ten_times)
        assert twin(lucid.tensor([1.0, 1.0])).tolist() == [100.0, 200.0]


def _ten_times(module, args, output):
    return output * 10
