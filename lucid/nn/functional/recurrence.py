"""Recurrent networks: the layers of RNN, LSTM and GRU as functions, for whole and for packed sequences, and one step.

The inputs of all steps are projected by one matrix product; each step is then one product with the state. Both kinds
of sequences go the same way: the rows of one step after those of the step before, with the number of rows of each step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _tape, ops
from lucid._tape import apply
from lucid.nn.functional import _check
from lucid.nn.functional.dropout import dropout as dropout_of
from lucid.nn.functional.linear import linear
from lucid.ops import _precise
from lucid.ops._split import split

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__: list[str] = []  # PyTorch has these functions at the top level only

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
State = tuple[mx.array, ...]
Step = Callable[[State, State], State]


def recurrent(
    kind: str,
    input: Tensor,
    sizes: Sequence[int] | None,
    hx: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """The outputs of the last layer, and the last states of all.

    Args:
        kind: "rnn_tanh", "rnn_relu", "gru" or "lstm".
        input: shape (T, N, features), or (N, T, features) with `batch_first`; with `sizes`, (sum of sizes, features).
        sizes: of packed sequences, how many are still running at each step; None for sequences of one length.
        hx: the first state h, for "lstm" also c, each of shape (layers * directions, N, hidden).
        params: for each layer and direction w_ih, w_hh, with biases b_ih and b_hh, with a projection w_hr.
        has_biases: whether `params` has the biases.
        num_layers: how many layers.
        dropout: probability of dropping an output between two layers, in training.
        train: whether this is training.
        bidirectional: whether each layer runs backward too, with outputs behind those of the forward direction.
        batch_first: see `input`.

    Raises RuntimeError for shapes or dtypes that do not fit.
    """
    batch = _check_sequences(kind, input, sizes, hx, batch_first)
    directions = 2 if bidirectional else 1
    projected = kind == "lstm" and hx[0].shape[2] != hx[1].shape[2]
    each = 2 + 2 * has_biases + projected
    if len(params) != num_layers * directions * each:
        raise RuntimeError(
            f"{kind}: expected {each} parameters for each of {num_layers} layers and {directions} directions, got "
            f"{len(params)}"
        )
    steps = 0
    x = input
    if sizes is None:
        x = input.transpose(0, 1) if batch_first else input
        steps = x.shape[0]
        x = x.reshape(steps * batch, x.shape[2])
        sizes = [batch] * steps
    last: list[list[Tensor]] = [[] for _ in hx]
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            k = layer * directions + direction
            own = list(params[k * each : (k + 1) * each])
            biases = own[2:4] if has_biases else None
            y, *states = _direction(
                kind, x, sizes, [h[k] for h in hx], own[0], own[1], biases, own[-1] if projected else None, direction
            )
            outputs.append(y)
            for kept, state in zip(last, states, strict=True):
                kept.append(state)
        x = outputs[0] if directions == 1 else ops.cat(outputs, -1)
        if train and dropout and layer < num_layers - 1:
            x = dropout_of(x, dropout)
    if steps:
        x = x.reshape(steps, batch, x.shape[-1])
        x = x.transpose(0, 1) if batch_first else x
    return (x, *[ops.stack(states) for states in last])


def packed_sizes(kind: str, batch_sizes: Any) -> list[int]:
    """`batch_sizes`, a tensor, as numbers: the shapes of all steps depend on them."""
    _check.tensor(kind, "batch_sizes", batch_sizes)
    values = _known.values(batch_sizes)
    if values is None:
        _tape.evaluate(batch_sizes)
        values = np.array(batch_sizes._data)
    if batch_sizes.ndim != 1 or batch_sizes._data.dtype != mx.int64:
        raise RuntimeError(
            f"{kind}: expected batch_sizes to be 1D and int64, got {batch_sizes.dtype!r} of shape {batch_sizes.shape}"
        )
    sizes: list[int] = values.tolist()
    if not sizes or min(sizes) <= 0 or any(a < b for a, b in itertools.pairwise(sizes)):
        raise RuntimeError(f"{kind}: expected batch_sizes above 0 that do not grow, got {sizes}")
    return sizes


def _direction(
    kind: str,
    x: Tensor,
    sizes: Sequence[int],
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    biases: Sequence[Tensor] | None,
    w_hr: Tensor | None,
    backward: int,
) -> tuple[Tensor, ...]:
    """One layer in one direction: the outputs of all steps, and the last state."""
    _check_weights(kind, x, hx, w_ih, w_hh, biases, w_hr)
    bias = None
    if biases is not None:  # of a GRU, that of the state is inside its reset gate
        bias = biases[0] if kind == "gru" else biases[0] + biases[1]
    rows = linear(x, w_ih, bias)
    ends = list(itertools.accumulate(sizes))[:-1]

    def run(rows: mx.array, w: mx.array, b: Any, r: Any, *state: mx.array) -> list[mx.array]:
        dtype = rows.dtype
        if not rows.size:
            return [mx.zeros((rows.shape[0], state[0].shape[1]), dtype), *state]
        if dtype in _check.HALF:
            rows, w, *state = (v.astype(mx.float32) for v in (rows, w, *state))  # type: ignore[assignment]
            b, r = (v if v is None else v.astype(mx.float32) for v in (b, r))
        step = _step(kind, w, b, r)
        # Split, not sliced: the gradient of a slice is as large as the whole, that of a split is the pieces.
        inputs = list(zip(*[split(part, ends, 0) for part in _parts(kind, rows)], strict=True))
        outputs, state = (_upward if backward else _downward)(step, inputs, sizes, tuple(state))
        return [v.astype(dtype) for v in (mx.concatenate(outputs, axis=0), *state)]

    run.__qualname__ = kind
    return apply(run, rows, w_hh, biases[1] if biases is not None and kind == "gru" else None, w_hr, *hx)  # type: ignore[no-any-return]


def _downward(step: Step, inputs: list[Any], sizes: Sequence[int], state: State) -> tuple[list[mx.array], State]:
    """All steps from the first on: sequences end one after the other."""
    outputs, ended = [], []
    for x, size in zip(inputs, sizes, strict=True):
        if size < state[0].shape[0]:
            pairs = [mx.split(s, [size], axis=0) for s in state]
            state = tuple([p[0] for p in pairs])
            ended.append([p[1] for p in pairs])
        state = step(x, state)
        outputs.append(state[0])
    if ended:
        state = tuple([mx.concatenate([s, *later], axis=0) for s, *later in zip(state, *reversed(ended), strict=True)])
    return outputs, state


def _upward(step: Step, inputs: list[Any], sizes: Sequence[int], state: State) -> tuple[list[mx.array], State]:
    """All steps from the last on: sequences join in one after the other."""
    outputs: list[mx.array] = []
    first, running = state, sizes[-1]
    state = tuple([s[:running] for s in first])
    for x, size in zip(reversed(inputs), reversed(sizes), strict=True):
        if size > running:
            state = tuple([mx.concatenate([s, f[running:size]], axis=0) for s, f in zip(state, first, strict=True)])
            running = size
        state = step(x, state)
        outputs.append(state[0])
    return outputs[::-1], state


def _parts(kind: str, rows: mx.array) -> list[mx.array]:
    """The projected inputs, in the parts that a step takes them in."""
    if kind != "gru":
        return [rows]
    both, new = mx.split(rows, [rows.shape[1] // 3 * 2], axis=1)
    return [both, new]


def _step(kind: str, w_hh: mx.array, b_hh: Any, w_hr: Any) -> Step:
    """The function from the inputs of a step and the state before it to the state after it."""
    w = w_hh.T
    if kind == "lstm":

        def lstm(x: State, state: State) -> State:
            h, c = state
            i, f, g, o = mx.split(mx.addmm(x[0], h, w), 4, axis=1)
            c = _precise.sigmoid(f) * c + _precise.sigmoid(i) * mx.tanh(g)
            h = _precise.sigmoid(o) * mx.tanh(c)
            return (h if w_hr is None else mx.matmul(h, w_hr.T)), c

        return lstm
    if kind == "gru":

        def gru(x: State, state: State) -> State:
            (h,) = state
            of_h = mx.matmul(h, w) if b_hh is None else mx.addmm(b_hh, h, w)
            both, new = mx.split(of_h, [w.shape[1] // 3 * 2], axis=1)
            reset, update = mx.split(_precise.sigmoid(x[0] + both), 2, axis=1)
            n = mx.tanh(x[1] + reset * new)
            return (n + update * (h - n),)

        return gru
    squash = mx.tanh if kind == "rnn_tanh" else _relu
    return lambda x, state: (squash(mx.addmm(x[0], state[0], w)),)


def _relu(a: mx.array) -> mx.array:
    return mx.maximum(a, 0)


def cell(
    kind: str, input: Tensor, hx: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> tuple[Tensor, ...]:
    """One step: the state after it, from the state `hx` before it, each of shape (N, hidden)."""
    name = f"{kind}_cell"
    x = _check.tensor(name, "input", input)
    for argument, weight in (("w_ih", w_ih), ("w_hh", w_hh)):
        if _check.tensor(name, argument, weight).ndim != 2:
            raise RuntimeError(f"{name}: expected {argument} to have 2 dimensions, got shape {weight.shape}")
    for t in hx:
        if _check.tensor(name, "hx", t).ndim != x.ndim or t.shape[:-1] != x.shape[:-1]:
            raise RuntimeError(f"{name}: expected hx for a batch like that of the input, {x.shape}, got {t.shape}")
    if x.ndim != 2:
        raise RuntimeError(f"{name}: expected input of shape (N, features), got {x.shape}")
    biases = None
    if b_ih is not None or b_hh is not None:
        biases = [w.new_zeros(w.shape[0]) if b is None else b for b, w in ((b_ih, w_ih), (b_hh, w_hh))]
    return _direction(kind, x, [x.shape[0]], hx, w_ih, w_hh, biases, None, 0)[1:]


def _check_sequences(kind: str, input: Any, sizes: Sequence[int] | None, hx: Any, batch_first: bool) -> int:
    """The number of sequences. Raises RuntimeError for shapes that do not fit."""
    x = _check.tensor(kind, "input", input)
    if x.ndim != (3 if sizes is None else 2):
        raise RuntimeError(
            f"{kind}: expected input of {3 if sizes is None else 2} dimensions, got shape {x.shape}; add a batch "
            "dimension to a single sequence"
        )
    if sizes is None:
        batch = int(x.shape[0 if batch_first else 1])
        if not x.shape[1 if batch_first else 0]:
            raise RuntimeError(f"{kind}: Expected sequence length to be larger than 0, got input of shape {x.shape}")
    else:
        batch = int(sizes[0])
        if sum(sizes) != x.shape[0]:
            raise RuntimeError(
                f"{kind}: expected as many rows as batch_sizes sum up to, {sum(sizes)}, got {x.shape[0]}"
            )
    if len(hx) != (2 if kind == "lstm" else 1):
        raise RuntimeError(f"{kind} expects {'two hidden states' if kind == 'lstm' else 'one hidden state'}")
    for t in hx:
        if _check.tensor(kind, "hx", t).ndim != 3 or t.shape[1] != batch:
            raise RuntimeError(f"{kind}: expected hx of shape (layers * directions, {batch}, hidden), got {t.shape}")
    return batch


def _check_weights(kind: str, x: Tensor, hx: Any, w_ih: Any, w_hh: Any, biases: Any, w_hr: Any) -> None:
    more = {} if biases is None else {"b_ih": biases[0], "b_hh": biases[1]}
    tensors = {"input": x, "hx": hx[0], "w_ih": w_ih, "w_hh": w_hh, **more}
    for name, t in tensors.items():
        _check.tensor(kind, name, t)
    _check.floating(kind, x)
    _check.same_dtype(kind, **tensors)
    hidden, out = hx[-1].shape[-1], hx[0].shape[-1]
    rows = GATES[kind] * hidden
    want = {"w_ih": (rows, x.shape[-1]), "w_hh": (rows, out), "b_ih": (rows,), "b_hh": (rows,)}
    for name, shape in want.items():
        if name in tensors and tuple(tensors[name].shape) != shape:
            raise RuntimeError(f"{kind}: expected {name} of shape {shape}, got {tensors[name].shape}")
    if w_hr is not None and tuple(w_hr.shape) != (out, hidden):
        raise RuntimeError(f"{kind}: expected w_hr of shape {(out, hidden)}, got {w_hr.shape}")
