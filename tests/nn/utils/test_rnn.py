"""Packed and padded sequences without PyTorch."""

from __future__ import annotations

import pytest

import lucid
from lucid.nn.utils import rnn


def test_packing_goes_step_by_step():
    x = lucid.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0], [6.0, 0.0, 0.0]], requires_grad=True)
    packed = rnn.pack_padded_sequence(x, [3, 2, 1], batch_first=True)
    assert packed.data.tolist() == [1.0, 4.0, 6.0, 2.0, 5.0, 3.0]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.batch_sizes.dtype == lucid.int64
    assert packed.sorted_indices is None
    assert packed.unsorted_indices is None
    (packed.data * lucid.arange(6.0)).sum().backward()
    assert x.grad.tolist() == [[0.0, 3.0, 5.0], [1.0, 4.0, 0.0], [2.0, 0.0, 0.0]]
    assert packed.data.grad_fn.name() == "PackPaddedSequenceBackward0"


def test_sequences_in_any_order_come_back_in_it():
    x = lucid.tensor([[1, 0, 0], [2, 3, 4], [5, 6, 0]])
    packed = rnn.pack_padded_sequence(x, lucid.tensor([1, 3, 2]), batch_first=True, enforce_sorted=False)
    assert packed.data.tolist() == [2, 5, 1, 3, 6, 4]
    assert packed.sorted_indices.tolist() == [1, 2, 0]
    assert packed.unsorted_indices.tolist() == [2, 0, 1]
    padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True)
    assert padded.tolist() == x.tolist()
    assert lengths.tolist() == [1, 3, 2]
    padded, _ = rnn.pad_packed_sequence(packed, padding_value=9, total_length=4)
    assert padded.tolist() == [[1, 2, 5], [9, 3, 6], [9, 4, 9], [9, 9, 9]]


def test_padding_and_back():
    sequences = [lucid.tensor([1, 2, 3]), lucid.tensor([4]), lucid.tensor([5, 6])]
    assert rnn.pad_sequence(sequences).tolist() == [[1, 4, 5], [2, 0, 6], [3, 0, 0]]
    left = rnn.pad_sequence(sequences, True, -1, padding_side="left")
    assert left.tolist() == [[1, 2, 3], [-1, -1, 4], [-1, 5, 6]]
    back = rnn.unpad_sequence(rnn.pad_sequence(sequences), lucid.tensor([3, 1, 2]))
    assert [t.tolist() for t in back] == [[1, 2, 3], [4], [5, 6]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(RuntimeError, match="pass enforce_sorted=False"):
        rnn.pack_padded_sequence(lucid.ones(3, 2), [1, 3])
    with pytest.raises(RuntimeError, match="lengths of at most 3"):
        rnn.pack_padded_sequence(lucid.ones(3, 2), [4, 3])
    with pytest.raises(RuntimeError, match="expected data of 4 rows"):
        rnn.pad_packed_sequence(rnn.PackedSequence(lucid.ones(3), lucid.tensor([2, 2])))
    wrong = rnn.PackedSequence(lucid.ones(4), lucid.tensor([2, 2]), None, lucid.tensor([0, 2]))
    with pytest.raises(IndexError):
        rnn.pad_packed_sequence(wrong, batch_first=True)
    with pytest.raises(AssertionError, match="length 2"):
        rnn.PackedSequence(lucid.ones(3))
    with pytest.raises(RuntimeError, match="clone"):
        rnn.pack_sequence([lucid.ones(3)]).to(lucid.float64, copy=True)
