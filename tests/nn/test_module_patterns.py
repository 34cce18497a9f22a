"""What user code does with modules, told once and played with both libraries."""

from __future__ import annotations

import copy
import pickle

import pytest

pytestmark = pytest.mark.parity


def inputs(lib):
    return lib.tensor([1.0, 2.0], requires_grad=True)


def moving_average_through_the_state_dict(lib):
    average, model = lib.scale(), lib.scale(5.0)
    for name, value in average.state_dict().items():
        value.mul_(0.5).add_(model.state_dict()[name] * 0.5)
    lib.note(average.factor)


def best_weights_are_kept_and_restored(lib):
    model = lib.scale()
    best = copy.deepcopy(model.state_dict())
    with lib.no_grad():
        model.factor.add_(5)
    lib.note(best, best._metadata, model.load_state_dict(best), model.factor)


def state_dict_is_pickled(lib):
    twin = pickle.loads(pickle.dumps(lib.stateful().state_dict()))
    lib.note(twin, twin._metadata)


def weight_normalisation(lib):
    model = lib.scale()
    weight = model.factor
    del model._parameters["factor"]
    model.register_parameter("factor_g", lib.nn.Parameter(weight.detach()))
    model.factor = model.factor_g * 2
    lib.note(model(lib.ones(2)), list(dict(model.named_parameters())))
    model.register_forward_pre_hook(lambda module, args: setattr(module, "factor", module.factor_g * 3))
    model(lib.ones(2)).sum().backward()
    lib.note(model.factor_g.grad)


def initialisation_through_data(lib):
    net = lib.net()
    for param in net.parameters():
        param.data.fill_(3.0)
    for buffer in net.buffers():
        buffer.zero_()
    lib.note(net.state_dict())


def tied_weights(lib):
    net = lib.nn.Sequential(lib.scale(), lib.scale(3.0))
    net[1].factor = net[0].factor
    net(inputs(lib)).sum().backward()
    lib.note(net[0].factor.grad, len(list(net.parameters())), net.state_dict())
    twin = copy.deepcopy(net)
    lib.note(twin[0].factor is twin[1].factor)


def freezing_a_part(lib):
    net = lib.nn.Sequential(lib.scale(), lib.scale(3.0))
    net[0].requires_grad_(False)
    for module in net:
        module.register_full_backward_hook(lambda m, gi, go: lib.note(gi, go))
    net(lib.ones(2)).sum().backward()
    lib.note([param.grad for param in net.parameters()])


def features_are_collected(lib):
    found, net = {}, lib.nn.Sequential(lib.scale(), lib.nn.Sequential(lib.scale(3.0)))
    for name, module in net.named_modules():
        module.register_forward_hook(lambda m, args, out, name=name: found.update({name: out.detach()}))
    net(lib.ones(2))
    lib.note(found)


def gradients_are_collected(lib):
    found, module = [], lib.scale()
    module.register_full_backward_hook(lambda m, gi, go: found.append(go[0].detach().clone()))
    (module(inputs(lib)) * module(inputs(lib))).sum().backward()
    lib.note(found)


def backward_after_printing_the_loss(lib):
    module, x = lib.scale(), inputs(lib)
    module.register_full_backward_hook(lambda m, gi, go: lib.note(gi, go))
    loss = module(x).sum()
    lib.note(loss.item())
    loss.backward()
    lib.note(x.grad)


def hooks_on_tensors_and_modules(lib):
    module, x = lib.scale(), inputs(lib)
    module.register_full_backward_hook(lambda m, gi, go: lib.note("module"))
    x.register_hook(lambda grad: lib.note("input"))
    module.factor.register_hook(lambda grad: lib.note("parameter"))
    y = module(x)
    y.register_hook(lambda grad: lib.note("output"))
    y.sum().backward()


def retained_gradients(lib):
    module, x = lib.scale(), inputs(lib)
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    y = module(x)
    y.retain_grad()
    (y * y).sum().backward()
    lib.note(y.grad, x.grad, module.factor.grad)


def residual_connection(lib):
    first, second, x = lib.scale(2.0), lib.scale(3.0), inputs(lib)
    for name, module in (("first", first), ("second", second)):
        module.register_full_backward_hook(lambda m, gi, go, name=name: lib.note(name, gi, go))
    hidden = first(x)
    (hidden + second(hidden)).sum().backward()
    lib.note(x.grad)


def same_output_twice(lib):
    def twice(self, x):
        y = x * self.w
        return y, y

    module, x = lib.function(twice), inputs(lib)
    module.register_full_backward_hook(lambda m, gi, go: lib.note(gi, go))
    a, b = module(x)
    (a + b * 3).sum().backward()
    lib.note(x.grad)


def lookup_by_integers(lib):
    module = lib.function(lambda self, index: self.w[index])
    module.register_full_backward_hook(lambda m, gi, go: lib.note(gi, go))
    module(lib.tensor([0, 1, 1])).sum().backward()
    lib.note(module.w.grad)


def replacing_layers(lib):
    net = lib.net()
    for name, module in list(net.named_modules()):
        if type(module).__name__ == "Scale":
            net.set_submodule(name, lib.nn.Identity())
    lib.note(repr(net), net.state_dict())


def removing_the_head(lib):
    net = lib.nn.Sequential(lib.scale(), lib.scale(3.0), lib.scale(5.0))
    lib.note(lib.nn.Sequential(*list(net.children())[:-1])(lib.ones(2)), net[:-1](lib.ones(2)))


def partial_loading_by_shape(lib):
    net, given = lib.nn.Sequential(lib.scale(), lib.scale(3.0)), {"0.factor": lib.ones(2), "1.factor": lib.ones(5)}
    own = net.state_dict()
    own.update({name: value for name, value in given.items() if own[name].shape == value.shape})
    lib.note(net.load_state_dict(own), net.state_dict())


def data_parallel_prefix(lib):
    net = lib.scale()
    given = {"module.factor": lib.ones(2)}
    lib.note(net.load_state_dict({name.removeprefix("module."): value for name, value in given.items()}), net.factor)


def values_with_history_are_loaded(lib):
    module, value = lib.scale(), inputs(lib) * 2
    module.load_state_dict({"factor": value})
    lib.note(module.factor, module.factor.is_leaf, module.factor.grad_fn)


def wrapper_that_falls_back(lib):
    class Wrapper(lib.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    wrapper = Wrapper(lib.scale())
    lib.note(wrapper.factor is wrapper.inner.factor, list(dict(wrapper.named_parameters())))
    lib.raises(lambda: wrapper.nothing)


def module_of_length_zero(lib):
    class Empty(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = lib.param(1.0)

        def __len__(self):
            return 0

    net = lib.nn.Module()
    net.empty = Empty()
    net.eval().half()
    lib.note(net.state_dict(), net.empty.training, net.load_state_dict(net.state_dict()), net.get_submodule("empty"))


def counting_parameters(lib):
    net = lib.net()
    lib.note(sum(p.numel() for p in net.parameters()), {k: tuple(v.shape) for k, v in net.state_dict().items()})


def overridden_call_and_setattr(lib):
    class Told(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = lib.param(1.0)

        def __setattr__(self, name, value):
            lib.note("set", name)
            super().__setattr__(name, value)

        def __call__(self, *args):
            lib.note("call", *args)
            return super().__call__(*args)

        def forward(self, x):
            return x * self.w

    lib.note(Told().eval()(lib.ones(1)))


SCENARIOS = [value for value in list(globals().values()) if callable(value) and value.__module__ == __name__][1:]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_pattern(twins, scenario):
    twins(scenario)
