from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lucid
from lucid import _printing, _tape
from lucid._printing import _shown, format_array, format_spec, get_printoptions, printoptions, set_printoptions

DEFAULTS = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


@pytest.fixture(autouse=True)
def default_options():
    with printoptions(profile="default"):
        yield


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


# ---- what is printed, literally --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (3.5, "3.5000"),
        (3.0, "3."),
        (7, "7"),
        (True, "True"),
        (1.5 - 2j, "1.5000-2.j"),
        ([], "[]"),
        ([1.0, -2.0, 30.0], "[ 1., -2., 30.]"),
        ([0.5, 10.25], "[ 0.5000, 10.2500]"),
        ([1.0, 2000.5], "[1.0000e+00, 2.0005e+03]"),
        ([1.0, 1000.0], "[   1., 1000.]"),
        ([1.0, 1001.0], "[1.0000e+00, 1.0010e+03]"),
        ([2e8, 2e8], "[2.0000e+08, 2.0000e+08]"),
        ([1.5e-5], "[1.5000e-05]"),
        ([math.nan, 1.5, math.inf, -math.inf], "[   nan, 1.5000,    inf,   -inf]"),
        ([0.0, math.nan], "[0., nan]"),
        ([-0.0], "[-0.]"),
        ([1, -20, 300], "[  1, -20, 300]"),
        ([True, False], "[ True, False]"),
        ([1 + 2j, -10 - 0.5j], "[  1.+2.0000j, -10.-0.5000j]"),
        ([[1, 2], [30, 4]], "[[ 1,  2],\n [30,  4]]"),
        ([[[1, 2]], [[3, 4]]], "[[[1, 2]],\n\n [[3, 4]]]"),
    ],
)
def test_layout(values, text):
    assert format_array(np.array(values)) == text


def test_a_long_row_is_broken_and_indented():
    assert format_array(np.arange(40), indent=7) == (
        "[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,\n"
        "        36, 37, 38, 39]"
    )


def test_a_large_array_is_shortened_to_its_edges():
    assert format_array(np.arange(1001)) == "[   0,    1,    2,  ...,  998,  999, 1000]"
    assert format_array(np.arange(2000).reshape(1000, 2)) == (
        "[[   0,    1],\n [   2,    3],\n [   4,    5],\n ...,\n [1994, 1995],\n [1996, 1997],\n [1998, 1999]]"
    )


def test_the_column_width_comes_from_what_is_shown():
    values = np.zeros(1001)
    values[500] = 123456.5
    assert format_array(values) == "[0., 0., 0.,  ..., 0., 0., 0.]"


def test_extreme_ratios_do_not_overflow():
    assert format_array(np.array([1e308, 5e-324])) == "[1.0000e+308, 4.9407e-324]"


def test_edges_stand_for_the_whole():
    assert format_array(np.array([0, 1, 8, 9]), shape=(10,)) == "[0, 1,  ..., 8, 9]"


# ---- options ---------------------------------------------------------------------------------------------------------


def test_profiles():
    set_printoptions(profile="short")
    assert get_printoptions() == DEFAULTS | {"precision": 2, "edgeitems": 2}
    set_printoptions(profile="full")
    assert get_printoptions() == DEFAULTS | {"threshold": math.inf}
    set_printoptions(profile="default")
    assert get_printoptions() == DEFAULTS


def test_options_left_out_keep_their_value_but_sci_mode_becomes_automatic():
    set_printoptions(precision=2, sci_mode=True)
    set_printoptions(linewidth=100)
    assert get_printoptions() == DEFAULTS | {"precision": 2, "linewidth": 100}


def test_an_option_next_to_a_profile_wins():
    set_printoptions(profile="short", precision=7)
    assert get_printoptions() == DEFAULTS | {"precision": 7, "edgeitems": 2}


def test_printoptions_restores_after_an_error():
    with suppress(KeyError), printoptions(precision=1, sci_mode=True):
        assert format_array(np.array([0.25])) == "[2.5e-01]"
        raise KeyError
    assert get_printoptions() == DEFAULTS


@pytest.mark.parametrize(
    "bad",
    [
        {"profile": "long"},
        {"precision": -1},
        {"precision": 2.5},
        {"edgeitems": -1},
        {"linewidth": "wide"},
        {"threshold": "all"},
        {"threshold": math.nan},
    ],
    ids=str,
)
def test_bad_options_are_refused_and_change_nothing(bad):
    with pytest.raises(ValueError, match=f"set_printoptions: expected {next(iter(bad))}"):
        set_printoptions(**bad)
    with pytest.raises(ValueError, match="set_printoptions"), printoptions(**bad):
        pass
    assert get_printoptions() == DEFAULTS


# ---- tensors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "dtype", "text"),
    [
        ([1.0, 2.5], None, "tensor([1.0000, 2.5000])"),
        ([1, 2], None, "tensor([1, 2])"),
        ([True], None, "tensor([True])"),
        ([1j], None, "tensor([0.+1.j])"),
        (2.0, "float64", "tensor(2., dtype=lucid.float64)"),
        (2.0, "float16", "tensor(2., dtype=lucid.float16)"),
        ([1.1], "bfloat16", "tensor([1.1016], dtype=lucid.bfloat16)"),
        ([1], "int32", "tensor([1], dtype=lucid.int32)"),
        ([], None, "tensor([])"),
        ([], "int64", "tensor([], dtype=lucid.int64)"),
        ([], "bool", "tensor([], dtype=lucid.bool)"),
        ([[], []], None, "tensor([], size=(2, 0))"),
        ([[]], "float16", "tensor([], size=(1, 0), dtype=lucid.float16)"),
    ],
)
def test_the_suffix_says_what_the_values_do_not(values, dtype, text):
    t = lucid.tensor(values, dtype=dtype and getattr(lucid, dtype))
    assert repr(t) == str(t) == text


def test_gradients_show():
    leaf = lucid.tensor([1.0, 2.0], requires_grad=True)
    assert repr(leaf) == "tensor([1., 2.], requires_grad=True)"
    assert repr(leaf + 1) == "tensor([2., 3.], grad_fn=<AddBackward0>)"
    assert repr(leaf.detach()) == "tensor([1., 2.])"


def test_a_suffix_that_does_not_fit_gets_its_own_line():
    t = lucid.zeros(2, 12, dtype=lucid.float64, requires_grad=True)
    row = ", ".join(["0."] * 12)
    with printoptions(linewidth=60):
        assert repr(t) == (f"tensor([[{row}],\n        [{row}]],\n       dtype=lucid.float64, requires_grad=True)")


def test_the_default_dtype_needs_no_suffix():
    before = lucid.get_default_dtype()
    lucid.set_default_dtype(lucid.float64)
    try:
        assert repr(lucid.tensor([0.5])) == "tensor([0.5000])"
        assert repr(lucid.tensor([0.5], dtype=lucid.float32)) == "tensor([0.5000], dtype=lucid.float32)"
        assert repr(lucid.tensor([1j], dtype=lucid.complex64)) == "tensor([0.+1.j], dtype=lucid.complex64)"
    finally:
        lucid.set_default_dtype(before)


def test_another_device_than_the_default_shows(monkeypatch):
    metal = SimpleNamespace(type="metal", index=None)
    t = lucid.tensor([1])
    assert repr(t) == "tensor([1])"
    with monkeypatch.context() as patch:
        patch.setattr(_printing, "default_device", lambda: metal)
        assert repr(t) == "tensor([1], device='cpu')"
    monkeypatch.setattr(lucid.Tensor, "device", metal)
    assert repr(t) == "tensor([1], device='metal:0')"


def test_without_edge_items_the_size_shows():
    with printoptions(edgeitems=0, threshold=3):
        assert repr(lucid.zeros(3, 4)) == "tensor([...], size=(3, 4))"
        assert repr(lucid.zeros(3)) == "tensor([0., 0., 0.], size=(3,))"
        assert repr(lucid.zeros(0)) == "tensor([])"


def test_only_what_is_shown_is_converted():
    huge = mx.broadcast_to(mx.array(1.0), (100_000, 100_000))  # 40 GB, if it were copied
    assert _shown(huge).shape == (6, 6)
    assert repr(_tape.wrap(huge)).count("1.") == 36


def test_printing_a_tensor_does_not_change_its_gradient():
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    repr(y)
    y.sum().backward()
    assert repr(x.grad) == "tensor([2., 4.])"


def test_a_view_prints_what_was_written_into_its_base():
    base = lucid.zeros(2, 3)
    row = base[1]
    base.fill_(5)
    assert repr(row) == "tensor([5., 5., 5.])"


def test_format_of_one_number():
    assert f"{lucid.tensor(2.34567):.3f}" == "2.346"
    assert f"{lucid.tensor(7):>4d}" == "   7"
    assert f"{lucid.tensor(1.5, requires_grad=True)}" == "1.5"
    assert f"{lucid.tensor(True)}" == "True"
    assert format_spec(lucid.tensor(1 + 2j), ".1f") == "1.0+2.0j"
    with pytest.raises(ValueError, match="Unknown format code 'd'"):
        format(lucid.tensor(1.5), "d")


def test_format_of_several_numbers():
    t = lucid.tensor([1.5])
    assert f"{t}" == "tensor([1.5000])"
    with pytest.raises(TypeError, match=r"unsupported format string passed to Tensor.__format__.*\(1,\).*t\.item\(\)"):
        format(t, ".3f")


def test_format_of_a_parameter():
    p = lucid.nn.Parameter(lucid.tensor(1.5))
    assert f"{p}" == "Parameter containing:\ntensor(1.5000, requires_grad=True)"
    with pytest.raises(TypeError, match=r"unsupported format string passed to Parameter.__format__"):
        format(p, ".3f")


# ---- against PyTorch -------------------------------------------------------------------------------------------------

FLOATS = st.one_of(
    st.floats(width=16),
    st.integers(-(10**5), 10**5).map(float),
    st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e-4, 1e-5, 999.96, 1e3, 1e8, 1.5e8, 0.00005, 0.99999]),
)
WHOLE = st.integers(-1000, 1000).map(float)
DTYPES: dict[str, st.SearchStrategy[Any]] = {
    "float16": st.one_of(st.floats(width=16), st.integers(-100, 100).map(float)),
    "float32": st.one_of(FLOATS, st.floats(width=32)),
    "float64": st.one_of(FLOATS, st.floats()),
    "complex64": st.builds(complex, FLOATS, FLOATS),
    "bool": st.booleans(),
    "uint8": st.integers(0, 255),
    "int8": st.integers(-128, 127),
    "int16": st.integers(-(2**15), 2**15 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint16": st.integers(0, 2**16 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
}
OPTIONS = st.fixed_dictionaries(
    {"profile": st.sampled_from(["default", "short", "full"]), "sci_mode": st.sampled_from([None, None, True, False])},
    optional={
        "precision": st.integers(0, 9),
        "threshold": st.sampled_from([0, 5, 20.5, 50, math.inf]),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.sampled_from([0, 1, 20, 40, 81, 120]),
    },
)


@st.composite
def arrays(draw: st.DrawFn, dtypes: dict[str, st.SearchStrategy[Any]]) -> np.ndarray[Any, Any]:
    """Arrays of 0 to 4 dimensions; one drawn block of elements is repeated, so that large ones are cheap to draw."""
    dtype = draw(st.sampled_from(sorted(dtypes)))
    elements = WHOLE if dtype.startswith("float") and draw(st.booleans()) else dtypes[dtype]
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))
    block = draw(hnp.arrays(dtype, draw(st.integers(1, 12)), elements=elements, fill=st.nothing()))
    return np.resize(block, shape).astype(dtype)


@contextmanager
def both(torch: Any, options: dict[str, Any]) -> Iterator[None]:
    with torch._tensor_str.printoptions(**options), printoptions(**options):
        yield


def twin(torch: Any, values: np.ndarray[Any, Any]) -> Any:
    return torch.from_numpy(values.copy())


@pytest.mark.parity
@settings(max_examples=400, deadline=None)
@given(values=arrays({d: DTYPES[d] for d in ("float32", "complex64", "bool", "int64")}), options=OPTIONS)
def test_format_array_is_pytorchs(torch, values, options):
    with both(torch, options):
        if values.size and options.get("edgeitems") != 0:
            assert f"tensor({format_array(values, indent=7)})" == repr(twin(torch, values))
        assert get_printoptions() == torch._tensor_str.get_printoptions()


@pytest.mark.parity
@settings(max_examples=400, deadline=None)
@given(values=arrays(DTYPES), options=OPTIONS, grad=st.booleans())
def test_repr_is_pytorchs(torch, values, options, grad):
    expected, t = twin(torch, values), lucid.tensor(values)
    if grad and t.dtype.is_inexact:
        expected.requires_grad_()
        t.requires_grad_()
    with both(torch, options):
        assert repr(t) == repr(expected).replace("torch.", "lucid.")


@pytest.mark.parity
@settings(max_examples=100, deadline=None)
@given(values=arrays({"float32": DTYPES["float16"]}), options=OPTIONS)
def test_repr_of_bfloat16_is_pytorchs(torch, values, options):
    with both(torch, options):
        expected = repr(twin(torch, values).bfloat16()).replace("torch.", "lucid.")
        assert repr(lucid.tensor(values, dtype=lucid.bfloat16)) == expected


@pytest.mark.parity
@pytest.mark.parametrize("default", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64", "int64", "int32", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (2,), (0, 3)])
def test_dtype_suffixes_are_pytorchs(torch, default, dtype, shape):
    text = []
    for library in (torch, lucid):
        before = library.get_default_dtype()
        library.set_default_dtype(getattr(library, default))
        try:
            text.append(repr(library.zeros(shape, dtype=getattr(library, dtype))))
        finally:
            library.set_default_dtype(before)
    assert text[1] == text[0].replace("torch.", "lucid.")


def test_a_signalling_nan_prints_without_a_warning():
    bits = mx.array(np.array([0x7F800001, 0x3F800000], np.uint32))
    assert repr(_tape.wrap(bits.view(mx.float32))) == "tensor([nan, 1.])"


@pytest.mark.parity
@pytest.mark.parametrize("make", [lambda x: x + 1, lambda x: x * 2, lambda x: x.sum(), lambda x: -x])
def test_grad_fn_suffixes_are_pytorchs(torch, make):
    values = np.arange(24).reshape(3, 8) / 8
    expected = make(torch.tensor(values, requires_grad=True))
    assert repr(make(lucid.tensor(values, requires_grad=True))) == repr(expected).replace("torch.", "lucid.")


@pytest.mark.parity
@pytest.mark.parametrize("spec", ["", ".3f", "10.2e", "+", "5"])
@pytest.mark.parametrize("value", [2.5, 3, True, 1 - 2j])
def test_format_is_pytorchs(torch, value, spec):
    assert format(lucid.tensor(value), spec) == format(torch.tensor(value), spec)
