"""docs/coverage.md says what is there."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from tests import coverage

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("space", coverage.SPACES)
def test_what_is_left_out_has_a_reason(space: str) -> None:
    missing = [name for name in coverage.public(space) if not coverage.is_present(space, name)]
    assert [name for name in missing if coverage.reason(space, name) is None] == []


def test_what_differs_in_the_database_has_a_reason() -> None:
    assert [key for key in coverage.absent() if coverage.absence(key) is None] == []
    assert all(coverage.failing().values())


def test_every_reason_is_still_needed() -> None:
    missing = [name for space in coverage.SPACES for name in coverage.public(space)]
    patterns = {**dict.fromkeys(coverage.REASONS, missing), **dict.fromkeys(coverage.ABSENT, coverage.absent())}
    assert [p for p, names in patterns.items() if not any(re.fullmatch(p, name) for name in names)] == []


def test_the_page_is_up_to_date() -> None:
    assert coverage.PAGE.read_text() == coverage.page(), "run `python -m tests.coverage`"
