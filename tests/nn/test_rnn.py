"""Recurrent networks without PyTorch: literal values, and what they keep."""

from __future__ import annotations

import math

import pytest

import lucid
from lucid import nn


def fill(module: nn.Module, **values: object) -> nn.Module:
    """`module` with all parameters 0 but these."""
    state = {name: lucid.zeros_like(p) for name, p in module.named_parameters()}
    module.load_state_dict({**state, **{name: lucid.tensor(value) for name, value in values.items()}})
    return module


def test_a_network_that_adds_up():
    net = fill(nn.RNN(1, 1, nonlinearity="relu"), weight_ih_l0=[[1.0]], weight_hh_l0=[[1.0]])
    x = lucid.tensor([[1.0], [2.0], [-5.0], [4.0]], requires_grad=True)
    output, h = net(x)
    assert output.tolist() == [[1.0], [3.0], [0.0], [4.0]]
    assert h.tolist() == [[4.0]]
    output[1].sum().backward()
    assert x.grad.tolist() == [[1.0], [1.0], [0.0], [0.0]]
    assert net.weight_ih_l0.grad.tolist() == [[3.0]]
    assert net(x, lucid.tensor([[10.0]]))[0].tolist() == [[11.0], [13.0], [8.0], [12.0]]


def test_the_backward_direction_and_the_layers_above():
    net = nn.RNN(1, 1, 2, "relu", batch_first=True, bidirectional=True)
    one = {name: [[1.0]] for name in ("weight_ih_l0", "weight_ih_l0_reverse", "weight_hh_l0", "weight_hh_l0_reverse")}
    fill(net, **one, weight_ih_l1=[[1.0, 10.0]])
    output, h = net(lucid.tensor([[[1.0], [2.0], [3.0]]]))
    assert output.tolist() == [[[61.0, 0.0], [53.0, 0.0], [36.0, 0.0]]]
    assert h.tolist() == [[[6.0]], [[6.0]], [[36.0]], [[0.0]]]


def test_an_lstm_whose_gates_are_open_counts():
    net = fill(nn.LSTM(1, 1), bias_ih_l0=[100.0, 100.0, 100.0, 100.0])  # input, forget, cell and output
    output, (h, c) = net(lucid.zeros(3, 1, 1))
    assert output.flatten().tolist() == pytest.approx([math.tanh(1), math.tanh(2), math.tanh(3)])
    assert c.item() == pytest.approx(3.0)
    assert h.item() == pytest.approx(math.tanh(3))
    cell = fill(nn.LSTMCell(1, 1), bias_ih=[100.0] * 4)
    h, c = cell(lucid.zeros(1), (lucid.zeros(1), lucid.tensor([4.0])))
    assert c.tolist() == pytest.approx([5.0])


def test_a_gru_that_keeps_its_state():
    net = fill(nn.GRU(1, 2), bias_ih_l0=[0.0, 0.0, 100.0, -100.0, 1.0, 1.0])  # reset, update and new
    output, _ = net(lucid.zeros(2, 1, 1), lucid.tensor([[[0.25, 0.25]]]))
    assert output[1, 0].tolist() == pytest.approx([0.25, math.tanh(1)])
    cell = fill(nn.GRUCell(1, 1), bias_ih=[0.0, 100.0, 1.0])
    assert cell(lucid.zeros(2, 1), lucid.tensor([[3.0], [4.0]])).tolist() == [[3.0], [4.0]]


def test_packed_sequences_end_when_they_end():
    net = fill(nn.RNN(1, 1, nonlinearity="relu"), weight_ih_l0=[[1.0]], weight_hh_l0=[[1.0]])
    sequences = [lucid.tensor([[1.0]]), lucid.tensor([[1.0], [2.0], [3.0]])]
    output, h = net(nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False))
    assert [t.flatten().tolist() for t in nn.utils.rnn.unpack_sequence(output)] == [[1.0], [1.0, 3.0, 6.0]]
    assert h.flatten().tolist() == [1.0, 6.0]


def test_weights_that_are_computed():
    """Pruning and reparametrisation put a plain attribute where the parameter was."""
    net = nn.LSTM(2, 3)
    source = nn.Parameter(net.weight_hh_l0.detach())
    want = net(lucid.ones(4, 1, 2))[0].tolist()
    del net.weight_hh_l0
    net.weight_hh_l0 = source * 1
    output = net(lucid.ones(4, 1, 2))[0]
    assert output.tolist() == want
    output.sum().backward()
    assert source.grad.shape == (12, 3)


def test_dropout_is_drawn_anew_and_only_in_training():
    net = nn.GRU(2, 20, 2, dropout=0.5)
    x = lucid.ones(3, 1, 2)
    assert net(x)[0].tolist() != net(x)[0].tolist()
    net.eval()
    assert net(x)[0].tolist() == net(x)[0].tolist()


def test_names_and_what_is_said():
    import lucid.nn.modules.rnn as module

    assert set(module.__all__) <= set(dir(nn))
    assert repr(nn.LSTM(3, 4, 2, bidirectional=True)) == "LSTM(3, 4, num_layers=2, bidirectional=True)"
    names = [name for name, _ in nn.LSTM(3, 4, proj_size=2, bidirectional=True).named_parameters()]
    assert names[:6] == [*(f"{n}_l0" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")), names[5]]
    assert names[5] == "weight_ih_l0_reverse"
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(1, 2, 4\), got \[1, 2, 5\]"):
        nn.LSTM(3, 4)(lucid.ones(1, 2, 3), (lucid.ones(1, 2, 4), lucid.ones(1, 2, 5)))
    with pytest.raises(NotImplementedError):
        nn.RNNBase("GRU", 3, 4)(lucid.ones(1, 1, 3))
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.GRU(3, 4, dropout=0.5)
