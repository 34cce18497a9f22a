"""What programs import from the files of torch.nn.modules is at the same path here, with the same bases."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import lucid
from lucid import nn
from tests.checks import assert_same, check_error, to_lucid
from tests.nn.module_database import parameters_of, plain

pytestmark = pytest.mark.parity

FILES = ["parameter", *(f"modules.{m.name}" for m in pkgutil.iter_modules(torch.nn.modules.__path__))]

# Classes of PyTorch's that are no bases to subclass or to ask for.
INTERNAL = {
    "_ParameterMeta": "makes isinstance() work for parameters of PyTorch's other tensor classes",
    "_BufferMeta": "the same for buffers",
    "_WrappedHook": "how hooks with a module are pickled; here they are pickled as they are",
    "_ChunkViews": "a part of PyTorch's kernel for linear_cross_entropy",
    "_ChunkContext": "another",
    "_AutoDefault": "another",
    "BackwardHookFunction": "an autograd function; backward hooks are on the tape here",
    "SyncBatchNorm of _functions": "sends statistics to other processes",
}
# PyTorch's are for classes that get their `__init__` from elsewhere; these take part in it.
MIXINS = ("LazyModuleMixin", "_LazyConvXdMixin", "_LazyProtocol")


def is_internal(file: str, name: str) -> bool:
    return name in INTERNAL or f"{name} of {file.rpartition('.')[2]}" in INTERNAL


def own(file: str) -> dict[str, type]:
    """The classes that a file of PyTorch's defines, but for the internal ones."""
    module = importlib.import_module(f"torch.nn.{file}")
    found = {name: kind for name, kind in vars(module).items() if inspect.isclass(kind)}
    return {n: k for n, k in found.items() if k.__module__ == module.__name__ and not is_internal(file, n)}


CLASSES = [(file, name) for file in FILES for name in own(file)]
KNOWN = {name for _, name in CLASSES}


def both(file: str, name: str) -> tuple[Any, Any]:
    return tuple(getattr(importlib.import_module(f"{root}.nn.{file}"), name) for root in ("torch", "lucid"))  # type: ignore[return-value]


def bases(kind: type) -> list[str]:
    """The names of the classes above `kind` that PyTorch has, in order."""
    return [base.__name__ for base in kind.__mro__ if base.__name__ in KNOWN]


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_there(file: str) -> None:
    theirs, mine = (importlib.import_module(f"{root}.nn.{file}") for root in ("torch", "lucid"))
    public = getattr(theirs, "__all__", [])
    assert [name for name in public if not hasattr(mine, name)] == []
    assert [name for name in public if isinstance(getattr(theirs, name), type) and name not in KNOWN] == []


@pytest.mark.parametrize(("file", "name"), CLASSES)
def test_classes_have_the_same_bases(file: str, name: str) -> None:
    theirs, mine = both(file, name)
    assert mine.__name__ == name
    if name in MIXINS or name == "UninitializedBuffer":  # PyTorch's passes isinstance(_, Buffer) by its metaclass
        assert set(bases(theirs)) <= set(bases(mine))
    else:
        assert bases(mine) == bases(theirs)


# The other files have classes that are made in another way.
WITH_MODULES = [c for c in CLASSES if c[0] not in ("parameter", "modules.module", "modules._functions")]


@pytest.mark.parametrize(("file", "name"), WITH_MODULES)
def test_classes_take_the_same_arguments(file: str, name: str) -> None:
    theirs, mine = both(file, name)
    for method in ("__init__", "forward"):
        if name in MIXINS or method not in vars(theirs):
            continue
        want = parameters_of(getattr(theirs, method))
        assert plain(parameters_of(getattr(mine, method))) == plain(want), method


@pytest.mark.parametrize("file", FILES)
def test_public_classes_are_those_of_nn(file: str) -> None:
    theirs, mine = (importlib.import_module(f"{root}.nn.{file}") for root in ("torch", "lucid"))
    for name in own(file):
        if getattr(torch.nn, name, None) is getattr(theirs, name):
            assert getattr(nn, name) is getattr(mine, name), name


def test_the_reasons_are_needed() -> None:
    for name in INTERNAL:
        kind, _, file = name.partition(" of ")
        files = [f for f in FILES if not file or f.endswith(file)]
        assert any(hasattr(importlib.import_module(f"torch.nn.{f}"), kind) for f in files), name
        assert not any(hasattr(importlib.import_module(f"lucid.nn.{f}"), kind) for f in files), name


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("nn", "Parameter Buffer Module functional init utils parallel modules grad common_types attention parameter"),
        ("nn.parameter", "is_lazy Parameter Buffer UninitializedParameter UninitializedBuffer"),
        ("nn.modules", "Module Linear Transformer MaxUnpool2d EmbeddingBag activation batchnorm container conv utils"),
        ("nn.modules.module", "_addindent _IncompatibleKeys register_module_forward_hook _global_forward_hooks"),
        ("nn.modules.batchnorm", "_BatchNorm _NormBase _LazyNormBase"),
        ("nn.modules.activation", "NonDynamicallyQuantizableLinear MultiheadAttention Softmax"),
        ("nn.modules.container", "_addindent"),
        ("nn.modules.conv", "_ConvNd _ConvTransposeNd _ConvTransposeMixin _single _pair _triple _size_2_t F init"),
        ("nn.modules.pooling", "_single _pair _triple _size_2_t _size_any_t _MaxPoolNd _AvgPoolNd _LPPoolNd"),
        ("nn.modules.padding", "_ntuple _pair _quadruple"),
        ("nn.modules.loss", "_Reduction F"),
        ("nn.modules.normalization", "_shape_t"),
        ("nn.modules.rnn", "apply_permutation RNNBase RNNCellBase"),
        ("nn.modules.utils", "_ntuple _single _pair _triple _quadruple _reverse_repeat_tuple _list_with_default"),
        ("nn.functional", "_Reduction grad _in_projection _in_projection_packed"),
        ("nn._reduction", "get_enum legacy_get_string legacy_get_enum"),
        ("nn.parallel", "data_parallel distributed parallel_apply replicate scatter_gather"),
        ("nn.parallel.scatter_gather", "scatter scatter_kwargs gather"),
        ("nn.common_types", "_size_1_t _size_2_t _size_any_t _ratio_2_t _tensor_list_t _maybe_indices_t T Tensor"),
    ],
)
def test_other_names(path: str, names: str) -> None:
    for name in names.split():
        theirs, mine = (importlib.import_module(f"{root}.{path}") for root in ("torch", "lucid"))
        assert hasattr(theirs, name), name
        got = getattr(mine, name)
        if isinstance(got, types.ModuleType):
            assert got.__name__ == getattr(theirs, name).__name__.replace("torch", "lucid")


def test_common_types_are_the_same() -> None:
    theirs, mine = torch.nn.common_types, nn.common_types
    for name in vars(theirs):
        if name.endswith("_t"):
            want, got = repr(getattr(theirs, name)), repr(getattr(mine, name))
            assert got == want.replace("torch.Tensor", "lucid.Tensor"), name


def test_projections() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b, w, bias = (torch.randn(s, generator=generator) for s in ((2, 3, 4), (2, 5, 4), (12, 4), (12,)))
    mine, theirs = nn.functional, torch.nn.functional
    for arguments in ((a, a, a, w), (a, a, a, w, bias), (a, b, b, w, bias), (a, b, b + 1, w, bias), (a, b, b + 1, w)):
        same = {id(t): to_lucid(t) for t in arguments}
        got = mine._in_projection_packed(*[same[id(t)] for t in arguments])
        assert_same(tuple(got), tuple(theirs._in_projection_packed(*arguments)), 1e-5)
    parts, biases = w.chunk(3), bias.chunk(3)
    for arguments in ((a, b, b, *parts), (a, b, b, *parts, *biases)):
        assert_same(mine._in_projection(*to_lucid(arguments)), theirs._in_projection(*arguments), 1e-5)
    check_error(mine._in_projection, theirs._in_projection, a, b, b, w, *parts[1:])
    check_error(mine._in_projection, theirs._in_projection, a, b, b, *parts, bias, *biases[1:])


def test_subclasses_of_bases_work() -> None:
    """As programs outside write them: the base gets everything, the subclass has the forward."""

    class Transposed(nn.modules.conv._ConvTransposeNd):
        def __init__(self) -> None:
            one, none = nn.modules.utils._pair(1), nn.modules.utils._pair(0)
            super().__init__(2, 3, (2, 2), (2, 2), none, one, True, none, 1, True, "zeros")

        def forward(self, input, output_size=None):
            extra = self._output_padding(
                input, output_size, self.stride, self.padding, self.kernel_size, 2, self.dilation
            )
            return nn.functional.conv_transpose2d(
                input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
            )

    assert Transposed()(lucid.ones(1, 2, 4, 4), (9, 8)).shape == (1, 3, 9, 8)

    class Mirrored(nn.modules.padding._ReflectionPadNd):
        def __init__(self, padding: int) -> None:
            super().__init__()
            self.padding = nn.modules.utils._quadruple(padding)

    assert Mirrored(1)(lucid.ones(1, 2, 4, 4)).shape == (1, 2, 6, 6)

    class Filled(nn.modules.padding._ConstantPadNd):
        def __init__(self, padding: int) -> None:
            super().__init__(3.0)
            self.padding = nn.modules.utils._pair(padding)

    assert Filled(1)(lucid.zeros(1, 1)).tolist() == [[3.0, 0.0, 3.0]]

    class Norm(nn.modules.batchnorm._BatchNorm):
        def _check_input_dim(self, input):
            assert input.ndim == 3

    assert Norm(2)(lucid.ones(2, 2, 2)).shape == (2, 2, 2)
