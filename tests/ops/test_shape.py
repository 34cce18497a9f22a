"""Arguments of the shape ops that PyTorch takes in more than one form, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

import lucid


def test_forms() -> None:
    x = lucid.arange(6)
    two = lucid.tensor(2)
    assert x.view(size=(2, 3)).shape == (2, 3)
    assert x.view(two, -1).shape == (2, 3)
    assert x.view(lucid.zeros(3, 2).shape).shape == (3, 2)
    assert x.reshape(shape=(3, 2)).shape == (3, 2)
    assert x.view_as(lucid.zeros(2, 3)).shape == x.reshape_as(lucid.zeros(2, 3)).shape == (2, 3)
    assert x.view(2, 3).permute(dims=(1, 0)).shape == (3, 2)
    assert x.expand(size=(2, 6)).shape == (2, 6)
    assert x.expand_as(lucid.zeros(2, 6)).shape == (2, 6)
    assert x.narrow(0, two, 2).tolist() == [2, 3]
    assert [len(p) for p in x.tensor_split(indices=lucid.tensor([1, 3]))] == [1, 2, 3]
    assert [len(p) for p in x.tensor_split(sections=two)] == [3, 3]
    assert x.narrow_copy(0, 1, 2)._base is None
    assert lucid.narrow_copy(x, 0, 1, 2, out=lucid.empty(0, dtype=lucid.int64)).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: x.view(), TypeError),
        (lambda x: x.view(2.0, 3), TypeError),
        (lambda x: x.permute(), TypeError),
        (lambda x: x.expand(), TypeError),
        (lambda x: x.transpose(0, "1"), TypeError),
        (lambda x: x.tensor_split(lucid.tensor([1.0])), RuntimeError),
        (lambda x: x.tensor_split("2"), TypeError),
        (lambda x: x.tensor_split(0), RuntimeError),
        (lambda x: x.split(None), TypeError),
        (lambda x: x.narrow(0, lucid.tensor([1]), 1), RuntimeError),
        (lambda x: x.as_strided((2,), (1, 1)), RuntimeError),
        (lambda x: x.contiguous(memory_format=lucid.preserve_format), RuntimeError),
        (lambda x: x.is_contiguous(memory_format=1), TypeError),
        (lambda x: x.resize_(2, memory_format=lucid.channels_last), NotImplementedError),
        (lambda x: x.resize_(-2), RuntimeError),
        (lambda x: x.is_same_size(1), TypeError),
        (lambda x: lucid.flip(1, 0), TypeError),
        (lambda x: lucid.view_as_real(x), RuntimeError),
        (lambda x: lucid.view_as_complex(x), RuntimeError),
        (lambda x: lucid.view_as_complex(x[0]), RuntimeError),
        (lambda x: lucid.view_as_complex(x.double()), RuntimeError),
        (lambda x: lucid.view_as_complex(x.view(2, 3).t()), RuntimeError),
        (lambda x: lucid.view_as_complex(x.view(2, 3)[:, :2]), RuntimeError),
        (lambda x: x[0].view(lucid.int16), RuntimeError),
        (lambda x: x[::2].view(lucid.int16), RuntimeError),
        (lambda x: x.view("int33"), TypeError),
        (lambda x: lucid.repeat_interleave(x, lucid.tensor([1.0])), RuntimeError),
        (lambda x: lucid.repeat_interleave(x, lucid.ones(1, 1, dtype=lucid.int64)), RuntimeError),
        (lambda x: lucid.repeat_interleave(x, 2, output_size=3), RuntimeError),
        (lambda x: lucid.repeat_interleave(lucid.ones(1, 1, dtype=lucid.int64)), RuntimeError),
        (lambda x: lucid.roll(x, ()), RuntimeError),
        (lambda x: lucid.rot90(x.view(2, 3), 1, (1, 1)), RuntimeError),
        (lambda x: lucid.meshgrid(x, x.long(), indexing="ij"), RuntimeError),
        (lambda x: lucid.broadcast_shapes((-1,)), RuntimeError),
        (lambda x: lucid.block_diag(1), TypeError),
    ],
)
def test_refused(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call(lucid.zeros(6))


def test_names_in_grad_fn() -> None:
    w = lucid.zeros(2, 3, requires_grad=True)
    names = [t.grad_fn.name() for t in (w[0], w[:, 1:], w[..., None], w.view(6), w.unsqueeze(0), w[lucid.tensor([0])])]
    assert names == [
        "SelectBackward0",
        "SliceBackward0",
        "UnsqueezeBackward0",
        "ViewBackward0",
        "UnsqueezeBackward0",
        "IndexBackward0",
    ]
