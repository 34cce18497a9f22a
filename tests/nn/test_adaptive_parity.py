"""AdaptiveLogSoftmaxWithLoss: values and gradients against PyTorch, and that its probabilities are probabilities."""

from __future__ import annotations

import copy
import pickle

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from tests.checks import assert_same, check_error, to_lucid
from tests.nn.layer_checks import as_lucid, as_torch, check_layer

pytestmark = pytest.mark.parity

OPTIONS = [
    {"cutoffs": [3, 6]},
    {"cutoffs": (5,), "head_bias": True},
    {"cutoffs": [1, 2, 9], "div_value": 2.0},
    {"cutoffs": [9], "div_value": 1.0, "head_bias": True},
]
TARGETS = torch.tensor([0, 9, 4, 4, 2, 7])


def twins(**options):
    theirs, mine = (
        torch.nn.AdaptiveLogSoftmaxWithLoss(16, 10, **options),
        nn.AdaptiveLogSoftmaxWithLoss(16, 10, **options),
    )
    mine.load_state_dict(as_lucid(theirs.state_dict()))
    return mine, theirs


def x(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("options", OPTIONS)
def test_loss(options):
    args = (16, 10, *options.values()) if list(options) == ["cutoffs", "div_value"] else (16, 10)
    kwargs = {} if len(args) > 2 else options
    check_layer("AdaptiveLogSoftmaxWithLoss", args, kwargs, [x(6, 16).requires_grad_(), TARGETS])
    check_layer("AdaptiveLogSoftmaxWithLoss", args, kwargs, [x(6, 16).requires_grad_(), TARGETS.int()])
    check_layer("AdaptiveLogSoftmaxWithLoss", args, kwargs, [x(1, 16).requires_grad_(), TARGETS[:1]])
    check_layer("AdaptiveLogSoftmaxWithLoss", args, kwargs, [x(16).requires_grad_(), TARGETS[2]])


@pytest.mark.parametrize("options", OPTIONS)
def test_log_prob_and_predict(options):
    mine, theirs = twins(**options)
    inputs = x(50, 16) * 3
    assert_same(mine.log_prob(to_lucid(inputs)), theirs.log_prob(inputs), 1e-5)
    assert_same(mine.predict(to_lucid(inputs)), theirs.predict(inputs), 0.0)
    assert_same(mine.log_prob(to_lucid(inputs[:0])), theirs.log_prob(inputs[:0]), 0.0)
    assert_same(mine.predict(to_lucid(inputs[:0])), theirs.predict(inputs[:0]), 0.0)
    sums = mine.log_prob(to_lucid(inputs)).exp().sum(dim=1)
    assert ((sums - 1).abs() < 1e-5).all()
    found = mine.log_prob(to_lucid(inputs[:6])).gather(1, to_lucid(TARGETS)[:, None]).squeeze(1)
    assert ((found - mine(to_lucid(inputs[:6]), to_lucid(TARGETS)).output).abs() < 1e-5).all()


def test_the_result_is_a_named_tuple_that_can_be_pickled():
    mine, _ = twins(cutoffs=[3, 6])
    result = mine(lucid.ones(2, 16), lucid.tensor([1, 5]))
    assert result._fields == ("output", "loss")
    assert type(result).__name__ == "_ASMoutput"
    twin = pickle.loads(pickle.dumps(copy.deepcopy(mine)))
    assert (twin(lucid.ones(2, 16), lucid.tensor([1, 5])).output == result.output).all()


def test_clusters_without_a_target_are_not_computed():
    mine, theirs = twins(cutoffs=[3, 6])
    targets = torch.tensor([0, 4, 5])
    theirs(x(3, 16), targets).loss.backward()
    mine(to_lucid(x(3, 16)), to_lucid(targets)).loss.backward()
    want = {name: p.grad for name, p in theirs.named_parameters()}
    for name, p in mine.named_parameters():
        assert (p.grad is None) == (want[name] is None), name
    assert mine.tail[1][0].weight.grad is None
    called = []
    for cluster in mine.tail:
        cluster.register_forward_hook(lambda module, args, output: called.append(len(args[0])))
    mine(to_lucid(x(3, 16)), to_lucid(targets))
    assert called == [2]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dtypes(dtype):
    mine = nn.AdaptiveLogSoftmaxWithLoss(16, 10, [3, 6], dtype=to_lucid(dtype))
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 10, [3, 6], dtype=dtype)
    theirs.load_state_dict(as_torch(mine.state_dict()))
    inputs = x(6, 16).to(dtype)
    got, want = mine(to_lucid(inputs), to_lucid(TARGETS)), theirs(inputs, TARGETS)
    assert_same(tuple(got), tuple(want), 1e-6 if dtype is torch.float64 else 0.05)


def test_empty_batch():
    mine, theirs = twins(cutoffs=[3, 6])
    nothing = torch.zeros(0, dtype=torch.int64)
    assert_same(tuple(mine(lucid.zeros(0, 16), to_lucid(nothing))), tuple(theirs(x(0, 16), nothing)), 0.0)


def test_attributes_and_new_weights():
    for options in OPTIONS:
        mine, theirs = twins(**options)
        for name in ("in_features", "n_classes", "cutoffs", "div_value", "head_bias"):
            assert getattr(mine, name) == getattr(theirs, name)
        for name in ("shortlist_size", "n_clusters", "head_size"):
            assert getattr(mine, name) == getattr(theirs, name)
    before = {name: p.tolist() for name, p in mine.named_parameters()}
    mine.reset_parameters()
    assert all(p.tolist() != before[name] for name, p in mine.named_parameters())


@pytest.mark.parametrize("cutoffs", [[], [3, 3], [6, 3], [0, 3], [-1, 3], [10], [3.5]])
def test_bad_cutoffs(cutoffs):
    check_error(nn.AdaptiveLogSoftmaxWithLoss, torch.nn.AdaptiveLogSoftmaxWithLoss, 16, 10, cutoffs)


@pytest.mark.parametrize(
    "inputs",
    [
        (x(6, 16), TARGETS + 1),
        (x(6, 16), TARGETS - 1),
        (x(6, 16), TARGETS[:5]),
        (x(6, 16), TARGETS[0]),
        (x(6, 16), TARGETS[:, None]),
        (x(6, 2, 16), TARGETS),
        (x(16), TARGETS[:1]),
        (x(6, 16), TARGETS.float()),
        (x(6, 16), TARGETS.short()),
        (x(6, 3), TARGETS),
        (x(6, 16).double(), TARGETS),
    ],
)
def test_bad_inputs(inputs):
    mine, theirs = twins(cutoffs=[3, 6])
    check_error(mine, theirs, *inputs)


@pytest.mark.parametrize("method", ["log_prob", "predict"])
def test_all_classes_need_a_batch(method):
    mine, theirs = twins(cutoffs=[3, 6])
    check_error(getattr(mine, method), getattr(theirs, method), x(16))


def test_a_cluster_of_no_size_warns_and_works():
    with pytest.warns(UserWarning, match="zero-element"):
        softmax = nn.AdaptiveLogSoftmaxWithLoss(2, 10, [3])
    assert softmax.tail[0][0].weight.shape == (0, 2)
    assert (softmax.log_prob(lucid.ones(3, 2))[:, 3:].std(dim=1) < 1e-6).all()
