"""Sound and text: WaveNet, a temporal convolutional network, Conformer, Whisper, CRNN with CTC, Tacotron's prenet."""

from __future__ import annotations

import math

import lucid
import lucid.nn as nn
import lucid.nn.functional as F
from lucid import Tensor
from lucid.nn.utils import weight_norm
from lucid.nn.utils.parametrizations import weight_norm as parametrized_weight_norm
from tests.nn.models.example import Example, floats, ints

# ------------------------------------------------------------------------------------------------ WaveNet, TCN, vocoder


class CausalConv1d(nn.Conv1d):
    def __init__(self, in_channels, out_channels, kernel_size, dilation=1, **kwargs):
        self.left = (kernel_size - 1) * dilation
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation, padding=0, **kwargs)

    def forward(self, input):
        return super().forward(F.pad(input, (self.left, 0)))


class WaveNet(nn.Module):
    def __init__(self, channels=6, skip=8, classes=16, layers=3, conditions=4):
        super().__init__()
        self.first = CausalConv1d(classes, channels, 1)
        self.dilated, self.conditioning, self.residual, self.skips = (nn.ModuleList() for _ in range(4))
        for k in range(layers):
            self.dilated.append(weight_norm(CausalConv1d(channels, 2 * channels, 2, dilation=2**k)))
            self.conditioning.append(nn.Conv1d(conditions, 2 * channels, 1, bias=False))
            self.residual.append(weight_norm(nn.Conv1d(channels, channels, 1), name="weight", dim=0))
            self.skips.append(nn.Conv1d(channels, skip, 1))
        self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, classes, 1))
        self.upsample = nn.ConvTranspose1d(conditions, conditions, kernel_size=8, stride=4, padding=2)

    def forward(self, codes: Tensor, mel: Tensor) -> Tensor:
        x = F.one_hot(codes, 16).transpose(1, 2).to(mel.dtype)
        c, skip = self.upsample(mel), 0
        assert c.size(-1) == x.size(-1)
        x = self.first(x)
        for dilated, conditioning, residual, skips in zip(
            self.dilated, self.conditioning, self.residual, self.skips, strict=True
        ):
            a, b = (dilated(x) + conditioning(c)).chunk(2, dim=1)
            y = lucid.tanh(a) * lucid.sigmoid(b)
            skip = skip + skips(y)
            x = (x + residual(y)) * math.sqrt(0.5)
        return F.log_softmax(self.last(skip), dim=1)


class Chomp1d(nn.Module):
    def __init__(self, chomp_size):
        super().__init__()
        self.chomp_size = chomp_size

    def forward(self, x):
        return x[:, :, : -self.chomp_size].contiguous()


class TemporalBlock(nn.Module):
    def __init__(self, n_inputs, n_outputs, kernel_size, stride, dilation, padding, dropout=0.0):
        super().__init__()
        self.conv1 = parametrized_weight_norm(
            nn.Conv1d(n_inputs, n_outputs, kernel_size, stride=stride, padding=padding, dilation=dilation)
        )
        self.chomp1, self.relu1, self.dropout1 = Chomp1d(padding), nn.ReLU(), nn.Dropout(dropout)
        self.conv2 = parametrized_weight_norm(
            nn.Conv1d(n_outputs, n_outputs, kernel_size, stride=stride, padding=padding, dilation=dilation)
        )
        self.chomp2, self.relu2, self.dropout2 = Chomp1d(padding), nn.ReLU(), nn.Dropout(dropout)
        self.net = nn.Sequential(
            self.conv1, self.chomp1, self.relu1, self.dropout1, self.conv2, self.chomp2, self.relu2, self.dropout2
        )
        self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None
        self.relu = nn.ReLU()

    def forward(self, x):
        out = self.net(x)
        res = x if self.downsample is None else self.downsample(x)
        return self.relu(out + res)


class TCN(nn.Module):
    def __init__(self, num_inputs=3, num_channels=(6, 6), kernel_size=2):
        super().__init__()
        layers = []
        for i, out_channels in enumerate(num_channels):
            dilation_size = 2**i
            in_channels = num_inputs if i == 0 else num_channels[i - 1]
            padding = (kernel_size - 1) * dilation_size
            layers += [TemporalBlock(in_channels, out_channels, kernel_size, 1, dilation_size, padding)]
        self.network = nn.Sequential(*layers)
        self.linear = nn.Linear(num_channels[-1], 2)

    def forward(self, x):
        return self.linear(self.network(x)[:, :, -1])


class Vocoder(nn.Module):
    """Transposed convolutions with residual blocks, and a way to take the weight norms off."""

    def __init__(self, channels=8):
        super().__init__()
        self.conv_pre = weight_norm(nn.Conv1d(4, channels, 7, 1, padding=3))
        self.ups = nn.ModuleList()
        for i, (u, k) in enumerate(zip([4, 2], [8, 4], strict=True)):
            c = channels // (2**i)
            self.ups.append(weight_norm(nn.ConvTranspose1d(c, c // 2, k, u, padding=(k - u) // 2)))
        self.ups.apply(self.init_weights)
        self.conv_post = nn.Conv1d(2, 1, 7, 1, padding=3, padding_mode="reflect")

    @staticmethod
    def init_weights(m, mean=0.0, std=0.01):
        if m.__class__.__name__.find("Conv") != -1:
            m.weight.data.normal_(mean, std)

    def forward(self, x):
        x = self.conv_pre(x)
        for up in self.ups:
            x = up(F.leaky_relu(x, 0.1))
        return lucid.tanh(self.conv_post(F.leaky_relu(x)))

    def remove_weight_norm(self):
        for layer in (*self.ups, self.conv_pre):
            nn.utils.remove_weight_norm(layer)
        return self


# ---------------------------------------------------------------------------------------------------------- Conformer


class RelativePositions(nn.Module):
    def __init__(self, d_model: int, max_len: int = 40) -> None:
        super().__init__()
        self.d_model = d_model
        pe = lucid.zeros(max_len, d_model)
        position = lucid.arange(0, max_len, dtype=lucid.float32).unsqueeze(1)
        div_term = lucid.exp(lucid.arange(0, d_model, 2, dtype=lucid.float32) * -(math.log(10000.0) / d_model))
        pe[:, 0::2] = lucid.sin(position * div_term)
        pe[:, 1::2] = lucid.cos(position * div_term)
        both = lucid.cat([lucid.flip(pe, [0]).unsqueeze(0), pe[1:].unsqueeze(0) * -1], dim=1)
        self.register_buffer("pe", both)

    def forward(self, x: Tensor) -> Tensor:
        center, t = self.pe.size(1) // 2, x.size(1)
        return self.pe[:, center - t + 1 : center + t].to(x.dtype)


class RelativeAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int):
        super().__init__()
        self.d_head, self.num_heads = d_model // num_heads, num_heads
        self.query_proj, self.key_proj, self.value_proj = (nn.Linear(d_model, d_model) for _ in range(3))
        self.pos_proj, self.out_proj = nn.Linear(d_model, d_model, bias=False), nn.Linear(d_model, d_model)
        self.u_bias = nn.Parameter(lucid.Tensor(num_heads, self.d_head))
        self.v_bias = nn.Parameter(lucid.Tensor(num_heads, self.d_head))
        nn.init.xavier_uniform_(self.u_bias)
        nn.init.xavier_uniform_(self.v_bias)

    def _relative_shift(self, pos_score: Tensor) -> Tensor:
        batch, heads, n, m = pos_score.size()
        zeros = pos_score.new_zeros(batch, heads, n, 1)
        padded = lucid.cat([zeros, pos_score], dim=-1).view(batch, heads, m + 1, n)
        return padded[:, :, 1:].view_as(pos_score)[:, :, :, : m // 2 + 1]

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        b = x.size(0)
        query = self.query_proj(x).view(b, -1, self.num_heads, self.d_head)
        key = self.key_proj(x).view(b, -1, self.num_heads, self.d_head).permute(0, 2, 1, 3)
        value = self.value_proj(x).view(b, -1, self.num_heads, self.d_head).permute(0, 2, 1, 3)
        positions = self.pos_proj(positions).view(1, -1, self.num_heads, self.d_head).expand(b, -1, -1, -1)
        content = lucid.matmul((query + self.u_bias).transpose(1, 2), key.transpose(2, 3))
        relative = lucid.matmul((query + self.v_bias).transpose(1, 2), positions.permute(0, 2, 3, 1))
        score = (content + self._relative_shift(relative)) / math.sqrt(self.d_head)
        if mask is not None:
            score.masked_fill_(mask.unsqueeze(1), -1e4)
        attn = F.softmax(score, -1)
        return self.out_proj(lucid.matmul(attn, value).transpose(1, 2).contiguous().view(b, -1, x.size(-1)))


class ConvModule(nn.Module):
    def __init__(self, dim: int, kernel_size: int = 5):
        super().__init__()
        assert (kernel_size - 1) % 2 == 0, "kernel_size should be an odd number for 'SAME' padding"
        self.layer_norm = nn.LayerNorm(dim)
        self.sequential = nn.Sequential(
            nn.Conv1d(dim, 2 * dim, 1),
            nn.GLU(dim=1),
            nn.Conv1d(dim, dim, kernel_size, padding=(kernel_size - 1) // 2, groups=dim, bias=False),
            nn.BatchNorm1d(dim),
            nn.SiLU(),
            nn.Conv1d(dim, dim, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.sequential(self.layer_norm(x).transpose(1, 2)).transpose(1, 2)


class Conformer(nn.Module):
    def __init__(self, dim=8, mels=10, heads=2):
        super().__init__()
        self.subsample = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.ReLU())
        self.proj = nn.Linear(4 * (((mels - 1) // 2 - 1) // 2), dim)
        self.positions = RelativePositions(dim)
        self.ff1, self.ff2 = (
            nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.SiLU(), nn.Linear(4 * dim, dim))
            for _ in range(2)
        )
        self.attention, self.conv, self.norm = RelativeAttention(dim, heads), ConvModule(dim), nn.LayerNorm(dim)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = self.subsample(x.unsqueeze(1)).permute(0, 2, 1, 3)
        x = self.proj(x.contiguous().view(x.size(0), x.size(1), -1))
        lengths = lengths >> 2
        lengths -= 1
        padding = lucid.arange(x.size(1))[None, :] >= lengths[:, None]
        mask = padding.unsqueeze(1).repeat([1, padding.shape[1], 1])
        x = x + 0.5 * self.ff1(x)
        x = x + self.attention(x, self.positions(x), mask | mask.transpose(1, 2))
        x = x + self.conv(x.masked_fill(padding[..., None], 0.0))
        x = self.norm(x + 0.5 * self.ff2(x))
        return x.masked_fill(padding[..., None], 0.0), lengths


# ------------------------------------------------------------------------------------------------------------ Whisper


def sinusoids(length, channels, max_timescale=10000):
    assert channels % 2 == 0
    log_timescale_increment = math.log(max_timescale) / (channels // 2 - 1)
    inv_timescales = lucid.exp(-log_timescale_increment * lucid.arange(channels // 2))
    scaled_time = lucid.arange(length)[:, None] * inv_timescales[None, :]
    return lucid.cat([lucid.sin(scaled_time), lucid.cos(scaled_time)], dim=1)


class LayerNorm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).type(x.dtype)


class Linear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class WhisperAttention(nn.Module):
    def __init__(self, n_state: int, n_head: int):
        super().__init__()
        self.n_head = n_head
        self.query, self.key = Linear(n_state, n_state), Linear(n_state, n_state, bias=False)
        self.value, self.out = Linear(n_state, n_state), Linear(n_state, n_state)

    def forward(self, x: Tensor, xa: Tensor | None = None, mask: Tensor | None = None, kv_cache: dict | None = None):
        q = self.query(x)
        if kv_cache is None or xa is None or self.key not in kv_cache:
            k, v = self.key(x if xa is None else xa), self.value(x if xa is None else xa)
        else:
            k, v = kv_cache[self.key], kv_cache[self.value]
        n_ctx, n_state = q.shape[1:]
        scale = (n_state // self.n_head) ** -0.25
        q, k, v = (t.view(*t.shape[:2], self.n_head, -1).permute(0, 2, 1, 3) for t in (q, k, v))
        qk = (q * scale) @ (k * scale).transpose(-1, -2)
        if mask is not None:
            qk = qk + mask[:n_ctx, :n_ctx]
        qk = qk.float()
        w = F.softmax(qk, dim=-1).to(q.dtype)
        return (w @ v).permute(0, 2, 1, 3).flatten(start_dim=2), qk.detach()


class WhisperBlock(nn.Module):
    def __init__(self, n_state: int, n_head: int, cross_attention: bool = False):
        super().__init__()
        self.attn, self.attn_ln = WhisperAttention(n_state, n_head), LayerNorm(n_state)
        self.cross_attn = WhisperAttention(n_state, n_head) if cross_attention else None
        self.cross_attn_ln = LayerNorm(n_state) if cross_attention else None
        self.mlp = nn.Sequential(Linear(n_state, n_state * 4), nn.GELU(), Linear(n_state * 4, n_state))
        self.mlp_ln = LayerNorm(n_state)

    def forward(self, x, xa=None, mask=None, kv_cache=None):
        x = x + self.attn(self.attn_ln(x), mask=mask, kv_cache=kv_cache)[0]
        if self.cross_attn:
            x = x + self.cross_attn(self.cross_attn_ln(x), xa, kv_cache=kv_cache)[0]
        return x + self.mlp(self.mlp_ln(x))


class Whisper(nn.Module):
    def __init__(self, n_mels=5, n_state=8, n_head=2, n_ctx=6, n_vocab=15):
        super().__init__()
        self.conv1 = nn.Conv1d(n_mels, n_state, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(n_state, n_state, kernel_size=3, stride=2, padding=1)
        self.register_buffer("positional_embedding", sinusoids(n_ctx, n_state))
        self.encoder = nn.ModuleList([WhisperBlock(n_state, n_head)])
        self.ln_post = LayerNorm(n_state)
        self.token_embedding = nn.Embedding(n_vocab, n_state)
        self.text_positions = nn.Parameter(lucid.empty(9, n_state).uniform_(-0.1, 0.1))
        self.decoder = nn.ModuleList([WhisperBlock(n_state, n_head, cross_attention=True) for _ in range(2)])
        self.ln = LayerNorm(n_state)
        mask = lucid.empty(9, 9).fill_(-float("inf")).triu_(1)
        self.register_buffer("mask", mask, persistent=False)

    def install_kv_cache_hooks(self):
        cache, hooks = {}, []

        def save_to_cache(module, _, output):
            if module not in cache or output.shape[1] > 9:
                cache[module] = output
            else:
                cache[module] = lucid.cat([cache[module], output], dim=1).detach()
            return cache[module]

        def install_hooks(layer):
            if isinstance(layer, WhisperAttention):
                hooks.append(layer.key.register_forward_hook(save_to_cache))
                hooks.append(layer.value.register_forward_hook(save_to_cache))

        for block in self.decoder:
            block.attn.apply(install_hooks)
        return cache, hooks

    def encode(self, mel):
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).permute(0, 2, 1)
        assert x.shape[1:] == self.positional_embedding.shape, "incorrect audio shape"
        x = (x + self.positional_embedding).to(x.dtype)
        for block in self.encoder:
            x = block(x)
        return self.ln_post(x)

    def decode(self, tokens, xa, kv_cache=None):
        offset = next(iter(kv_cache.values())).shape[1] if kv_cache else 0
        x = self.token_embedding(tokens) + self.text_positions[offset : offset + tokens.shape[-1]]
        for block in self.decoder:
            x = block(x.to(xa.dtype), xa, mask=self.mask, kv_cache=kv_cache)
        x = self.ln(x)
        return (x @ lucid.transpose(self.token_embedding.weight.to(x.dtype), 0, 1)).float()

    def forward(self, mel, tokens):
        xa = self.encode(mel)
        logits = self.decode(tokens, xa)
        if self.training:
            return logits
        cache, hooks = self.install_kv_cache_hooks()
        with lucid.no_grad():
            steps = [self.decode(tokens[:, k : k + 1], xa, kv_cache=cache) for k in range(tokens.shape[1])]
        for hook in hooks:
            hook.remove()
        return logits, lucid.cat(steps, 1)


# ---------------------------------------------------------------------------------------------------------- CRNN, CTC


class BidirectionalLSTM(nn.Module):
    def __init__(self, nIn, nHidden, nOut):
        super().__init__()
        self.rnn = nn.LSTM(nIn, nHidden, bidirectional=True)
        self.embedding = nn.Linear(nHidden * 2, nOut)

    def forward(self, input):
        recurrent, _ = self.rnn(input)
        T, b, h = recurrent.size()
        return self.embedding(recurrent.view(T * b, h)).view(T, b, -1)


class CRNN(nn.Module):
    def __init__(self, classes=6, hidden=8):
        super().__init__()
        cnn = nn.Sequential()
        for i, (a, b) in enumerate([(1, 4), (4, 8)]):
            cnn.add_module(f"conv{i}", nn.Conv2d(a, b, 3, 1, 1))
            cnn.add_module(f"batchnorm{i}", nn.BatchNorm2d(b))
            cnn.add_module(f"relu{i}", nn.ReLU(True))
            cnn.add_module(f"pooling{i}", nn.MaxPool2d((2, 2), (2, 1), (0, 1)) if i else nn.MaxPool2d(2, 2))
        self.cnn = cnn
        self.rnn = nn.Sequential(BidirectionalLSTM(8, hidden, hidden), BidirectionalLSTM(hidden, hidden, classes))
        self.criterion = nn.CTCLoss(blank=0, reduction="mean", zero_infinity=True)

    def forward(self, images, targets, target_lengths):
        conv = self.cnn(images)
        _, _, h, _ = conv.size()
        assert h == 1, "the height of conv must be 1"
        conv = conv.squeeze(2).permute(2, 0, 1)
        log_probs = F.log_softmax(self.rnn(conv), dim=2)
        lengths = lucid.full((images.size(0),), log_probs.size(0), dtype=lucid.long)
        loss = self.criterion(log_probs.float(), targets, lengths, target_lengths)
        best = log_probs.detach().argmax(2).transpose(0, 1)
        decoded = [[c for c in lucid.unique_consecutive(row).tolist() if c] for row in best]
        assert all(c < 6 for row in decoded for c in row)
        return loss, log_probs


EXAMPLES = {
    "wavenet": Example(WaveNet, ints(16, 2, 16), floats(2, 4, 4)),
    "tcn": Example(TCN, floats(2, 3, 9)),
    "vocoder": Example(Vocoder, floats(2, 4, 5)),
    "vocoder_plain": Example(lambda: Vocoder().remove_weight_norm(), floats(2, 4, 5)),
    # In bfloat16 PyTorch gives NaN from a convolution.
    "conformer": Example(
        Conformer, floats(2, 23, 10), ints(24, 2, low=16), dtypes="float64 float16"
    ),  # PyTorch: NaN from a convolution
    "whisper": Example(Whisper, floats(2, 5, 12), ints(15, 2, 5), dtypes=""),
    "crnn": Example(CRNN, floats(3, 1, 4, 24), ints(6, 3, 5, low=1), ints(6, 3, low=2), dtypes="float64 float16"),
}
