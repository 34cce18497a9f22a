"""How programs save and train models, played with both libraries."""

from __future__ import annotations

import collections
import contextlib
import copy
import io
import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.checks import check_program
from tests.nn.small_models import convnet, filled, images, mlp, numbers
from tests.programs import Programs, leaf

pytestmark = pytest.mark.parity

program = Programs()


# -------------------------------------------------------------------------------------------------------- state dicts


@program
def prefixes_are_stripped(t):
    model = mlp(t, 2, 3)
    wrapped = {f"module.{k}": v + 1 for k, v in model.state_dict().items()}
    plain = collections.OrderedDict((k[7:], v) for k, v in wrapped.items())
    model.load_state_dict(plain)
    t.nn.modules.utils.consume_prefix_in_state_dict_if_present(wrapped, "module.")
    return model[0].weight, list(wrapped)


@program
def keys_that_do_not_fit(t):
    model, state = convnet(t), convnet(t).state_dict()
    state["fc.weight"] = t.ones(2)
    del state["head.1.bias"], state["stem.1.num_batches_tracked"]
    result = model.load_state_dict(state, strict=False)
    missing, unexpected = result
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        message = str(error)
    state["stem.0.weight"] = t.ones(1, 2)
    with pytest.raises(RuntimeError, match=r"size mismatch for stem\.0\.weight: copying a param with shape"):
        model.load_state_dict(state, strict=False)
    return missing, unexpected, result.missing_keys, str(result), message


@program
def a_checkpoint_is_written_and_read(t):
    model = convnet(t)
    model(images(t))
    file = io.BytesIO()
    pickle.dump({k: v.numpy() for k, v in model.state_dict().items()}, file)
    file.seek(0)
    fresh = convnet(t)
    fresh.load_state_dict({k: t.from_numpy(np.asarray(v)) for k, v in pickle.load(file).items()}, strict=True)
    return numbers(fresh), fresh.eval()(images(t))


@program
def states_change_while_they_load(t):
    class Renamed(t.nn.Module):
        _version = 2

        def __init__(self):
            super().__init__()
            self.proj = filled(t, t.nn.Linear(2, 2))
            self.register_buffer("steps", t.zeros(1), persistent=False)

        def _load_from_state_dict(
            self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        ):
            version = local_metadata.get("version", None)
            if version is None or version < 2:
                for key in ("weight", "bias"):
                    old = f"{prefix}fc.{key}"
                    if old in state_dict:
                        state_dict[f"{prefix}proj.{key}"] = state_dict.pop(old)
            super()._load_from_state_dict(
                state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
            )

    model = t.nn.ModuleDict({"inner": Renamed()})
    result = model.load_state_dict({"inner.fc.weight": t.ones(2, 2), "inner.fc.bias": t.zeros(2)})
    return str(result), model["inner"].proj.weight, list(model.state_dict()), model.state_dict()._metadata


@program
def optimizer_states_travel(t):
    def trained(steps, given=None):
        model = mlp(t, 3, 4, 1)
        groups = [
            {"params": model[0].parameters(), "lr": 0.01},
            {"params": [p for n, p in model.named_parameters() if not n.startswith("0")]},
        ]
        optimizer = t.optim.AdamW(groups, lr=0.1, weight_decay=0.1, eps=1e-3)
        scheduler = t.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        if given is not None:
            model.load_state_dict(given["model"])
            optimizer.load_state_dict(given["optimizer"])
            scheduler.load_state_dict(given["scheduler"])
        for _ in range(steps):
            loss = model(leaf(t, 6, 3)).pow(2).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            scheduler.step()
        return {
            "model": copy.deepcopy(model.state_dict()),
            "optimizer": copy.deepcopy(optimizer.state_dict()),
            "scheduler": scheduler.state_dict(),
        }

    whole, half = trained(4), trained(2, trained(2))
    same = all(bool(t.allclose(a, b)) for a, b in zip(whole["model"].values(), half["model"].values(), strict=True))
    return same, list(whole["model"].values()), [g["lr"] for g in whole["optimizer"]["param_groups"]]


# --------------------------------------------------------------------------------------------------- training, in forms


@program
def gradients_accumulate(t):
    model = mlp(t, 3, 4, 2)
    optimizer = t.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dampening=0.1)
    losses = []
    for k in range(6):
        loss = t.nn.functional.cross_entropy(model(leaf(t, 4, 3, start=k)), t.tensor([0, 1, 1, 0])) / 3
        loss.backward()
        losses.append(loss.item())
        if (k + 1) % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()
    return losses, numbers(model)


@program
def a_closure_is_called(t):
    model = mlp(t, 3, 2)
    optimizer, calls = t.optim.Adam(model.parameters(), lr=0.1, eps=1e-2, amsgrad=True), []

    def closure():
        optimizer.zero_grad()
        loss = model(leaf(t, 4, 3)).abs().mean()
        loss.backward()
        calls.append(loss.item())
        return loss

    for _ in range(3):
        optimizer.step(closure)
    return calls, numbers(model)


@program
def a_schedule_of_ones_own(t):
    class Warmup(t.optim.lr_scheduler._LRScheduler):
        def __init__(self, optimizer, steps, last_epoch=-1):
            self.steps = steps
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            return [base * min(1.0, (self.last_epoch + 1) / self.steps) for base in self.base_lrs]

    optimizer = t.optim.SGD(mlp(t, 2, 2).parameters(), lr=0.4)
    schedule, rates = Warmup(optimizer, 3), []
    for _ in range(4):
        rates += schedule.get_last_lr()
        optimizer.step()
        schedule.step()
    return rates, isinstance(schedule, t.optim.lr_scheduler.LRScheduler), schedule.state_dict()["steps"]


@program
def two_optimizers_play_against_each_other(t):
    g, d = mlp(t, 2, 4, 2), mlp(t, 2, 4, 1)
    og, od = t.optim.Adam(g.parameters(), 1e-2, (0.5, 0.9), 1e-3), t.optim.Adam(d.parameters(), 1e-2, eps=1e-3)
    criterion, real, log = t.nn.BCEWithLogitsLoss(), leaf(t, 5, 2).detach(), []
    for _ in range(3):
        od.zero_grad()
        fake = g(leaf(t, 5, 2, start=2))
        loss_d = criterion(d(real), t.ones(5, 1)) + criterion(d(fake.detach()), t.zeros(5, 1))
        loss_d.backward()
        od.step()
        og.zero_grad()
        for p in d.parameters():
            p.requires_grad_(False)
        loss_g = criterion(d(fake), t.ones_like(d(fake)))
        loss_g.backward()
        og.step()
        d.requires_grad_(True)
        log += [loss_d.item(), loss_g.item()]
    return log, numbers(g), numbers(d), [p.requires_grad for p in d.parameters()]


@program
def learning_to_learn(t):
    model = mlp(t, 2, 4, 1)
    names = [n for n, _ in model.named_parameters()]
    x, y = leaf(t, 5, 2).detach(), leaf(t, 5, 1).detach()
    fast = dict(model.named_parameters())
    for _ in range(2):
        loss = t.nn.functional.mse_loss(t.func.functional_call(model, fast, (x,)), y)
        grads = t.autograd.grad(loss, list(fast.values()), create_graph=True)
        fast = {n: p - 0.1 * g for (n, p), g in zip(fast.items(), grads, strict=True)}
    outer = t.nn.functional.mse_loss(t.func.functional_call(model, fast, args=(x + 1,)), y)
    outer.backward()
    return outer, names, [p.grad for p in model.parameters()]


@program
def hessian_vector_product(t):
    model = mlp(t, 3, 1)
    model.append(t.nn.Tanh())
    params = [p for p in model.parameters() if p.requires_grad]
    loss = model(leaf(t, 4, 3)).pow(3).sum()
    grads = t.autograd.grad(loss, params, create_graph=True)
    flat = t.cat([g.contiguous().view(-1) for g in grads])
    v = t.linspace(-1, 1, flat.numel())
    hv = t.autograd.grad((flat * v).sum(), params, retain_graph=True)
    return flat, hv, t.nn.utils.parameters_to_vector(params)


@program
def parameters_as_one_vector(t):
    model = mlp(t, 2, 3, 1)
    vector = t.nn.utils.parameters_to_vector(model.parameters())
    t.nn.utils.vector_to_parameters(vector * 2, model.parameters())
    offset = 0
    for p in model.parameters():
        p.grad = vector[offset : offset + p.numel()].view_as(p).detach().clone()
        offset += p.numel()
    return numbers(model), [p.grad for p in model.parameters()]


@program
def adversarial_examples(t):
    model, x, y = convnet(t).eval(), images(t).detach(), t.tensor([0, 2])
    adv = x.clone()
    for _ in range(3):
        adv.requires_grad = True
        loss = t.nn.functional.cross_entropy(model(adv), y)
        model.zero_grad()
        loss.backward()
        with t.no_grad():
            adv = adv + 0.1 * adv.grad.sign()
            adv = t.max(t.min(adv, x + 0.2), x - 0.2)
            adv = adv.clamp_(0, 1).detach_()
    return adv


@program
def distillation(t):
    teacher, student = convnet(t).eval().requires_grad_(False), convnet(t)
    student.head[1].weight.data.mul_(0.5)
    x, temperature, F = images(t), 3.0, t.nn.functional
    with t.inference_mode():
        target = teacher(x)
    log_probs = F.log_softmax(student(x) / temperature, dim=1)
    soft = F.softmax(target.clone() / temperature, dim=1)
    loss = F.kl_div(log_probs, soft, reduction="batchmean") * temperature**2
    loss += t.nn.KLDivLoss(reduction="sum", log_target=True)(log_probs, soft.log())
    loss.backward()
    return loss, [p.grad for p in student.parameters()], [p.grad for p in teacher.parameters()]


@program
def policy_gradient(t):
    net = mlp(t, 3, 4, 5)
    out, F = net(leaf(t, 6, 3)), t.nn.functional
    log_probs, value = F.log_softmax(out[:, :4], dim=-1), out[:, 4]
    actions, rewards = t.tensor([0, 3, 1, 2, 0, 1]), [1.0, 0.0, 2.0, -1.0, 0.5, 1.0]
    returns, R = collections.deque(), 0
    for r in rewards[::-1]:
        R = r + 0.9 * R
        returns.appendleft(R)
    returns = t.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    advantage = returns - value.detach()
    chosen = log_probs[range(6), actions]
    ratio = t.exp(chosen - chosen.detach())
    surrogate = t.min(ratio * advantage, t.clamp(ratio, 0.8, 1.2) * advantage)
    entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
    loss = -surrogate.mean() + 0.5 * F.mse_loss(value, returns) - 0.01 * entropy
    loss.backward()
    return loss, entropy, [p.grad for p in net.parameters()]


@program
def the_head_of_a_script(t):
    t.manual_seed(3)
    if t.cuda.is_available():
        t.cuda.manual_seed_all(3)
    with contextlib.suppress(RuntimeError):  # once PyTorch's test tools have frozen its switches
        t.backends.cudnn.benchmark, t.backends.cudnn.deterministic = False, True
    device = t.device("cuda" if t.cuda.is_available() and False else "cpu")
    model = mlp(t, 3, 2).to(device, dtype=t.float32, non_blocking=True)
    scaler = t.amp.GradScaler("cuda", enabled=False)
    optimizer = t.optim.SGD(model.parameters(), lr=0.1)
    with t.autocast(device_type="cpu", enabled=False):
        loss = model(leaf(t, 4, 3).to(device)).mean()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    with t.set_grad_enabled(False):
        out = model(leaf(t, 4, 3))
    return loss, out, str(next(model.parameters()).device), str(device), device.type


@program
def losses_in_the_old_spelling(t):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, y = leaf(t, 4, 3), t.tensor([0, 1, 2, 1])
        sums = t.nn.CrossEntropyLoss(size_average=False)(x, y), t.nn.MSELoss(reduce=False)(x, x.detach() + 1)
        old = t.nn.functional.sigmoid(x), t.nn.functional.tanh(x), t.nn.functional.softmax(x), t.nn.Softmax()(x)
        Variable = t.autograd.Variable
        v = Variable(t.ones(2, 3), requires_grad=True)
        (v * 2).sum().backward()
        up = t.nn.functional.upsample(t.ones(1, 1, 2, 2), scale_factor=2, mode="nearest")
        w = t.nn.init.constant(t.empty(2, 2), 3.0)
        total = t.nn.utils.clip_grad_norm([v], 1.0)
    return sums, old, v.grad, up, w, total


@pytest.mark.parametrize("name", list(program))
def test_program(name):
    check_program(program[name])
