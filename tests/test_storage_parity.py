"""Storages and PyTorch's first constructors, held against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import check_program
from tests.programs import Programs

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::UserWarning")]

CONSTRUCTORS = [
    lambda t: t.FloatTensor(2, 3).shape[1],
    lambda t: t.FloatTensor(),
    lambda t: t.FloatTensor([]),
    lambda t: t.FloatTensor([[1, 2], [3, 4]]),
    lambda t: t.FloatTensor([[1, 2], [3]]),
    lambda t: t.FloatTensor([1], device="cpu"),
    lambda t: t.FloatTensor(size=(2, 3)).shape,
    lambda t: t.FloatTensor(2, dtype=t.float32),
    lambda t: t.FloatTensor(2, -3),
    lambda t: t.FloatTensor(2.0, 3),
    lambda t: t.FloatTensor(1.5),
    lambda t: t.FloatTensor("a"),
    lambda t: t.FloatTensor(None),
    lambda t: t.FloatTensor(t.tensor([1, 2])),
    lambda t: t.FloatTensor(t.tensor([1.0, 2])),
    lambda t: t.LongTensor([1, 2]),
    lambda t: t.LongTensor([1.5, 2]),
    lambda t: t.LongTensor((2, 3)),
    lambda t: t.LongTensor(t.Size([2, 3])).shape,
    lambda t: t.LongTensor(t.tensor(3)),
    lambda t: t.LongTensor({1: 2}),
    lambda t: t.IntTensor(range(3)),
    lambda t: t.ShortTensor([1]),
    lambda t: t.CharTensor([-1]),
    lambda t: t.BoolTensor([1, 0]),
    lambda t: t.ByteTensor([300]),
    lambda t: t.HalfTensor([1.5]),
    lambda t: t.BFloat16Tensor([1.5]),
    lambda t: t.DoubleTensor([[1]]),
    lambda t: t.FloatTensor.dtype,
    lambda t: isinstance(t.zeros(2), t.FloatTensor),
    lambda t: isinstance(t.zeros(2).long(), t.FloatTensor),
    lambda t: isinstance(3, t.FloatTensor),
    lambda t: t.zeros(2).type(t.LongTensor),
    lambda t: (t.FloatTensor | None) is not None,
    lambda t: t.Tensor(t.tensor([1, 2])),
    lambda t: t.Tensor(2, -1),
    lambda t: t.Tensor([1, 2]),
    lambda t: t.Tensor(),
    lambda t: t.Tensor({1: 2}),
    lambda t: t.Tensor(3, device="cpu").shape,
]


@pytest.mark.parametrize("program", CONSTRUCTORS)
def test_constructors(program):
    check_program(program)


def test_constructors_share_what_they_are_given():
    x = lucid.zeros(2)
    lucid.FloatTensor(x)[0] = 1
    assert x.tolist() == [1, 0]
    assert repr(lucid.FloatTensor) == "<class 'lucid.FloatTensor'>"


programs = Programs()


@programs
def bytes_of_an_image(t):
    return t.ByteTensor(t.ByteStorage.from_buffer(b"abc"))


@programs
def byte_orders(t):
    return [t.FloatTensor(t.FloatStorage.from_buffer(b"abcdefgh", order)) for order in ("little", "big", "native")]


@programs
def a_byte_order_is_needed(t):
    return t.FloatStorage.from_buffer(b"abcd")


@programs
def elements_and_sizes(t):
    s = t.FloatStorage([1, 2])
    return [s.tolist(), len(s), s.size(), s.nbytes(), s.element_size(), len(t.LongStorage(3)), s[1], list(s), s.dtype]


@programs
def a_view_shows_all_of_the_memory(t):
    row = t.arange(6.0).reshape(2, 3)[1]
    return [row.storage().tolist(), row.untyped_storage().nbytes(), row.storage().size()]


@programs
def writing(t):
    x = t.zeros(2, 3)
    x.storage()[1] = 5.0
    y = t.ones(3)
    y.untyped_storage().fill_(0)
    z = t.zeros(2)
    z.storage().copy_(t.FloatStorage([1, 2]))
    return [x, y, z, z.storage().clone().fill_(3).tolist(), z]


@programs
def equality(t):
    x = t.zeros(2, 2)
    same = [x.untyped_storage() == x[1].untyped_storage(), x.untyped_storage() == x.detach().untyped_storage()]
    return [*same, t.zeros(1).untyped_storage() == t.zeros(1).untyped_storage(), hash(x.untyped_storage()) != 0]


@programs
def set_to_a_storage(t):
    return t.zeros(0).set_(t.arange(6.0).storage(), 1, (2, 2), (1, 2))


@programs
def set_to_bytes(t):
    return t.zeros(0).set_(t.arange(6.0).untyped_storage(), 0, (2,))


@programs
def set_to_a_tensor_shares_it(t):
    x, y = t.zeros(3), t.zeros(1)
    y.set_(x)
    y.add_(1)
    return [x, y, y.is_set_to(x)]


@programs
def set_to_nothing(t):
    return t.zeros(3).set_()


@programs
def set_to_another_dtype(t):
    return t.zeros(0).set_(t.arange(3))


@programs
def what_is_a_storage(t):
    s = t.zeros(1).storage()
    return [t.is_storage(s), t.is_storage(s.untyped()), t.is_storage(3), t.zeros(1).storage_type() is t.FloatStorage]


@programs
def strides(t):
    x = t.empty_strided((2, 3), (1, 2)).fill_(2.0)
    return [x.stride(), x, t.empty_permuted((2, 3, 4), (2, 0, 1)).stride(), x.new_empty_strided((2,), (3,)).stride()]


@programs
def strides_that_do_not_fit(t):
    return t.empty_strided((2, 3), (1,))


@programs
def orders_that_do_not_fit(t):
    return t.empty_permuted((2, 3), (0, 0))


@pytest.mark.parametrize("name", programs)
def test_storages(name):
    check_program(programs[name])


def test_files(tmp_path):
    path = tmp_path / "raw"
    path.write_bytes(bytes(range(16)))
    for given in ({"size": 3, "dtype": "uint8"}, {"size": 2, "dtype": "float64"}, {"size": 99}, {}):
        check_program(
            lambda t, g=given: t.from_file(str(path), **{k: getattr(t, v) if k == "dtype" else v for k, v in g.items()})
        )
    check_program(lambda t: t.from_file(str(tmp_path / "none"), size=1))
    with pytest.raises(NotImplementedError, match="shared"):
        lucid.from_file(str(path), shared=True, size=1)


@pytest.mark.parametrize("args", [(1, 4), (1, 4, 0.5), (4, 1, -1), (4, 1), (1, 4, 0), (1, float("inf")), (0, 1, 0.1)])
def test_range(args):
    whole = len(args) < 3 or args[2] != args[2] % 1  # PyTorch crashes for integers and a step below 1
    for dtype in ("float32", "float64", "bool", "complex64", *(("int64", "uint8") if whole else ())):
        check_program(lambda t, d=dtype: t.range(*args, dtype=getattr(t, d)))
    check_program(lambda t: t.range(*args))


def test_range_warns():
    with pytest.raises(RuntimeError, match="nonzero"):
        lucid.range(1, 3, 0.5, dtype=lucid.int64)
    with pytest.warns(UserWarning, match="arange"):
        lucid.range(1, 3)
