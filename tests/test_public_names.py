"""The public names: complete, sorted out, and bound as methods where PyTorch has them as methods."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types

import pytest

import lucid
from lucid import ops
from tests import index

# Public ops that are functions only, in PyTorch too.
FUNCTION_ONLY = set(
    """alias_copy as_strided_copy atleast_1d atleast_2d atleast_3d binomial block_diag broadcast_shapes
    broadcast_tensors bucketize can_cast cartesian_prod cat cdist chain_matmul channels_last channels_last_3d
    column_stack combinations concat concatenate cond contiguous_format cumulative_trapezoid detach_copy
    diagonal_copy dstack einsum expand_copy fill frobenius_norm from_dlpack gradient histogramdd hstack is_tensor
    isin legacy_contiguous_format memory_format meshgrid nuclear_norm permute_copy poisson preserve_format
    promote_types result_type row_stack rsub searchsorted segment_reduce select_copy slice_copy split_copy
    split_with_sizes_copy squeeze_copy stack std_mean strided t_copy tensordot transpose_copy trapezoid trapz
    tril_indices triu_indices typename unbind_copy unfold_copy unravel_index unsqueeze_copy var_mean view_as_complex
    view_as_complex_copy view_as_real view_as_real_copy view_copy vstack while_loop
    """.split()
)


def test_every_public_name_exists_once():
    assert len(set(lucid.__all__)) == len(lucid.__all__)
    for name in lucid.__all__:
        assert hasattr(lucid, name)


def test_nothing_else_is_public():
    modules = {name for name in vars(lucid) if isinstance(vars(lucid)[name], types.ModuleType)}
    assert {n for n in vars(lucid) if not n.startswith("_")} - set(lucid.__all__) <= modules


def test_functions_win_over_modules_of_their_name():
    assert callable(lucid.tensor)
    assert isinstance(lucid.device("cpu"), lucid.device)


@pytest.mark.parametrize("name", sorted(set(ops.__all__) - FUNCTION_ONLY))
def test_every_op_is_a_method_too(name):
    assert hasattr(lucid.Tensor, name), f"{name}: bind it in lucid/_methods.py, or list it as function only"


@pytest.mark.parametrize("name", sorted(set(ops.__all__)))
def test_every_op_has_a_docstring(name):
    assert getattr(ops, name).__doc__


@pytest.mark.parity
def test_methods_are_those_of_torch():
    torch = pytest.importorskip("torch")
    methods = [n for n in ops.__all__ if hasattr(torch.Tensor, n)]
    assert [n for n in methods if not hasattr(lucid.Tensor, n)] == []
    assert [n for n in ops.__all__ if not hasattr(torch, n) and not hasattr(torch.Tensor, n)] == []


def test_the_index_of_public_names_is_complete():
    assert index.INDEX.read_text() == index.text(), "write it again: python -m tests.index"


def test_importing_lucid_loads_little():
    loaded = "import sys, lucid; print(*[m for m in sys.modules if m.startswith('lucid.')])"
    modules = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout.split()
    assert not {m for m in modules if m.startswith(("lucid.nn", "lucid.ops.", "lucid.creation.", "lucid.optim"))}
    assert len(modules) < 25


def test_a_method_is_the_function_after_it_was_looked_up():
    assert lucid.Tensor.sqrt is vars(lucid._elementwise.Elementwise)["sqrt"] is ops.sqrt
    assert lucid.Tensor.transpose_ is lucid.Tensor.swapdims_
    assert isinstance(inspect.getattr_static(lucid.Tensor, "mT"), (property, lucid._later.LaterProperty))
    with pytest.raises(AttributeError):
        lucid.ones(2, 2).mT = 3


@pytest.mark.parametrize("name", "Size Tensor device dtype finfo iinfo layout memory_format".split())
def test_classes_print_with_their_public_name(name):
    assert str(getattr(lucid, name)) == f"<class 'lucid.{name}'>"
