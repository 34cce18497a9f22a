"""`GradScaler` held against PyTorch's on the CPU."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program
from tests.programs import Programs

pytestmark = pytest.mark.parity
programs = Programs()


def _setup(t, **given):
    w = t.ones(3).requires_grad_()
    optimizer = t.optim.SGD([w], lr=0.5)
    return w, optimizer, t.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2, **given)


@programs
def good_steps_make_it_grow(t):
    w, optimizer, scaler = _setup(t)
    found = []
    for _ in range(5):
        optimizer.zero_grad()
        scaler.scale((w * t.arange(3.0)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        found += [w.detach().clone(), scaler.get_scale(), w.grad.clone()]
    return found


@programs
def bad_steps_are_skipped(t):
    w, optimizer, scaler = _setup(t, backoff_factor=0.25)
    found = []
    for bad in (float("inf"), 1.0, float("nan"), 1.0, 1.0):
        optimizer.zero_grad()
        scaler.scale((w * bad).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        found += [w.detach().clone(), scaler.get_scale()]
    return found


@programs
def clipping_in_between(t):
    w, optimizer, scaler = _setup(t)
    scaler.scale((w * 10).sum()).backward()
    scaler.unscale_(optimizer)
    norm = t.nn.utils.clip_grad_norm_([w], 1.0)
    scaler.step(optimizer)
    scaler.update()
    return [norm, w.detach()]


@programs
def several_outputs(t):
    w, _, scaler = _setup(t)
    a, b = scaler.scale((w.sum(), w.prod()))
    return [a, b, scaler.scale([w])]


@programs
def states(t):
    _, _, scaler = _setup(t)
    state = scaler.state_dict()
    state["scale"] = 4.0
    scaler.load_state_dict(state)
    return [sorted(state), scaler.get_scale(), scaler.get_growth_factor(), scaler.get_growth_interval()]


@programs
def disabled(t):
    w, optimizer, scaler = _setup(t, enabled=False)
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    return [w.detach(), scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()]


@programs
def unscaling_twice(t):
    w, optimizer, scaler = _setup(t)
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    scaler.unscale_(optimizer)


@programs
def stepping_twice(t):
    w, optimizer, scaler = _setup(t)
    scaler.scale(w.sum()).backward()
    scaler.step(optimizer)
    scaler.step(optimizer)


@programs
def updating_before_a_step(t):
    _setup(t)[2].update()


@programs
def an_empty_state(t):
    _setup(t)[2].load_state_dict({})


@programs
def setting_the_scale(t):
    _, _, scaler = _setup(t)
    scaler.scale(t.ones(1))
    scaler.update(3.0)
    scaler.set_growth_factor(4.0)
    scaler.set_backoff_factor(0.1)
    scaler.set_growth_interval(7)
    return [scaler.get_scale(), scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()]


@programs
def not_a_tensor(t):
    _setup(t)[2].scale(3)


@pytest.mark.parametrize("name", programs)
def test_programs(name):
    check_program(programs[name])


def test_half_precision_gradients():
    w = lucid.ones(2, dtype=lucid.float16).requires_grad_()
    optimizer = lucid.optim.SGD([w], lr=1.0)
    scaler = lucid.GradScaler("cpu", init_scale=1024.0)
    scaler.scale((w * 1e-4).sum()).backward()
    scaler.unscale_(optimizer)
    assert w.grad.dtype is lucid.float16
    assert w.grad.tolist() == pytest.approx([1e-4, 1e-4], rel=1e-2)


def test_a_gpu_that_is_not_there_scales_nothing():
    if lucid.cuda.is_available():
        pytest.skip("there is one")
    with pytest.warns(UserWarning, match="not available"):
        assert not lucid.GradScaler().is_enabled()
    with pytest.warns(UserWarning, match="not available"), lucid.autocast("cuda"):
        assert not lucid.is_autocast_enabled()


def test_autocast_says_what_to_write():
    with pytest.raises(NotImplementedError, match=r"model\.to\(lucid\.bfloat16\)"):
        lucid.autocast("cpu")
    with pytest.raises(NotImplementedError, match="autocast"):
        lucid.set_autocast_enabled("cpu", True)
    lucid.set_autocast_enabled("cpu", False)

    @lucid.amp.custom_fwd(device_type="cpu", cast_inputs=lucid.float16)
    def forward(x):
        return x

    assert lucid.amp.custom_bwd(forward, device_type="cpu") is forward
    assert forward(3) == 3
    assert not lucid.amp.is_autocast_available("cpu")
