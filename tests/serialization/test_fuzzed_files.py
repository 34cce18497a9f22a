"""Damaged files by the hundred, of each format: each gives a value or a CheckpointError that names the file."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from lucid.serialization import CheckpointError
from tests.serialization.fuzzing import check
from tests.serialization.fuzzing_files import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_refused_or_loaded(name: str) -> None:
    make, load, damaged = FORMATS[name]
    content = make()
    assert check(content, load)

    reasons = []

    def told(case: bytes) -> Any:
        try:
            return load(case)
        except CheckpointError as error:
            reasons.append(str(error))
            raise

    outcomes = Counter(check(case, told) for case in damaged(content, 300, 7))
    assert set(outcomes) == {True, False}
    assert all(re.match(r"load: (/.*|the stream): \S", reason) for reason in reasons)
