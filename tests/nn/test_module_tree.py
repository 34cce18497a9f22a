"""Walking modules, parameters and buffers; paths; modes; gradients of all parameters at once."""

from __future__ import annotations

import warnings

import pytest

import lucid
from lucid import nn


def names(pairs):
    return [name for name, _ in pairs]


@pytest.mark.parity
class TestWalks:
    @pytest.mark.parametrize("recurse", [True, False])
    @pytest.mark.parametrize("remove_duplicate", [True, False])
    @pytest.mark.parametrize("prefix", ["", "model"])
    def test_named_parameters_and_buffers(self, twins, prefix, recurse, remove_duplicate):
        def scenario(lib):
            net = lib.net()
            for walk in (net.named_parameters, net.named_buffers):
                lib.note(list(walk(prefix=prefix, recurse=recurse, remove_duplicate=remove_duplicate)))
                lib.note(list(walk(prefix, recurse, remove_duplicate)))
            lib.note(list(net.parameters(recurse)), list(net.buffers(recurse=recurse)))

        twins(scenario)

    @pytest.mark.parametrize("remove_duplicate", [True, False])
    @pytest.mark.parametrize("prefix", ["", "model"])
    def test_named_modules(self, twins, prefix, remove_duplicate):
        def scenario(lib):
            net = lib.net()
            lib.note(list(net.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)))
            lib.note(list(net.modules()), list(net.modules(remove_duplicate=False)))
            lib.note(list(net.children()), list(net.named_children()))

        twins(scenario)

    def test_shared_tensors(self, twins):
        def scenario(lib):
            net = lib.nn.Module()
            net.a, net.b = lib.scale(), lib.scale()
            net.b.factor = net.a.factor
            buffer = lib.tensor([1.0])
            net.a.register_buffer("x", buffer)
            net.b.register_buffer("y", buffer)
            lib.note(names(net.named_parameters()), names(net.named_parameters(remove_duplicate=False)))
            lib.note(names(net.named_buffers()), names(net.named_buffers(remove_duplicate=False)))
            lib.note(net.state_dict())

        twins(scenario)

    def test_they_are_generators(self, twins):
        def scenario(lib):
            net = lib.net()
            walks = [net.parameters(), net.named_parameters(), net.buffers(), net.modules(), net.children()]
            lib.note([type(walk) for walk in walks], next(net.parameters()), len(list(lib.nn.Module().parameters())))

        twins(scenario)

    def test_overridden_walks_are_respected(self, twins):
        def scenario(lib):
            class Renamed(lib.nn.Module):
                def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
                    for name, param in super().named_parameters(prefix, recurse, remove_duplicate):
                        yield "my." + name, param

                def named_children(self):
                    yield from list(super().named_children())[:1]

            net = Renamed()
            net.w, net.a, net.b = lib.param(1.0), lib.scale(), lib.scale()
            lib.note(names(net.named_parameters()), len(list(net.parameters())), len(list(net.children())))
            net.eval()
            lib.note(net.training, net.a.training, net.b.training)

        twins(scenario)

    def test_named_members(self, twins):
        def scenario(lib):
            net = lib.net()
            lib.note(list(net._named_members(lambda module: module._parameters.items(), prefix="p")))

        twins(scenario)


def test_memo_holds_ids_and_may_hold_modules():
    net = nn.Sequential(nn.Identity(), nn.Sequential(nn.Identity()))
    memo = set()
    assert names(net.named_modules(memo)) == ["", "0", "1", "1.0"]
    assert memo == {id(module) for module in net.modules()}
    assert names(net.named_modules(memo)) == []
    assert names(net.named_modules({id(net[1])})) == ["", "0"]
    assert names(net.named_modules({net[1]})) == ["", "0"]


@pytest.mark.parity
class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "",
            "first",
            "block.0",
            "block.1",
            "missing",
            "own",
            "block.0.factor",
            "none.at.all",
            "block.",
            ".",
            "block.9",
        ],
    )
    def test_get_submodule(self, twins, path):
        def scenario(lib):
            net = lib.net()
            try:
                lib.note(net.get_submodule(path))
            except Exception as error:
                lib.note(error)

        twins(scenario)

    @pytest.mark.parametrize(
        "path",
        [
            "own",
            "first.weight",
            "first.mean",
            "first.bias",
            "block.0.factor",
            "block",
            "nope",
            "nope.weight",
            "",
            "first.",
        ],
    )
    @pytest.mark.parametrize("what", ["parameter", "buffer"])
    def test_get_parameter_and_buffer(self, twins, what, path):
        def scenario(lib):
            net = lib.net()
            try:
                lib.note(getattr(net, f"get_{what}")(path))
            except Exception as error:
                lib.note(error)

        twins(scenario)

    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize(
        "path",
        [
            "",
            "first",
            "new",
            "block.0",
            "block.1",
            "block.new",
            "block.0.new",
            "nope.new",
            "own",
            "first.weight",
            "missing",
        ],
    )
    def test_set_submodule(self, twins, path, strict):
        def scenario(lib):
            net = lib.net()
            try:
                net.set_submodule(path, lib.scale(5.0), strict=strict)
            except Exception as error:
                lib.note(type(error), str(error))
            lib.note(names(net.named_modules()), net.state_dict())

        twins(scenario)

    def test_set_submodule_refuses_other_things(self, twins):
        def scenario(lib):
            net = lib.net()
            lib.raises(lambda: net.set_submodule("first", 3))
            lib.raises(lambda: net.set_submodule("first", lib.param(1.0)), message=False)

        twins(scenario)


@pytest.mark.parity
class TestAllAtOnce:
    def test_apply_order(self, twins):
        def scenario(lib):
            net = lib.net()
            assert net.apply(lambda module: lib.note(module)) is net

        twins(scenario)

    @pytest.mark.parametrize("mode", [True, False, 1, "yes", None])
    def test_train(self, twins, mode):
        def scenario(lib):
            net = lib.net()
            net.eval()
            try:
                assert net.train(mode) is net
            except Exception as error:
                lib.note(error if not isinstance(error, ValueError) else type(error))
            lib.note([module.training for module in net.modules()])

        twins(scenario)

    def test_train_calls_the_children(self, twins):
        def scenario(lib):
            class Frozen(lib.nn.Module):
                def train(self, mode=True):
                    lib.note("train", mode)
                    return super().train(False)

            net = lib.nn.Sequential(Frozen(), lib.nn.Identity())
            net.train()
            net.eval()
            lib.note([module.training for module in net.modules()])

        twins(scenario)

    def test_requires_grad_(self, twins):
        def scenario(lib):
            net = lib.net()
            assert net.requires_grad_(False) is net
            lib.note(list(net.parameters()))
            net.block.requires_grad_()
            lib.note(list(net.parameters()))

        twins(scenario)

    @pytest.mark.parametrize("arguments", [{}, {"set_to_none": True}, {"set_to_none": False}])
    def test_zero_grad(self, twins, arguments):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale(), lib.scale())
            net[0](lib.tensor([1.0, 2.0])).sum().backward()
            grad = net[0].factor.grad
            lib.note(net.zero_grad(**arguments), [p.grad for p in net.parameters()], grad)
            lib.note(net[0].factor.grad is grad)

        twins(scenario)

    def test_zero_grad_of_a_recorded_gradient(self, twins):
        def scenario(lib):
            module = lib.scale()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch warns of the reference cycle that create_graph makes
                (module(lib.tensor([1.0, 2.0])) * module.factor).sum().backward(create_graph=True)
            assert module.factor.grad.requires_grad
            module.zero_grad(set_to_none=False)
            lib.note(module.factor.grad)

        twins(scenario)


def test_module_walks_do_not_copy_large_trees():
    net = nn.Sequential(*[nn.Identity() for _ in range(2000)])
    assert len(list(net.modules())) == 2001
    assert next(iter(net.named_modules()))[0] == ""


def test_zero_grad_of_a_gradient_that_is_a_view():
    module, flat = nn.Module(), lucid.ones(4)
    module.w = nn.Parameter(lucid.ones(2))
    module.w.grad = flat[:2]
    module.zero_grad(set_to_none=False)
    assert flat.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_zero_grad_keeps_the_gradient_tensor():
    module = nn.Module()
    module.w = nn.Parameter(lucid.ones(2))
    (module.w * 3).sum().backward()
    grad = module.w.grad
    module.zero_grad(set_to_none=False)
    assert module.w.grad is grad
    assert grad.tolist() == [0.0, 0.0]
