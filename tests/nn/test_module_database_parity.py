"""Every class of PyTorch's own database of modules that lucid has, on the database's samples."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from tests.nn import module_database as database

# Tracing lines would double the time of these tests, and they reach little that no other test does.
pytestmark = [pytest.mark.parity, pytest.mark.no_cover]

# Where classes differ from PyTorch, with the reason. The keys are `class:aspect`: a dtype (values, gradients and
# buffers in it), "signature", "attributes", "repr", "state_dict", "copies" or "errors".
KNOWN: dict[str, str] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:  # loading the database takes seconds: not where these tests are left out anyway
        left_out = metafunc.config.option.markexpr == "not parity"
        metafunc.parametrize("name", [] if left_out else list(database.entries()))


@pytest.fixture(autouse=True)
def one_thread():
    """PyTorch's threads wait for each other where tests run in several processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_module(name: str) -> None:
    found = database.differences(name)
    known = {aspect for key, _, aspect in (line.rpartition(":") for line in KNOWN) if key == name}
    news = {aspect: messages for aspect, messages in found.items() if aspect not in known}
    assert not news, "\n\n".join(f"{name}:{aspect}\n{messages[0]}" for aspect, messages in news.items())
    assert known <= set(found), f"no longer different, to be taken off the list: {sorted(known - set(found))}"


def test_what_is_known_to_differ_is_in_the_database() -> None:
    assert {line.rpartition(":")[0] for line in KNOWN} <= set(database.entries())
