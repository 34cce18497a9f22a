"""Jacobians, Hessians and their products with vectors, of functions of tensors.

These are the older forms; those of `lucid.func` nest, take nested arguments and are faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lucid._backward import grad as _grad
from lucid._grad_mode import enable_grad, mode, set_grad_enabled
from lucid._tensor import Tensor
from lucid.autograd._rows import depend, rows
from lucid.creation import zeros_like
from lucid.func import jacfwd
from lucid.ops import stack

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = Tensor | tuple[Tensor, ...]
Function = Callable[..., Any]


def vjp(
    func: Function, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What `func` returns for `inputs`, and the product of the vector `v` and its Jacobian there.

    Args:
        func: takes as many tensors as `inputs` has, and returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: shaped like what `func` returns; may be left out if that is one tensor of a single element.
        create_graph: record how both results come from `inputs`, for further derivatives.
        strict: raise if the output does not depend on an input, instead of giving zeros.

    Raises TypeError for what is no tensor; RuntimeError for a `v` that does not fit, and with `strict`.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0])
    >>> lucid.autograd.functional.vjp(lambda x: x * x, x, lucid.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        several, given = _tensors(inputs, "inputs", "vjp")
        xs = _prepared(given, create_graph)
        several_out, outputs = _run(func, xs, "vjp", strict)
        vs = _vector(v, outputs, several_out, "vjp", "the output of the function", create_graph)
    with set_grad_enabled(create_graph or mode.grad):
        gradients = _pulled(outputs, xs, vs, create_graph)
        found = _filled(gradients, xs, xs if strict and create_graph else None, strict, "The output", "vjp")
    return _packed(_finished(outputs, create_graph), several_out), _packed(_finished(found, create_graph), several)


def jvp(
    func: Function, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What `func` returns for `inputs`, and the product of its Jacobian there and the vector `v`.

    Args and errors as in `vjp`, but `v` is shaped like `inputs`.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0])
    >>> lucid.autograd.functional.jvp(lambda x: x * x, x, lucid.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        _, given = _tensors(inputs, "inputs", "jvp")
        xs = _prepared(given, create_graph)
        vs = _vector(v, xs, isinstance(inputs, tuple), "jvp", "the input of the function", create_graph)
        several_out, outputs = _run(func, xs, "jvp", strict)
        # The gradients are linear in the cotangents, and their gradient by these is what is asked for.
        seeds = tuple([zeros_like(o).requires_grad_() if o.requires_grad else None for o in outputs])
        gradients = _pulled(outputs, xs, seeds, True)
        if strict and (missing := [k for k, g in enumerate(gradients) if g is None]):
            raise RuntimeError(_independent("The output", missing[0], "jvp"))
        found = _pulled(gradients, seeds, vs, create_graph)
        found = _filled(found, outputs, xs if strict and create_graph else None, strict, "The gradient", "jvp")
    return _packed(_finished(outputs, create_graph), several_out), _packed(_finished(found, create_graph), several_out)


def jacobian(
    func: Function,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func` at `inputs`: a tensor of the output's shape followed by the input's.

    For a tuple of outputs, or of inputs, or both, it is a tuple (of tuples) of these.

    Args:
        func: takes as many tensors as `inputs` has, and returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        create_graph: record how the result comes from `inputs`, for further derivatives.
        strict: raise if an output does not depend on an input, instead of giving zeros.
        vectorize: has to be True for "forward-mode", as in PyTorch; rows are computed together in any case, unless
            `create_graph`.
        strategy: "reverse-mode" computes it by rows, "forward-mode" by columns.

    Raises TypeError for what is no tensor; RuntimeError with `strict`, and for `strict` together with `vectorize` or
    "forward-mode"; NotImplementedError for "forward-mode" together with `create_graph` or without `vectorize`;
    AssertionError for another strategy.

    >>> import lucid
    >>> lucid.autograd.functional.jacobian(lambda x: x * x, lucid.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(f'jacobian: expected strategy "forward-mode" or "reverse-mode", got {strategy!r}')
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'jacobian: create_graph=True needs strategy="reverse-mode"; or use lucid.func.jacfwd'
            )
        return _by_columns(func, inputs, strict, vectorize)
    with enable_grad():
        several, given = _tensors(inputs, "inputs", "jacobian")
        xs = _prepared(given, create_graph)
        several_out, outputs = _run(func, xs, "jacobian", strict)
        if strict and vectorize:
            raise RuntimeError("jacobian: strict=True and vectorize=True do not go together; leave out one of them")
        blocks = [_block(k, o, xs, create_graph, strict) for k, o in enumerate(outputs)]
    found = [_packed(_finished(block, create_graph), several) for block in blocks]
    return tuple(found) if several_out else found[0]


def _block(number: int, output: Tensor, xs: tuple[Tensor, ...], create_graph: bool, strict: bool) -> Sequence[Tensor]:
    """The Jacobian of one output."""
    shapes = [(*output.shape, *x.shape) for x in xs]
    if not output.requires_grad or not output.numel():
        return [zeros_like(x).expand(s) if output.numel() else x.new_zeros(s) for x, s in zip(xs, shapes, strict=True)]
    if not create_graph:
        found = rows(output, xs)
    else:
        whole = zeros_like(output).reshape(-1)
        each = []
        for k in range(output.numel()):
            seed = whole.clone()
            seed[k] = 1
            each.append(_pulled((output,), xs, (seed.reshape(output.shape),), True))
        found = [None if column[0] is None else stack(list(column)) for column in zip(*each, strict=True)]
    if strict:
        for k, (block, x) in enumerate(zip(found, xs, strict=True)):
            if block is None or not depend([output], [x])[0]:
                raise RuntimeError(_independent(f"Output {number}", k, "jacobian"))
        if create_graph:
            _check_depends(found, xs, "The jacobian", "jacobian")
    return [
        (zeros_like(x).expand(shape) if block is None else block.reshape(shape))
        for block, x, shape in zip(found, xs, shapes, strict=True)
    ]


def _by_columns(func: Function, inputs: Tensors, strict: bool, vectorize: bool) -> Any:
    if strict:
        raise RuntimeError('jacobian: strict=True needs strategy="reverse-mode"')
    several, xs = _tensors(inputs, "inputs", "jacobian")
    if not vectorize:
        raise NotImplementedError('jacobian: strategy="forward-mode" needs vectorize=True')
    several_out = False

    def call(*given: Tensor) -> Any:
        nonlocal several_out
        several_out, outputs = _tensors(func(*given), "outputs of the function", "jacobian")
        return outputs

    found = jacfwd(call, tuple(range(len(xs))))(*xs)
    packed = [_packed(block, several) for block in found]
    return tuple(packed) if several_out else packed[0]


def hessian(
    func: Function,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of `func`, which returns a single element, at `inputs`.

    For a tuple of inputs it is a tuple of tuples. Arguments and errors as in `jacobian`; `outer_jacobian_strategy` says
    how the Jacobian of the gradient is computed.

    >>> import lucid
    >>> lucid.autograd.functional.hessian(lambda x: (x**3).sum(), lucid.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several, xs = _tensors(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'hessian: expected outer_jacobian_strategy "forward-mode" or "reverse-mode", got '
            f"{outer_jacobian_strategy!r}"
        )

    def single(*given: Tensor) -> Tensor:
        return _single(func(*given), "hessian", strict).reshape(())

    def gradient(*given: Tensor) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            given = _prepared(given, True)
        found = jacobian(single, given, create_graph=True)
        if strict:
            _check_depends(found, given, "The gradient", "hessian")
        return found

    found = jacobian(gradient, xs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if several else found[0][0]


def vhp(
    func: Function, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What `func`, which returns a single element, returns for `inputs`, and the product of `v` and its Hessian there.

    Args and errors as in `vjp`, but `v` is shaped like `inputs`.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0])
    >>> lucid.autograd.functional.vhp(lambda x: (x**3).sum(), x, lucid.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        several, xs, vs, output, first = _gradient("vhp", func, inputs, v, create_graph, strict)
    with set_grad_enabled(create_graph or mode.grad):
        found = _pulled(first, xs, vs, create_graph)
        found = _filled(found, xs, xs if strict and create_graph else None, strict, "The jacobian", "vhp")
    return _finished([output], create_graph)[0], _packed(_finished(found, create_graph), several)


def hvp(
    func: Function, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What `func`, which returns a single element, returns for `inputs`, and the product of its Hessian there and `v`.

    Args and errors as in `vhp`, which is faster and gives the same where the second derivatives are continuous.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0])
    >>> lucid.autograd.functional.hvp(lambda x: (x**3).sum(), x, lucid.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        several, xs, vs, output, first = _gradient("hvp", func, inputs, v, create_graph, strict)
        seeds = tuple([zeros_like(x).requires_grad_() for x in xs])
        found = _pulled(_pulled(first, xs, seeds, True), seeds, vs, create_graph)
        found = _filled(found, xs, xs if strict and create_graph else None, strict, "The hessian", "hvp")
    return _finished([output], create_graph)[0], _packed(_finished(found, create_graph), several)


def _gradient(
    name: str, func: Function, inputs: Tensors, v: Any, create_graph: bool, strict: bool
) -> tuple[bool, Any, Any, Tensor, Any]:
    """The inputs, the vector, the output of a function of a single element, and its gradients."""
    several, given = _tensors(inputs, "inputs", name)
    xs = _prepared(given, create_graph)
    vs = _vector(v, xs, several, name, "the input of the function", create_graph)
    output = _single(func(*xs), name, strict)
    first = _pulled((output,), xs, (None,), True)
    if strict:
        for k, gradient in enumerate(first):
            if gradient is None:
                raise RuntimeError(_independent("The output", k, name))
        _check_depends(first, xs, "The jacobian", name)
    return several, xs, vs, output, first


# ---- arguments and results -------------------------------------------------------------------------------------------


def _tensors(values: Any, what: str, name: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether `values` is a tuple, and the tensors in it. Raises TypeError for anything else."""
    several = isinstance(values, tuple)
    found = values if several else (values,)
    for k, t in enumerate(found):
        if not isinstance(t, Tensor):
            at = f" at index {k}" if several else ""
            raise TypeError(f"{name}: expected {what} to be a Tensor or a tuple of Tensors, got {type(t).__name__}{at}")
    return several, found


def _prepared(tensors: Sequence[Tensor], create_graph: bool) -> tuple[Tensor, ...]:
    """Other tensors with the same values to derive by, which with `create_graph` come from `tensors`."""
    return tuple([t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_() for t in tensors])


def _run(func: Function, xs: tuple[Tensor, ...], name: str, strict: bool) -> tuple[bool, tuple[Tensor, ...]]:
    several, outputs = _tensors(func(*xs), "outputs of the function", name)
    for k, o in enumerate(outputs):
        if strict and not o.requires_grad:
            raise RuntimeError(
                f"{name}: with strict=True all outputs have to require a gradient, but output {k} does not"
            )
    return several, outputs


def _single(result: Any, name: str, strict: bool) -> Tensor:
    several, outputs = _tensors(result, "outputs of the function", name)
    if strict and not all(o.requires_grad for o in outputs):
        raise RuntimeError(f"{name}: with strict=True the output has to require a gradient")
    if several:
        raise RuntimeError(f"{name}: expected the function to return a single Tensor, got a tuple of {len(outputs)}")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"{name}: expected the function to return a single element, got shape {outputs[0].shape}")
    return outputs[0]


def _vector(
    v: Any, like: tuple[Tensor, ...], several: bool, name: str, what: str, create_graph: bool
) -> tuple[Tensor | None, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"{name}: v may be None only if {what} is one Tensor of a single element")
        return (None,)
    _, vs = _tensors(v, "v", name)
    if len(vs) != len(like):
        raise RuntimeError(f"{name}: expected v to have {len(like)} Tensors, as many as {what}, got {len(vs)}")
    for k, (t, other) in enumerate(zip(vs, like, strict=True)):
        if t.shape != other.shape:
            entry = f"entry {k} of v" if several else "v"
            raise RuntimeError(f"{name}: expected {entry} to be of size {tuple(other.shape)}, got {tuple(t.shape)}")
    return tuple([t.view_as(t) if create_graph and t.requires_grad else t.detach() for t in vs])


def _pulled(outputs: Any, xs: Any, seeds: Any, create_graph: bool) -> Sequence[Any]:
    """The gradients of `xs`, None for those that no output depends on."""
    wanted = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o is not None and o.requires_grad]
    known = [k for k, x in enumerate(xs) if x is not None]
    if not wanted:
        return [None] * len(xs)
    found = _grad(
        [o for o, _ in wanted],
        [xs[k] for k in known],
        [s for _, s in wanted],
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
    )
    by_number = dict(zip(known, found, strict=True))
    return [by_number.get(k) for k in range(len(xs))]


def _filled(
    gradients: Sequence[Any], like: Sequence[Tensor], xs: Sequence[Tensor] | None, strict: bool, what: str, name: str
) -> list[Tensor]:
    """`gradients` with zeros for None.

    With `strict`, raises RuntimeError instead, and if one does not depend on `xs`, where these are given.
    """
    if strict:
        for k, gradient in enumerate(gradients):
            if gradient is None:
                raise RuntimeError(_independent(what, k, name))
        if xs is not None:
            _check_depends(gradients, xs, "The result", name)
    return [zeros_like(t) if g is None else g for g, t in zip(gradients, like, strict=True)]


def _check_depends(values: Sequence[Any], xs: Sequence[Tensor], what: str, name: str) -> None:
    for k, depends in enumerate(depend(values, xs)):
        if not depends:
            raise RuntimeError(_independent(what, k, name))


def _independent(what: str, k: int, name: str) -> str:
    return f"{name}: {what} of the function is independent of input {k}, which strict=True does not allow"


def _finished(values: Sequence[Any], create_graph: bool) -> tuple[Any, ...]:
    return tuple(values) if create_graph else tuple([v.detach() for v in values])


def _packed(values: Sequence[Any], several: bool) -> Any:
    return tuple(values) if several else values[0]
