"""Loading state: results, errors, and that a load which fails changes nothing."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType

import pytest

import lucid
from lucid import nn

LOADS = {
    "fits": lambda lib: lib.full_state(),
    "plain dict": lambda lib: dict(lib.full_state()),
    "mapping": lambda lib: MappingProxyType(lib.full_state()),
    "empty": lambda lib: {},
    "missing one": lambda lib: lib.state(weight=[1.0, 1.0], count=1),
    "unexpected": lambda lib: lib.full_state() | lib.state(bias=[1.0], more=[1.0], child__w=[1.0]),
    "non-persistent": lambda lib: lib.full_state() | lib.state(cache=[1.0]),
    "wrong size": lambda lib: lib.full_state() | lib.state(weight=[1.0, 2.0, 3.0]),
    "wrong dims": lambda lib: lib.full_state() | lib.state(weight=[[1.0, 2.0]], mean=1.0),
    "scalar with a dim": lambda lib: lib.full_state() | lib.state(count=[8]),
    "no dim for a vector": lambda lib: lib.full_state() | lib.state(weight=1.0),
    "all wrong": lambda lib: lib.state(weight=[1.0], nope=[1.0]),
    "other dtypes": lambda lib: lib.full_state() | lib.state(weight=[5, 6], count=8.7),
    "no tensor": lambda lib: dict(lib.full_state(), weight=[1.0, 2.0]),
    "None": lambda lib: dict(lib.full_state(), weight=None),
    "parameters": lambda lib: dict(lib.full_state(), weight=lib.param(8.0, 9.0)),
    "extra state": lambda lib: dict(lib.full_state(), _extra_state=3),
}


@pytest.mark.parity
class TestLoading:
    @pytest.mark.parametrize("load", LOADS)
    @pytest.mark.parametrize("strict", [True, False])
    def test_results_and_errors(self, twins, load, strict):
        def scenario(lib):
            net = lib.stateful()
            weight, mean = net.weight, net.mean
            try:
                result = net.load_state_dict(LOADS[load](lib), strict=strict)
            except Exception as error:
                lib.note(error)
            else:
                lib.note(repr(result), result.missing_keys, result.unexpected_keys, net.state_dict())
                lib.note(net.weight is weight, net.mean is mean, net.weight.requires_grad, net.cache)

        twins(scenario)

    @pytest.mark.parametrize("strict", [True, False])
    def test_nested(self, twins, strict):
        def scenario(lib):
            net = lib.net()
            good = OrderedDict((name, t * 2) for name, t in net.state_dict().items())
            lib.note(net.load_state_dict(good, strict), net.state_dict())
            bad = OrderedDict(good)
            bad["block.0.factor"] = lib.tensor([1.0])
            bad["block.1.weight"] = bad["block.7.x"] = bad["other.y"] = bad["z"] = bad["block"] = lib.tensor([1.0])
            bad["block.0.factor.deeper"] = bad[""] = bad["."] = bad["first."] = lib.tensor([1.0])
            del bad["first.mean"], bad["own"]
            lib.attempt(lambda: net.load_state_dict(bad, strict=strict))

        twins(scenario)

    def test_what_is_no_mapping(self, twins):
        def scenario(lib):
            for value in ([], 1, None, "text", lib.tensor([1.0]), [("weight", 1)]):
                try:
                    lib.stateful().load_state_dict(value)
                except TypeError as error:
                    lib.note(str(error).partition("got")[0])

        twins(scenario)

    def test_the_given_dict_is_not_changed(self, twins):
        def scenario(lib):
            net, given = lib.scale(), {"old": lib.tensor([1.0, 2.0])}
            net.register_load_state_dict_pre_hook(lambda m, sd, *rest: sd.update(factor=sd.pop("old")))
            lib.note(net.load_state_dict(given), list(given), net.factor)

        twins(scenario)

    def test_result(self, twins):
        def scenario(lib):
            result = lib.scale().load_state_dict({}, strict=False)
            missing, unexpected = result
            lib.note(missing, unexpected, result[0], len(result), isinstance(result, tuple), type(result), str(result))
            lib.note(result._fields, result == (["factor"], []))

        twins(scenario)

    def test_casts_to_the_dtype_of_the_model(self, twins):
        def scenario(lib):
            net = lib.stateful().half()
            net.load_state_dict({k: v.to(lib.library.float64) for k, v in lib.full_state().items()})
            lib.note(net.state_dict())

        twins(scenario)

    def test_frozen_parameters(self, twins):
        def scenario(lib):
            net = lib.stateful().requires_grad_(False)
            net.load_state_dict(lib.full_state())
            lib.note(net.weight)

        twins(scenario)

    def test_later_writes_to_the_dict(self, twins):
        def scenario(lib):
            net, given = lib.stateful(), lib.full_state()
            net.load_state_dict(given)
            given["weight"].zero_()
            lib.note(net.weight)

        twins(scenario)

    def test_keys_added_by_hooks_under_other_prefixes(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.nn.Sequential(lib.scale()))
            net[0].register_load_state_dict_pre_hook(lambda m, sd, *rest: sd.update(stray=lib.ones(2)))
            lib.note(net.load_state_dict(net.state_dict()))

        twins(scenario)

    def test_a_copy_that_fails_is_reported(self, mine):
        class Odd(lucid.Tensor):
            def copy_(self, other, non_blocking=False):
                raise ValueError("will not")

        net = mine.scale()
        net.register_buffer("odd", Odd([1.0]))
        with pytest.raises(RuntimeError, match=r'copying the parameter named "odd".*occurred : \(.will not.,\)'):
            net.load_state_dict(mine.state(odd=[2.0], factor=[5.0, 5.0]))
        assert net.factor.tolist() == [2.0, 2.0]

    def test_own_state(self, twins):
        def scenario(lib):
            net = lib.stateful()
            lib.note(net.load_state_dict(net.state_dict()), net.state_dict())

        twins(scenario)


@pytest.mark.parity
class TestAssign:
    def test_replaces_objects(self, twins):
        def scenario(lib):
            net, given = lib.stateful(), lib.full_state()
            weight = net.weight
            given["mean"] = given["mean"].to(lib.library.float64)
            lib.note(net.load_state_dict(given, assign=True), net.state_dict(), net.weight)
            lib.note(net.weight is weight, net.mean is given["mean"], type(net.weight), sorted(net._buffers))

        twins(scenario)

    def test_parameters_are_used_as_they_are(self, twins):
        def scenario(lib):
            net, given = lib.stateful().requires_grad_(False), dict(lib.full_state(), weight=lib.param(8.0, 9.0))
            net.load_state_dict(given, assign=True)
            lib.note(net.weight is given["weight"], net.weight)

        twins(scenario)

    def test_keys_are_checked(self, twins):
        def scenario(lib):
            lib.attempt(lambda: lib.stateful().load_state_dict(lib.state(weight=[1.0, 1.0]), assign=True))
            lib.attempt(lambda: lib.stateful().load_state_dict({"nope": 1}, strict=False, assign=True))

        twins(scenario)

    def test_the_next_load_copies_again(self, mine):
        net, given = mine.stateful(), mine.full_state()
        given._metadata = OrderedDict({"": {"version": 1}})
        net.load_state_dict(given, assign=True)
        weight = net.weight
        net.load_state_dict(given)
        assert net.weight is weight
        assert given._metadata == {"": {"version": 1}}


class TestThePage:
    def test_assign_accepts_other_shapes_and_dtypes(self, mine):
        net = mine.stateful()
        given = {"weight": mine.zeros(2, 3, dtype=lucid.float16), "mean": mine.zeros(5), "count": mine.zeros(1)}
        assert repr(net.load_state_dict(given, assign=True)) == "<All keys matched successfully>"
        assert [(tuple(t.shape), str(t.dtype)) for t in net.state_dict().values()] == [
            ((2, 3), "lucid.float16"),
            ((5,), "lucid.float32"),
            ((1,), "lucid.float32"),
        ]
        assert net.weight.requires_grad

    def test_assigned_integers_require_no_gradient(self, mine):
        net = mine.scale()
        net.load_state_dict({"factor": mine.tensor([1, 2])}, assign=True)
        assert net.factor.dtype is lucid.int64
        assert not net.factor.requires_grad

    def test_positional_arguments(self, mine):
        destination = {}
        assert mine.scale().state_dict(destination, "p.", True) is destination
        assert isinstance(destination["p.factor"], nn.Parameter)


def remember(net):
    return {
        name: (id(t), t.tolist(), t.requires_grad, str(t.dtype))
        for name, t in [*net.named_parameters(), *net.named_buffers()]
    }


class TestAllOrNothing:
    @pytest.mark.parametrize("assign", [True, False])
    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize("load", ["missing one", "unexpected", "wrong size", "no tensor"])
    def test_a_failed_load_changes_nothing(self, mine, load, strict, assign):
        net = mine.stateful()
        before, order = remember(net), list(net.state_dict())
        try:
            net.load_state_dict(LOADS[load](mine), strict=strict, assign=assign)
        except RuntimeError:
            assert remember(net) == before
            assert list(net.state_dict()) == order
            net.load_state_dict(mine.full_state())
            assert net.weight.tolist() == [10.0, 11.0]

    @pytest.mark.parametrize("where", ["pre", "post", "override", "extra"])
    def test_hooks_that_raise(self, mine, where):
        net = mine.nn.Sequential(mine.stateful(), mine.with_extra(), mine.scale())

        def boom(*args):
            raise KeyError("from a hook")

        if where == "pre":
            net[2].register_load_state_dict_pre_hook(boom)
        elif where == "post":
            net.register_load_state_dict_post_hook(boom)
        elif where == "extra":
            type(net[1]).set_extra_state = boom
        else:
            type(net[2])._load_from_state_dict = boom
        before, parameters = remember(net), [id(p) for p in net.parameters()]
        given = {k: v if isinstance(v, dict) else v + 1 for k, v in net.state_dict().items()}
        for assign in (True, False):
            with pytest.raises(KeyError):
                net.load_state_dict(given, assign=assign)
            assert remember(net) == before
            assert [id(p) for p in net.parameters()] == parameters
            assert net[1].extra == {"step": 1}

    def test_attributes_children_and_modes(self, mine):
        net = mine.nn.Sequential(mine.scale(), mine.scale())

        def meddle(module, *rest):
            module.note, module.training = "changed", False
            module.new, module.w = mine.scale(), mine.param(1.0)
            del module[0]

        net.register_load_state_dict_pre_hook(meddle)
        names = [name for name, _ in net.named_modules()]
        with pytest.raises(RuntimeError):
            net.load_state_dict({})
        assert [name for name, _ in net.named_modules()] == names
        assert net.training
        assert not hasattr(net, "note")
        assert not hasattr(net, "w")

    def test_hooks_and_extra_state_changed_in_place(self, mine):
        class Kept(nn.Module):
            def __init__(self):
                super().__init__()
                self.steps, self.names = {"a": 1}, ["x"]

            def get_extra_state(self):
                return {"b": 2}

            def set_extra_state(self, state):
                self.steps.update(state)
                self.names.append("y")

        net = Kept()
        handle = net.register_load_state_dict_pre_hook(lambda *args: handle.remove())
        with pytest.raises(RuntimeError):
            net.load_state_dict(net.state_dict() | {"more": lucid.zeros(1)})
        assert (net.steps, net.names, len(net._load_state_dict_pre_hooks)) == ({"a": 1}, ["x"], 1)
        net.load_state_dict(net.state_dict())
        assert (net.steps, net.names, len(net._load_state_dict_pre_hooks)) == ({"a": 1, "b": 2}, ["x", "y"], 0)

    def test_a_parameter_that_changed_its_dtype(self, mine):
        net = mine.scale()
        net.register_load_state_dict_pre_hook(
            lambda module, *rest: module.half() and module.requires_grad_(False) and None
        )
        with pytest.raises(RuntimeError):
            net.load_state_dict({})
        assert net.factor.dtype is lucid.float32
        assert net.factor.tolist() == [2.0, 2.0]
        assert net.factor.requires_grad

    def test_the_gradient_stays(self, mine):
        net = mine.scale()
        net(mine.ones(2)).sum().backward()
        with pytest.raises(RuntimeError):
            net.load_state_dict(mine.state(factor=[1.0, 2.0], more=[1.0]))
        assert net.factor.grad.tolist() == [1.0, 1.0]

    def test_a_buffer_that_is_a_view(self, mine):
        base = mine.zeros(2, 2)
        net = mine.scale()
        net.register_buffer("row", base[1])
        with pytest.raises(RuntimeError):
            net.load_state_dict(mine.state(row=[5.0, 5.0]))
        assert base.tolist() == [[0.0, 0.0], [0.0, 0.0]]
        net.load_state_dict(mine.state(row=[5.0, 5.0], factor=[1.0, 1.0]))
        assert base.tolist() == [[0.0, 0.0], [5.0, 5.0]]


def test_messages_name_every_key_and_shape(mine):
    with pytest.raises(RuntimeError) as caught:
        mine.stateful().load_state_dict(mine.state(weight=[1.0], nope=[1.0]))
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Stateful:\n"
        '\tMissing key(s) in state_dict: "mean", "count". \n'
        '\tUnexpected key(s) in state_dict: "nope". \n'
        "\tsize mismatch for weight: copying a param with shape lucid.Size([1]) from checkpoint, "
        "the shape in current model is lucid.Size([2])."
    )


@pytest.mark.parity
def test_loading_one_module_without_reporting_keys(twins):
    def scenario(lib):
        net, lists = lib.with_extra(), ([], [], [])
        net._load_from_state_dict({"p.w": lib.tensor([4.0]), "p.x": 1}, "p.", {}, False, *lists)
        net._load_from_state_dict({"p._extra_state": 5}, "p.", {}, False, *lists)
        lib.scale()._load_from_state_dict({"_extra_state": 5}, "", {}, False, *lists)
        lib.note(net.w, net.extra, lists)

    twins(scenario)


def test_names_with_dots(twins):
    """`setattr` takes them, and PyTorch reports their keys as unexpected, but loads them."""

    def scenario(lib):
        net = lib.nn.Module()
        setattr(net, "a.b", lib.scale())
        net.a = lib.scale()
        state = lib.state(a__factor=[1.0, 2.0], a__b__factor=[3.0, 4.0])
        lib.note(net.load_state_dict(state, strict=False), net.state_dict())
        lib.raises(lambda: net.load_state_dict(state))
        lib.raises(lambda: net.load_state_dict(lib.state(a__factor=[1.0, 2.0])))

    twins(scenario)


def test_many_children_load_in_linear_time():
    net = nn.Sequential(*[nn.Sequential(nn.Identity()) for _ in range(1500)])
    for k, module in enumerate(net):
        module.register_buffer("x", lucid.tensor(float(k)))
    saved = net.state_dict()
    seen = []
    net[7].register_load_state_dict_pre_hook(lambda m, sd, *rest: seen.extend(sd))
    net.load_state_dict(saved)
    assert seen == ["7.x"]
