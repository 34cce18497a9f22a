"""Packed and padded sequences against PyTorch: values, gradients, methods and errors."""

from __future__ import annotations

import copy
import itertools
import math
import pickle

import pytest

torch = pytest.importorskip("torch")

import lucid
from tests.checks import assert_same, check_error, check_op, check_program, to_lucid

pytestmark = pytest.mark.parity

R, M = torch.nn.utils.rnn, lucid.nn.utils.rnn
DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]
LENGTHS = [[5, 3, 1], [1, 4, 2], [3, 3, 3], [2, 2, 5], [1, 1, 1], [4, 4, 2]]
TRAILING = [(), (3,), (2, 1, 2)]


def x(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64) * 4
    return values.to(dtype).requires_grad_(dtype.is_floating_point)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_pack_and_pad(lengths, batch_first):
    is_sorted = lengths == sorted(lengths, reverse=True)
    for dtype, trailing in itertools.product(DTYPES[::2] + DTYPES[-1:], TRAILING):
        a = x(*((3, 5) if batch_first else (5, 3)), *trailing, dtype=dtype)
        for sort in (False, True) if is_sorted else (True,):
            options = {"batch_first": batch_first, "enforce_sorted": not sort}
            check_op(pack(M), pack(R), a, lengths, **options)
            check_op(pack(M), pack(R), a, torch.tensor(lengths, dtype=torch.int32), **options)
            for more in ({}, {"padding_value": 1.5}, {"total_length": 7, "padding_value": -2}):
                check_op(round_trip(M), round_trip(R), a, lengths, not sort, batch_first, **more)


def pack(package: object) -> object:
    def run(*args: object, **options: object) -> list:
        packed = package.pack_padded_sequence(*args, **options)
        assert isinstance(packed, package.PackedSequence)
        return [t for t in packed if t is not None]

    return run


def round_trip(package: object) -> object:
    def run(a: object, lengths: object, enforce: bool, batch_first: bool, **options: object) -> object:
        packed = package.pack_padded_sequence(a, lengths, batch_first, enforce)
        return [package.pad_packed_sequence(packed, how, **options) for how in (False, True)]

    return run


def test_second_gradients_of_packing():
    check_op(round_trip(M), round_trip(R), x(5, 3, 2), [2, 5, 1], False, False, second=True)


def test_lengths_of_other_kinds():
    a = x(5, 2, 3)
    for lengths in ((5, 3), [5.0, 3.5], [True, True], [torch.tensor(5), torch.tensor(3)], torch.tensor([5.0, 3.0])):
        check_op(pack(M), pack(R), a, lengths)
    for lengths in (torch.tensor([5, 3], dtype=torch.uint8), torch.tensor([3, 5]).flip(0)):
        check_op(pack(M), pack(R), a, lengths)
    lazy = lucid.tensor([4, 2]) + 1
    assert_same(tuple(M.pack_padded_sequence(to_lucid(a), lazy)), tuple(R.pack_padded_sequence(a, [5, 3])))


BAD_LENGTHS = [[3, 5], [5], [5, 3, 1], [5, 0], [5, -1], [], 5, torch.tensor([[5, 3]]), torch.tensor(5)]


@pytest.mark.parametrize("case", range(len(BAD_LENGTHS)))
def test_bad_lengths_are_refused_alike(case):
    check_error(M.pack_padded_sequence, R.pack_padded_sequence, x(5, 2, 3), BAD_LENGTHS[case])


def test_other_errors_of_packing():
    for a, lengths in ((x(5), [5]), (torch.tensor(1.0), [1]), ([1.0], [1]), (x(5, 0, 3), []), (x(5, 2, 0), [5, 3])):
        check_error(M.pack_padded_sequence, R.pack_padded_sequence, a, lengths)
    with pytest.raises(RuntimeError, match="at most 5"):  # PyTorch counts rows that are not there
        M.pack_padded_sequence(lucid.ones(5, 2, 3), [6, 3])
    a = x(5, 2, 3)
    for options in (
        {"total_length": 4},
        {"total_length": 0},
        {"total_length": 5.5},
        {"total_length": 0.5},
        {"total_length": True},
        {"padding_value": "a"},
    ):
        check_program(lambda lib, options=options: _pad(lib, a, **options))
    for sequence in (a, (1, 2, 3, 4)):
        check_error(M.pad_packed_sequence, R.pad_packed_sequence, sequence)
    for data, sizes in ((x(4, 3), [1, 3]), (x(3, 3), [2, 2]), (x(4, 3), [])):
        check_program(lambda lib, data=data, sizes=sizes: _pad_raw(lib, data, sizes))
    assert_same(_pad_raw(lucid, x(5, 3), [2, 2]), _pad_raw(torch, x(5, 3), [2, 2]))  # rows too many are left out


def _pad(lib: object, a: torch.Tensor, **options: object) -> object:
    a = a if lib is torch else to_lucid(a)
    rnn = lib.nn.utils.rnn
    return rnn.pad_packed_sequence(rnn.pack_padded_sequence(a, [5, 3]), **options)


def _pad_raw(lib: object, data: torch.Tensor, sizes: list[int]) -> object:
    rnn = lib.nn.utils.rnn
    data = data if lib is torch else to_lucid(data)
    return rnn.pad_packed_sequence(rnn.PackedSequence(data, lib.tensor(sizes)))


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_pad_sequence(batch_first, padding_side):
    options = {"batch_first": batch_first, "padding_side": padding_side}
    for dtype, trailing in itertools.product(DTYPES, TRAILING):
        sequences = [x(n, *trailing, dtype=dtype) for n in (2, 4, 0, 1)]
        for value in (0.0, 1.5, -1 if dtype.is_signed else 2, True):
            check_op(M.pad_sequence, R.pad_sequence, sequences, padding_value=value, **options)
    check_op(M.pad_sequence, R.pad_sequence, x(3, 2, 2), **options)  # one tensor
    check_op(M.pad_sequence, R.pad_sequence, (x(3), x(2)), **options)
    for sequences in ([x(2, 3), x(3, 1)], [x(2, 3), x(3)], [x(2, 3), x(1)], [x(2, 2, 2), x(2, 2)]):
        check_op(M.pad_sequence, R.pad_sequence, sequences, **options)  # broadcast to the first
    check_op(M.pad_sequence, R.pad_sequence, [x(2), x(3).double()], **options)  # the dtype of the first
    check_op(M.pad_sequence, R.pad_sequence, [x(2).double(), x(3)], **options)
    check_op(M.pad_sequence, R.pad_sequence, [x(2).detach().long(), x(3).detach().double()], **options)
    for sequences in ([x(0)], [x(0, 2), x(0, 2)], [x(2, 0), x(3, 0)]):
        check_op(M.pad_sequence, R.pad_sequence, sequences, **options)
    with pytest.raises(RuntimeError, match="cannot be converted"):
        M.pad_sequence([lucid.ones(2).long(), lucid.ones(1).long()], padding_value=float("inf"))


def test_pad_sequence_of_an_iterator_and_a_value_in_a_tensor():
    a, b = x(2, 2), x(3, 2)
    assert_same(M.pad_sequence(t for t in to_lucid([a, b])), R.pad_sequence(t for t in [a, b]))
    value = torch.tensor(1.5)
    assert_same(M.pad_sequence(to_lucid([a, b]), padding_value=to_lucid(value)), R.pad_sequence([a, b], False, value))


BAD_SEQUENCES = [
    ([],),
    ([x(2, 2), x(3)],),
    ([x(2, 2, 2), x(3, 2)],),
    ([x(3, 2), x(2, 1, 2)],),
    ([x(2, 2), x(3, 3)],),
    ([x(2), x(3, 4)],),
    ([torch.tensor(1.0), torch.tensor(2.0)],),
    (torch.tensor(3.0),),
    (5,),
    ([1, 2],),
    ([x(2), 3],),
    ({0: x(2)},),
    ([x(2), x(3)], False, "a"),
    ([x(2), x(3)], False, 0.0, "up"),
    ([torch.ones(2, dtype=torch.uint8), torch.ones(1, dtype=torch.uint8)], False, 256),
    ([torch.ones(2, dtype=torch.int64), torch.ones(1, dtype=torch.int64)], False, math.nan),
    ([torch.ones(2).half(), torch.ones(1).half()], False, 1e6),
]


@pytest.mark.parametrize("case", range(len(BAD_SEQUENCES)))
def test_bad_sequences_are_refused_alike(case):
    check_error(M.pad_sequence, R.pad_sequence, *BAD_SEQUENCES[case])


def unpad(padded: torch.Tensor, *args: object) -> list:
    """PyTorch transposes the sequences that it is given, in place."""
    return R.unpad_sequence(padded.clone(), *args)


@pytest.mark.parametrize("batch_first", [False, True])
def test_unpad_sequence(batch_first):
    def padded(steps: int, batch: int, *trailing: int) -> torch.Tensor:
        return x(*((batch, steps) if batch_first else (steps, batch)), *trailing)

    for lengths, trailing in itertools.product([*LENGTHS, [0, 5, 0], [5, 5, 5], [-1, 6, 2]], TRAILING):
        check_op(M.unpad_sequence, unpad, padded(5, 3, *trailing), torch.tensor(lengths), batch_first)
    check_op(M.unpad_sequence, unpad, padded(2, 40, 3), torch.arange(40) % 3, batch_first)
    check_op(M.unpad_sequence, unpad, padded(3, 3, 0), torch.tensor([1, 2, 3]), batch_first)
    for bad in ([5, 3], [5, 3, 1, 1]):
        check_error(M.unpad_sequence, unpad, padded(5, 3, 2), torch.tensor(bad), batch_first)


def test_pack_sequence_and_unpack_sequence():
    for sequences in ([x(3, 2), x(2, 2), x(2, 2)], (x(4), x(1)), [x(2, 3, 2)]):
        check_op(lambda s: tuple(M.pack_sequence(s))[:2], lambda s: tuple(R.pack_sequence(s))[:2], sequences)
    for sequences in ([x(1, 2), x(4, 2), x(2, 2)], [x(k % 5 + 1, 2) for k in range(30)]):
        check_op(there_and_back(M), there_and_back(R), sequences)
    for bad in ([x(2, 2), x(3, 2)], [], [x(0, 2)], [x(2, 2), x(1, 3)]):
        check_error(M.pack_sequence, R.pack_sequence, bad)


def there_and_back(package: object) -> object:
    return lambda sequences: package.unpack_sequence(package.pack_sequence(sequences, enforce_sorted=False))


def test_invert_permutation():
    for values in ([2, 0, 1], [0], [3, 2, 0, 1]):
        check_op(M.invert_permutation, R.invert_permutation, torch.tensor(values))
    assert M.invert_permutation(None) is None
    for bad in (torch.tensor([2, 0, 1], dtype=torch.int32), torch.tensor([0, 5]), torch.tensor([[1, 0]]), [1, 0]):
        check_error(M.invert_permutation, R.invert_permutation, bad)


def made(lib: object, sort: bool = True) -> object:
    rnn = lib.nn.utils.rnn
    return rnn.pack_padded_sequence(
        lib.arange(20.0).reshape(5, 2, 2), [3, 5] if sort else [5, 3], enforce_sorted=not sort
    )


CASTS = ["double", "float", "half", "long", "int", "short", "char", "byte", "cpu", "pin_memory"]
PROGRAMS = {
    **{name: (lambda lib, name=name: tuple(getattr(made(lib), name)())) for name in CASTS if name != "pin_memory"},
    "to": lambda lib: tuple(made(lib).to(lib.float64)),
    "to with names": lambda lib: tuple(made(lib).to(device="cpu", dtype=lib.float16)),
    "to a tensor": lambda lib: tuple(made(lib).to(lib.zeros(1, dtype=lib.int64))),
    "to nothing": lambda lib: tuple(made(lib).to()),
    "cpu with a dtype": lambda lib: tuple(made(lib).cpu(lib.float64)),
    "cpu without waiting": lambda lib: tuple(made(lib).cpu(non_blocking=True)),
    "copy": lambda lib: made(lib).to(lib.float64, copy=True),
    "bfloat16": lambda lib: made(lib).bfloat16(),
    "is_cuda": lambda lib: made(lib).is_cuda,
    "is_pinned": lambda lib: made(lib).is_pinned(),
    "itself": lambda lib: [(p := made(lib)).to(lib.float32) is p, p.float() is p, p.cpu() is p, p.to(p.data) is p],
    "a pair": lambda lib: list(lib.nn.utils.rnn.PackedSequence((lib.zeros(4, 3), lib.tensor([2, 2])))),
    "data only": lambda lib: lib.nn.utils.rnn.PackedSequence(lib.zeros(4, 3)),
    "four": lambda lib: lib.nn.utils.rnn.PackedSequence(tuple(made(lib))),
    "sorted": lambda lib: lib.nn.utils.rnn.PackedSequence(lib.zeros(4), lib.tensor([2, 2]), lib.tensor([1, 0]))[3],
    "replaced": lambda lib: tuple(made(lib)._replace(data=lib.zeros(1))),
    "fields": lambda lib: [*made(lib)._fields, len(made(lib))],
    "as dict": lambda lib: list(made(lib)._asdict().values()),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_packed_sequence(name):
    check_program(PROGRAMS[name])


def test_packed_sequence_printed_copied_and_pickled():
    for sort in (False, True):
        theirs, mine = made(torch, sort), made(lucid, sort)
        assert repr(mine) == repr(theirs)
        for twin in (copy.deepcopy(mine), copy.copy(mine), pickle.loads(pickle.dumps(mine))):
            assert type(twin) is M.PackedSequence
            assert_same(tuple(twin), tuple(theirs))
    assert issubclass(M.PackedSequence, tuple)
    assert mine.pin_memory() is mine
