"""Every method of the Module reference page, with the arguments it names and their defaults."""

from __future__ import annotations

import inspect

import pytest

from lucid import nn

PAGE = {
    "__init__": {},
    "__call__": {},
    "forward": {},
    "parameters": {"recurse": True},
    "named_parameters": {"prefix": "", "recurse": True, "remove_duplicate": True},
    "buffers": {"recurse": True},
    "named_buffers": {"prefix": "", "recurse": True, "remove_duplicate": True},
    "modules": {},
    "named_modules": {"memo": None, "prefix": "", "remove_duplicate": True},
    "children": {},
    "named_children": {},
    "get_submodule": {"target": ...},
    "get_parameter": {"target": ...},
    "get_buffer": {"target": ...},
    "register_parameter": {"name": ..., "param": ...},
    "register_buffer": {"name": ..., "tensor": ..., "persistent": True},
    "add_module": {"name": ..., "module": ...},
    "register_module": {"name": ..., "module": ...},
    "train": {"mode": True},
    "eval": {},
    "to": {},
    "metal": {},
    "cpu": {},
    "half": {},
    "float": {},
    "double": {},
    "bfloat16": {},
    "type": {"dst_type": ...},
    "apply": {"fn": ...},
    "zero_grad": {"set_to_none": True},
    "requires_grad_": {"requires_grad": True},
    "share_memory": {},
    "compile": {},
    "to_empty": {"device": None, "recurse": True},
    "get_extra_state": {},
    "set_extra_state": {"state": ...},
    "state_dict": {"destination": None, "prefix": "", "keep_vars": False},
    "load_state_dict": {"state_dict": ..., "strict": True, "assign": False},
    "register_load_state_dict_pre_hook": {"hook": ...},
    "register_load_state_dict_post_hook": {"hook": ...},
    "register_forward_pre_hook": {"hook": ..., "prepend": False, "with_kwargs": False},
    "register_forward_hook": {"hook": ..., "prepend": False, "with_kwargs": False, "always_call": False},
    "register_full_backward_pre_hook": {"hook": ..., "prepend": False},
    "register_full_backward_hook": {"hook": ..., "prepend": False},
    "register_backward_hook": {"hook": ...},
    "extra_repr": {},
    "__repr__": {},
}


def test_there_are_as_many_as_the_page_says():
    assert len(PAGE) == 47


@pytest.mark.parametrize("name", PAGE)
def test_method(name):
    parameters = inspect.signature(getattr(nn.Module, name)).parameters
    for argument, default in PAGE[name].items():
        assert parameters[argument].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert parameters[argument].default == (inspect.Parameter.empty if default is ... else default)


@pytest.mark.parametrize("name", [name for name in PAGE if not name.startswith("__")])
def test_method_is_documented(name):
    assert inspect.getdoc(getattr(nn.Module, name))


@pytest.mark.parity
def test_pytorchs_public_names_are_there():
    torch = pytest.importorskip("torch")
    missing = {name for name in dir(torch.nn.Module) if not name.startswith("_")} - set(dir(nn.Module))
    assert missing == set()


@pytest.mark.parity
@pytest.mark.parametrize(
    "kind", ["Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Parameter"]
)
def test_pytorchs_public_names_of_the_others_are_there(kind):
    torch = pytest.importorskip("torch")
    theirs = {name for name in vars(getattr(torch.nn, kind)) if not name.startswith("_")}
    assert theirs - set(dir(getattr(nn, kind))) == set()
