"""Sending cotangents down the tape, in two ways that mean the same: see `lucid._tape`."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid import _tape
from lucid._channels import Last, first, last
from lucid._grad_mode import mode
from lucid._replay import replay
from lucid._tape import Leaf, Node, Pick, TensorCore, accumulate, apply, array, as_tensor
from lucid.dtypes import OF_MX


def run_backward(
    roots: Sequence[tuple[Node, Any]],
    targets: Sequence[Node] | None,
    *,
    retain_graph: bool,
    create_graph: bool,
    into_grad: bool,
    strategy: str = "auto",
) -> dict[Node, Any]:
    """Send the cotangents of `roots` down the tape.

    With `into_grad`, leaves (all of them, or those in `targets`) add theirs to `.grad`; otherwise the cotangents of
    `targets` are returned. `strategy` is for tests: "auto", "replay" or "per node".
    """
    calls, leaves, mixed = _reachable(roots, targets)
    if targets is not None:
        reached = {*calls, *leaves}
        roots = [root for root in roots if root[0] in reached]
    if strategy == "auto":
        touched = create_graph or mixed or mode.anomaly or (calls and calls[0].number < _tape.evaluated)
        if targets is not None and not touched:
            touched = any(not isinstance(n, Leaf) for n in targets)
        for n in (*calls, *leaves):
            if n.marked and n.watched:
                touched = True
        strategy = "per node" if touched else "replay"
    if strategy not in ("replay", "per node"):
        raise ValueError(f'run_backward: strategy must be "auto", "replay" or "per node", got {strategy!r}')
    before, mode.grad = mode.grad, create_graph
    try:
        if mode.dual is not None:  # gradients of what has tangents have some: they are tensors, though not recorded
            roots = [(node, as_tensor(value)) for node, value in roots]
            strategy, create_graph = "per node", True
        if strategy == "replay":
            found = replay(calls, leaves, roots, retain_graph)
            if into_grad:
                for leaf, gradient in found.items():
                    leaf.accumulate(gradient)  # type: ignore[attr-defined]
        else:
            found = _per_node([*reversed(calls), *leaves], roots, targets, retain_graph, create_graph, into_grad)
    finally:
        mode.grad = before
    if not retain_graph:
        pop, held = calls.pop, weakref.ref
        while calls:  # the newest first: what nobody else holds is gone with that, and need not be released
            node = held(pop())()
            if node is not None:
                node.release()
    return found


_AGE = operator.attrgetter("number")


def _reachable(
    roots: Sequence[tuple[Node, Any]], targets: Sequence[Node] | None
) -> tuple[list[Node], dict[Node, mx.array], bool]:
    """What lies between `roots` and the leaves, or `targets`: the calls, oldest first, and the leaves.

    Each leaf comes with the array that it was used as. The last result says whether one was written between two uses.
    """
    leaves: dict[Any, Any] = {}
    calls: list[Any] = []
    seen: set[Any] = {None}
    for node, _ in roots:
        if node.__class__ is Leaf:
            leaves[node] = node.out()._data
        elif node not in seen:
            seen.add(node)
            calls.append(node)
    mixed = False
    for node in calls:  # which grows
        if node.fn is None:
            raise RuntimeError(_tape.RELEASED)
        for k, n in enumerate(node.inputs):
            if n not in seen:
                if n.__class__ is not Leaf:
                    seen.add(n)
                    calls.append(n)
                elif leaves.setdefault(n, p := node.primals[k]) is not p:
                    mixed = True
    calls.sort(key=_AGE)
    if targets is None:
        return calls, leaves, mixed
    needed = set(targets)
    for node in calls:
        if any(n in needed for n in node.inputs):
            needed.add(node)
    return [n for n in calls if n in needed], {n: p for n, p in leaves.items() if n in needed}, mixed


def _per_node(
    nodes: list[Node],
    roots: Sequence[tuple[Node, Any]],
    targets: Sequence[Node] | None,
    retain_graph: bool,
    create_graph: bool,
    into_grad: bool,
) -> dict[Node, Any]:
    """One `mx.vjp` a node, newest node first."""
    on_path, wanted = set(nodes), set(targets) if targets is not None else None
    waiting: dict[Node, int] = {}  # how many consumers of a leaf are still to come
    for node in nodes:
        for n in node.inputs:
            if isinstance(n, Leaf):
                waiting[n] = waiting.get(n, 0) + 1
    cotangents: dict[Node, dict[int, Any]] = {}
    found: dict[Node, Any] = {}

    def send(node: Node, index: int, gradient: Any) -> None:
        slots = cotangents.setdefault(node, {})
        slots[index] = gradient if index not in slots else _add(slots[index], gradient, node)

    def finish(node: Node) -> dict[int, Any] | None:
        slots = cotangents.pop(node, None)
        if slots is None:
            return None
        if node.hooks or node.retains:
            slots[0] = run_hooks(node, slots[0])
        if wanted is not None and node in wanted:
            found[node] = slots[0]
        if isinstance(node, Leaf) and into_grad and (wanted is None or node in wanted):
            node.accumulate(slots[0])
        return slots

    for node, gradient in roots:
        send(node, 0, gradient)
    for node in nodes:
        if isinstance(node, Leaf):
            if node not in waiting:  # a leaf that is a root itself
                finish(node)
            continue
        slots = finish(node)
        if slots is not None and isinstance(node, Pick):
            send(node.inputs[0], node.index, slots[0])  # type: ignore[arg-type]
        elif slots is not None:
            want = [k for k, n in enumerate(node.inputs) if n is not None and n in on_path]
            if want:
                for k, gradient in zip(want, _pull_watched(node, want, slots, create_graph), strict=True):
                    if gradient is not None:
                        if mode.anomaly:
                            _refuse_nan(node, k, gradient)
                        send(node.inputs[k], 0, gradient)  # type: ignore[arg-type]
        for n in node.inputs:
            if isinstance(n, Leaf) and n in on_path:
                waiting[n] -= 1
                if waiting[n] == 0:  # its gradient is complete: PyTorch delivers it at once
                    finish(n)
    if into_grad:
        for node, gradient in found.items():
            t = node.out() if not isinstance(node, Leaf) else None
            if t is not None:
                accumulate(t, gradient)
    return found


def _add(a: Any, b: Any, node: Node) -> Any:
    if isinstance(a, TensorCore):
        return apply(mx.add, a, b)
    if node.fn.__class__ is Last and a.ndim > 2:  # two that lie channels last: so does their sum
        return first(last(a) + last(b))
    return a + b


def _like(value: Any, given: Any) -> Any:
    """`value`, a tensor from a hook, in the form the walk carries: as a tensor like `given`, or as an array."""
    return value if value is None or isinstance(given, TensorCore) else array(value)


def run_hooks(node: Node, gradient: Any) -> Any:
    for hook in list((node.hooks or {}).values()):
        result = hook(as_tensor(gradient))
        if result is not None:
            if not isinstance(result, TensorCore):
                raise TypeError(f"hook: expected a Tensor or None, got {type(result).__name__}")
            if array(result).shape != (array(gradient) if isinstance(gradient, TensorCore) else gradient).shape:
                name = getattr(hook, "__name__", type(hook).__name__)
                raise RuntimeError(f"hook {name!r} has changed the size of value, which is now {result.shape}")
            gradient = _like(result, gradient)
    t = node.out() if node.retains else None
    if t is not None and t._node is node:
        accumulate(t, gradient)
    return gradient


def _pull_watched(node: Node, want: list[int], slots: dict[int, Any], create_graph: bool) -> Sequence[Any]:
    if not node.watchers:
        return node.pull(want, slots, create_graph)
    before, after = node.watchers
    sample = next(iter(slots.values()))
    outputs = tuple(as_tensor(slots.get(k)) for k in range(node.outputs))
    for hook in list(before.values()):
        outputs = _tuple_or(hook(outputs), outputs)
    slots = {k: _like(t, sample) for k, t in enumerate(outputs) if t is not None}
    pulled = dict(zip(want, node.pull(want, slots, create_graph), strict=True)) if slots else {}
    inputs = tuple(as_tensor(pulled.get(k)) for k in range(len(node.inputs)))
    for hook in list(after.values()):
        inputs = _tuple_or(hook(inputs, outputs), inputs)
    return [_like(inputs[k], sample) for k in want]


def _refuse_nan(node: Node, k: int, gradient: Any) -> None:
    if mx.isnan(array(as_tensor(gradient))).any().item():
        raise RuntimeError(f"Function '{node.name()}' returned nan values in its {k}th output.")


def _tuple_or(result: Any, otherwise: tuple[Any, ...]) -> tuple[Any, ...]:
    if result is None:
        return otherwise
    return result if isinstance(result, tuple) else (result,)


# ---- the public calls ------------------------------------------------------------------------------------------------


def _sequence(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, TensorCore) or value is None else tuple(value)


_ones: dict[mx.Dtype, mx.array] = {}  # the cotangents that most losses have


def _roots(
    operation: str, outputs: tuple[Any, ...], seeds: tuple[Any, ...], create_graph: bool
) -> list[tuple[Node, Any]]:
    """Each output's node with its cotangent, checked as PyTorch checks them."""
    if len(seeds) != len(outputs):
        raise RuntimeError(f"{operation}: got {len(outputs)} tensors and {len(seeds)} gradients")
    roots = []
    for k, (t, seed) in enumerate(zip(outputs, seeds, strict=True)):
        data = array(t)
        if t._node is None:
            raise RuntimeError(f"element {k} of tensors does not require grad and does not have a grad_fn")
        if seed is None:
            if data.size != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs, got shape {tuple(data.shape)}"
                )
            value = _ones.get(data.dtype)
            if value is None:
                if not OF_MX[data.dtype].is_floating_point:
                    raise RuntimeError(
                        f"grad can be implicitly created only for real scalar outputs but got {OF_MX[data.dtype]!r}"
                    )
                value = _ones[data.dtype] = mx.array(1, data.dtype)
            if data.ndim:
                value = mx.ones_like(data)
        elif not isinstance(seed, TensorCore):
            raise TypeError(f"{operation}: gradients can be either Tensors or None, but got {type(seed).__name__}")
        else:
            value = array(seed)
            if value.shape != data.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{k}] has a shape of {tuple(value.shape)} and output[{k}] has a "
                    f"shape of {tuple(data.shape)}."
                )
            if data.dtype == mx.complex64 != value.dtype:
                raise RuntimeError(
                    "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
                    f"dtype: grad_output[{k}] has a dtype of {OF_MX[value.dtype]!r} and output[{k}] has a dtype of "
                    f"{OF_MX[data.dtype]!r}."
                )
            value = value.astype(data.dtype)
        if create_graph or mode.dual is not None:
            value = seed if seed is not None and array(seed).dtype == data.dtype else as_tensor(value)
        roots.append((t._node, value))
    return roots


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves that they were computed from.

    Args:
        tensors: a tensor or a sequence of them.
        grad_tensors: a cotangent for each, of its shape; None where the tensor has one element.
        retain_graph: keep the graph for another backward; default `create_graph`.
        create_graph: record the backward itself, for higher derivatives.
        grad_variables: the old name of `grad_tensors`.
        inputs: a tensor or tensors; only these receive gradients.

    Raises RuntimeError if a tensor requires no gradient, or if the graph was released by an earlier backward.
    """
    if mode.level is not None:
        raise RuntimeError(
            f"backward() was called in a function that {mode.level.name} transforms; use lucid.func.grad or vjp there, "
            "or call backward() outside"
        )
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "backward: grad_tensors and grad_variables (deprecated) were both given; use grad_tensors"
            )
        grad_tensors = grad_variables
    outputs = _sequence(tensors)
    seeds = _sequence(grad_tensors) if grad_tensors is not None else (None,) * len(outputs)
    targets = None
    if inputs is not None:
        targets = [_wanted("backward", t) for t in _sequence(inputs)]
        if not targets:
            raise RuntimeError("backward: `inputs` argument cannot be empty")
    roots = _roots("backward", outputs, seeds, create_graph)
    for t in outputs:
        _tape.touch(t)  # so that a loss that is kept and never looked at does not keep its graph
    keep = create_graph if retain_graph is None else retain_graph
    run_backward(roots, targets, retain_graph=keep, create_graph=create_graph, into_grad=True)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple of tensors; `.grad` is left alone.

    Args:
        outputs: a tensor or a sequence of them.
        inputs: the tensors, leaves or computed ones, to take gradients for.
        grad_outputs: a cotangent for each output; None where it has one element.
        retain_graph: keep the graph; default `create_graph`.
        create_graph: record the backward itself, for higher derivatives.
        only_inputs: has to be True, as in PyTorch.
        allow_unused: give None, rather than raise, for an input that the outputs do not depend on.
        is_grads_batched: `grad_outputs` has a first dimension more, and so has the result: a cotangent for each index.
        materialize_grads: give zeros instead of None.

    Raises RuntimeError if an input was not used, or requires no gradient, or the graph was released.
    """
    if not only_inputs:
        raise ValueError("grad: only_inputs=False is not supported; call backward() to fill .grad")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    wanted, sources = _sequence(inputs), _sequence(outputs)
    if is_grads_batched:
        options = (create_graph, True, allow_unused, False, materialize_grads)
        return _batched(sources, wanted, _sequence(grad_outputs), retain_graph, *options)
    targets = [_wanted("grad", t) for t in wanted]
    seeds = _sequence(grad_outputs) if grad_outputs is not None else (None,) * len(sources)
    roots = _roots("grad", sources, seeds, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = run_backward(roots, targets, retain_graph=keep, create_graph=create_graph, into_grad=False)
    if not (allow_unused or materialize_grads) and any(n not in found for n in targets):
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if "
            "this is the desired behavior."
        )
    empty = (lambda t: as_tensor(mx.zeros_like(array(t)))) if materialize_grads else (lambda t: None)
    return tuple(as_tensor(found[n]) if n in found else empty(t) for n, t in zip(targets, wanted, strict=True))


def _batched(
    outputs: Any, inputs: Any, seeds: tuple[Any, ...], retain_graph: bool | None, create_graph: bool, *options: Any
) -> tuple[Any, ...]:
    """`grad` for each index of the first dimension of `seeds`, stacked."""
    counts = {array(s).shape[:1] for s in seeds if isinstance(s, TensorCore)}
    if len(counts) != 1 or () in counts:
        raise RuntimeError("grad: is_grads_batched=True expects grad_outputs with one first dimension, of equal size")
    count = counts.pop()[0]
    if not count:
        raise RuntimeError("grad: is_grads_batched=True expects at least one cotangent, got grad_outputs of size 0")
    keep = create_graph if retain_graph is None else retain_graph
    rows = []
    for k in range(count):
        row = tuple([None if s is None else s[k] for s in seeds])
        rows.append(grad(outputs, inputs, row, keep or k + 1 < count, create_graph, *options))
    return tuple([None if g[0] is None else apply(lambda *a: mx.stack(list(a)), *g) for g in zip(*rows, strict=True)])


def _wanted(operation: str, t: Any) -> Node:
    if not isinstance(t, TensorCore):
        raise TypeError(f"{operation}: inputs must be Tensors, got {type(t).__name__}")
    array(t)
    if t._node is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return t._node
