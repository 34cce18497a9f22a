"""Names that old programs use: they warn, as PyTorch's do, and do what their successors do. And small helpers."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections import OrderedDict

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from lucid.nn import _reduction
from lucid.nn.modules import utils
from tests.checks import assert_same, check_error, to_lucid
from tests.nn.layer_checks import as_lucid

pytestmark = pytest.mark.parity

INIT = "uniform normal constant eye dirac xavier_uniform xavier_normal kaiming_uniform kaiming_normal orthogonal sparse"


@pytest.mark.parametrize("name", INIT.split())
def test_init(name):
    args = {"constant": (3.0,), "sparse": (0.5,)}.get(name, ())
    shape = (4, 3, 2) if name == "dirac" else (4, 3)
    old, new = getattr(nn.init, name), getattr(nn.init, f"{name}_")
    theirs = getattr(torch.nn.init, name)
    with pytest.warns(FutureWarning, match=f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`"):
        theirs(torch.empty(shape), *args)
    tensor = lucid.zeros(shape)
    lucid.manual_seed(1)
    with pytest.warns(FutureWarning, match=f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`") as seen:
        assert old(tensor, *args) is tensor
    assert seen[0].filename == __file__
    lucid.manual_seed(1)
    assert (new(lucid.zeros(shape), *args) == tensor).all()
    assert old.__name__ == theirs.__name__ == name
    assert list(inspect.signature(old).parameters) == list(inspect.signature(theirs).parameters)
    with pytest.warns(FutureWarning), pytest.raises(TypeError):
        old()


@pytest.mark.parametrize(("name", "message"), [("NLLLoss2d", "NLLLoss2d"), ("Container", "nn.Container")])
def test_classes(name, message):
    mine, theirs = getattr(nn, name), getattr(torch.nn, name)
    for kind in (mine, theirs):
        with pytest.warns(FutureWarning, match=message) as seen:
            kind()
        assert len(seen) == 1
        assert seen[0].filename == __file__
        with pytest.warns(FutureWarning, match=message) as seen:
            sub = type("Sub", (kind,), {})
        assert len(seen) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sub()
    assert not issubclass(nn.NLLLoss, nn.NLLLoss2d)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_container():
    theirs = torch.nn.Container(a=torch.nn.Linear(2, 3), b=torch.nn.ReLU(), none=None)
    mine = nn.Container(a=nn.Linear(2, 3), b=nn.ReLU(), none=None)
    assert repr(mine) == repr(theirs)
    mine.load_state_dict(as_lucid(theirs.state_dict()))
    for twin in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert repr(twin) == repr(mine)
        assert (twin.a.weight == mine.a.weight).all()
    check_error(nn.Container, torch.nn.Container, a=3)
    check_error(nn.Container().forward, torch.nn.Container().forward, torch.ones(1))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_nll_loss_2d():
    log_p = torch.randn(2, 4, 3, 3).log_softmax(1)
    target = torch.randint(0, 4, (2, 3, 3))
    for args in ((), (torch.rand(4),), (None, None, 1, None, "sum"), (None, None, -100, None, "none")):
        mine, theirs = nn.NLLLoss2d(*to_lucid(args)), torch.nn.NLLLoss2d(*args)
        assert repr(mine) == repr(theirs)
        assert isinstance(mine, nn.NLLLoss)
        assert_same(mine(to_lucid(log_p), to_lucid(target)), theirs(log_p, target), 1e-6)


def test_permutations_and_mixins():
    order = torch.tensor([2, 0, 1])
    with pytest.warns(FutureWarning, match="index_select"):
        got = nn.modules.rnn.apply_permutation(lucid.arange(6.0).reshape(2, 3), to_lucid(order))
    assert got.tolist() == [[2.0, 0.0, 1.0], [5.0, 3.0, 4.0]]
    arguments = 2, 3, (1, 1), (1, 1), (0, 0), (1, 1), True, (0, 0), 1, True, "zeros"
    for root in (torch.nn, nn):
        with pytest.warns(FutureWarning, match="_ConvTransposeMixin"):
            assert repr(root.modules.conv._ConvTransposeMixin(*arguments)) == repr(
                nn.modules.conv._ConvTransposeNd(*arguments)
            ).replace("Nd", "Mixin")


# ---- helpers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_average", [None, True, False, 0])
@pytest.mark.parametrize("reduce", [None, True, False, 0])
def test_old_reductions(size_average, reduce):
    for name in ("legacy_get_string", "legacy_get_enum"):
        theirs, mine = getattr(torch.nn._reduction, name), getattr(_reduction, name)
        assert mine(size_average, reduce, emit_warning=False) == theirs(size_average, reduce, emit_warning=False)
        for function in (mine, theirs):
            with pytest.warns(UserWarning, match="size_average and reduce args will be deprecated"):
                function(size_average, reduce)


def test_numbers_of_reductions():
    for name in ("none", "mean", "sum"):
        assert _reduction.get_enum(name) == torch.nn._reduction.get_enum(name)
    for function in (_reduction.get_enum, torch.nn._reduction.get_enum):
        with pytest.warns(UserWarning, match="elementwise_mean"):
            assert function("elementwise_mean") == 1
    check_error(_reduction.get_enum, torch.nn._reduction.get_enum, "max")


@pytest.mark.parametrize(
    "kwargs",
    [
        None,
        {},
        {"device": "cpu"},
        {"dtype": 1, "memory_format": 2},
        {"factory_kwargs": {"dtype": 1}},
        {"factory_kwargs": {"dtype": 1, "other": 2}, "device": 3},
        {"factory_kwargs": {"dtype": 1}, "dtype": 2},
        {"bias": True},
    ],
)
def test_factory_kwargs(kwargs):
    try:
        want = torch.nn.factory_kwargs(kwargs)
    except TypeError:
        check_error(nn.factory_kwargs, torch.nn.factory_kwargs, kwargs)
    else:
        assert nn.factory_kwargs(kwargs) == want
        assert kwargs is None or nn.factory_kwargs(kwargs) is not kwargs.get("factory_kwargs")


@pytest.mark.parametrize("name", ["_single", "_pair", "_triple", "_quadruple"])
def test_tuples(name):
    theirs, mine = getattr(torch.nn.modules.utils, name), getattr(utils, name)
    for value in (3, 2.5, None, (1, 2), [1], "ab", range(4), lucid.Size((1, 2))):
        assert mine(value) == theirs(value)
    assert mine.__name__ == theirs.__name__
    assert utils._ntuple(5)(1) == torch.nn.modules.utils._ntuple(5)(1)
    assert utils._ntuple(2, "two").__name__ == "two"


def test_sizes_with_defaults():
    theirs, mine = torch.nn.modules.utils, utils
    for value, n in (((1, 2), 2), ([1], 3), ((), 2)):
        assert mine._reverse_repeat_tuple(value, n) == theirs._reverse_repeat_tuple(value, n)
    for arguments in ((3, [1, 2]), ([None, 3], [5, 6, 7]), ((None, None), [5, 6, 7, 8]), ([1, 2], [3, 4])):
        check_both_plain(mine._list_with_default, theirs._list_with_default, *arguments)


def check_both_plain(mine, theirs, *arguments):
    try:
        want = theirs(*arguments)
    except ValueError:
        check_error(mine, theirs, *arguments)
    else:
        assert mine(*arguments) == want


@pytest.mark.parametrize("prefix", ["module.", "a.b.", "", "none."])
def test_prefixes(prefix):
    def state(metadata):
        found = OrderedDict({"module.weight": 1, "step": 2, "module.a.bias": 3, "a.b.c": 4, "modules": 5})
        if metadata:
            found._metadata = OrderedDict({"": 1, "module": 2, "module.a": 3, "ab": 4, "a.b": 5, "other": 6})
        return found

    for metadata in (False, True):
        mine, theirs = state(metadata), state(metadata)
        utils.consume_prefix_in_state_dict_if_present(mine, prefix)
        torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(theirs, prefix)
        assert list(mine.items()) == list(theirs.items())
        assert not metadata or list(mine._metadata.items()) == list(theirs._metadata.items())
