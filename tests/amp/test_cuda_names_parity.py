"""Mixed precision by the names that most training code still imports."""

from __future__ import annotations

import importlib
import inspect
import warnings

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program
from tests.programs import Programs, leaf

pytestmark = pytest.mark.parity

program = Programs()


@program
def a_training_step(t):
    amp = importlib.import_module(f"{t.__name__}.cuda.amp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaler, w = amp.GradScaler(enabled=t.cuda.is_available()), leaf(t, 3)
        optimizer = t.optim.SGD([w], lr=0.1)
        with amp.autocast(enabled=False):
            loss = (w * w).sum()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    return w, scaler.get_scale(), isinstance(scaler, t.amp.GradScaler), amp is t.cuda.amp


@program
def a_function_of_its_own(t):
    with pytest.warns(FutureWarning, match=r"cuda.amp.custom_.wd\(args...\)` is deprecated"):

        class Double(t.autograd.Function):
            @staticmethod
            @t.cuda.amp.custom_fwd(cast_inputs=t.float32)
            def forward(ctx, x):
                return x * 2

            @staticmethod
            @t.cuda.amp.custom_bwd
            def backward(ctx, grad):
                return grad * 3

    x = leaf(t, 2)
    Double.apply(x).sum().backward()
    return x.grad


@program
def without_cuda_nothing_is_cast(t):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        context, scaler = t.cuda.amp.autocast(), t.cuda.amp.GradScaler()
    kinds = [w.category.__name__ for w in seen]
    return kinds, context.device, context.fast_dtype, scaler.is_enabled(), t.cuda.amp.amp_definitely_not_available()


@pytest.mark.parametrize("name", list(program))
def test_program(name):
    check_program(program[name])


def test_names_and_signatures():
    assert sorted(lucid.cuda.amp.__all__) == sorted(torch.cuda.amp.__all__)
    for name in ("autocast", "GradScaler", "custom_fwd", "custom_bwd"):
        mine, theirs = (inspect.signature(getattr(t.cuda.amp, name)).parameters for t in (lucid, torch))
        assert [(n, p.kind) for n, p in mine.items()] == [(n, p.kind) for n, p in theirs.items()]
