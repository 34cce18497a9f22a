"""What programs do with models, played with both libraries: copies and averages, other layers, hooks."""

from __future__ import annotations

import copy
import functools

import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_program
from tests.nn.small_models import convnet, filled, images, mlp, numbers
from tests.programs import Programs, leaf

pytestmark = pytest.mark.parity

program = Programs()


# -------------------------------------------------------------------------------------------------- copies and averages


@program
def exponential_moving_average(t):
    class EMA(t.nn.Module):
        def __init__(self, model, decay=0.9, device=None):
            super().__init__()
            self.module = copy.deepcopy(model)
            self.module.eval()
            self.decay = decay
            self.device = device
            if self.device is not None:
                self.module.to(device=device)

        def _update(self, model, update_fn):
            with t.no_grad():
                for ema_v, model_v in zip(self.module.state_dict().values(), model.state_dict().values(), strict=True):
                    if self.device is not None:
                        model_v = model_v.to(device=self.device)
                    ema_v.copy_(update_fn(ema_v, model_v))

        def update(self, model):
            self._update(model, update_fn=lambda e, m: self.decay * e + (1.0 - self.decay) * m)

        def set(self, model):
            self._update(model, update_fn=lambda e, m: m)

    model = convnet(t)
    ema = EMA(model, device="cpu")
    optimizer = t.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(images(t)).square().mean().backward()
        optimizer.step()
        ema.update(model)
    return numbers(ema), numbers(model), ema.module(images(t)), ema.training, ema.module.training


@program
def target_network_follows(t):
    online, target = mlp(t, 3, 4, 2), mlp(t, 3, 4, 2)
    target.load_state_dict(online.state_dict())
    for p in target.parameters():
        p.requires_grad = False
    for p in online.parameters():
        p.data.add_(0.5)
    for tp, p in zip(target.parameters(), online.parameters(), strict=True):
        tp.data.copy_(0.1 * p.data + (1.0 - 0.1) * tp.data)
        tp.data.mul_(0.9)
        tp.data.add_(p.data, alpha=0.1)
        tp.data.lerp_(p.data, 0.25)
    q = online(leaf(t, 5, 3)).gather(1, t.tensor([0, 1, 0, 1, 1]).unsqueeze(1)).squeeze(1)
    with t.no_grad():
        best = target(leaf(t, 5, 3)).max(1).values
    loss = t.nn.functional.smooth_l1_loss(q, 1 + 0.9 * best)
    loss.backward()
    return numbers(target), loss, [p.grad for p in online.parameters()], [p.grad for p in target.parameters()]


@program
def weights_are_averaged_over_models(t):
    models = [mlp(t, 3, 2) for _ in range(3)]
    for k, m in enumerate(models):
        m[0].weight.data += k
    soup = {key: sum(m.state_dict()[key] for m in models) / len(models) for key in models[0].state_dict()}
    return models[0].load_state_dict(soup) is None, models[0][0].weight


@program
def copies_are_independent(t):
    model = convnet(t)
    twin, shallow, kept = copy.deepcopy(model), copy.copy(model), copy.deepcopy(model.state_dict())
    model.stem[0].weight.data.zero_()
    model.stem[1].running_mean.fill_(7)
    return (
        twin.stem[0].weight,
        twin.stem[1].running_mean,
        shallow.stem is model.stem,
        kept["stem.0.weight"],
        [p.requires_grad for p in twin.parameters()],
    )


@program
def deepcopy_of_gradients_and_attributes(t):
    model = mlp(t, 2, 2)
    model[0].weight.tag = "mine"
    model(leaf(t, 3, 2)).sum().backward()
    twin = copy.deepcopy(model)
    return twin[0].weight.grad, twin[0].weight.grad is model[0].weight.grad, hasattr(twin[0].weight, "tag")


@program
def clones_of_a_layer(t):
    layer = filled(t, t.nn.Linear(3, 3))
    clones = t.nn.ModuleList([copy.deepcopy(layer) for _ in range(3)])
    shared = t.nn.ModuleList([layer] * 3)
    return len(list(clones.parameters())), len(list(shared.parameters())), list(shared.state_dict())


# -------------------------------------------------------------------------------------------------- taking models apart


@program
def norms_are_replaced(t):
    def convert(module):
        for name, child in module.named_children():
            if isinstance(child, t.nn.BatchNorm2d):
                setattr(module, name, t.nn.GroupNorm(2, child.num_features))
            else:
                convert(child)
        return module

    model = convert(convnet(t))
    return repr(model), model(images(t)), list(model.state_dict())


@program
def activations_are_replaced_by_name(t):
    model = convnet(t)
    for name, module in model.named_modules():
        if isinstance(module, (t.nn.ReLU, t.nn.SiLU)):
            *path, last = name.split(".")
            parent = functools.reduce(getattr, path, model)
            parent._modules[last] = t.nn.GELU()
    return repr(model), model(images(t))


@program
def head_is_replaced_and_the_rest_is_frozen(t):
    model = convnet(t)
    for param in model.parameters():
        param.requires_grad = False
    in_features = model.head[-1].in_features
    model.head[-1] = filled(t, t.nn.Linear(in_features, 2))
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = t.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=0.01)
    loss = t.nn.CrossEntropyLoss()(model(images(t, 3)), t.tensor([0, 1, 1]))
    loss.backward()
    optimizer.step()
    return len(trainable), loss, numbers(model), [p.grad is None for p in model.parameters()]


@program
def frozen_norms_stay_in_evaluation(t):
    class Frozen(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = convnet(t)

        def train(self, mode=True):
            super().train(mode)
            for m in self.modules():
                if isinstance(m, t.nn.modules.batchnorm._BatchNorm):
                    m.eval()
                    for p in m.parameters():
                        p.requires_grad_(False)
            return self

        def forward(self, x):
            return self.net(x)

    model = Frozen().train()
    out = model(images(t))
    return out, [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()], numbers(model)


@program
def slices_of_sequential(t):
    net = mlp(t, 3, 4, 4, 2)
    x = leaf(t, 2, 3)
    more = net[:2] + t.nn.Sequential(t.nn.Tanh())
    more.append(t.nn.Identity()).insert(0, t.nn.Dropout(0.0))
    more.extend([t.nn.Softplus()])
    del more[1:3]
    popped = net.pop(-1)
    return (
        repr(net[1:-1]),
        net[-1](net[0](x)),
        repr(more),
        repr(popped),
        len(net),
        list(net.state_dict()),
        repr(t.nn.Sequential(*net, *more)),
        repr(net[:1] * 2),
        [type(m).__name__ for m in reversed(list(net))],
    )


@program
def lists_and_dicts_of_modules(t):
    nn = t.nn
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(4))
    layers.insert(1, nn.ReLU())
    layers[2] = nn.Tanh()
    del layers[-1]
    layers += [nn.Sigmoid()]
    table = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.ReLU()})
    table.update({"c": nn.Identity(), "a": nn.Linear(2, 5)})
    table["d.e".replace(".", "_")] = layers
    popped = table.pop("b")
    parameters = nn.ParameterDict({"w": nn.Parameter(t.ones(2))})
    parameters["scale"] = t.zeros(1)
    weights = nn.ParameterList([nn.Parameter(t.ones(2)), t.ones(1)])
    weights.append(nn.Parameter(t.zeros(3)))
    return (
        repr(layers),
        repr(layers[1:3]),
        repr(table),
        repr(popped),
        list(table.keys()),
        "a" in table,
        len(table),
        repr(parameters).replace("torch", "lucid"),
        repr(weights).replace("torch", "lucid"),
        [tuple(p.shape) for p in weights],
        sorted(parameters.keys()),
    )


@program
def layers_are_removed_and_set_to_none(t):
    model = convnet(t)
    model.head = None
    before = repr(model)
    del model.head
    model.extra = t.nn.Identity()
    model.register_module("late", None)
    model.add_module("last", t.nn.Flatten())
    return before, repr(model), hasattr(model, "head"), model.late, [n for n, _ in model.named_children()]


@program
def features_by_hooks(t):
    model, features, handles = convnet(t), {}, []

    def save(name):
        def hook(module, inputs, output):
            features[name] = output.detach().mean(dim=(-1, -2)) if output.dim() == 4 else output

        return hook

    for name, module in model.named_modules():
        if isinstance(module, (t.nn.Conv2d, t.nn.Linear)):
            handles.append(module.register_forward_hook(save(name)))
    model(images(t))
    seen = dict(features)
    for handle in handles:
        handle.remove()
    features.clear()
    model(images(t))
    return list(seen), list(seen.values()), features


@program
def class_activation_map(t):
    model, kept = convnet(t).eval(), {}
    layer = model.body[0]
    forward = layer.register_forward_hook(lambda m, i, o: kept.update(activation=o))
    backward = layer.register_full_backward_hook(lambda m, gi, go: kept.update(gradient=go[0]))
    out = model(images(t, 1))
    model.zero_grad()
    out[0, out.argmax(1).item()].backward()
    forward.remove()
    backward.remove()
    weights = kept["gradient"].mean(dim=[2, 3], keepdim=True)
    cam = t.relu((weights * kept["activation"]).sum(1, keepdim=True))
    cam = t.nn.functional.interpolate(cam, (12, 12), mode="bilinear", align_corners=False)
    return (cam - cam.min()) / (cam.max() - cam.min() + 1e-8)


@program
def guided_backpropagation(t):
    model = convnet(t).eval()
    for module in model.modules():
        if isinstance(module, t.nn.ReLU):
            module.register_full_backward_hook(lambda m, gi, go: (gi[0].clamp(min=0.0),))
    x = images(t)
    model(x)[:, 1].sum().backward()
    return x.grad


@program
def inputs_and_outputs_are_changed_by_hooks(t):
    model = mlp(t, 2, 2)
    model.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    model.register_forward_pre_hook(lambda m, args, kwargs: (args, {}), with_kwargs=True, prepend=True)
    model.register_forward_hook(lambda m, args, kwargs, out: out + 1, with_kwargs=True)
    seen = []
    model.register_forward_hook(lambda m, args, out: seen.append("always"), always_call=True)
    x = leaf(t, 3, 2)
    out = model(x)
    out.sum().backward()
    return out, x.grad, seen


@program
def gradients_are_clipped_and_scaled_by_hooks(t):
    model = mlp(t, 3, 4, 2)
    for p in model.parameters():
        p.register_hook(lambda grad: t.clamp(grad, -0.5, 0.5))
    model[0].weight.register_hook(lambda grad: grad * t.tensor([1.0, 0.0, 1.0]))
    model(leaf(t, 5, 3)).pow(2).sum().backward()
    total = t.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.7)
    t.nn.utils.clip_grad_value_(model.parameters(), 0.3)
    norm = t.norm(t.stack([t.norm(p.grad.detach(), 2.0) for p in model.parameters()]), 2.0)
    return [p.grad for p in model.parameters()], total, norm


@program
def summary_by_hooks(t):
    model, rows = convnet(t), []

    def register(module):
        def hook(module, input, output):
            params = sum(p.numel() for p in module.parameters(recurse=False))
            rows.append((type(module).__name__, list(input[0].size()), list(output.size()), params))

        if not isinstance(module, (t.nn.Sequential, t.nn.ModuleList)):
            hooks.append(module.register_forward_hook(hook))

    hooks = []
    model.apply(register)
    with t.no_grad():
        model.eval()(t.rand(1, 2, 6, 6))
    return rows, len(hooks)


@pytest.mark.parametrize("name", list(program))
def test_program(name):
    check_program(program[name])
