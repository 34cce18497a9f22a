"""Moves, exports and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import lucid
from lucid._device import gpu_name


def test_to_gives_the_tensor_itself_where_nothing_changes() -> None:
    x = lucid.ones(2)
    assert x.to(lucid.float32) is x
    assert x.to("cpu" if x.is_cpu else x.device) is x
    assert x.to(x) is x
    assert x.float() is x
    assert x.to(lucid.float32, copy=True) is not x
    assert x.to(dtype=lucid.float32, non_blocking=True) is x


def test_forms_of_to() -> None:
    x = lucid.ones(2)
    assert x.to("cpu", lucid.int32).dtype is lucid.int32
    assert x.to(None, lucid.int32).dtype is lucid.int32
    assert x.to(device="cpu", dtype=lucid.int64).dtype is lucid.int64
    assert x.to(other=lucid.ones(1, dtype=lucid.float16)).dtype is lucid.float16
    assert x.to(lucid.float16, False, True).dtype is lucid.float16
    assert x.to(lucid.float32, memory_format=lucid.contiguous_format) is x
    assert x.type_as(lucid.tensor(1)).dtype is lucid.int64
    for bad in (("nowhere",), (3.5,)):
        with pytest.raises((TypeError, RuntimeError)):
            x.to(*bad)
    with pytest.raises(TypeError, match="unexpected keyword"):
        x.to(dtypes=lucid.int32)
    with pytest.raises(TypeError, match="memory format"):
        x.to(memory_format=1)


def test_type_names() -> None:
    x = lucid.ones(2)
    assert x.type("lucid.LongTensor").dtype is lucid.int64
    assert x.type("torch.HalfTensor").dtype is lucid.float16
    assert x.type(lucid.bool).type().endswith("BoolTensor")
    with pytest.raises(ValueError, match="invalid type"):
        x.type("WideTensor")


@pytest.mark.skipif(gpu_name() is not None, reason="there is a GPU")
def test_devices_that_are_not_there() -> None:
    x = lucid.ones(2)
    assert x.cpu() is x
    assert x.get_device() == -1
    for move in (x.metal, x.mps, x.cuda):
        with pytest.raises(RuntimeError, match="not available here"):
            move()


def test_a_conversion_is_differentiable() -> None:
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    (x.half().double() * 3).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3, 3]
    assert not x.long().requires_grad


def test_numpy_gives_a_copy() -> None:
    x = lucid.tensor([1.0, 2.0])
    values = x.clone().numpy()
    values[0] = 9
    assert x.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="detach"):
        x.clone().requires_grad_().numpy()
    with pytest.raises(TypeError, match="bfloat16"):
        x.bfloat16().numpy()
    assert x.bfloat16().numpy(force=True).dtype == np.float32


def test_item_wants_one_element() -> None:
    assert lucid.tensor([[4]]).item() == 4
    with pytest.raises(RuntimeError, match="2 elements cannot be converted to Scalar"):
        lucid.ones(2).item()
    assert lucid.is_nonzero(lucid.tensor([3.0]))
    assert lucid.is_tensor(lucid.ones(1))
    assert not lucid.is_tensor(1)


def test_dlpack_both_ways() -> None:
    x = lucid.tensor([1.0, 2.0])
    assert np.from_dlpack(x).tolist() == [1, 2]
    assert lucid.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]
    assert lucid.from_dlpack(x, device="cpu").tolist() == [1, 2]
    with pytest.raises(BufferError, match="detach"):
        x.clone().requires_grad_().__dlpack__()


def test_copy_and_fill_say_what_does_not_fit() -> None:
    x = lucid.zeros(2, 3)
    with pytest.raises(RuntimeError, match="must match the size"):
        x.copy_(lucid.ones(2))
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        x[0].copy_(lucid.ones(1, 3))
    with pytest.raises(TypeError, match="must be Tensor"):
        x.copy_([1.0])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="0-dimension"):
        x.fill_(lucid.ones(1))
    with pytest.raises(RuntimeError, match="without overflow"):
        x.fill_(1j)
    with pytest.raises(TypeError, match="'input' must be Tensor"):
        lucid.clone(3)  # type: ignore[arg-type]


def test_what_was_overwritten_gets_a_gradient_of_zero() -> None:
    x = lucid.ones(2, requires_grad=True)
    y = x * 2
    y.copy_(lucid.zeros(2))
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0]
