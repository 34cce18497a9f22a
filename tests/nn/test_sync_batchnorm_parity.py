"""SyncBatchNorm is the batch normalisation of one process, and takes the place of others."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from tests.checks import assert_same, check_error, to_lucid
from tests.nn.layer_checks import as_lucid, check_layer

pytestmark = pytest.mark.parity

OPTIONS = [
    {},
    {"eps": 0.1, "momentum": 0.3},
    {"momentum": None},
    {"affine": False},
    {"bias": False},
    {"track_running_stats": False},
    {"dtype": torch.float64},
]


def x(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 6), (2, 3, 4, 5), (2, 3, 2, 2, 2), (2, 3, 1, 2, 1, 2)])
def test_values(options, shape):
    inputs = x(*shape)
    inputs = inputs.double().detach().requires_grad_() if "dtype" in options else inputs
    check_layer("SyncBatchNorm", (3,), options, [inputs], tol=1e-4)


def network(root):
    class Scaled(root.nn.BatchNorm2d):
        pass

    inner = root.nn.Sequential(root.nn.Conv2d(2, 3, 1), root.nn.BatchNorm2d(3, momentum=None), root.nn.ReLU())
    return root.nn.Sequential(
        inner,
        root.nn.ModuleDict({"norm": root.nn.BatchNorm3d(3, affine=False), "other": root.nn.InstanceNorm2d(3)}),
        root.nn.BatchNorm1d(4, track_running_stats=False, bias=False).eval(),
        Scaled(3, eps=0.5),
    )


def test_conversion():
    theirs, mine = network(torch), network(lucid)
    parts = dict(mine.named_parameters())
    want = torch.nn.SyncBatchNorm.convert_sync_batchnorm(theirs)
    got = nn.SyncBatchNorm.convert_sync_batchnorm(mine)
    assert got is mine
    assert repr(got) == repr(want)
    assert [name for name, _ in got.named_parameters()] == [name for name, _ in want.named_parameters()]
    assert all(p is parts[name] for name, p in got.named_parameters() if name in parts)
    assert [m.training for m in got.modules()] == [m.training for m in want.modules()]
    assert list(got.state_dict()) == list(want.state_dict())


def test_conversion_keeps_what_is_computed():
    mine = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))
    image = to_lucid(x(2, 2, 4, 4).detach())
    for training in (True, False):
        mine.train(training)
        want = mine(image)
        mine[1].running_mean.fill_(0.0)
        mine[1].running_var.fill_(1.0)
        converted = nn.SyncBatchNorm.convert_sync_batchnorm(mine)
        assert isinstance(converted[1], nn.SyncBatchNorm)
        assert converted[1].process_group is None
        if training:
            assert (converted(image) == want).all()


def test_a_norm_itself_becomes_another_module():
    norm = nn.BatchNorm2d(3)
    norm(to_lucid(x(2, 3, 4, 4).detach()))
    made = nn.SyncBatchNorm.convert_sync_batchnorm(norm)
    assert type(made) is nn.SyncBatchNorm
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        assert getattr(made, name) is getattr(norm, name)
    linear = nn.Linear(2, 3)
    assert nn.SyncBatchNorm.convert_sync_batchnorm(linear) is linear


def test_the_statistics_of_a_state_dict():
    theirs = torch.nn.SyncBatchNorm(3)
    theirs(x(5, 3))
    mine = nn.SyncBatchNorm(3)
    mine.load_state_dict(as_lucid(theirs.state_dict()))
    assert_same(mine.eval()(to_lucid(x(5, 3))), theirs.eval()(x(5, 3)), 1e-5)


@pytest.mark.parametrize("shape", [(3,), (), (2, 0, 3), (1, 3), (5, 4)])
def test_bad_inputs(shape):
    check_error(nn.SyncBatchNorm(3), torch.nn.SyncBatchNorm(3), x(*shape))


def test_a_counter_that_is_missing():
    mine, theirs = nn.SyncBatchNorm(3), torch.nn.SyncBatchNorm(3)
    mine.num_batches_tracked = theirs.num_batches_tracked = None
    check_error(mine, theirs, x(5, 3))


def test_groups_of_processes_are_refused():
    with pytest.raises(NotImplementedError, match="process_group=None"):
        nn.SyncBatchNorm(3, process_group="all")
    with pytest.raises(NotImplementedError, match="process_group=None"):
        nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(3), "all")
