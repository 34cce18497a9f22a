"""Transformers that read: BERT, T5 with relative positions, Perceiver."""

from __future__ import annotations

import math

import lucid
import lucid.nn.functional as F
from lucid import Tensor, einsum, nn
from tests.nn.models.example import Example, floats, ints

# --------------------------------------------------------------------------------------------------------------- BERT


class BertConfig:
    def __init__(self, **kwargs):
        self.vocab_size, self.hidden_size, self.num_hidden_layers, self.num_attention_heads = 21, 16, 2, 2
        self.intermediate_size, self.hidden_act, self.max_position_embeddings = 32, "gelu", 16
        self.type_vocab_size, self.pad_token_id, self.initializer_range, self.layer_norm_eps = 2, 0, 0.02, 1e-12
        self.hidden_dropout_prob = self.attention_probs_dropout_prob = 0.0
        for key, value in kwargs.items():
            setattr(self, key, value)


ACT2FN = {"gelu": F.gelu, "relu": F.relu, "gelu_new": nn.GELU(approximate="tanh"), "swish": F.silu}


class BertEmbeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.register_buffer("position_ids", lucid.arange(config.max_position_embeddings).expand((1, -1)))
        self.register_buffer(
            "token_type_ids", lucid.zeros(self.position_ids.size(), dtype=lucid.long), persistent=False
        )

    def forward(self, input_ids, token_type_ids=None):
        batch, length = input_ids.size()
        if token_type_ids is None:
            if hasattr(self, "token_type_ids"):
                token_type_ids = self.token_type_ids[:, :length].expand(batch, length)
            else:
                token_type_ids = lucid.zeros(batch, length, dtype=lucid.long, device=self.position_ids.device)
        embeddings = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        embeddings += self.position_embeddings(self.position_ids[:, :length])
        return self.dropout(self.LayerNorm(embeddings))


class BertSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.num_attention_heads = config.num_attention_heads
        self.attention_head_size = int(config.hidden_size / config.num_attention_heads)
        self.all_head_size = self.num_attention_heads * self.attention_head_size
        self.query = nn.Linear(config.hidden_size, self.all_head_size)
        self.key = nn.Linear(config.hidden_size, self.all_head_size)
        self.value = nn.Linear(config.hidden_size, self.all_head_size)
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def transpose_for_scores(self, x: Tensor) -> Tensor:
        new_x_shape = (*x.size()[:-1], self.num_attention_heads, self.attention_head_size)
        return x.view(new_x_shape).permute(0, 2, 1, 3)

    def forward(self, hidden_states, attention_mask):
        query, key, value = (
            self.transpose_for_scores(layer(hidden_states)) for layer in (self.query, self.key, self.value)
        )
        scores = lucid.matmul(query, key.transpose(-1, -2)) / math.sqrt(self.attention_head_size)
        if attention_mask is not None:
            scores = scores + attention_mask
        probs = self.dropout(nn.functional.softmax(scores, dim=-1))
        context = lucid.matmul(probs, value).permute(0, 2, 1, 3).contiguous()
        return context.view((*context.size()[:-2], self.all_head_size)), probs


class BertLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = nn.ModuleDict({"self": BertSelfAttention(config)})
        self.attention["output"] = nn.ModuleDict(
            {"dense": nn.Linear(config.hidden_size, config.hidden_size), "LayerNorm": nn.LayerNorm(config.hidden_size)}
        )
        self.intermediate = nn.Linear(config.hidden_size, config.intermediate_size)
        self.output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.activation = ACT2FN[config.hidden_act] if isinstance(config.hidden_act, str) else config.hidden_act

    def forward(self, hidden_states, attention_mask):
        context, probs = self.attention["self"](hidden_states, attention_mask)
        dense, norm = self.attention["output"].values()
        attended = norm(dense(context) + hidden_states)
        return self.LayerNorm(self.output(self.activation(self.intermediate(attended))) + attended), probs


class PreTrained(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def post_init(self):
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)
            if module.bias is not None:
                module.bias.data.zero_()
        elif isinstance(module, nn.Embedding):
            module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)
            if module.padding_idx is not None:
                module.weight.data[module.padding_idx].zero_()
        elif isinstance(module, nn.LayerNorm):
            module.bias.data.zero_()
            module.weight.data.fill_(1.0)

    @property
    def dtype(self) -> lucid.dtype:
        return next(p.dtype for p in self.parameters() if p.is_floating_point())


class BertForMaskedLM(PreTrained):
    _tied_weights_keys = ("decoder.bias",)

    def __init__(self, config):
        super().__init__(config)
        self.embeddings = BertEmbeddings(config)
        self.layer = nn.ModuleList([BertLayer(config) for _ in range(config.num_hidden_layers)])
        self.pooler = nn.Sequential(nn.Linear(config.hidden_size, config.hidden_size), nn.Tanh())
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.bias = nn.Parameter(lucid.zeros(config.vocab_size))
        self.decoder.bias = self.bias
        self.decoder.weight = self.embeddings.word_embeddings.weight
        self.post_init()

    def get_extended_attention_mask(self, attention_mask: Tensor) -> Tensor:
        if attention_mask.dim() == 3:
            extended = attention_mask[:, None, :, :]
        elif attention_mask.dim() == 2:
            extended = attention_mask[:, None, None, :]
        else:
            raise ValueError(f"Wrong shape for attention_mask (shape {attention_mask.shape})")
        extended = extended.to(dtype=self.dtype)
        return (1.0 - extended) * lucid.finfo(self.dtype).min

    def forward(self, input_ids, attention_mask=None, labels=None):
        if attention_mask is None:
            attention_mask = lucid.ones(input_ids.shape, device=input_ids.device)
        mask = self.get_extended_attention_mask(attention_mask)
        hidden_states, attentions = self.embeddings(input_ids), ()
        for layer_module in self.layer:
            hidden_states, probs = layer_module(hidden_states, mask)
            attentions = (*attentions, probs)
        logits, loss = self.decoder(hidden_states), None
        if labels is not None:
            loss = nn.CrossEntropyLoss()(logits.view(-1, self.config.vocab_size), labels.view(-1))
        mean = (hidden_states * attention_mask.unsqueeze(-1)).sum(1) / attention_mask.sum(-1, keepdim=True).clamp(1e-9)
        return {"loss": loss, "logits": logits, "pooled": self.pooler(hidden_states[:, 0]), "mean": mean}, attentions


# ----------------------------------------------------------------------------------------------------------------- T5


class T5Attention(nn.Module):
    def __init__(self, dim=12, heads=3, buckets=8, max_distance=10, bidirectional=True):
        super().__init__()
        self.heads, self.buckets, self.max_distance, self.bidirectional = heads, buckets, max_distance, bidirectional
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        self.relative_attention_bias = nn.Embedding(buckets, heads)

    def bucket(self, relative: Tensor) -> Tensor:
        buckets, result = self.buckets, lucid.zeros_like(relative)
        if self.bidirectional:
            buckets //= 2
            result += (relative > 0).to(lucid.long) * buckets
            relative = lucid.abs(relative)
        else:
            relative = -lucid.min(relative, lucid.zeros_like(relative))
        exact = buckets // 2
        is_small = relative < exact
        scale = math.log(self.max_distance / exact)
        large = exact + (lucid.log(relative.float() / exact) / scale * (buckets - exact)).to(lucid.long)
        large = lucid.min(large, lucid.full_like(large, buckets - 1))
        result += lucid.where(is_small, relative, large)
        return result

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        context = x if context is None else context
        b, n, m = x.shape[0], x.shape[1], context.shape[1]
        q, k, v = (
            layer(t).view(b, -1, self.heads, t.shape[-1] // self.heads).transpose(1, 2)
            for layer, t in ((self.q, x), (self.k, context), (self.v, context))
        )
        position = lucid.arange(m, dtype=lucid.long)[None, :] - lucid.arange(n, dtype=lucid.long)[:, None]
        bias = self.relative_attention_bias(self.bucket(position.clamp(-6, 6))).permute([2, 0, 1]).unsqueeze(0)
        scores = lucid.matmul(q, k.transpose(3, 2))
        scores += bias
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :].bool(), lucid.finfo(scores.dtype).min)
        weights = F.softmax(scores.float(), dim=-1).type_as(scores)
        return self.o(lucid.matmul(weights, v).transpose(1, 2).reshape(b, n, -1))


class T5(nn.Module):
    def __init__(self, dim=12, vocab=17):
        super().__init__()
        self.shared = nn.Embedding(vocab, dim)
        self.encoder = nn.ModuleList([T5Attention(dim), nn.RMSNorm(dim)])
        self.decoder = nn.ModuleList([T5Attention(dim, bidirectional=False), T5Attention(dim), nn.RMSNorm(dim)])
        self.lm_head = nn.Linear(dim, vocab, bias=False)
        self.model_dim = dim
        with lucid.no_grad():
            for m in self.modules():
                if isinstance(m, T5Attention):
                    m.q.weight.normal_(mean=0.0, std=(dim * 4) ** -0.5)
                    m.relative_attention_bias.weight.data.normal_(mean=0.0, std=dim**-0.5)

    def _shift_right(self, labels: Tensor) -> Tensor:
        shifted = labels.new_zeros(labels.shape)
        shifted[..., 1:] = labels[..., :-1].clone()
        shifted[..., 0] = 0
        return shifted.masked_fill_(shifted == -100, 0)

    def forward(self, input_ids, attention_mask, labels):
        h = self.shared(input_ids)
        h = self.encoder[1](h + self.encoder[0](h, mask=attention_mask))
        y = self.shared(self._shift_right(labels))
        y = y + self.decoder[0](y)
        y = self.decoder[-1](y + self.decoder[1](y, h, attention_mask))
        logits = self.lm_head(y * (self.model_dim**-0.5))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), labels.view(-1), label_smoothing=0.1), logits


# ---------------------------------------------------------------------------------------------------------- Perceiver


class CrossAttention(nn.Module):
    def __init__(self, query_dim, context_dim, heads=2, dim_head=4):
        super().__init__()
        inner = heads * dim_head
        self.scale, self.heads = dim_head**-0.5, heads
        self.to_q = nn.Linear(query_dim, inner, bias=False)
        self.to_kv = nn.Linear(context_dim, inner * 2, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, query_dim), nn.LeakyReLU(1e-2))

    def forward(self, x, context, mask=None):
        h, b = self.heads, x.shape[0]
        q, (k, v) = self.to_q(x), self.to_kv(context).chunk(2, dim=-1)
        q, k, v = (t.unflatten(-1, (h, -1)).movedim(2, 1).flatten(0, 1) for t in (q, k, v))
        sim = einsum("b i d, b j d -> b i j", q, k) * self.scale
        if mask is not None:
            mask = mask.reshape(b, -1)[:, None].repeat_interleave(h, 0)
            sim.masked_fill_(~mask, -lucid.finfo(sim.dtype).max)
        out = einsum("b i j, b j d -> b i d", sim.softmax(dim=-1), v)
        return self.to_out(out.view(b, h, *out.shape[1:]).transpose(1, 2).flatten(2))


class Perceiver(nn.Module):
    def __init__(self, latents=4, dim=8, bands=3):
        super().__init__()
        self.bands = bands
        self.latents = nn.Parameter(lucid.randn(latents, dim))
        self.cross = CrossAttention(dim, 1 + 2 * bands + 1)
        self.norm = nn.LayerNorm(dim)
        self.layers = nn.ModuleList([nn.ModuleList([CrossAttention(dim, dim), nn.Linear(dim, dim)]) for _ in range(2)])
        self.to_logits = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 3))

    def forward(self, data, mask=None):
        b, n, device, dtype = *data.shape[:2], data.device, data.dtype
        pos = lucid.linspace(-1.0, 1.0, steps=n, device=device, dtype=dtype).unsqueeze(-1)
        scales = lucid.linspace(1.0, 5.0, self.bands, device=device, dtype=dtype)
        angles = pos * scales * math.pi
        enc = lucid.cat([angles.sin(), angles.cos(), pos], dim=-1)[None].expand(b, -1, -1)
        x = self.norm(self.latents[None].repeat(b, 1, 1))
        x = self.cross(x, lucid.cat((data, enc), dim=-1), mask=mask) + x
        for self_attn, ff in self.layers:
            x = self_attn(x, x) + x
            x = F.gelu(ff(x)) + x
        return self.to_logits(x.mean(dim=-2))


MASK = ints(2, 3, 7, seed=3)
MASK[:, 0] = 1

EXAMPLES = {
    "bert": Example(
        lambda: BertForMaskedLM(BertConfig()), ints(21, 3, 7), attention_mask=MASK, labels=ints(21, 3, 7, seed=1)
    ),
    "bert_other_activation": Example(lambda: BertForMaskedLM(BertConfig(hidden_act="gelu_new")), ints(21, 2, 5)),
    "t5": Example(T5, ints(17, 3, 7), MASK, labels=ints(17, 3, 6, seed=2)),
    "perceiver": Example(Perceiver, floats(3, 7, 1), mask=MASK.astype(bool)),
}
