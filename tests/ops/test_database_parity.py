"""Every operation of PyTorch's own database that lucid has, on the database's samples."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from tests.ops import database
from tests.ops.known_differences import KNOWN

# Tracing lines would double the time of these tests, and they reach little that no other test does.
pytestmark = [pytest.mark.parity, pytest.mark.no_cover]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "key" in metafunc.fixturenames:  # loading the database takes seconds: not where these tests are left out anyway
        left_out = metafunc.config.option.markexpr == "not parity"
        metafunc.parametrize("key", [] if left_out else list(database.entries()))


def test_operation(key: str) -> None:
    found = database.differences(key)
    known = {aspect for name, _, aspect in (line.rpartition(":") for line in KNOWN) if name == key}
    news = {aspect: messages for aspect, messages in found.items() if aspect not in known}
    assert not news, "\n\n".join(f"{key}:{aspect}\n{messages[0]}" for aspect, messages in news.items())
    assert known <= set(found), f"no longer different, to be taken off the list: {sorted(known - set(found))}"


def test_what_is_known_to_differ_is_in_the_database() -> None:
    assert {line.rpartition(":")[0] for line in KNOWN} <= set(database.entries())


def test_most_differentiable_operations_pass_forward_and_backward() -> None:
    dense = [key for key, info in database.everything().items() if info.supports_autograd]
    broken = {line.rpartition(":")[0] for line in KNOWN if line.endswith((":float32", ":float64"))}
    passing = [key for key in dense if key in database.entries() and key not in broken]
    assert len(passing) >= 0.9 * len(dense), f"{len(passing)} of {len(dense)} pass"
