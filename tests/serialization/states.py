"""Random nested states, and a comparison that sees what is shared."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import numpy as np
from hypothesis import strategies as st

import lucid
import lucid.nn
from lucid import _tape
from lucid.ops.queries import root

Point = namedtuple("Point", "x y")
DTYPES = [lucid.float32, lucid.float16, lucid.bfloat16, lucid.float64, lucid.int64, lucid.uint16, lucid.bool]
DTYPES += [lucid.complex64, lucid.uint64, lucid.int8]


def tensor(seed: int, dtype: Any, shape: tuple[int, ...]) -> Any:
    numbers = np.random.default_rng(seed).integers(0, 2 if dtype is lucid.bool else 100, shape)
    return lucid.tensor(numbers).to(dtype)


shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
tensors = st.builds(tensor, st.integers(0, 9), st.sampled_from(DTYPES), shapes)
parameters = st.builds(
    lambda seed, shape, grad: lucid.nn.Parameter(tensor(seed, lucid.float32, shape), grad),
    st.integers(0, 9),
    shapes,
    st.booleans(),
)
buffers = st.builds(lambda t, p: lucid.nn.Buffer(t, persistent=p), tensors, st.booleans())


@st.composite
def views(draw: Any) -> list[Any]:
    """A tensor and views of its memory, some of which may be there without the tensor itself."""
    whole = tensor(draw(st.integers(0, 9)), draw(st.sampled_from(DTYPES)), (4, 6))
    makers = [
        lambda: whole,
        lambda: whole.detach(),
        lambda: whole[draw(st.integers(0, 3))],
        lambda: whole[:, draw(st.integers(0, 2)) : draw(st.integers(3, 6))],
        lambda: whole.t(),
        lambda: whole.view(3, 8),
        lambda: whole[1:3].reshape(-1)[::2],
        lambda: whole[:, :1].expand(4, 3),
        lambda: whole.t()[1:3],
        lambda: whole[:0],
    ]
    return [draw(st.sampled_from(makers))() for _ in range(draw(st.integers(1, 4)))]


arrays = st.builds(
    lambda seed, dtype, shape, order: np.asarray(
        np.random.default_rng(seed).integers(0, 2, shape).astype(dtype), order=order
    ),
    st.integers(0, 9),
    st.sampled_from(["?", "u1", "<i4", ">i4", "f8", ">f8", "f2", "c8", "c16", "U3", "S2", "M8[s]"]),
    shapes,
    st.sampled_from("CF"),
)
scalars = st.sampled_from(
    [
        np.float16(0.5),
        np.float64(1e-300),
        np.int8(-3),
        np.bool_(True),
        np.str_("é"),
        np.complex128(1j),
        np.uint64(2**64 - 1),
    ]
)
keys = st.one_of(
    st.text(max_size=4), st.integers(-3, 3), st.none(), st.booleans(), st.tuples(st.integers(0, 2), st.text(max_size=2))
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**70, 2**80),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters(), max_size=5),
    st.binary(max_size=5),
    st.binary(max_size=5).map(bytearray),
    st.slices(5),
    st.builds(range, st.integers(-3, 3), st.integers(-3, 3)),
    st.just(...),
    st.sampled_from([lucid.float16, lucid.bfloat16, lucid.bool]),
    st.just(lucid.device("cpu")),
    shapes.map(lucid.Size),
    st.sampled_from([lucid.channels_last, lucid.contiguous_format, lucid.strided, np.dtype("f4"), np.dtype(">i2")]),
    scalars,
    arrays,
    tensors,
    parameters,
    buffers,
    views(),
    st.frozensets(keys, max_size=3),
    st.sets(keys, max_size=3),
    st.lists(keys, max_size=4).map(Counter),
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    dicts = st.dictionaries(keys, inner, max_size=4)
    return st.one_of(
        dicts,
        dicts.map(OrderedDict),
        dicts.map(lambda d: defaultdict(list, d)),
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(lambda v: deque(v, maxlen=5)),
        st.builds(Point, inner, inner),
        inner.map(lambda v: [v, v, {"again": v}]),  # shared
    )


states = st.recursive(leaves, _containers, max_leaves=12)


class Alike:
    """`Alike()(a, b)` raises AssertionError unless `b` is `a`, saved and loaded: also what is shared must be."""

    def __init__(self) -> None:
        self.twins: dict[int, Any] = {}
        self.kept: list[Any] = []
        self.tensors: list[tuple[Any, Any]] = []

    def __call__(self, a: Any, b: Any) -> None:
        if isinstance(a, (list, dict, set, deque, bytearray, np.ndarray, lucid.Tensor)):
            self.kept += [a, b]
            assert self.twins.setdefault(id(a), b) is b, "shared there, not here"
            assert self.twins.setdefault(-id(b), a) is a, "shared here, not there"
        if isinstance(a, Point):
            assert (type(b).__name__, b._fields) == ("Point", a._fields)
        else:
            assert type(a) is type(b), (a, b)
        if isinstance(a, lucid.Tensor):
            self.tensor(a, b)
        elif isinstance(a, (np.ndarray, np.generic)):
            assert a.dtype == b.dtype
            assert a.dtype.byteorder == b.dtype.byteorder
            np.testing.assert_array_equal(a, b)
            assert a.flags.f_contiguous == b.flags.f_contiguous
        elif isinstance(a, dict):
            assert list(a) == list(b) or isinstance(a, Counter)
            assert set(a) == set(b)
            assert getattr(a, "default_factory", 0) is getattr(b, "default_factory", 0)
            self.all(a.values(), [b[k] for k in a])
        elif isinstance(a, (list, tuple, deque)):
            assert getattr(a, "maxlen", 0) == getattr(b, "maxlen", 0)
            self.all(a, b)
        else:
            assert repr(a) == repr(b) or a == b

    def all(self, a: Any, b: Any) -> None:
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            self(x, y)

    def tensor(self, a: Any, b: Any) -> None:
        assert a.dtype is b.dtype
        assert a.shape == b.shape
        assert a.requires_grad == b.requires_grad
        assert getattr(a, "persistent", None) == getattr(b, "persistent", None)
        assert lucid.equal(a.detach(), b.detach())
        self.tensors.append((a.detach(), b.detach()))

    def written(self) -> None:
        """What is written into one tensor shows in the others, there and here."""
        for k, (a, b) in enumerate(self.tensors):
            if a.numel() and len({*_places(a)}) == a.numel():
                a.fill_(k % 2)
                b.fill_(k % 2)
        for a, b in self.tensors:
            assert lucid.equal(a, b)


def _places(t: Any) -> list[int]:
    """Where in memory the elements are."""
    _tape.array(t)
    memory = np.arange(_tape.array(root(t)).size)
    steps = [s * memory.itemsize for s in t.stride()]
    return np.lib.stride_tricks.as_strided(memory[t.storage_offset() :], t.shape, steps).ravel().tolist()
