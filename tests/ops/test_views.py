"""Views write through, and strides are PyTorch's."""

from __future__ import annotations

import pytest

import lucid


def test_writing_a_row_writes_the_matrix() -> None:
    w = lucid.ones(2, 3)
    w[0].zero_()
    assert w.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_writing_the_matrix_shows_in_the_row() -> None:
    w = lucid.ones(2, 3)
    row = w[1]
    w.mul_(3)
    w[:, 1] = 0
    assert row.tolist() == [3, 0, 3]


def test_data_and_detach_share_memory() -> None:
    p = lucid.ones(2, requires_grad=True)
    p.data.copy_(lucid.tensor([5.0, 6.0]))
    assert p.tolist() == [5, 6]
    p.detach().add_(1)
    assert p.tolist() == [6, 7]
    assert p.is_leaf
    assert p.requires_grad


def test_transposes_and_pieces_write_through() -> None:
    x = lucid.zeros(2, 4)
    x.T.add_(1)
    a, b = x.chunk(2, 1)
    a.mul_(2)
    b.unbind(0)[1].fill_(7)
    assert x.tolist() == [[2, 2, 1, 1], [2, 2, 7, 7]]


def test_view_needs_strides_that_allow_it() -> None:
    x = lucid.arange(6).view(2, 3).t()
    with pytest.raises(RuntimeError, match=r"Use \.reshape"):
        x.view(6)
    copy = x.reshape(6)
    copy.zero_()
    assert x.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert x.contiguous().view(6).tolist() == [0, 3, 1, 4, 2, 5]


def test_an_expanded_tensor_cannot_be_written() -> None:
    with pytest.raises(RuntimeError, match="single memory location"):
        lucid.zeros(1).expand(3).add_(1)


def test_strides_and_offsets() -> None:
    x = lucid.zeros(2, 3, 4)
    assert x.stride() == (12, 4, 1)
    assert x.transpose(0, 2).stride() == (1, 4, 12)
    assert x[1, :, ::2].stride() == (4, 2)
    assert x[1, 1:].storage_offset() == 16
    assert x.expand(5, 2, 3, 4).stride(0) == 0
    assert lucid.zeros(0, 3).stride() == (3, 1)


def test_channels_last_is_a_layout() -> None:
    x = lucid.rand(2, 3, 4, 5).contiguous(memory_format=lucid.channels_last)
    assert x.stride() == (60, 1, 15, 3)
    assert x.is_contiguous(memory_format=lucid.channels_last)
    assert not x.is_contiguous()
    assert x.clone().stride() == x.stride()
    assert x.clone(memory_format=lucid.contiguous_format).is_contiguous()
    with pytest.raises(RuntimeError, match="rank 4"):
        lucid.zeros(2).contiguous(memory_format=lucid.channels_last)
    assert repr(lucid.channels_last) == "lucid.channels_last"


def test_a_leaf_that_wants_a_gradient_is_protected() -> None:
    w = lucid.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        w[0] = 1
    with lucid.no_grad():
        w[0] = 5
    assert w.tolist() == [5, 1, 1]


def test_dtype_views_write_the_same_bytes() -> None:
    x = lucid.tensor([1.0, -1.0])
    bits = x.view(lucid.int32)
    bits[0] = 0
    assert x.tolist() == [0, -1]
    assert x.view(lucid.int16).shape == (4,)
    with pytest.raises(RuntimeError, match="divisible"):
        lucid.zeros(3, dtype=lucid.int16).view(lucid.int32)


def test_complex_views() -> None:
    z = lucid.tensor([1 + 2j, 3 - 1j])
    parts = lucid.view_as_real(z)
    parts[:, 1] = 0
    assert z.tolist() == [1, 3]
    assert lucid.view_as_complex(lucid.tensor([[1.0, 2.0]])).tolist() == [1 + 2j]


def test_changing_the_shape_in_place() -> None:
    x = lucid.arange(6).view(2, 3)
    assert x.t_().shape == (3, 2)
    assert x.unsqueeze_(0).shape == (1, 3, 2)
    assert x.squeeze_().transpose_(0, 1).tolist() == [[0, 1, 2], [3, 4, 5]]
    plain = lucid.tensor([1, 2, 3])
    assert plain.resize_(2, 2).tolist() == [[1, 2], [3, 0]]
    assert plain.resize_as_(lucid.zeros(1)).tolist() == [1]
    with pytest.raises(RuntimeError, match="view"):
        x[0].resize_(9)
    with pytest.raises(RuntimeError, match="leaf"):
        lucid.zeros(2, 2, requires_grad=True).t_()


def test_what_a_storage_would_be_asked() -> None:
    x = lucid.zeros(2)
    assert x.pin_memory() is x
    assert x.share_memory_() is x
    assert not x.is_pinned()
    assert not x.is_shared()
    assert x.is_same_size(lucid.ones(2))
    with pytest.raises(RuntimeError, match="no fixed address"):
        x.data_ptr()


def test_a_subclass_over_the_same_memory() -> None:
    class Named(lucid.Tensor):
        pass

    w = lucid.ones(2, requires_grad=True)
    x = w * 2
    named = x.as_subclass(Named)
    assert type(named) is Named
    (named * 3).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [6, 6]
    with lucid.no_grad():
        named[0] = 7
    assert x.tolist() == [7, 2]
    with pytest.raises(TypeError, match="subclass of Tensor"):
        x.as_subclass(int)  # type: ignore[type-var]


def test_the_old_constructor() -> None:
    x = lucid.zeros(2, dtype=lucid.int32)
    assert x.new(2, 3).shape == (2, 3)
    assert x.new(lucid.zeros(3, 1).shape).shape == (3, 1)
    assert x.new([1, 2]).dtype is lucid.int32
    assert x.new().shape == (0,)
