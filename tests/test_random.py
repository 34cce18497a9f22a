"""Generators: what a seed, a state, a thread and a copy mean."""

from __future__ import annotations

import copy
import pickle
import threading

import mlx.core as mx
import numpy as np
import pytest

import lucid


def test_a_seed_repeats() -> None:
    lucid.manual_seed(3)
    first = [lucid.randn(3).tolist(), lucid.rand(2).tolist(), lucid.randperm(5).tolist()]
    lucid.manual_seed(3)
    assert first == [lucid.randn(3).tolist(), lucid.rand(2).tolist(), lucid.randperm(5).tolist()]
    assert lucid.initial_seed() == 3
    assert lucid.seed() == lucid.initial_seed() != 3


def test_draws_differ() -> None:
    assert lucid.rand(4).tolist() != lucid.rand(4).tolist()


@pytest.mark.parametrize("seed", [0, -1, 2**64 - 1, -(2**63), np.int64(5)])
def test_seeds(seed: int) -> None:
    assert lucid.Generator().manual_seed(seed).initial_seed() == int(seed) % 2**64


@pytest.mark.parametrize(("seed", "error"), [(2**64, ValueError), (-(2**63) - 1, ValueError), ("a", TypeError)])
def test_bad_seeds(seed: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="manual_seed"):
        lucid.manual_seed(seed)


def test_a_state_can_be_put_back() -> None:
    lucid.rand(3)
    state = lucid.get_rng_state()
    assert state.dtype is lucid.uint8
    first = lucid.rand(3).tolist()
    lucid.set_rng_state(state)
    assert lucid.rand(3).tolist() == first


def test_bad_states() -> None:
    with pytest.raises(TypeError, match="uint8"):
        lucid.set_rng_state([1, 2])
    with pytest.raises(RuntimeError, match="20 bytes"):
        lucid.set_rng_state(lucid.zeros(3, dtype=lucid.uint8))


def test_fork_rng_leaves_the_generator_as_it_was() -> None:
    lucid.manual_seed(1)
    want = lucid.rand(2).tolist()
    lucid.manual_seed(1)
    with lucid.random.fork_rng():
        lucid.manual_seed(9)
        lucid.rand(5)
    assert lucid.rand(2).tolist() == want
    with lucid.random.fork_rng(enabled=False):
        lucid.manual_seed(9)
    assert lucid.initial_seed() == 9


def test_copies_of_a_generator_go_on_alike() -> None:
    g = lucid.Generator().manual_seed(5)
    lucid.rand(3, generator=g)
    copies = [g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))]
    want = lucid.rand(2, generator=g).tolist()
    assert all(lucid.rand(2, generator=c).tolist() == want for c in copies)
    assert "initial_seed=5" in repr(g)


def test_a_generator_of_ones_own_leaves_the_default_alone() -> None:
    lucid.manual_seed(0)
    want = lucid.rand(2).tolist()
    lucid.manual_seed(0)
    lucid.rand(2, generator=lucid.Generator())
    assert lucid.rand(2).tolist() == want


def test_what_is_no_generator_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be lucid\.Generator, not int"):
        lucid.rand(2, generator=3)


def test_every_function_takes_a_generator() -> None:
    def draws(g: lucid.Generator) -> list[object]:
        x = lucid.full((4,), 0.5)
        results = [
            lucid.rand(4, generator=g), lucid.randn(4, generator=g), lucid.randint(9, (4,), generator=g),
            lucid.randperm(4, generator=g), lucid.normal(x, x, generator=g), lucid.bernoulli(x, generator=g),
            lucid.multinomial(x, 2, generator=g), lucid.poisson(x, generator=g), lucid.rand_like(x, generator=g),
            lucid.randn_like(x, generator=g), lucid.randint_like(x, 9, generator=g),
            x.clone().uniform_(generator=g), x.clone().normal_(generator=g), x.clone().exponential_(generator=g),
            x.clone().bernoulli_(generator=g), x.clone().random_(generator=g), x.clone().geometric_(0.5, generator=g),
            x.clone().cauchy_(generator=g), x.clone().log_normal_(generator=g),
            lucid.random.bernoulli_mask(0.5, (4,), g),
        ]  # fmt: skip
        return [r.tolist() for r in results]

    assert draws(lucid.Generator().manual_seed(2)) == draws(lucid.Generator().manual_seed(2))


def test_threads_share_the_default_generator() -> None:
    found: dict[int, list[list[float]]] = {}
    lucid.rand(3)  # leaves a state that is not evaluated, which no other thread may use

    def work(k: int) -> None:
        found[k] = [lucid.rand(4).tolist() for _ in range(3)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len({tuple(row) for rows in found.values() for row in rows}) == 12
    assert lucid.rand(2).shape == (2,)


def test_drawing_stays_lazy_and_can_be_traced() -> None:
    g = lucid.Generator().manual_seed(0)

    def step(key: mx.array) -> tuple[mx.array, mx.array]:
        g.key = key
        return mx.random.normal((2,), key=g.draw()), g.key

    compiled = mx.compile(step)
    start = mx.random.key(0)
    first, key = compiled(start)
    second, _ = compiled(key)
    assert first.tolist() != second.tolist()
    assert first.tolist() == step(start)[0].tolist()


@pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16, lucid.float32, lucid.float64])
def test_the_upper_bound_is_never_reached(dtype: lucid.dtype) -> None:
    assert lucid.rand(200_000, dtype=dtype).max().item() < 1
    for low, high in ((2, 5), (-5, -2), (-1, 0), (-0.1, 0.1), (0, 0.3)):
        x = lucid.empty(50_000, dtype=dtype).uniform_(low, high)
        assert x.max().item() < lucid.tensor(high, dtype=dtype).item()
        assert x.min().item() >= lucid.tensor(low, dtype=dtype).item()


def test_no_probability_no_sample() -> None:
    weights = lucid.tensor([0.0, 1e-30, 0.0, 1.0])
    drawn = lucid.multinomial(weights.expand(2000, 4), 2)
    assert set(drawn.flatten().tolist()) == {1, 3}
    assert set(lucid.multinomial(weights, 2000, replacement=True).tolist()) <= {1, 3}


def test_random_permutations_are_permutations() -> None:
    assert sorted(lucid.randperm(1000).tolist()) == list(range(1000))
