"""Forward hooks: what they are given, what they may change, and in which order they run."""

from __future__ import annotations

import gc
import weakref

import pytest

import lucid
from lucid import nn
from lucid.nn.modules import module as hooks


def noting(lib, tag, result=None):
    """A hook that writes down what it is given, and returns `result` of it."""

    def hook(module, *given):
        lib.note(tag, type(module), *given)
        return result(*given) if result else None

    return hook


@pytest.mark.parity
class TestOrder:
    def test_global_before_own_and_prepended_first(self, twins):
        def scenario(lib):
            module, x = lib.scale(), lib.tensor([1.0, 2.0])
            handles = []
            for k, prepend in enumerate([False, True, False, True]):
                handles.append(module.register_forward_pre_hook(noting(lib, f"pre {k}"), prepend=prepend))
                handles.append(module.register_forward_hook(noting(lib, f"post {k}"), prepend=prepend))
                handles.append(lib.hooks.register_module_forward_pre_hook(noting(lib, f"global pre {k}")))
                handles.append(lib.hooks.register_module_forward_hook(noting(lib, f"global post {k}")))
            lib.note(module(x))
            for handle in handles[::2]:
                handle.remove()
            lib.note(module(x))
            for handle in handles:
                handle.remove()
            lib.note(module(x))

        twins(scenario)

    def test_nested_modules(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale(), lib.nn.Sequential(lib.scale(3.0)))
            handles = [
                lib.hooks.register_module_forward_pre_hook(noting(lib, "pre")),
                lib.hooks.register_module_forward_hook(noting(lib, "post")),
            ]
            net(lib.tensor([1.0, 2.0]))
            for handle in handles:
                handle.remove()

        twins(scenario)

    def test_hooks_that_change_the_hooks(self, twins):
        def scenario(lib):
            module = lib.scale()

            def once(module, args, output):
                lib.note("once")
                handle.remove()
                module.register_forward_hook(noting(lib, "added"))

            handle = module.register_forward_hook(once)
            module.register_forward_hook(noting(lib, "last"))
            module(lib.tensor([1.0, 2.0]))
            module(lib.tensor([1.0, 2.0]))

        twins(scenario)

    def test_a_pre_hook_may_add_a_hook_for_this_call(self, twins):
        def scenario(lib):
            module = lib.scale()

            def add(module, args):
                handle.remove()
                module.register_forward_hook(noting(lib, "added"))

            handle = module.register_forward_pre_hook(add)
            module(lib.tensor([1.0, 2.0]))

        twins(scenario)


@pytest.mark.parity
class TestChanging:
    @pytest.mark.parametrize("form", ["single", "tuple", "list", "none", "empty tuple"])
    def test_arguments(self, twins, form):
        def scenario(lib):
            class Sum(lib.nn.Module):
                def forward(self, *args):
                    return args

            module = Sum()
            forms = {
                "single": lambda args: args[0] * 2,
                "tuple": lambda args: (args[0] * 2, 7),
                "list": lambda args: [1, 2],
                "none": lambda args: None,
                "empty tuple": lambda args: (),
            }
            module.register_forward_pre_hook(noting(lib, "first", forms[form]))
            module.register_forward_pre_hook(noting(lib, "second"))
            module.register_forward_hook(noting(lib, "post"))
            lib.note(module(3, "a"))

        twins(scenario)

    @pytest.mark.parametrize("result", [None, 0, False, "text", (), [1]])
    def test_outputs(self, twins, result):
        def scenario(lib):
            module = lib.nn.Identity()
            module.register_forward_hook(noting(lib, "first", lambda *given: result))
            module.register_forward_hook(noting(lib, "second"))
            lib.note(module(5))

        twins(scenario)

    def test_keyword_arguments(self, twins):
        def scenario(lib):
            class Echo(lib.nn.Module):
                def forward(self, *args, **kwargs):
                    return args, kwargs

            module = Echo()
            change = lambda args, kwargs: ((*args, "new"), {**kwargs, "more": 1})  # noqa: E731
            module.register_forward_pre_hook(noting(lib, "plain pre"))
            module.register_forward_pre_hook(noting(lib, "pre", change), with_kwargs=True)
            module.register_forward_pre_hook(noting(lib, "quiet"), with_kwargs=True)
            module.register_forward_hook(noting(lib, "plain post"))
            module.register_forward_hook(noting(lib, "post", lambda a, k, out: out[0]), with_kwargs=True)
            with lib.hooks.register_module_forward_hook(noting(lib, "global"), with_kwargs=True):
                lib.note(module(1, key="value"))

        twins(scenario)

    @pytest.mark.parametrize("bad", [((1,), {}, 3), [(1,), {}], 5, "ab", (1,)])
    def test_bad_result_of_a_pre_hook_with_kwargs(self, twins, bad):
        def scenario(lib):
            module = lib.nn.Identity()
            module.register_forward_pre_hook(lambda m, args, kwargs: bad, with_kwargs=True)
            lib.raises(lambda: module(1))

        twins(scenario)

    def test_hooks_are_not_called_by_forward(self, twins):
        def scenario(lib):
            module = lib.scale()
            module.register_forward_hook(noting(lib, "post"))
            lib.note(module.forward(lib.tensor([1.0, 2.0])))

        twins(scenario)


@pytest.mark.parity
class TestAlwaysCall:
    @pytest.mark.parametrize("where", ["nowhere", "pre", "forward", "hook", "always"])
    @pytest.mark.parametrize("with_kwargs", [True, False])
    def test_when_something_raises(self, twins, where, with_kwargs):
        def scenario(lib):
            def boom(*args, **kwargs):
                raise ValueError(where)

            module = lib.function(boom if where == "forward" else lambda self, x, key=None: x + 1)
            if where == "pre":
                module.register_forward_pre_hook(boom)
            module.register_forward_hook(noting(lib, "always 1"), with_kwargs=with_kwargs, always_call=True)
            module.register_forward_hook(noting(lib, "normal"))
            if where == "hook":
                module.register_forward_hook(boom)
            if where == "always":
                module.register_forward_hook(boom, always_call=True)
            module.register_forward_hook(
                noting(lib, "always 2", lambda *given: "replaced"), with_kwargs=with_kwargs, always_call=True
            )
            module.register_forward_hook(noting(lib, "always 3"), always_call=True)
            with lib.hooks.register_module_forward_hook(noting(lib, "global always"), always_call=True):
                try:
                    lib.note(module(1, key=2))
                except ValueError as error:
                    lib.note(error)

        twins(scenario)

    def test_errors_in_them_are_warned_of(self, twins):
        def scenario(lib):
            def boom(*args):
                raise ValueError("forward")

            def silenced(*args):
                lib.note("called")
                raise KeyError("hook")

            module = lib.function(boom)
            module.register_forward_hook(silenced, always_call=True)
            module.register_forward_hook(noting(lib, "after"), always_call=True)
            with lib.hooks.register_module_forward_hook(silenced, always_call=True):
                lib.raises(lambda: module(1))

        twins(scenario)

    def test_interrupts_do_not_call_them(self, twins):
        def scenario(lib):
            def interrupt(self, x):
                raise KeyboardInterrupt

            module = lib.function(interrupt)
            module.register_forward_hook(noting(lib, "always"), always_call=True)
            try:
                module(1)
            except KeyboardInterrupt:
                lib.note("interrupted")

        twins(scenario)


@pytest.mark.parity
class TestHandles:
    def test_with_block_and_removing_twice(self, twins):
        def scenario(lib):
            module = lib.nn.Identity()
            with module.register_forward_hook(noting(lib, "inside")) as handle:
                module(1)
            module(2)
            handle.remove()
            handle.remove()
            lib.note(len(module._forward_hooks), len(module._forward_hooks_with_kwargs))

        twins(scenario)

    def test_flags_are_removed_too(self, twins):
        def scenario(lib):
            module = lib.nn.Identity()
            handle = module.register_forward_hook(noting(lib, "x"), with_kwargs=True, always_call=True)
            pre = module.register_forward_pre_hook(noting(lib, "x"), with_kwargs=True)
            dicts = [
                module._forward_hooks,
                module._forward_hooks_with_kwargs,
                module._forward_hooks_always_called,
                module._forward_pre_hooks,
                module._forward_pre_hooks_with_kwargs,
            ]
            lib.note([len(d) for d in dicts], handle.id in dicts[0])
            handle.remove()
            pre.remove()
            lib.note([len(d) for d in dicts])

        twins(scenario)

    def test_clearing_the_dict(self, twins):
        def scenario(lib):
            module = lib.nn.Identity()
            handle = module.register_forward_hook(noting(lib, "x"))
            module._forward_hooks.clear()
            lib.note(module(1))
            handle.remove()

        twins(scenario)

    def test_every_registration_returns_one(self, twins):
        def scenario(lib):
            module = lib.nn.Identity()
            names = [
                "forward_pre",
                "forward",
                "full_backward_pre",
                "full_backward",
                "state_dict_pre",
                "state_dict_post",
            ]
            names += ["load_state_dict_pre", "load_state_dict_post"]
            for name in names:
                handle = getattr(module, f"register_{name}_hook")(lambda *args: None)
                lib.note(name, type(handle), isinstance(handle.id, int))
            lib.note(type(module._register_state_dict_hook(lambda *args: None)))
            lib.note(type(module._register_load_state_dict_pre_hook(lambda *args: None)))

        twins(scenario)


class TestThePage:
    def test_options_may_be_positional(self, mine):
        module, seen = mine.nn.Identity(), []
        module.register_forward_pre_hook(lambda m, args, kwargs: seen.append("pre"), False, True)
        module.register_forward_hook(lambda m, args, kwargs, out: seen.append("post"), True, True, True)
        module(1)
        assert seen == ["pre", "post"]


def test_removing_a_hook_frees_what_it_holds():
    class Held:
        pass

    module, held = nn.Identity(), Held()
    alive = weakref.ref(held)
    handle = module.register_forward_hook(lambda m, args, out, held=held: None)
    module(1)
    del held
    handle.remove()
    gc.collect()
    assert alive() is None


def test_a_call_leaves_no_cycle_that_keeps_the_output():
    module = nn.Identity()
    module.register_forward_hook(lambda m, args, out: None)
    gc.collect()
    gc.disable()
    try:
        output = module(lucid.zeros(3))
        alive = weakref.ref(output)
        del output
        assert alive() is None
    finally:
        gc.enable()


def test_global_dicts_have_pytorchs_names():
    handle = hooks.register_module_forward_hook(lambda *args: None)
    assert list(hooks._global_forward_hooks) == [handle.id]
    handle.remove()
    for name in ("forward_pre", "backward", "backward_pre"):
        assert not getattr(hooks, f"_global_{name}_hooks")
