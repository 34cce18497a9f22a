"""Making tensors without PyTorch: the arguments MLX cannot honour, copies, and where the result lives."""

from __future__ import annotations

import numpy as np
import pytest

import lucid


def test_from_numpy_copies() -> None:
    source = np.zeros(3, np.float32)
    t = lucid.from_numpy(source)
    source[0] = 5
    assert t.tolist() == [0, 0, 0]
    t[1] = 7
    assert source[1] == 0


def test_numpy_arrays_that_are_not_contiguous() -> None:
    a = np.arange(6).reshape(2, 3)
    assert lucid.tensor(a.T).tolist() == a.T.tolist()
    assert lucid.from_numpy(a[:, ::-1]).tolist() == a[:, ::-1].tolist()


def test_as_tensor_returns_what_needs_no_change() -> None:
    x = lucid.ones(2, requires_grad=True)
    assert lucid.as_tensor(x) is x
    assert lucid.as_tensor(x, dtype=lucid.float32) is x
    assert lucid.as_tensor(x, dtype=lucid.float64).grad_fn is not None
    assert lucid.asarray(x.detach(), copy=True) is not x


def test_asarray_says_when_it_would_have_to_copy() -> None:
    with pytest.raises(ValueError, match="copy=False"):
        lucid.asarray([1, 2], copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        lucid.asarray(lucid.ones(2), dtype=lucid.int32, copy=False)
    assert lucid.asarray(b"ab", dtype=lucid.uint8).tolist() == [97, 98]


def test_dtypes_that_mlx_does_not_have() -> None:
    with pytest.raises(TypeError, match="complex64"):
        lucid.tensor(np.array([1j]))
    assert lucid.tensor(np.array([1j]), dtype=lucid.complex64).dtype is lucid.complex64
    with pytest.raises(TypeError, match="complex64 only"):
        lucid.complex(lucid.ones(1, dtype=lucid.float64), lucid.ones(1, dtype=lucid.float64))


def test_layouts_are_accepted_where_they_change_nothing() -> None:
    assert lucid.empty(2, memory_format=lucid.contiguous_format, pin_memory=True).shape == (2,)
    assert lucid.zeros_like(lucid.ones(2), memory_format=lucid.preserve_format).shape == (2,)
    with pytest.raises(NotImplementedError, match="memory_format"):
        lucid.empty(1, 2, 3, 4, memory_format=lucid.channels_last)
    with pytest.raises(NotImplementedError, match="layout"):
        lucid.zeros(2, layout="sparse_coo")
    assert lucid.empty_strided((2, 3), (1, 2)).stride() == (1, 2)


def test_default_dtype() -> None:
    lucid.set_default_dtype(lucid.float64)
    try:
        found = [
            lucid.zeros(1),
            lucid.tensor([1.0]),
            lucid.arange(0.0, 1),
            lucid.rand(1),
            lucid.full((1,), 1.5),
            lucid.eye(1),
        ]
        assert all(t.dtype is lucid.float64 for t in found)
        assert lucid.tensor([1]).dtype is lucid.int64
    finally:
        lucid.set_default_dtype(lucid.float32)


def test_devices() -> None:
    for t in (
        lucid.zeros(2, device="cpu"),
        lucid.rand(2, device="cpu"),
        lucid.tensor([1.0], device="cpu"),
        lucid.arange(2, device="cpu"),
    ):
        assert t.device.type == "cpu"
    assert lucid.zeros_like(lucid.ones(2, device="cpu")).device.type == "cpu"
    assert lucid.rand(2, dtype=lucid.float64, device="cpu").dtype is lucid.float64


@pytest.mark.parametrize("make", ["zeros", "ones", "empty", "rand", "randn"])
def test_sizes(make: str) -> None:
    f = getattr(lucid, make)
    for t in (f(2, 3), f((2, 3)), f([2, 3]), f(size=(2, 3)), f(lucid.Size((2, 3)))):
        assert t.shape == (2, 3)
    with pytest.raises(TypeError, match=make):
        f()
    with pytest.raises(TypeError, match=make):
        f(2.5)
    with pytest.raises(RuntimeError, match="negative dimension"):
        f(-1)


def test_arange_counts_from_exact_numbers() -> None:
    assert lucid.arange(2**40, 2**40 + 3).tolist() == [2**40, 2**40 + 1, 2**40 + 2]
    assert lucid.arange(0, 1, 0.1).shape == (10,)
    assert lucid.arange(1e6)[-1].item() == 999_999


def test_tensors_of_tensors() -> None:
    assert lucid.tensor([lucid.tensor(1), 2.5]).tolist() == [1.0, 2.5]
    with pytest.raises(ValueError, match=r"lucid\.stack"):
        lucid.tensor([lucid.ones(2), lucid.ones(2)])


def test_ragged_lists_say_where() -> None:
    with pytest.raises(ValueError, match=r"expected sequence of length 1 at dim 1 \(got 2\)"):
        lucid.tensor([[1], [2, 3]])
    with pytest.raises(TypeError, match="not a sequence"):
        lucid.tensor([[1, 2], 3])


def test_complex_numbers_pass_gradients() -> None:
    r, i = lucid.ones(2, requires_grad=True), lucid.ones(2, requires_grad=True)
    z = lucid.complex(r, i)
    (z * z.conj()).real.sum().backward()
    assert r.grad.tolist() == [2, 2]
    assert i.grad.tolist() == [2, 2]
