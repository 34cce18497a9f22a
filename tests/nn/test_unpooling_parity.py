"""Unpooling undoes pooling; fractional pooling takes one element of every window; both refuse what PyTorch refuses."""

from __future__ import annotations

import copy
import pickle

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from tests.checks import assert_same, check_both, check_error, to_lucid
from tests.nn.layer_checks import check_layer

pytestmark = pytest.mark.parity


def images(n, *lead):
    return torch.randn(*lead, *(7, 6, 5)[:n], generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"padding": 1, "kernel_size": 3, "stride": 3}])
def test_what_pooling_found_goes_back(n, options):
    kwargs = {"kernel_size": 2, **options}
    for lead in ((2, 3), (3,)):
        x = images(n, *lead).abs() + 0.1
        y, where = getattr(torch.nn, f"MaxPool{n}d")(**kwargs, return_indices=True)(x)
        theirs, mine = getattr(torch.nn, f"MaxUnpool{n}d")(**kwargs), getattr(nn, f"MaxUnpool{n}d")(**kwargs)
        assert repr(mine) == repr(theirs)
        for size in (None, x.shape, x.shape[-n:], [*x.shape[-n:]], (1, 1, *x.shape[-n:])):
            check_both(mine, theirs, y, where, size)
        back = mine(to_lucid(y), to_lucid(where), x.shape[-n:])
        again, at = getattr(nn, f"MaxPool{n}d")(**kwargs, return_indices=True)(back)
        assert_same(again, y, 0.0)
        assert_same(at, where, 0.0)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unpooling_has_pytorchs_attributes_and_gradients(n):
    whole = images(n, 2, 3)[(..., *(slice(s) for s in (6, 6, 4)[:n]))]
    y, where = getattr(torch.nn.functional, f"max_pool{n}d")(whole, 2, return_indices=True)
    each = (2, 3, 2)[:n]
    for args in ((2,), (2, 2), (each, each), ([*each], None, 0)):
        theirs, mine = getattr(torch.nn, f"MaxUnpool{n}d")(*args), getattr(nn, f"MaxUnpool{n}d")(*args)
        for name in ("kernel_size", "stride", "padding"):
            assert getattr(mine, name) == getattr(theirs, name)
    check_layer(f"MaxUnpool{n}d", (2,), {}, [y.requires_grad_(), where])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_bad_inputs_of_unpooling(n):
    y, where = getattr(torch.nn.functional, f"max_pool{n}d")(images(n, 2, 3), 2, return_indices=True)
    for args, inputs in (
        ((2,), (y, where.int())),
        ((2,), (y, where[:1])),
        ((2,), (y, where + 10**6)),
        ((2,), (y, where, [1] * n)),
        ((2,), (y, where, [9] * n)),
        ((2,), (y, where, [7] * (n + 3))),
        ((2, 0), (y, where)),
        ((2,), (y[0, 0], where[0, 0])),
        ((2,), (y.int(), where)),
    ):
        kind = f"MaxUnpool{n}d"
        check_error(
            lambda *a, k=kind, g=args: getattr(nn, k)(*g)(*a),
            lambda *a, k=kind, g=args: getattr(torch.nn, k)(*g)(*a),
            *inputs,
        )


@pytest.mark.parametrize("n", [2, 3])
def test_fractional_pooling_with_given_samples(n):
    for lead, rows in (((2, 3), 2), ((2, 3), 4), ((3,), 1), ((3,), 2)):
        samples = torch.rand(rows, 3, n, generator=torch.Generator().manual_seed(0))
        for kwargs in (
            {"output_size": 3},
            {"output_size": (4, 3, 2)[:n], "return_indices": True},
            {"output_ratio": 0.5},
            {"output_ratio": (0.6, 0.5, 0.4)[:n]},
        ):
            x = images(n, *lead).requires_grad_()
            check_layer(f"FractionalMaxPool{n}d", (2,), {**kwargs, "_random_samples": samples}, [x])


@pytest.mark.parametrize("n", [2, 3])
def test_fractional_pooling_draws_at_each_call(n):
    layer = getattr(nn, f"FractionalMaxPool{n}d")(2, output_size=3, return_indices=True)
    x = to_lucid(images(n, 2, 3))
    lucid.manual_seed(1)
    values, where = layer(x)
    assert_found = x.flatten(2).gather(2, where.flatten(2)).reshape(values.shape)
    assert (assert_found == values).all()
    assert any((layer(x)[1] != where).any() for _ in range(5))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        lucid.manual_seed(1)
        assert (twin(x)[1] == where).all()
    unpooled = getattr(nn, f"MaxUnpool{n}d")(2)(values, where, output_size=x.shape[2:]) if n == 2 else None
    assert unpooled is None or ((unpooled == x) | (unpooled == 0)).all()


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((2,), {}),
        ((2, 3, 0.5), {}),
        ((2,), {"output_ratio": 1.0}),
        ((2,), {"output_ratio": 0.0}),
        ((2,), {"output_ratio": (0.5, 1.5, 0.5)}),
        (((9, 9, 9),), {"output_size": 3}),
    ],
)
def test_bad_arguments_of_fractional_pooling(n, args, kwargs):
    mine, theirs = getattr(nn, f"FractionalMaxPool{n}d"), getattr(torch.nn, f"FractionalMaxPool{n}d")
    try:
        theirs(*args, **kwargs)
    except ValueError:
        check_error(mine, theirs, *args, **kwargs)
    else:
        check_error(lambda x: mine(*args, **kwargs)(x), lambda x: theirs(*args, **kwargs)(x), images(n, 2, 3))


@pytest.mark.parametrize("size", [0, (2, -1, 2)])
def test_windows_without_elements(size):
    check_error(nn.FractionalMaxPool3d, torch.nn.FractionalMaxPool3d, size, 3)
    with pytest.raises(RuntimeError, match="do not fit"):  # PyTorch reads something for them
        nn.FractionalMaxPool2d(0, 3)(lucid.ones(1, 4, 4))


def test_attributes_of_fractional_pooling():
    for args, kwargs in (
        ((2, 3), {}),
        (((2, 3), (4, 5)), {}),
        ((2,), {"output_ratio": 0.5}),
        (([2, 2],), {"output_size": [3, 3]}),
    ):
        theirs, mine = torch.nn.FractionalMaxPool2d(*args, **kwargs), nn.FractionalMaxPool2d(*args, **kwargs)
        for name in ("kernel_size", "output_size", "output_ratio", "return_indices"):
            assert getattr(mine, name) == getattr(theirs, name)
        assert list(mine.state_dict()) == list(theirs.state_dict()) == []
        assert dict(mine.named_buffers()) == {}
    given = nn.FractionalMaxPool2d(2, 3, _random_samples=lucid.zeros(1, 1, 2))
    assert list(given.state_dict()) == ["_random_samples"]
