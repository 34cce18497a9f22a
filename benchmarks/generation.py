"""64 tokens from the GPT, one after the other, the best each time, with a cache of keys and values; prompt of 16."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx

from benchmarks.gpt import VOCABULARY, RawGPT, gpt
from benchmarks.race import THREAD_PAUSE, Line, Race, Row, Worker
from benchmarks.timing import Clock, clock

PROMPT, TOKENS = 16, 64


def words(library: Any) -> dict[str, Clock]:
    model = gpt(library, PROMPT + TOKENS).eval()
    prompt = library.randint(0, VOCABULARY, (1, PROMPT))

    @library.no_grad()
    def generate() -> list[int]:
        found, cache, ids = [], [], prompt
        for _ in range(TOKENS):
            ids = model(ids, cache)[:, -1:].argmax(-1)
            found.append(ids.item())
        return found

    return {"generate": clock(generate)}


def raw() -> dict[str, Clock]:
    model = RawGPT(PROMPT + TOKENS)
    prompt = mx.random.randint(0, VOCABULARY, (1, PROMPT))
    mx.eval(prompt, model.parameters())

    def generate() -> list[int]:
        found, cache, ids = [], [], prompt
        for _ in range(TOKENS):
            ids = mx.argmax(model(ids, cache)[:, -1:], axis=-1)
            found.append(ids.item())
        return found

    return {"generate": clock(generate)}


def lines(worker: Worker | None) -> Iterator[Line]:
    import lucid

    rows = [Row(f"GPT, {TOKENS} tokens with a cache", "generate", "generate", "generate")]
    yield from Race(rows, words(lucid), raw(), calls=1, pause=THREAD_PAUSE).run(worker)
