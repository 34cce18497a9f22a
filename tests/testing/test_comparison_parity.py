"""`assert_close` and `make_tensor` held against PyTorch: what passes, and the words of what does not."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import to_lucid

pytestmark = pytest.mark.parity
INF, NAN = float("inf"), float("nan")
X = torch.tensor([[1.0, 2], [3, 4]])
PAIRS = [
    (X, X + torch.tensor([[0, 1], [0, 1e-3]])),
    (X, X + 1e-6),
    (X, X.double()),
    (X, X.half()),
    (X, X.T),
    (X.half(), X.half() + 1),
    (X, 1.0),
    (torch.tensor(1.0), torch.tensor(2.0)),
    (torch.tensor([1, 2]), torch.tensor([1, 3])),
    (torch.tensor([2**62]), torch.tensor([2**62 + 1])),
    (torch.tensor([True]), torch.tensor([False])),
    (torch.tensor([1 + 1j]), torch.tensor([2 + 1j])),
    (torch.tensor([INF]), torch.tensor([1.0])),
    (torch.tensor([NAN]), torch.tensor([1.0])),
    (torch.tensor([[NAN, 1.0]]), torch.tensor([[NAN, 2.0]])),
    (torch.tensor([1e3, 1.0]), torch.tensor([1e3 + 1, 1.0])),
    (torch.zeros(0), torch.zeros(0)),
    (1.0, 2.0),
    (1, 2),
    (1, 1.0),
    (1.0, 0.0),
    (0.0, 1e-9),
    (1 + 1j, 2 + 1j),
    (NAN, NAN),
    (INF, INF),
    (True, False),
    (True, True),
    (None, None),
    (None, 1),
    ("a", "b"),
    ({1}, {1}),
    ([1, 2], [1, 3]),
    ([1, 2], (1, 2)),
    ([1], [1, 2]),
    (["a"], ["a"]),
    ([[X]], [[X + 1]]),
    ({"a": X}, {"a": X + 1}),
    ({"a": 1}, {"b": 1}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (np.array([1.0, 2]), np.array([1.0, 3])),
    (np.array([1.0, 2]), X),
    (np.float32(1), np.float32(2)),
]
GIVEN = [
    {},
    {"rtol": 0.1, "atol": 0.1},
    {"rtol": 0, "atol": 0},
    {"equal_nan": True},
    {"check_dtype": False},
    {"check_stride": True},
    {"msg": "hello"},
    {"msg": lambda message: "so: " + message},
]


def _outcome(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("torch.", "lucid.").replace("lucid.tensor.", "lucid.")


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("pair", PAIRS)
def test_what_it_says(pair, given):
    want = _outcome(torch.testing.assert_close, *pair, **given)
    assert _outcome(lucid.testing.assert_close, *to_lucid(pair), **given) == want


def test_subclasses_and_shapes():
    x = lucid.zeros(2)
    lucid.testing.assert_close(lucid.nn.Parameter(x), x)
    with pytest.raises(TypeError, match="No comparison pair"):
        lucid.testing.assert_close(lucid.nn.Parameter(x), x, allow_subclasses=False)
    with pytest.raises(AssertionError, match="attribute 'shape' do not match"):
        lucid.testing.assert_close(x, x[None])
    with pytest.raises(ValueError, match="got no atol"):
        lucid.testing.assert_close(x, x, rtol=0.1)
    with pytest.raises(AssertionError, match=r"item \[1\]\['a'\]"):
        lucid.testing.assert_close([x, {"a": x}], [x, {"a": x + 1}])
    with pytest.warns(FutureWarning, match="assert_close"):
        lucid.testing.assert_allclose(x, [0.0, 0.0])


@pytest.mark.parametrize("name", "float16 bfloat16 float32 float64 complex64 int8 uint8 int64 bool".split())
def test_make_tensor(name):
    dtype = getattr(lucid, name)
    t = lucid.testing.make_tensor((4, 30), dtype=dtype, device="cpu")
    assert (t.dtype, t.shape, t.is_contiguous()) == (dtype, (4, 30), True)
    assert lucid.testing.make_tensor(2, 3, dtype=dtype).shape == (2, 3)
    assert not lucid.testing.make_tensor(2, 3, dtype=dtype, noncontiguous=True).is_contiguous()
    if name == "complex64":
        return
    values = lucid.testing.make_tensor((500,), dtype=dtype, low=0, high=3, exclude_zero=True).double()
    assert values.min() > 0
    assert values.max() <= 3
    usual = torch.testing.make_tensor((500,), dtype=getattr(torch, name), device="cpu").double()
    mine = lucid.testing.make_tensor((500,), dtype=dtype).double()
    assert abs(mine.min().item() - usual.min().item()) <= 1
    assert abs(mine.max().item() - usual.max().item()) <= 1


@pytest.mark.parametrize(
    "given",
    [
        {"dtype": "float32", "low": 2, "high": 1},
        {"dtype": "float32", "low": NAN},
        {"dtype": "uint8", "low": 300, "high": 400},
        {"dtype": "int64", "requires_grad": True},
        {"dtype": "float32", "noncontiguous": True, "memory_format": "channels_last"},
    ],
)
def test_make_tensor_refuses(given):
    for t in (torch, lucid):
        found = {k: getattr(t, v) if isinstance(v, str) else v for k, v in given.items()}
        with pytest.raises(ValueError, match=r"."):
            t.testing.make_tensor((2, 2, 2, 2), device="cpu", **found)
