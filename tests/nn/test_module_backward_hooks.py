"""Full backward hooks and pre-hooks: values, order, replacing, and the cases that warn or raise."""

from __future__ import annotations

import warnings

import pytest

import lucid
from lucid import nn


def grads(lib, tag, result=None):
    def hook(module, *given):
        lib.note(tag, *given)
        return result(*given) if result else None

    return hook


def watch(lib, module, tag=""):
    module.register_full_backward_hook(grads(lib, f"{tag}hook"))
    module.register_full_backward_pre_hook(grads(lib, f"{tag}pre"))
    return module


# Each: forward, arguments (True: requires grad), how to reduce the output to a scalar.
CASES = {
    "one input": (lambda s, x: x * s.w, [True], lambda o: o.sum()),
    "weighted output": (lambda s, x: x * s.w, [True], lambda o: (o * o).sum()),
    "two inputs": (lambda s, x, y: x * s.w + y * y, [True, True], lambda o: o.sum()),
    "second input is plain": (lambda s, x, y: x * s.w + y, [True, False], lambda o: o.sum()),
    "first input is plain": (lambda s, x, y: x * s.w + y, [False, True], lambda o: o.sum()),
    "integer input": (lambda s, x, y: x * s.w + y, [True, "int"], lambda o: o.sum()),
    "number and None": (lambda s, x, y, z: x * s.w + y, [True, 3, None], lambda o: o.sum()),
    "unused input": (lambda s, x, y: x * s.w, [True, True], lambda o: o.sum()),
    "no input requires grad": (lambda s, x: x * s.w, [False], lambda o: o.sum()),
    "two plain inputs": (lambda s, x, y: x * s.w + y, [False, 3], lambda o: o.sum()),
    "no inputs": (lambda s: s.w * 2, [], lambda o: o.sum()),
    "two outputs": (lambda s, x: (x * s.w, x + 1), [True], lambda o: (o[0] * o[1]).sum()),
    "second output unused": (lambda s, x: (x * s.w, x + 1), [True], lambda o: o[0].sum()),
    "first output unused": (lambda s, x: (x * s.w, x + 1), [True], lambda o: o[1].sum()),
    "outputs without grad": (lambda s, x: (x * s.w, x.detach(), x.argmax(), 7), [True], lambda o: o[0].sum()),
    "input returned": (lambda s, x: x, [True], lambda o: o.sum()),
    "input in the output": (lambda s, x: (x, x * s.w), [True], lambda o: (o[0] + o[1]).sum()),
    "view of the input": (lambda s, x: x[0] * s.w, [True], lambda o: o.sum()),
    "single tuple": (lambda s, x: (x * s.w,), [True], lambda o: o[0].sum()),
    "dict": (lambda s, x: {"a": x * s.w}, [True], lambda o: o["a"].sum()),
    "list": (lambda s, x: [x * s.w], [True], lambda o: o[0].sum()),
    "nested tuple": (lambda s, x: ((x * s.w,), 3), [True], lambda o: o[0][0].sum()),
    "detached": (lambda s, x: x.detach() * s.w, [True], lambda o: o.sum()),
    "same input twice": (lambda s, x, y: x * s.w + y, ["twice"], lambda o: o.sum()),
}


def argument(lib, kind):
    if kind is True or kind == "twice":
        return lib.tensor([1.0, 2.0], requires_grad=True)
    if kind is False:
        return lib.tensor([3.0, 4.0])
    return lib.tensor([5, 6]) if kind == "int" else kind


@pytest.mark.parity
class TestValues:
    @pytest.mark.parametrize("case", CASES)
    def test_case(self, twins, case):
        forward, kinds, reduce = CASES[case]

        def scenario(lib):
            module = watch(lib, lib.function(forward))
            args = [argument(lib, kind) for kind in kinds]
            if kinds == ["twice"]:
                args = args * 2
            output = module(*args)
            lib.note(output)
            reduce(output).backward()
            lib.note(module.w.grad, [a.grad for a in args if isinstance(a, lib.Tensor)])

        twins(scenario)

    @pytest.mark.parametrize("kind", ["pre", "hook"])
    def test_only_one_kind(self, twins, kind):
        def scenario(lib):
            module = lib.scale()
            register = module.register_full_backward_pre_hook if kind == "pre" else module.register_full_backward_hook
            register(grads(lib, kind))
            module(lib.tensor([1.0, 2.0], requires_grad=True)).sum().backward()
            module(lib.tensor([1.0, 2.0])).sum().backward()

        twins(scenario)

    def test_keyword_arguments_are_not_seen(self, twins):
        def scenario(lib):
            module = watch(lib, lib.function(lambda s, x, y=None: x * s.w + y))
            x, y = argument(lib, True), argument(lib, True)
            module(x, y=y).sum().backward()
            lib.note(x.grad, y.grad)
            module(x=x, y=y).sum().backward()
            lib.note(x.grad, y.grad)

        twins(scenario)

    def test_named_tuples_stay_named(self, twins):
        from collections import namedtuple

        Pair = namedtuple("Pair", ["left", "right"])

        def scenario(lib):
            module = watch(lib, lib.function(lambda s, x: Pair(x * s.w, x)))
            output = module(argument(lib, True))
            lib.note(type(output), output.left)
            (output.left + output.right).sum().backward()

        twins(scenario)

    def test_what_forward_is_given(self, twins):
        def scenario(lib):
            def forward(self, *args):
                lib.note([a.requires_grad for a in args], [a.grad_fn is not None for a in args])
                return args[0] * self.w

            module, plain = watch(lib, lib.function(forward)), lib.tensor([1, 2])
            lib.note(module(argument(lib, True), argument(lib, True), plain))
            with lib.no_grad():
                lib.note(module(argument(lib, True), argument(lib, True), plain))

        twins(scenario)


@pytest.mark.parity
class TestOrder:
    def test_in_a_net(self, twins):
        def scenario(lib):
            net = lib.nn.Sequential(lib.scale(), lib.nn.Sequential(lib.scale(3.0)), lib.scale(5.0))
            for name, module in net.named_modules():
                watch(lib, module, f"{name} ")
            net(lib.tensor([1.0, 2.0], requires_grad=True)).sum().backward()

        twins(scenario)

    def test_global_own_and_prepended(self, twins):
        def scenario(lib):
            module, handles = lib.scale(), []
            for k, prepend in enumerate([False, True, False]):
                handles += [
                    module.register_full_backward_hook(grads(lib, f"hook {k}"), prepend=prepend),
                    module.register_full_backward_pre_hook(grads(lib, f"pre {k}"), prepend=prepend),
                    lib.hooks.register_module_full_backward_hook(grads(lib, f"global hook {k}")),
                    lib.hooks.register_module_full_backward_pre_hook(grads(lib, f"global pre {k}")),
                ]
            module(argument(lib, True)).sum().backward()
            for handle in handles:
                handle.remove()
            output = module(argument(lib, True))
            output.sum().backward()
            lib.note(len(module._backward_hooks), len(module._backward_pre_hooks))

        twins(scenario)

    def test_forward_hooks_and_backward_hooks(self, twins):
        def scenario(lib):
            module = watch(lib, lib.scale())
            module.register_forward_pre_hook(lambda m, args: args[0] * 10)
            module.register_forward_hook(lambda m, args, out: out * 100)
            x = argument(lib, True)
            module(x).sum().backward()
            lib.note(x.grad, module.factor.grad)

        twins(scenario)

    def test_hooks_registered_during_the_call(self, twins):
        def scenario(lib):
            module = lib.scale()
            module.register_forward_pre_hook(lambda m, args: watch(lib, m) and None)
            module(argument(lib, True)).sum().backward()
            lib.note("next")
            module(argument(lib, True)).sum().backward()

        twins(scenario)

    def test_removed_between_forward_and_backward(self, twins):
        def scenario(lib):
            module = lib.scale()
            handle = module.register_full_backward_hook(grads(lib, "hook"))
            output = module(argument(lib, True))
            handle.remove()
            output.sum().backward()

        twins(scenario)

    def test_module_called_twice(self, twins):
        def scenario(lib):
            module = watch(lib, lib.scale())
            x = argument(lib, True)
            (module(module(x)) + module(x)).sum().backward()
            lib.note(x.grad, module.factor.grad)

        twins(scenario)

    def test_backward_twice(self, twins):
        def scenario(lib):
            module, x = watch(lib, lib.scale()), argument(lib, True)
            loss = module(x).sum()
            loss.backward(retain_graph=True)
            loss.backward()
            lib.note(x.grad, module.factor.grad)

        twins(scenario)

    def test_autograd_grad(self, twins):
        def scenario(lib):
            module, x = watch(lib, lib.scale()), argument(lib, True)
            lib.note(lib.library.autograd.grad(module(x).sum(), x))
            lib.note(lib.library.autograd.grad(module(x).sum(), module.factor))

        twins(scenario)

    def test_double_backward(self, twins):
        def scenario(lib):
            module, seen = lib.function(lambda s, x: (x * s.w) * (x * s.w)), []
            module.register_full_backward_hook(lambda m, *gradients: seen.append(gradients))
            x = argument(lib, True)
            (first,) = lib.library.autograd.grad(module(x).sum(), x, create_graph=True)
            (grad_input,), (grad_output,) = seen[0]
            lib.note(first, grad_input, grad_output.detach())
            first.sum().backward()
            lib.note(x.grad, module.w.grad)

        twins(scenario)


REPLACING = {
    "tuple": lambda g, *rest: (g[0] * 10,),
    "list": lambda g, *rest: [g[0] * 10],
    "none": lambda g, *rest: None,
    "too many": lambda g, *rest: (g[0], g[0], g[0]),
    "too few": lambda g, *rest: (),
}


@pytest.mark.parity
class TestReplacing:
    @pytest.mark.parametrize("form", REPLACING)
    @pytest.mark.parametrize("kind", ["pre", "hook"])
    def test_forms(self, twins, kind, form):
        def scenario(lib):
            module, x = lib.scale(), argument(lib, True)
            register = module.register_full_backward_pre_hook if kind == "pre" else module.register_full_backward_hook
            register(grads(lib, kind, REPLACING[form]))
            register(grads(lib, f"second {kind}"))
            output = module(x).sum()
            if form.startswith("too"):
                lib.raises(output.backward)
            else:
                output.backward()
                lib.note(x.grad, module.factor.grad)

        twins(scenario)

    def test_dropping_a_gradient(self, twins):
        def scenario(lib):
            module, x = lib.scale(), argument(lib, True)
            module.register_full_backward_hook(lambda m, gi, go: (None,))
            module(x).sum().backward()
            lib.note(x.grad, module.factor.grad)

        twins(scenario)

    def test_pre_hook_changes_what_the_hook_sees(self, twins):
        def scenario(lib):
            module, x = watch(lib, lib.scale()), argument(lib, True)
            module.register_full_backward_pre_hook(lambda m, go: (go[0] * 100,))
            module(x).sum().backward()
            lib.note(x.grad, module.factor.grad)

        twins(scenario)

    def test_where_no_input_requires_grad(self, twins):
        def scenario(lib):
            module, x = lib.scale(), argument(lib, False)
            handle = module.register_full_backward_pre_hook(lambda m, go: (go[0] * 100,))
            module(x).sum().backward()
            lib.note(module.factor.grad)
            handle.remove()
            handle = module.register_full_backward_hook(lambda m, gi, go: (None,))
            module(x).sum().backward()
            handle.remove()
            module.register_full_backward_hook(lambda m, gi, go: (go[0],))
            lib.raises(module(x).sum().backward)

        twins(scenario)

    def test_wrong_type(self, twins):
        def scenario(lib):
            module = lib.scale()
            module.register_full_backward_hook(lambda m, gi, go: "a")
            lib.raises(module(argument(lib, True)).sum().backward, message=False)

        twins(scenario)


@pytest.mark.parity
class TestRefused:
    def test_inputs_written_in_place(self, twins):
        def scenario(lib):
            for forward in (lambda s, x: x.mul_(2) * s.w, lambda s, x: x[0].mul_(2) * s.w):
                module, x = watch(lib, lib.function(forward)), argument(lib, True) * 1
                lib.raises(lambda m=module, x=x: m(x), message=False)

        twins(scenario)

    def test_inputs_that_require_no_gradient_may_be_written(self, twins):
        def scenario(lib):
            module, x = watch(lib, lib.function(lambda s, x, y: x.mul_(2) * y)), argument(lib, False)
            module(x, argument(lib, True)).sum().backward()
            lib.note(x)

        twins(scenario)

    def test_mixing_global_kinds(self, twins):
        def scenario(lib):
            handle = lib.hooks.register_module_full_backward_hook(grads(lib, "full"))
            lib.raises(lambda: lib.hooks.register_module_backward_hook(grads(lib, "node")), message=False)
            handle.remove()
            lib.hooks._global_is_full_backward_hook = (
                None  # PyTorch remembers the kind for ever; lucid while one is there
            )
            handle = lib.hooks.register_module_backward_hook(grads(lib, "node"))
            lib.raises(lambda: lib.hooks.register_module_full_backward_hook(grads(lib, "full")), message=False)
            handle.remove()
            lib.hooks._global_is_full_backward_hook = None

        twins(scenario)

    def test_global_hook_on_the_last_operation(self, twins):
        def scenario(lib):
            handle = lib.hooks.register_module_backward_hook(grads(lib, "node"))
            x = argument(lib, True)
            modules = [  # kept, since PyTorch holds them weakly
                lib.function(lambda s, x: x * s.w),
                lib.function(lambda s, x: {"a": x * s.w}),
                lib.function(lambda s, x: [x * s.w]),
                lib.function(lambda s, x: x.detach()),
            ]
            modules[0](x).sum().backward()
            modules[1](x)["a"].sum().backward()
            modules[2](x)[0].sum().backward()
            modules[3](x)
            handle.remove()
            lib.hooks._global_is_full_backward_hook = None
            lib.note(x.grad)

        twins(scenario)

    def test_what_such_a_hook_misses_is_warned_of(self, twins):
        def scenario(lib):
            x = argument(lib, True) * 1
            modules = [
                lib.function(lambda s, x: x * s.w),
                lib.function(lambda s, x: x * x),
                lib.function(lambda s, x: x.exp()),
                lib.function(lambda s, x: x.exp().exp()),
                lib.function(lambda s, x: (x.exp(), x.exp())),
                lib.function(lambda s, x: (x.exp(), 1)),
                lib.function(lambda s, x: x.split(1)),
            ]
            with lib.hooks.register_module_backward_hook(grads(lib, "node")):
                for module in modules:
                    with warnings.catch_warnings(record=True) as caught:
                        warnings.simplefilter("always")
                        module(x)
                    lib.note([warning.category.__name__ for warning in caught])
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    lib.function(lambda s, x, y: x.exp())(x, 1)
                lib.note([warning.category.__name__ for warning in caught])
            lib.hooks._global_is_full_backward_hook = None

        twins(scenario)


class TestThePage:
    def test_register_backward_hook_is_an_alias(self, mine):
        module = mine.scale()
        module.register_backward_hook(grads(mine, "hook"))
        module.register_full_backward_hook(grads(mine, "full"))
        module(argument(mine, True)).sum().backward()
        value = ("Tensor", "float32", (2,), [2.0, 2.0], False)
        one = ("Tensor", "float32", (2,), [1.0, 1.0], False)
        assert mine.log == [["hook", [value], [one]], ["full", [value], [one]]]


def test_a_single_tensor_may_replace_a_single_gradient(mine):
    module, x = mine.scale(), argument(mine, True)
    module.register_full_backward_hook(lambda m, grad_input, grad_output: grad_input[0] * 10)
    module.register_full_backward_pre_hook(lambda m, grad_output: grad_output[0] * 10)
    module(x).sum().backward()
    assert x.grad.tolist() == [200.0, 200.0]


def test_gradients_are_the_same_with_and_without_hooks():
    lucid.manual_seed(0)
    net = nn.Sequential(*[_Layer() for _ in range(3)])
    x = lucid.randn(4, 5, requires_grad=True)
    net(x).sum().backward()
    want = [x.grad.clone(), *[p.grad.clone() for p in net.parameters()]]
    x.grad = None
    net.zero_grad()
    for module in net.modules():
        module.register_full_backward_hook(lambda m, grad_input, grad_output: None)
    net(x).sum().backward()
    got = [x.grad, *[p.grad for p in net.parameters()]]
    assert all(lucid.allclose(a, b, rtol=1e-6) for a, b in zip(got, want, strict=True))


class _Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(lucid.randn(5, 5))

    def forward(self, x):
        return (x @ self.weight).relu()


def test_in_place_error_says_what_to_do(mine):
    module = watch(mine, mine.function(lambda s, x: x.mul_(2)))
    with pytest.raises(RuntimeError, match=r"modified inplace.*inplace=False.*clone\(\)"):
        module(argument(mine, True) * 1)
