"""Layers without PyTorch: literal values, what they keep, and what they refuse."""

from __future__ import annotations

import importlib
import math

import mlx.core as mx
import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import _tape, nn


def test_linear_computes_and_learns():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": lucid.tensor([[2.0, 3.0]]), "bias": lucid.tensor([1.0])})
    x = lucid.tensor([[1.0, 10.0]], requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [[2.0, 3.0]]
    assert layer.weight.grad.tolist() == [[1.0, 10.0]]
    assert repr(layer) == "Linear(in_features=2, out_features=1, bias=True)"


def test_linear_whose_weight_is_computed():
    """Pruning and reparametrisation put a plain attribute where the parameter was."""
    layer = nn.Linear(2, 1, bias=False)
    layer.source = nn.Parameter(lucid.tensor([[1.0, 1.0]]))
    del layer.weight
    layer.weight = layer.source * 3
    assert layer(lucid.tensor([[1.0, 2.0]])).tolist() == [[9.0]]
    assert nn.Linear(2, 1, bias=False)(lucid.zeros(1, 2)).tolist() == [[0.0]]


@pytest.mark.parametrize("shape", [(5, 4), (4,), (2, 5, 4)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("way", ["replay", "per node", "compiled", "func"])
def test_gradient_of_a_linear_weight_lies_as_the_weight_does(way, bias, shape):
    """So that what an optimizer does with both is not strided."""
    layer, x = nn.Linear(4, 3, bias=bias), lucid.randn(*shape)
    weight, others = layer.weight, {name: p for name, p in layer.named_parameters() if name != "weight"}

    def step(x):
        layer.zero_grad()
        layer(x).square().sum().backward()

    def loss(w):
        return lucid.func.functional_call(layer, {**others, "weight": w}, (x,)).square().sum()

    if way == "func":
        gradient = lucid.func.grad(loss)(weight.detach())
    elif way == "per node":
        y = layer(x).square().sum()
        y.item()
        y.backward()
        gradient = weight.grad
    else:
        run = lucid.compile(step, fullgraph=True) if way == "compiled" else step
        for _ in range(3):
            run(x)
        gradient = weight.grad
    gradient.tolist()
    assert memoryview(gradient._data).strides == (16, 4)


def test_integer_linear():
    assert F.linear(lucid.tensor([[1, 2]]), lucid.tensor([[3, 4]])).tolist() == [[11]]
    assert F.linear(lucid.tensor([1, 2]), lucid.tensor([3, 4]), lucid.tensor(1)).tolist() == 12


@pytest.mark.parametrize("name", ["cpu"])
def test_layers_take_a_device_and_a_dtype(name):
    layers = [
        nn.Linear(2, 3, device=name, dtype=lucid.float64),
        nn.Conv2d(2, 3, 1, device=name, dtype=lucid.float64),
        nn.BatchNorm2d(2, device=name, dtype=lucid.float64),
        nn.LayerNorm(2, device=name, dtype=lucid.float64),
        nn.Embedding(2, 3, device=name, dtype=lucid.float64),
        nn.MultiheadAttention(4, 2, device=name, dtype=lucid.float64),
        nn.PReLU(device=name, dtype=lucid.float64),
    ]
    for layer in layers:
        assert {p.dtype for p in layer.parameters()} == {lucid.float64}
        assert {p.device.type for p in layer.parameters()} == {name}
    assert layers[2].num_batches_tracked.dtype is lucid.int64


def test_sparse_gradients_are_refused():
    with pytest.raises(NotImplementedError, match="sparse=False"):
        nn.Embedding(3, 2, sparse=True)
    with pytest.raises(NotImplementedError, match="sparse=False"):
        F.embedding(lucid.tensor([0]), lucid.zeros(3, 2), sparse=True)


def test_embedding_of_pretrained_vectors():
    table = lucid.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = nn.Embedding.from_pretrained(table)
    assert layer(lucid.tensor(1)).tolist() == [3.0, 4.0]
    assert not layer.weight.requires_grad
    assert nn.Embedding.from_pretrained(table, freeze=False, padding_idx=-1).padding_idx == 1
    with pytest.raises(AssertionError, match="2-dimensional"):
        nn.Embedding.from_pretrained(table[0])


def test_lazy_indices_are_clamped_rather_than_read_out_of_bounds():
    table = lucid.tensor([[1.0], [2.0]])
    lazy = lucid.tensor([0, 1]) * 10 - 5
    assert F.embedding(lazy, table).tolist() == [[1.0], [2.0]]
    loss = F.cross_entropy(lucid.zeros(2, 3), lazy)
    assert math.isclose(loss.item(), math.log(3), rel_tol=1e-5)
    with pytest.raises(IndexError, match="got 5"):
        F.embedding(lucid.tensor([0, 5]), table)
    with pytest.raises(IndexError, match="Target 3"):
        F.cross_entropy(lucid.zeros(2, 3), lucid.tensor([3, -100]))
    with pytest.raises(IndexError, match="no rows"):
        F.embedding(lucid.tensor([0]), lucid.zeros(0, 2))


# ---- dropout ---------------------------------------------------------------------------------------------------------


def test_dropout_drops_and_scales():
    x = lucid.ones(100, 100, requires_grad=True)
    y = nn.Dropout(0.25)(x)
    values = y.detach().numpy()
    assert set(np.unique(values)) == {0.0, np.float32(1 / 0.75)}
    assert abs((values == 0).mean() - 0.25) < 0.03
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)
    assert nn.Dropout(0.25).eval()(x) is x
    assert nn.Dropout(1.0)(x).sum().item() == 0.0


def test_dropout_is_repeated_by_a_seed():
    lucid.manual_seed(4)
    first = F.dropout(lucid.ones(20)).tolist()
    lucid.manual_seed(4)
    assert F.dropout(lucid.ones(20)).tolist() == first


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout1d, (8, 50, 3)),
        (nn.Dropout2d, (8, 50, 3, 2)),
        (nn.Dropout3d, (8, 50, 2, 2, 2)),
        (nn.Dropout1d, (50, 3)),
    ],
)
def test_channel_dropout_drops_whole_channels(layer, shape):
    dropped = layer(0.5)(lucid.ones(shape)).numpy() == 0
    lead = 1 if len(shape) == 2 else 2
    per_channel = dropped.reshape(*shape[:lead], -1)
    assert (per_channel.all(-1) == per_channel.any(-1)).all()
    assert 0.3 < dropped.mean() < 0.7


def test_alpha_dropout_keeps_mean_and_variance():
    x = lucid.randn(400, 100)
    for layer in (nn.AlphaDropout(0.2), nn.FeatureAlphaDropout(0.2)):
        y = layer(x)
        assert abs(y.mean().item()) < 0.05
        assert abs(y.std().item() - 1) < 0.05
        assert layer.eval()(x) is x
    assert F.alpha_dropout(x, 1.0, training=True).abs().max().item() == 0.0


def test_dropout_in_place_and_errors():
    x = lucid.ones(50)
    assert F.dropout(x, 0.5, inplace=True) is x
    assert 0 < (x == 0).sum().item() < 50
    for bad in (-0.1, 1.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            F.dropout(x, bad)
    with pytest.raises(RuntimeError, match="2D or 3D"):
        F.dropout1d(x)
    with pytest.warns(UserWarning, match="4D"), pytest.raises(RuntimeError, match="2 dimensions"):
        F.dropout2d(x)
    with pytest.raises(RuntimeError, match="2 dimensions"):
        F.feature_alpha_dropout(x, training=True)
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.scaled_dot_product_attention(
            lucid.zeros(1, 1, 2, 2), lucid.zeros(1, 1, 2, 2), lucid.zeros(1, 1, 2, 2), dropout_p=2.0
        )


def test_instance_norm_warns_of_channels_it_does_not_use():
    layer = nn.InstanceNorm1d(5)
    for shape, dim in (((2, 3, 4), 1), ((3, 4), 0)):
        with pytest.warns(UserWarning, match=f"dim={dim} is 3, not num_features"):
            assert layer(lucid.randn(shape)).shape == shape
    with pytest.raises(ValueError, match="num_features"):
        nn.InstanceNorm1d(5, affine=True)(lucid.randn(2, 3, 4))


def test_random_activations():
    x = -lucid.ones(2000)
    slopes = -F.rrelu(x, training=True).numpy()
    assert slopes.min() >= 0.125
    assert slopes.max() <= 1 / 3
    assert abs(slopes.mean() - 11 / 48) < 0.01
    sample = F.gumbel_softmax(lucid.zeros(500, 4), hard=True)
    assert set(np.unique(sample.numpy())) == {0.0, 1.0}
    assert (sample.sum(-1) == 1).all()
    logits = lucid.zeros(3, 4, requires_grad=True)
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.detach().sum(-1).numpy(), 1, rtol=1e-5)
    (soft[:, 0]).sum().backward()
    assert logits.grad.abs().sum().item() > 0
    with pytest.warns(UserWarning, match="no effect"):
        F.gumbel_softmax(logits, eps=1e-5)


def test_attention_dropout_drops_weights():
    q = lucid.randn(2, 4, 16, 8)
    eye = lucid.eye(16).expand(2, 4, 16, 16)
    weights = F.scaled_dot_product_attention(q, q, eye, dropout_p=0.5).numpy()
    assert 0.4 < (weights == 0).mean() < 0.6
    layer = nn.MultiheadAttention(8, 2, dropout=0.5)
    _, weights = layer(q[0], q[0], q[0])
    assert (weights == 0).any()
    assert not (layer.eval()(q[0], q[0], q[0])[1] == 0).any()


# ---- batch normalisation ---------------------------------------------------------------------------------------------


def test_running_statistics_follow_the_backward_that_replays():
    """Otherwise evaluating them would compute the forward a second time."""
    layer = nn.BatchNorm1d(2)
    x = lucid.tensor([[1.0, 2.0], [3.0, 6.0]], requires_grad=True)
    out = layer(x * 2)
    before = layer.running_mean._data
    out.sum().backward()
    assert layer.running_mean._data is not before
    np.testing.assert_allclose(layer.running_mean.numpy(), [0.4, 0.8], rtol=1e-6)
    np.testing.assert_allclose(layer.running_var.numpy(), [1.7, 4.1], rtol=1e-6)
    assert layer.num_batches_tracked.item() == 1
    assert not layer.running_mean.requires_grad


def test_running_statistics_written_between_forward_and_backward_stay():
    layer = nn.BatchNorm1d(2)
    out = layer(lucid.randn(4, 2).requires_grad_())
    layer.reset_running_stats()
    out.sum().backward()
    assert layer.running_mean.tolist() == [0.0, 0.0]
    assert layer.num_batches_tracked.item() == 0


def test_running_statistics_may_be_views():
    both = lucid.zeros(2, 3)
    F.batch_norm(lucid.arange(6).float().reshape(2, 3).requires_grad_(), both[0], both[1], training=True, momentum=1.0)
    np.testing.assert_allclose(both.numpy(), [[1.5, 2.5, 3.5], [4.5, 4.5, 4.5]])


def test_training_batch_norm_leaves_the_tape_untouched():
    """Reading the statistics for the running ones must not cost the cheaper way backward."""
    layer = nn.BatchNorm1d(2)
    out = layer(lucid.randn(4, 2).requires_grad_())
    assert not any(node is not None and node.watched for node in (out._node, *out._node.inputs))


def test_old_state_dicts_without_a_counter_load():
    layer = nn.BatchNorm1d(2)
    state = layer.state_dict()
    del state["num_batches_tracked"]
    state._metadata = {"": {"version": 1}}
    layer(lucid.randn(4, 2))
    layer.load_state_dict(state, strict=True)
    assert layer.num_batches_tracked.item() == 1
    state._metadata = {"": {"version": 2}}
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        layer.load_state_dict(state, strict=True)


def test_batch_norm_without_running_statistics_uses_the_batch():
    layer = nn.BatchNorm1d(1, track_running_stats=False).eval()
    np.testing.assert_allclose(layer(lucid.tensor([[1.0], [3.0]])).detach().numpy(), [[-1], [1]], atol=1e-4)


# ---- other -----------------------------------------------------------------------------------------------------------


def test_transposed_convolution_with_a_size():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    x = lucid.zeros(1, 2, 4, 4)
    assert layer(x).shape == (1, 3, 7, 7)
    assert layer(x, output_size=(8, 8)).shape == (1, 3, 8, 8)
    assert layer(x, output_size=[1, 3, 8, 7]).shape == (1, 3, 8, 7)
    for bad in ((9, 8), (6, 7), (8,)):
        with pytest.raises(ValueError, match="output"):
            layer(x, output_size=bad)


def test_attention_of_one_key_is_its_value():
    v = lucid.tensor([[[[5.0, 7.0]]]])
    q = lucid.randn(1, 1, 3, 4)
    out = F.scaled_dot_product_attention(q, q[:, :, :1], v)
    np.testing.assert_allclose(out.numpy()[0, 0], [[5, 7]] * 3)
    nothing = F.scaled_dot_product_attention(q, q[:, :, :0], v[:, :, :0])
    assert nothing.tolist() == [[[[0.0, 0.0]] * 3]]


def test_max_pool_gives_the_gradient_of_a_tie_to_the_first():
    x = lucid.zeros(1, 1, 2, 2, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]


def test_remembered_sizes_do_not_mix():
    """A convolution of the same sizes is planned once; another dtype, stride or bias is another plan."""
    x, w = lucid.ones(1, 1, 4, 4), lucid.ones(1, 1, 2, 2)
    assert F.conv2d(x, w).shape == (1, 1, 3, 3)
    assert F.conv2d(x, w, stride=2).shape == (1, 1, 2, 2)
    assert F.conv2d(x.half(), w.half()).dtype is lucid.float16
    assert F.conv2d(x, w, lucid.ones(1)).sum().item() == 45.0
    assert F.conv2d(x, w, stride=[2, 1]).shape == (1, 1, 2, 3)


def test_conv_attributes_and_paddings():
    layer = nn.Conv2d(4, 6, (3, 5), padding="same", dilation=2)
    assert layer._reversed_padding_repeated_twice == [4, 4, 2, 2]
    assert isinstance(layer, nn.modules.conv._ConvNd)
    assert nn.Conv2d(1, 1, 3, padding="valid")._reversed_padding_repeated_twice == [0, 0, 0, 0]
    assert isinstance(nn.BatchNorm2d(3), nn.modules.batchnorm._BatchNorm)
    assert nn.modules.activation.MultiheadAttention is nn.MultiheadAttention
    assert importlib.import_module("lucid.nn.modules.channelshuffle").ChannelShuffle is nn.ChannelShuffle


def test_deprecated_arguments_warn():
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="reduction='none'"):
        assert nn.L1Loss(reduce=False).reduction == "none"
    with pytest.warns(FutureWarning, match="min_val"):
        assert nn.Hardtanh(min_value=-2.0).min_val == -2.0
    with pytest.warns(FutureWarning, match="max_val"):
        assert nn.Hardtanh(max_value=2.0).max_val == 2.0
    with pytest.warns(UserWarning, match="different to the input size"):
        F.mse_loss(lucid.ones(3), lucid.ones(1))
    with pytest.warns(UserWarning, match="Implicit dimension"):
        F.softmax(lucid.ones(3))
    with pytest.warns(UserWarning, match="batchmean"):
        F.kl_div(lucid.zeros(3), lucid.ones(3))
    for name in ("upsample", "upsample_nearest", "upsample_bilinear"):
        with pytest.warns(UserWarning, match="interpolate"):
            getattr(F, name)(lucid.ones(1, 1, 2, 2), 3)


def test_what_is_not_there_says_so():
    with pytest.raises(NotImplementedError, match="named"):
        nn.Unflatten("features", (2, 3))


def test_gelu_in_two_parts_is_one():
    x = lucid.tensor([-1.0, 0.0, 2.0])
    for approximate in ("none", "tanh"):
        together = F.gelu(x, approximate=approximate)
        apart = F.gelu(x.clone().requires_grad_(), approximate=approximate)
        _tape.evaluate(apart)
        np.testing.assert_allclose(apart.detach().numpy(), together.numpy(), rtol=1e-6)


def test_one_hot_of_lazy_classes_is_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = lucid.randn(4, 3).argmax(1)
    with monkeypatch.context() as patch:
        patch.setattr(mx, "eval", lambda *arrays: pytest.fail("evaluated"))
        found = lucid.nn.functional.one_hot(classes, 3)
    assert found.sum(1).tolist() == [1, 1, 1, 1]
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        lucid.nn.functional.one_hot(lucid.tensor([3]), 3)
