"""What becomes a parameter, a buffer, a child or a plain attribute, and how it is found again."""

from __future__ import annotations

import pytest

import lucid
from lucid import nn

NAMES = ["", "a.b", 1, None, "forward", "training", "w", "buf", "child", "plain", "_parameters"]


def furnished(lib):
    module = lib.nn.Module()
    module.w = lib.param(1.0)
    module.register_buffer("buf", lib.tensor([2.0]))
    module.register_buffer("temporary", lib.tensor([2.0]), persistent=False)
    module.child = lib.nn.Identity()
    module.plain = 5
    return module


def holdings(module):
    return [
        list(module._parameters),
        list(module._buffers),
        list(module._modules),
        sorted(module._non_persistent_buffers_set),
        sorted(name for name in module.__dict__ if not name.startswith("_")),
    ]


@pytest.mark.parity
class TestAssignment:
    @pytest.mark.parametrize("name", ["w", "buf", "temporary", "child", "plain", "new"])
    @pytest.mark.parametrize(
        "kind", ["param", "frozen", "tensor", "buffer", "temporary", "module", "none", "int", "class"]
    )
    def test_every_kind_over_every_kind(self, twins, name, kind):
        def scenario(lib):
            module = furnished(lib)
            value = {
                "param": lambda: lib.param(3.0),
                "frozen": lambda: lib.param(3.0, requires_grad=False),
                "tensor": lambda: lib.tensor([4.0]),
                "buffer": lambda: lib.nn.Buffer(lib.tensor([4.0])),
                "temporary": lambda: lib.nn.Buffer(lib.tensor([4.0]), persistent=False),
                "module": lib.nn.Identity,
                "none": lambda: None,
                "int": lambda: 1,
                "class": lambda: lib.nn.Identity,
            }[kind]()
            try:
                setattr(module, name, value)
            except Exception as error:
                lib.note(type(error))
            else:
                lib.note(getattr(module, name) is value)
            lib.note(holdings(module))

        twins(scenario)

    @pytest.mark.parametrize("value", ["param", "module", "buffer"])
    def test_before_init(self, twins, value):
        def scenario(lib):
            class Early(lib.nn.Module):
                def __init__(self):
                    self.plain = 1
                    made = {
                        "param": lambda: lib.param(1.0),
                        "module": lib.nn.Identity,
                        "buffer": lambda: lib.nn.Buffer(lib.tensor([1.0])),
                    }
                    self.x = made[value]()

            lib.raises(Early)

        twins(scenario)

    def test_registering_before_init(self, twins):
        def scenario(lib):
            module = lib.nn.Module.__new__(lib.nn.Module)
            lib.raises(lambda: module.register_parameter("w", lib.param(1.0)))
            lib.raises(lambda: module.register_buffer("b", lib.tensor([1.0])))
            lib.raises(lambda: module.add_module("c", lib.nn.Identity()), message=False)
            lib.raises(lambda: module.anything)
            module.plain = 1
            lib.note(module.plain)

        twins(scenario)

    def test_plain_tensors_lists_and_dicts_are_not_tracked(self, twins):
        def scenario(lib):
            module = lib.nn.Module()
            module.cache = lib.tensor([1.0])
            module.layers = [lib.nn.Identity()]
            module.by_name = {"a": lib.param(1.0)}
            lib.note(holdings(module), list(module.parameters()), module.state_dict())

        twins(scenario)

    def test_parameter_computed_from_another(self, twins):
        def scenario(lib):
            module = lib.nn.Module()
            computed = lib.nn.Parameter(lib.param(1.0) * 2)  # a new leaf
            module.w = computed
            lib.note(module.w.grad_fn, module.w)

        twins(scenario)

    def test_classes_properties_and_class_attributes(self, twins):
        def scenario(lib):
            class Described(lib.nn.Module):
                constant = 3

                @property
                def double(self):
                    return self.w * 2

                @property
                def broken(self):
                    return self.no_such_thing

                @property
                def settable(self):
                    return self._hidden

                @settable.setter
                def settable(self, value):
                    self._hidden = value + 1

            module = Described()
            module.w = lib.param(1.0, 2.0)
            module.settable = 1
            lib.note(module.double, module.settable, module.constant)
            lib.raises(lambda: module.broken, message=False)
            module.constant = 4
            lib.note(module.constant, Described.constant)
            lib.raises(lambda: module.register_parameter("constant", lib.param(1.0)))

        twins(scenario)


@pytest.mark.parity
class TestRegistration:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("what", ["parameter", "buffer", "module"])
    def test_names(self, twins, what, name):
        def scenario(lib):
            module = furnished(lib)
            value = {
                "parameter": lambda: lib.param(1.0),
                "buffer": lambda: lib.tensor([1.0]),
                "module": lib.nn.Identity,
            }
            try:
                getattr(module, f"register_{what}")(name, value[what]())
            except Exception as error:
                lib.note(type(error), str(error))
            lib.note(holdings(module))

        twins(scenario)

    @pytest.mark.parametrize("what", ["register_parameter", "register_buffer", "register_module", "add_module"])
    def test_values(self, twins, what):
        def scenario(lib):
            module = lib.nn.Module()
            values = [1, "text", lib.nn.Identity, lib.nn.Identity(), lib.tensor([1.0]), lib.param(1.0), None]
            for k, value in enumerate(values):
                try:
                    getattr(module, what)(f"x{k}", value)
                except Exception as error:
                    lib.note(k, type(error))
            lib.note(holdings(module))

        twins(scenario)

    def test_none_reserves_the_name(self, twins):
        def scenario(lib):
            module = lib.nn.Module()
            module.register_parameter("w", None)
            module.register_buffer("b", None)
            module.add_module("c", None)
            lib.note(module.w, module.b, module.c, list(module.named_parameters()), module.state_dict(), repr(module))
            module.w, module.b, module.c = lib.param(1.0), lib.tensor([2.0]), lib.nn.Identity()
            lib.note(holdings(module), module.state_dict())
            module.w = module.b = module.c = None
            lib.note(holdings(module), module.w, module.b, module.c)

        twins(scenario)

    def test_non_leaf_parameter(self, twins):
        def scenario(lib):
            weight = lib.nn.Parameter(lib.tensor([1.0]), requires_grad=False)
            weight.mul_(lib.param(2.0))
            module = lib.nn.Module()
            lib.raises(lambda: module.register_parameter("w", weight), message=False)
            lib.raises(lambda: setattr(module, "w", weight), message=False)

        twins(scenario)

    def test_buffer_persistence(self, twins):
        def scenario(lib):
            module = lib.nn.Module()
            module.register_buffer("a", lib.tensor([1.0]))
            module.register_buffer("a", lib.tensor([2.0]), persistent=False)
            lib.note(holdings(module), module.state_dict())
            module.a = lib.tensor([3.0])
            lib.note(holdings(module))
            module.a = lib.nn.Buffer(lib.tensor([3.0]))
            lib.note(holdings(module))
            module.a = lib.nn.Buffer(lib.tensor([3.0]), persistent=False)
            lib.note(holdings(module))
            module.register_buffer("a", lib.tensor([4.0]))
            lib.note(holdings(module), module.a)
            del module.a
            module.a = lib.param(1.0)
            lib.note(holdings(module))

        twins(scenario)

    def test_overridden_register_buffer(self, twins):
        def scenario(lib):
            class Old(lib.nn.Module):
                def register_buffer(self, name, tensor):
                    lib.note("old", name)
                    super().register_buffer(name, tensor)

            class New(lib.nn.Module):
                def register_buffer(self, name, tensor, persistent=True):
                    lib.note("new", name, persistent)
                    super().register_buffer(name, tensor, persistent)

            for kind in (Old, New):
                module = kind()
                module.a = lib.nn.Buffer(lib.tensor([1.0]))
                module.a = lib.tensor([2.0])
                try:
                    module.b = lib.nn.Buffer(lib.tensor([1.0]), persistent=False)
                except RuntimeError as error:
                    lib.note(type(error))
                lib.note(holdings(module))

        twins(scenario)

    def test_registration_hooks(self, twins):
        def scenario(lib):
            module = lib.nn.Module()

            def seen(tag):
                return lambda owner, name, value: lib.note(tag, owner is module, name, value)

            handles = [
                lib.hooks.register_module_parameter_registration_hook(seen("parameter")),
                lib.hooks.register_module_buffer_registration_hook(seen("buffer")),
                lib.hooks.register_module_module_registration_hook(seen("module")),
            ]
            module.w = lib.param(1.0)
            module.register_parameter("none", None)
            module.w = None
            module.b = lib.nn.Buffer(lib.tensor([1.0]))
            module.b = lib.tensor([2.0])
            module.register_buffer("none_buffer", None)
            module.c = lib.nn.Identity()
            module.c = None
            module.add_module("d", lib.nn.Identity())
            for handle in handles:
                handle.remove()
            module.e = lib.nn.Identity()

        twins(scenario)

    def test_registration_hooks_replace(self, twins):
        def scenario(lib):
            other = lib.nn.Identity()
            with (
                lib.hooks.register_module_parameter_registration_hook(lambda m, n, v: lib.param(10.0)),
                lib.hooks.register_module_buffer_registration_hook(lambda m, n, v: v * 10),
                lib.hooks.register_module_module_registration_hook(lambda m, n, v: other),
            ):
                module = lib.nn.Module()
                module.w = lib.param(1.0)
                module.register_buffer("b", lib.tensor([1.0]))
                module.c = lib.nn.Sequential()
            lib.note(module.w, module.b, module.c is other)

        twins(scenario)


@pytest.mark.parity
class TestAccess:
    def test_missing_attribute(self, twins):
        twins(lambda lib: lib.raises(lambda: furnished(lib).nothing))

    @pytest.mark.parametrize("name", ["w", "buf", "temporary", "child", "plain", "missing", "forward"])
    def test_delete(self, twins, name):
        def scenario(lib):
            module = furnished(lib)
            try:
                delattr(module, name)
            except Exception as error:
                lib.note(type(error))
            lib.note(holdings(module), hasattr(module, name))

        twins(scenario)

    def test_dir(self, twins):
        def scenario(lib):
            module = furnished(lib)
            module.add_module("0", lib.nn.Identity())
            names = dir(module)
            assert names == sorted(names)
            lib.note(
                [n for n in ("w", "buf", "child", "plain", "training", "forward", "0", "_parameters") if n in names]
            )

        twins(scenario)

    def test_hasattr_getattr_default_and_vars(self, twins):
        def scenario(lib):
            module = furnished(lib)
            lib.note(hasattr(module, "w"), hasattr(module, "x"), getattr(module, "x", 3), "w" in vars(module))
            lib.note(module.w is module._parameters["w"], module.child is module._modules["child"])

        twins(scenario)


@pytest.mark.parity
class TestInit:
    def test_arguments_are_refused(self, twins):
        def scenario(lib):
            lib.raises(lambda: lib.nn.Module(1, 2))
            lib.raises(lambda: lib.nn.Module(size=1))

            class Careless(lib.nn.Module):
                def __init__(self):
                    super().__init__(1, size=2)

            lib.raises(Careless)

        twins(scenario)

    def test_call_super_init(self, twins):
        def scenario(lib):
            class Other:
                def __init__(self, *args, **kwargs):
                    self.got = (args, sorted(kwargs))

            class Both(lib.nn.Module, Other):
                call_super_init = True

            class Single(lib.nn.Module, Other):
                pass

            lib.note(Both(1, a=2).got, hasattr(Single(), "got"))

        twins(scenario)

    def test_class_attributes(self, twins):
        def scenario(lib):
            kind = lib.nn.Module
            lib.note(kind._version, kind.dump_patches, kind.call_super_init, kind().training, kind.__name__)
            lib.note(type(kind.T_destination))

        twins(scenario)

    def test_forward_is_missing(self, twins):
        def scenario(lib):
            class Empty(lib.nn.Module):
                pass

            lib.raises(lambda: Empty()(1))
            lib.raises(lambda: lib.nn.Module()())
            lib.raises(lambda: lib.nn.ModuleList()(1))
            lib.raises(lambda: lib.nn.ModuleDict().forward(1))

        twins(scenario)

    def test_call_passes_everything(self, twins):
        def scenario(lib):
            class Echo(lib.nn.Module):
                def forward(self, *args, **kwargs):
                    return args, kwargs

            lib.note(Echo()(1, "a", key=None))
            module = Echo()
            module.forward = lambda value: value + 1
            lib.note(module(1))

        twins(scenario)


def test_errors_say_what_to_write_instead():
    module = nn.Module()
    module.w = nn.Parameter(lucid.zeros(1))
    with pytest.raises(TypeError, match=r"cannot assign 'lucid.Tensor' as parameter 'w'.*nn\.Parameter\(value\)"):
        module.w = lucid.zeros(1)
    with pytest.raises(TypeError, match="cannot assign 'int' object to buffer 'b'"):
        module.register_buffer("b", 1)


def test_registering_the_same_name_again_replaces():
    module = nn.Module()
    first, second = nn.Parameter(lucid.zeros(1)), nn.Parameter(lucid.zeros(2))
    module.register_parameter("w", first)
    module.register_parameter("w", second)
    assert module.w is second
