"""Recurrent networks and their cells against PyTorch's, whole and packed: values, gradients, repr, copies, errors."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import _tape, nn
from tests.checks import assert_same, check_error, leaves, to_lucid
from tests.nn.layer_checks import as_torch, build, check_layer

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:LSTM with projections")]

FEATURES, HIDDEN = 3, 4
NETWORKS, CELLS = ("RNN", "GRU", "LSTM"), ("RNNCell", "GRUCell", "LSTMCell")
HALF = {torch.float16: 2e-2, torch.bfloat16: 1e-1}
KINDS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "bias": False}),
    ("GRU", {}),
    ("GRU", {"bias": False}),
    ("LSTM", {}),
    ("LSTM", {"bias": False}),
    ("LSTM", {"proj_size": 2}),
    ("LSTM", {"proj_size": 3, "bias": False}),
]
FORMS = [{"num_layers": n, "bidirectional": two} for n in (1, 2, 3) for two in (False, True) if n < 3 or two]


@pytest.fixture(autouse=True)
def _plain_kernels():
    """PyTorch's oneDNN takes half a second to prepare itself for every new shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a setting for Intel's GPUs that `flags` touches too
        # Assigning `enabled` instead fails once PyTorch's test tools have frozen the flags.
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def x(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 1) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)), dtype=torch.float64)
    return (values * 0.7).to(dtype).requires_grad_()


def state(name: str, options: dict, *batch: int, dtype: torch.dtype = torch.float32) -> object:
    """A first state that fits."""
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    h = x(layers, *batch, options.get("proj_size") or HIDDEN, dtype=dtype)
    return (h, x(layers, *batch, HIDDEN, dtype=dtype, seed=2)) if name == "LSTM" else h


@pytest.mark.parametrize("form", range(len(FORMS)))
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_networks(kind, form):
    name, options = KINDS[kind]
    options = {**options, **FORMS[form], "batch_first": form % 2 == 0}
    check_layer(name, (FEATURES, HIDDEN), options, [x(5, 2, FEATURES)], 1e-4)
    batch = 5 if options["batch_first"] else 2
    check_layer(name, (FEATURES, HIDDEN), options, [x(5, 2, FEATURES), state(name, options, batch)], 1e-4)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [torch.float64, *HALF])
def test_dtypes(name, dtype):
    options = {"num_layers": 2, "bidirectional": dtype is torch.float64, "dtype": dtype}
    check_layer(name, (FEATURES, HIDDEN), options, [x(3, 2, FEATURES, dtype=dtype)], HALF.get(dtype, 1e-6))
    cell = [x(2, FEATURES, dtype=dtype)]
    check_layer(f"{name}Cell", (FEATURES, HIDDEN), {"dtype": dtype}, cell, HALF.get(dtype, 1e-6))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_single_sequences_and_empty_batches(name, batch_first):
    options = {"num_layers": 2, "bidirectional": True, "batch_first": batch_first}
    check_layer(name, (FEATURES, HIDDEN), options, [x(5, FEATURES)], 1e-4)
    check_layer(name, (FEATURES, HIDDEN), options, [x(5, FEATURES), state(name, options)], 1e-4)
    check_layer(name, (FEATURES, HIDDEN), options, [x(*((0, 5) if batch_first else (5, 0)), FEATURES)], 1e-4)
    check_layer(name, (1, 1), {}, [x(1, 1, 1)], 1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_long_sequences(name):
    """Over many steps MLX slices where it splits over few."""
    check_layer(name, (FEATURES, HIDDEN), {}, [x(50, 2, FEATURES)], 3e-4)


def packed_pair(lengths: list[int], sort: bool, dtype: torch.dtype = torch.float32) -> tuple:
    """The padded sequences and what packs them, for PyTorch and for lucid."""
    padded = x(len(lengths), max(lengths), FEATURES, dtype=dtype)
    mine = to_lucid(padded, requires_grad=True)
    options = {"batch_first": True, "enforce_sorted": not sort}
    theirs = torch.nn.utils.rnn.pack_padded_sequence(padded, torch.tensor(lengths), **options)
    return padded, theirs, mine, nn.utils.rnn.pack_padded_sequence(mine, lengths, **options)


@pytest.mark.parametrize("lengths", [[5, 3, 3, 1], [2, 5, 1, 5], [4], [2, 2]])
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_packed_sequences(kind, lengths):
    name, options = KINDS[kind]
    sort = lengths != sorted(lengths, reverse=True)
    for form, given, how in itertools.product(FORMS[:4], (False, True), ("replay", "per node")):
        mine, theirs = build(name, FEATURES, HIDDEN, **options, **form)
        padded, packed, my_padded, my_packed = packed_pair(lengths, sort)
        hx = state(name, {**options, **form}, len(lengths)) if given else None
        my_hx = to_lucid(hx, requires_grad=True)
        (want, last), (got, my_last) = theirs(packed, hx), mine(my_packed, my_hx)
        assert isinstance(got, nn.utils.rnn.PackedSequence)
        assert_same(tuple(got), tuple(want), 1e-4)
        assert_same(my_last, last, 1e-4)
        want, lengths_back = torch.nn.utils.rnn.pad_packed_sequence(want)
        got, my_lengths = nn.utils.rnn.pad_packed_sequence(got)
        assert_same((got, my_lengths), (want, lengths_back), 1e-4)
        outs, my_outs = [want, *leaves(last)], [got, *leaves(my_last)]
        seeds = [torch.linspace(-1, 1, t.numel()).reshape(t.shape) for t in outs]
        variables = [padded, *leaves([hx]), *theirs.parameters()]
        expected = torch.autograd.grad(outs, variables, seeds)
        if how == "per node":
            _tape.evaluate(*my_outs)
        my_variables = [my_padded, *leaves([my_hx]), *mine.parameters()]
        found = lucid.autograd.grad(my_outs, my_variables, [to_lucid(s) for s in seeds])
        for k, (g, w) in enumerate(zip(found, expected, strict=True)):
            assert_same(g, w, 1e-4, f"gradient {k} ({how})")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [torch.float64, *HALF])
def test_packed_dtypes(name, dtype):
    mine, theirs = build(name, FEATURES, HIDDEN, 2, dtype=dtype)
    _, packed, _, my_packed = packed_pair([2, 4, 1], True, dtype)
    (want, last), (got, my_last) = theirs(packed), mine(my_packed)
    assert_same((tuple(got), my_last), (tuple(want), last), HALF.get(dtype, 1e-6))


@pytest.mark.parametrize("name", CELLS)
def test_cells(name):
    for options in ({}, {"bias": False}, *([{"nonlinearity": "relu"}] if name == "RNNCell" else [])):
        for batch in ((2,), (), (0,)):
            check_layer(name, (FEATURES, HIDDEN), options, [x(*batch, FEATURES)])
            h = x(*batch, HIDDEN)
            hx = (h, x(*batch, HIDDEN, seed=3)) if name == "LSTMCell" else h
            check_layer(name, (FEATURES, HIDDEN), options, [x(*batch, FEATURES), hx])


def test_second_gradients():
    for name in ("GRU", "LSTMCell"):
        mine, theirs = build(name, FEATURES, HIDDEN, dtype=torch.float64)
        found = []
        for package, module in ((torch, theirs), (lucid, mine)):
            a = x(3, 2, FEATURES, dtype=torch.float64) if name == "GRU" else x(2, FEATURES, dtype=torch.float64)
            a = a if package is torch else to_lucid(a, requires_grad=True)
            (first,) = package.autograd.grad(module(a)[0].sum(), a, create_graph=True)
            found.append(package.autograd.grad((first * first).sum(), [a, *module.parameters()], allow_unused=True))
        for want, got in zip(*found, strict=True):
            if want is not None and (got is not None or want.abs().max() > 0):
                assert_same(got, want, 1e-6)


SHOWN = [
    (3, 4),
    (3, 4, 2),
    (3, 4, 2, False),
    (3, 4, 1, True, True),
    (3, 4, 2, True, False, 0.25),
    (3, 4, 3, False, True, 1, True),
    (3, 4, 1, True, False, 0.0, 0),
]


@pytest.mark.parametrize("name", NETWORKS)
def test_repr_and_attributes(name):
    for args in SHOWN:
        args = (*args[:3], "relu", *args[3:]) if name == "RNN" and len(args) > 2 else args
        mine, theirs = build(name, *args)
        assert repr(mine) == repr(theirs)
        for attribute in (*theirs.__constants__, "_all_weights", "_flat_weights_names"):
            assert getattr(mine, attribute) == getattr(theirs, attribute)
        shapes = [[tuple(w.shape) for w in weights] for weights in theirs.all_weights]
        assert [[tuple(w.shape) for w in weights] for weights in mine.all_weights] == shapes
        assert mine.all_weights[0][0] is mine.weight_ih_l0
        assert mine.flatten_parameters() is None
    for made in ({"bias": False}, {"proj_size": 2, "num_layers": 2, "bidirectional": True}):
        if name == "LSTM":
            assert repr(nn.LSTM(3, 4, **made)) == repr(torch.nn.LSTM(3, 4, **made))


def test_repr_of_cells():
    for name, options in itertools.product(CELLS, ({}, {"bias": False}, {"bias": 1})):
        assert repr(getattr(nn, name)(3, 4, **options)) == repr(getattr(torch.nn, name)(3, 4, **options))
    for how in ("tanh", "relu", "other"):
        assert repr(nn.RNNCell(3, 4, nonlinearity=how)) == repr(torch.nn.RNNCell(3, 4, nonlinearity=how))
    assert repr(nn.RNNBase("GRU", 3, 4, 2)) == repr(torch.nn.RNNBase("GRU", 3, 4, 2))
    assert repr(nn.RNNCellBase(3, 4, True, 2)) == repr(torch.nn.RNNCellBase(3, 4, True, 2))


@pytest.mark.parametrize("name", [*NETWORKS, *CELLS])
def test_state_dicts_copies_and_pickles(name):
    mine, theirs = getattr(nn, name)(3, 50), getattr(torch.nn, name)(3, 50)
    theirs.load_state_dict(as_torch(mine.state_dict()), strict=True)
    for twin in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        twin.load_state_dict(to_lucid(dict(theirs.state_dict())), strict=True)
        a = x(2, 3) if "Cell" in name else x(2, 2, 3)
        assert_same(twin(to_lucid(a)), theirs(a), 1e-4)
    lucid.manual_seed(0)
    drawn = [p.detach().numpy() for p in getattr(nn, name)(3, 50).parameters()]
    bound = 50**-0.5
    for values in (*drawn, np.concatenate([w.ravel() for w in drawn])):
        assert bound * 0.8 < abs(values).max() <= bound
    np.testing.assert_allclose(values.std(), bound / 3**0.5, rtol=0.05)  # uniform


def test_dropout_between_layers():
    for name in NETWORKS:
        mine, theirs = build(name, FEATURES, HIDDEN, 3, dropout=1.0)
        mine.train(), theirs.train()
        a = x(4, 2, FEATURES)
        assert_same(mine(to_lucid(a)), theirs(a), 1e-4)
        mine, theirs = build(name, FEATURES, HIDDEN, 2, dropout=0.5)
        mine.eval(), theirs.eval()
        assert_same(mine(to_lucid(a)), theirs(a), 1e-4)
    for library in (lucid, torch):
        with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
            library.nn.GRU(3, 4, dropout=0.5)


BAD = [
    ("LSTM", (3, 4, 2), {"dropout": 1.5}),
    ("LSTM", (3, 4, 2), {"dropout": -0.5}),
    ("LSTM", (3, 4, 2), {"dropout": True}),
    ("LSTM", (3, 4, 2), {"dropout": "a"}),
    ("LSTM", (3, 4.0), {}),
    ("LSTM", (3.5, 4), {}),
    ("LSTM", (3, 0), {}),
    ("LSTM", (0, 4), {}),
    ("LSTM", (-3, 4), {}),
    ("LSTM", (3, 4, 0), {}),
    ("LSTM", (3, 4, 1.5), {}),
    ("LSTM", (3, 4), {"bias": 1}),
    ("LSTM", (3, 4), {"batch_first": 1}),
    ("LSTM", (3, 4), {"proj_size": -1}),
    ("LSTM", (3, 4), {"proj_size": 4}),
    ("LSTM", (3, 4), {"other": 4}),
    ("LSTM", (3,), {}),
    ("LSTM", (), {}),
    ("GRU", (3, 4), {"proj_size": 2}),
    ("RNN", (3, 4), {"proj_size": 2}),
    ("RNN", (3, 4), {"nonlinearity": "other"}),
    ("RNN", (3, 4, 1, "relu"), {"nonlinearity": "relu"}),
    ("RNNBase", ("other", 3, 4), {}),
    ("RNNBase", ("lstm", 3, 4), {}),
    ("LSTMCell", (3.5, 4), {}),
    ("RNNCell", (3,), {}),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_arguments_are_refused_alike(case):
    name, args, options = BAD[case]
    check_error(getattr(nn, name), getattr(torch.nn, name), *args, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_bad_inputs_are_refused_alike(name):
    mine, theirs = build(name, FEATURES, HIDDEN)
    for bad in (x(3), x(2, 2, 2, 3), x(2, 2, 4), x(2, 4), x(0, 2, 3), x(0, 3), x(2, 2, 3).double(), x(2, 2, 3).half()):
        check_error(mine, theirs, bad)
    check_error(mine, theirs, torch.zeros(2, 2, 3, dtype=torch.int64))
    for bad in (None, [1.0], (x(2, 2, 3), torch.tensor([2]))):
        check_error(mine, theirs, bad)
    shapes = [((2, 3), s) for s in ((1, 1, 4), (2, 4), (4,), (1, 5))]
    shapes += [((2, 2, 3), s) for s in ((1, 4), (1, 3, 4), (2, 2, 4), (1, 2, 5), (1, 1, 2, 4))]
    for shape, of_state in shapes:
        check_error(mine, theirs, x(*shape), (x(*of_state), x(*of_state)) if name == "LSTM" else x(*of_state))
    a, h = x(2, 2, 3), x(1, 2, 4)
    hidden = [(h, x(1, 2, 5)), (h, x(1, 4)), (h,), (h, h, h), ()]
    for bad in (5, *([*hidden, h] if name == "LSTM" else [*hidden, [h]])):
        check_error(mine, theirs, a, bad)
    check_error(mine, theirs, a, (h.double(), h.double()) if name == "LSTM" else h.double())
    _, packed, _, my_packed = packed_pair([2, 1], False)
    for of_state in ((1, 3, 4), (2, 2, 4)):
        hx = (x(*of_state), x(*of_state)) if name == "LSTM" else x(*of_state)
        with pytest.raises(RuntimeError):
            theirs(packed, hx)
        with pytest.raises(RuntimeError):
            mine(my_packed, to_lucid(hx))
    if name != "LSTM":
        for package, module, sequences in ((torch, theirs, [2, 3]), (lucid, mine, [2, 3])):
            unsorted = package.nn.utils.rnn.pack_sequence([package.ones(n, 3) for n in sequences], enforce_sorted=False)
            with pytest.raises(AttributeError):
                module(unsorted, (package.zeros(1, 2, 4),))
    with pytest.raises(RuntimeError):  # an LSTM of PyTorch takes it and reads beyond its end
        mine(nn.utils.rnn.pack_sequence([lucid.ones(2, 4)]))


@pytest.mark.parametrize("name", CELLS)
def test_bad_inputs_of_cells_are_refused_alike(name):
    mine, theirs = build(name, FEATURES, HIDDEN)
    for bad in (x(2, 2, 3), torch.tensor(1.0), x(2, 4), x(4), x(2, 3).double(), None, [1.0, 2.0, 3.0]):
        check_error(mine, theirs, bad)
    for shape, of_state in (
        ((3,), (1, 4)),
        ((2, 3), (3, 4)),
        ((2, 3), (4,)),
        ((2, 3), (2, 5)),
        ((3,), (5,)),
        ((2, 3), (1, 2, 4)),
    ):
        hx = (x(*of_state), x(*of_state)) if name == "LSTMCell" else x(*of_state)
        check_error(mine, theirs, x(*shape), hx)
    h = x(2, 4)
    pairs = [(h, x(2, 5)), (h, x(4)), (h, None), (h,), (h, h, h), 5]
    for bad in [*pairs, h] if name == "LSTMCell" else [*pairs, [h]]:
        check_error(mine, theirs, x(2, 3), bad)
    if name == "RNNCell":
        for library in (lucid, torch):
            with pytest.raises(RuntimeError, match="Unknown nonlinearity"):
                library.nn.RNNCell(3, 4, nonlinearity="other")(library.zeros(2, 3))


def test_cells_of_no_features_and_with_one_bias():
    for name in CELLS:
        for kept in ("bias_ih", "bias_hh"):
            mine, theirs = build(name, 0, HIDDEN)
            for module in (mine, theirs):
                setattr(module, "bias_hh" if kept == "bias_ih" else "bias_ih", None)
            assert_same(mine(lucid.ones(2, 0)), theirs(torch.ones(2, 0)), 1e-6)
    for shape in ((2, 2, 3), ()):
        check_error(nn.RNNCell(3, 4, nonlinearity="other"), torch.nn.RNNCell(3, 4, nonlinearity="other"), x(*shape))


def test_checks_that_subclasses_use():
    mine, theirs = build("LSTM", FEATURES, HIDDEN, 2, proj_size=2, batch_first=True)
    a = x(5, 2, FEATURES)
    assert mine.get_expected_hidden_size(to_lucid(a), None) == theirs.get_expected_hidden_size(a, None)
    assert mine.get_expected_cell_size(to_lucid(a), None) == theirs.get_expected_cell_size(a, None)
    h, order = x(2, 3, 2), torch.tensor([2, 0, 1])
    got = mine.permute_hidden(to_lucid((h, h)), to_lucid(order))
    assert_same(got, theirs.permute_hidden((h, h), order))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mine.check_forward_args(to_lucid(a), to_lucid(state("LSTM", {"num_layers": 2, "proj_size": 2}, 5)), None)
