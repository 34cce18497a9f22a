"""Every class of PyTorch's own database of modules that lucid has, on the database's samples."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import lucid
from tests.nn import module_database as database

# Tracing lines would double the time of these tests, and they reach little that no other test does.
pytestmark = [pytest.mark.parity, pytest.mark.no_cover]

# Where classes differ from PyTorch, with the reason. The keys are `class:aspect`: a dtype (values, gradients and
# buffers in it), "signature", "attributes", "repr", "state_dict", "copies" or "errors".
KNOWN: dict[str, str] = {
    **{f"CrossMapLRN2d:{d}": "PyTorch's gradient is not that of its values" for d in ("float32", "float64", "float16")},
    "TransformerDecoder:bfloat16": "norms magnify what two layers rounded; PyTorch's gradients are farther from "
    "float32's than lucid's",
}


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


# Containers, bases and wrappers, whose own tests say more: tests/nn/test_containers.py, test_module_*.py,
# test_module_parameter_containers.py, test_rnn_parity.py, test_batchnorm_parity.py.
ELSEWHERE = frozenset(
    """
    Container Module ModuleDict ModuleList ParameterDict ParameterList RNNBase RNNCellBase Sequential SyncBatchNorm
    """.split()
)


def test_every_class_is_here() -> None:
    kinds = {
        name for name, kind in vars(torch.nn).items() if isinstance(kind, type) and issubclass(kind, torch.nn.Module)
    }
    assert kinds - {info.module_cls.__name__ for info in database.entries().values()} == ELSEWHERE
    assert not [name for name in kinds if not hasattr(lucid.nn, name)]


def test_what_is_known_to_differ_is_in_the_database() -> None:
    assert {line.rpartition(":")[0] for line in KNOWN} <= set(database.entries())
