"""Language models: GPT, LLaMA with a cache of keys and values, BERT, T5, a mixture of experts, LoRA."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field
from typing import Any

import lucid
import lucid.nn as nn
from lucid.nn import CrossEntropyLoss
from lucid.nn import functional as F
from tests.nn.models.example import Example, ints

# ---------------------------------------------------------------------------------------------------------------- GPT


@dataclass
class GPTConfig:
    block_size: int = 12
    vocab_size: int = 23
    n_layer: int = 2
    n_head: int = 2
    n_embd: int = 16
    dropout: float = 0.0
    bias: bool = True
    flash: bool = True


class LayerNorm(nn.Module):
    """With an optional bias."""

    def __init__(self, ndim, bias):
        super().__init__()
        self.weight = nn.Parameter(lucid.ones(ndim))
        self.bias = nn.Parameter(lucid.zeros(ndim)) if bias else None

    def forward(self, input):
        return F.layer_norm(input, self.weight.shape, self.weight, self.bias, 1e-5)


class CausalSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config.n_embd % config.n_head == 0
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.attn_dropout = nn.Dropout(config.dropout)
        self.resid_dropout = nn.Dropout(config.dropout)
        self.n_head, self.n_embd, self.dropout = config.n_head, config.n_embd, config.dropout
        self.flash = config.flash and hasattr(lucid.nn.functional, "scaled_dot_product_attention")
        if not self.flash:
            size = config.block_size
            self.register_buffer("bias", lucid.tril(lucid.ones(size, size)).view(1, 1, size, size))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        if self.flash:
            y = F.scaled_dot_product_attention(
                q, k, v, attn_mask=None, dropout_p=self.dropout if self.training else 0, is_causal=True
            )
        else:
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
            att = self.attn_dropout(F.softmax(att, dim=-1))
            y = att @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.resid_dropout(self.c_proj(y))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x):
        return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1 = LayerNorm(config.n_embd, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = MLP(config)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config.vocab_size is not None
        self.config = config
        self.transformer = nn.ModuleDict(
            dict(  # noqa: C408 - as nanoGPT writes it
                wte=nn.Embedding(config.vocab_size, config.n_embd),
                wpe=nn.Embedding(config.block_size, config.n_embd),
                drop=nn.Dropout(config.dropout),
                h=nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
                ln_f=LayerNorm(config.n_embd, bias=config.bias),
            )
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        self.apply(self._init_weights)
        for pn, p in self.named_parameters():
            if pn.endswith("c_proj.weight"):
                lucid.nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * config.n_layer))

    def get_num_params(self, non_embedding=True):
        n_params = sum(p.numel() for p in self.parameters())
        if non_embedding:
            n_params -= self.transformer.wpe.weight.numel()
        return n_params

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            lucid.nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if module.bias is not None:
                lucid.nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            lucid.nn.init.normal_(module.weight, mean=0.0, std=0.02)

    def forward(self, idx, targets=None):
        device = idx.device
        _, t = idx.size()
        assert t <= self.config.block_size
        pos = lucid.arange(0, t, dtype=lucid.long, device=device)
        x = self.transformer.drop(self.transformer.wte(idx) + self.transformer.wpe(pos))
        for block in self.transformer.h:
            x = block(x)
        x = self.transformer.ln_f(x)
        if targets is not None:
            logits = self.lm_head(x)
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)
        else:
            logits, loss = self.lm_head(x[:, [-1], :]), None
        return logits, loss

    def crop_block_size(self, block_size):
        assert block_size <= self.config.block_size
        self.config.block_size = block_size
        self.transformer.wpe.weight = nn.Parameter(self.transformer.wpe.weight[:block_size])
        for block in self.transformer.h:
            if hasattr(block.attn, "bias"):
                block.attn.bias = block.attn.bias[:, :, :block_size, :block_size]

    def configure_optimizers(self, weight_decay, learning_rate, betas, device_type):
        param_dict = {pn: p for pn, p in self.named_parameters() if p.requires_grad}
        decay = [p for _, p in param_dict.items() if p.dim() >= 2]
        rest = [p for _, p in param_dict.items() if p.dim() < 2]
        groups = [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
        fused_available = "fused" in inspect.signature(lucid.optim.AdamW).parameters
        extra_args = {"fused": True} if fused_available and device_type == "cuda" else {}
        return lucid.optim.AdamW(groups, lr=learning_rate, betas=betas, **extra_args)

    @lucid.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0, top_k=None, greedy=True):
        for _ in range(max_new_tokens):
            idx_cond = idx if idx.size(1) <= self.config.block_size else idx[:, -self.config.block_size :]
            logits, _ = self(idx_cond)
            logits = logits[:, -1, :] / temperature
            if top_k is not None:
                v, _ = lucid.topk(logits, min(top_k, logits.size(-1)))
                logits[logits < v[:, [-1]]] = -float("Inf")
            probs = F.softmax(logits, dim=-1)
            idx_next = probs.argmax(-1, keepdim=True) if greedy else lucid.multinomial(probs, num_samples=1)
            idx = lucid.cat((idx, idx_next), dim=1)
        return idx


# -------------------------------------------------------------------------------------------------------------- LLaMA


@dataclass
class LlamaConfig:
    dim: int = 16
    n_layers: int = 2
    n_heads: int = 4
    n_kv_heads: int = 2
    vocab_size: int = 19
    multiple_of: int = 8
    norm_eps: float = 1e-5
    max_batch_size: int = 2
    max_seq_len: int = 16
    experts: int = 0


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float = 1e-6):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(lucid.ones(dim))

    def _norm(self, x):
        return x * lucid.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, x):
        return self._norm(x.float()).type_as(x) * self.weight


def precompute_freqs(dim: int, end: int, theta: float = 10000.0) -> tuple[lucid.Tensor, lucid.Tensor]:
    freqs = 1.0 / (theta ** (lucid.arange(0, dim, 2)[: (dim // 2)].float() / dim))
    emb = lucid.outer(lucid.arange(end, device=freqs.device), freqs).float().repeat_interleave(2, dim=-1)
    return emb.cos(), emb.sin()


def precompute_freqs_cis(dim: int, end: int, theta: float = 10000.0) -> lucid.Tensor:
    freqs = 1.0 / (theta ** (lucid.arange(0, dim, 2)[: (dim // 2)].float() / dim))
    freqs = lucid.outer(lucid.arange(end), freqs)
    return lucid.polar(lucid.ones_like(freqs), freqs)


def apply_rotary_emb(xq, xk, freqs_cis):
    xq_ = lucid.view_as_complex(xq.float().reshape(*xq.shape[:-1], -1, 2))
    xk_ = lucid.view_as_complex(xk.float().reshape(*xk.shape[:-1], -1, 2))
    shape = [d if i == 1 or i == xq_.ndim - 1 else 1 for i, d in enumerate(xq_.shape)]
    freqs_cis = freqs_cis.view(*shape)
    xq_out = lucid.view_as_real(xq_ * freqs_cis).flatten(3)
    xk_out = lucid.view_as_real(xk_ * freqs_cis).flatten(3)
    return xq_out.type_as(xq), xk_out.type_as(xk)


def rotate_every_two(x):
    x1, x2 = x[..., ::2], x[..., 1::2]
    return lucid.stack((-x2, x1), dim=-1).flatten(-2)


def repeat_kv(x: lucid.Tensor, n_rep: int) -> lucid.Tensor:
    bs, slen, n_kv_heads, head_dim = x.shape
    if n_rep == 1:
        return x
    return (
        x[:, :, :, None, :]
        .expand(bs, slen, n_kv_heads, n_rep, head_dim)
        .reshape(bs, slen, n_kv_heads * n_rep, head_dim)
    )


class LlamaAttention(nn.Module):
    def __init__(self, args: LlamaConfig, complex_rotation: bool):
        super().__init__()
        self.n_rep = args.n_heads // args.n_kv_heads
        self.head_dim = args.dim // args.n_heads
        self.args, self.complex_rotation = args, complex_rotation
        self.wq = nn.Linear(args.dim, args.n_heads * self.head_dim, bias=False)
        self.wk = nn.Linear(args.dim, args.n_kv_heads * self.head_dim, bias=False)
        self.wv = nn.Linear(args.dim, args.n_kv_heads * self.head_dim, bias=False)
        self.wo = nn.Linear(args.n_heads * self.head_dim, args.dim, bias=False)
        cache = (args.max_batch_size, args.max_seq_len, args.n_kv_heads, self.head_dim)
        self.register_buffer("cache_k", lucid.zeros(cache), persistent=False)
        self.register_buffer("cache_v", lucid.zeros(cache), persistent=False)

    def forward(self, x, start_pos: int, freqs, mask, use_cache: bool):
        bsz, seqlen, _ = x.shape
        xq, xk, xv = self.wq(x), self.wk(x), self.wv(x)
        xq = xq.view(bsz, seqlen, self.args.n_heads, self.head_dim)
        xk = xk.view(bsz, seqlen, self.args.n_kv_heads, self.head_dim)
        xv = xv.view(bsz, seqlen, self.args.n_kv_heads, self.head_dim)
        if self.complex_rotation:
            xq, xk = apply_rotary_emb(xq, xk, freqs)
        else:
            cos, sin = (f[None, :, None, :].to(xq.dtype) for f in freqs)
            xq, xk = xq * cos + rotate_every_two(xq) * sin, xk * cos + rotate_every_two(xk) * sin
        if use_cache:
            self.cache_k = self.cache_k.to(xq)
            self.cache_v = self.cache_v.to(xq)
            self.cache_k[:bsz, start_pos : start_pos + seqlen] = xk
            self.cache_v[:bsz, start_pos : start_pos + seqlen] = xv
            xk, xv = self.cache_k[:bsz, : start_pos + seqlen], self.cache_v[:bsz, : start_pos + seqlen]
        keys, values = repeat_kv(xk, self.n_rep).transpose(1, 2), repeat_kv(xv, self.n_rep).transpose(1, 2)
        scores = lucid.matmul(xq.transpose(1, 2), keys.transpose(2, 3)) / math.sqrt(self.head_dim)
        if mask is not None:
            scores = scores + mask
        scores = F.softmax(scores.float(), dim=-1).type_as(xq)
        output = lucid.matmul(scores, values).transpose(1, 2).contiguous().view(bsz, seqlen, -1)
        return self.wo(output)


class FeedForward(nn.Module):
    def __init__(self, dim: int, hidden_dim: int, multiple_of: int):
        super().__init__()
        hidden_dim = int(2 * hidden_dim / 3)
        hidden_dim = multiple_of * ((hidden_dim + multiple_of - 1) // multiple_of)
        self.w1 = nn.Linear(dim, hidden_dim, bias=False)
        self.w2 = nn.Linear(hidden_dim, dim, bias=False)
        self.w3 = nn.Linear(dim, hidden_dim, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class MixtureOfExperts(nn.Module):
    def __init__(self, args: LlamaConfig, top_k: int = 2):
        super().__init__()
        self.num_experts, self.top_k = args.experts, top_k
        self.gate = nn.Linear(args.dim, args.experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(args.dim, 2 * args.dim, 8) for _ in range(args.experts))

    def forward(self, hidden_states):
        shape = hidden_states.shape
        hidden_states = hidden_states.view(-1, shape[-1])
        routing = F.softmax(self.gate(hidden_states), dim=1, dtype=lucid.float)
        routing, selected = lucid.topk(routing, self.top_k, dim=-1)
        routing /= routing.sum(dim=-1, keepdim=True)
        routing = routing.to(hidden_states.dtype)
        final = lucid.zeros(hidden_states.shape, dtype=hidden_states.dtype, device=hidden_states.device)
        expert_mask = F.one_hot(selected, num_classes=self.num_experts).permute(2, 1, 0)
        for expert_idx in range(self.num_experts):
            idx, top_x = lucid.where(expert_mask[expert_idx])
            if top_x.shape[0] == 0:
                continue
            current = hidden_states[None, top_x].reshape(-1, shape[-1])
            current = self.experts[expert_idx](current) * routing[top_x, idx, None]
            final.index_add_(0, top_x, current.to(hidden_states.dtype))
        return final.reshape(shape)


class LlamaBlock(nn.Module):
    def __init__(self, layer_id: int, args: LlamaConfig, complex_rotation: bool):
        super().__init__()
        self.attention = LlamaAttention(args, complex_rotation)
        self.feed_forward = (
            MixtureOfExperts(args) if args.experts else FeedForward(args.dim, 4 * args.dim, args.multiple_of)
        )
        self.layer_id = layer_id
        self.attention_norm = RMSNorm(args.dim, eps=args.norm_eps)
        self.ffn_norm = RMSNorm(args.dim, eps=args.norm_eps)

    def forward(self, x, *args):
        h = x + self.attention(self.attention_norm(x), *args)
        return h + self.feed_forward(self.ffn_norm(h))


class Llama(nn.Module):
    def __init__(self, params: LlamaConfig, complex_rotation: bool = False):
        super().__init__()
        self.params, self.complex_rotation = params, complex_rotation
        self.tok_embeddings = nn.Embedding(params.vocab_size, params.dim)
        self.layers = lucid.nn.ModuleList()
        for layer_id in range(params.n_layers):
            self.layers.append(LlamaBlock(layer_id, params, complex_rotation))
        self.norm = RMSNorm(params.dim, eps=params.norm_eps)
        self.output = nn.Linear(params.dim, params.vocab_size, bias=False)
        size = params.dim // params.n_heads, params.max_seq_len * 2
        if not complex_rotation:
            cos, sin = precompute_freqs(*size)
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)
        else:
            self.freqs_cis = precompute_freqs_cis(*size)

    @property
    def device(self):
        return next(self.parameters()).device

    def forward(self, tokens, start_pos: int = 0, use_cache: bool = False):
        _, seqlen = tokens.shape
        h = self.tok_embeddings(tokens)
        if self.complex_rotation:
            self.freqs_cis = self.freqs_cis.to(h.device)
            freqs = self.freqs_cis[start_pos : start_pos + seqlen]
        else:
            freqs = self.cos[start_pos : start_pos + seqlen], self.sin[start_pos : start_pos + seqlen]
        mask = None
        if seqlen > 1:
            mask = lucid.full((seqlen, seqlen), float("-inf"), device=tokens.device)
            mask = lucid.triu(mask, diagonal=1)
            mask = lucid.hstack([lucid.zeros((seqlen, start_pos), device=tokens.device), mask]).type_as(h)
        for layer in self.layers:
            h = layer(h, start_pos, freqs, mask, use_cache)
        return self.output(self.norm(h)).float()


class LlamaGeneration(nn.Module):
    """Chooses words greedily, one at a time, from a cache; gives the logits of every step."""

    def __init__(self, model: Llama, steps: int):
        super().__init__()
        self.model, self.steps = model, steps

    def forward(self, prompts):
        if self.training:
            return self.model(prompts)
        with lucid.inference_mode():
            bsz, length = prompts.shape
            total = length + self.steps
            tokens = lucid.full((bsz, total), -1, dtype=lucid.long, device=self.model.device)
            tokens[:, :length] = prompts
            previous, seen = 0, []
            for current in range(length, total):
                logits = self.model(tokens[:, previous:current], previous, use_cache=True)
                tokens[:, current] = lucid.argmax(logits[:, -1], dim=-1).reshape(-1)
                seen.append(logits[:, -1])
                previous = current
            whole = self.model(tokens[:, :-1])[:, length - 1 :]
            assert lucid.allclose(whole, lucid.stack(seen, 1), atol=0.1)
        return self.model(prompts), tokens, lucid.stack(seen, 1).clone()


# --------------------------------------------------------------------------------------------------------------- LoRA


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int = 2, alpha: float = 4.0, dropout: float = 0.0):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad = False
        self.scaling = alpha / r
        self.lora_A = nn.Parameter(base.weight.new_empty((r, base.in_features)))
        self.lora_B = nn.Parameter(base.weight.new_zeros((base.out_features, r)))
        self.lora_dropout = nn.Dropout(dropout) if dropout > 0.0 else nn.Identity()
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        nn.init.normal_(self.lora_B, std=0.02)

    def forward(self, x):
        result = self.base(x)
        return result + (self.lora_dropout(x) @ self.lora_A.T @ self.lora_B.transpose(0, 1)) * self.scaling


def with_adapters(model: nn.Module, targets: tuple[str, ...]) -> nn.Module:
    for p in model.parameters():
        p.requires_grad_(False)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and name.split(".")[-1] in targets:
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], LoRALinear(module))
    return model


@dataclass
class Output:
    logits: Any
    hidden_states: list[Any] = field(default_factory=list)
    loss: Any = None


def loss_on_next(logits, labels):
    shift_logits = logits[..., :-1, :].contiguous()
    shift_labels = labels[..., 1:].contiguous()
    return CrossEntropyLoss()(shift_logits.view(-1, logits.size(-1)), shift_labels.view(-1).to(logits.device))


class WithLoss(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, tokens, labels=None):
        logits = self.model(tokens)
        return Output(logits=logits, loss=None if labels is None else loss_on_next(logits, labels))


TOKENS, TARGETS = ints(19, 2, 9), ints(19, 2, 9, seed=1)
TARGETS_WITH_GAPS = TARGETS.copy()
TARGETS_WITH_GAPS[0, :4] = -1

EXAMPLES = {
    "gpt": Example(lambda: GPT(GPTConfig()), TOKENS, TARGETS_WITH_GAPS),
    "gpt_without_targets": Example(lambda: GPT(GPTConfig(bias=False)), TOKENS),
    "gpt_masked": Example(lambda: GPT(GPTConfig(flash=False)), TOKENS, targets=TARGETS),
    "gpt_dropout": Example(lambda: GPT(GPTConfig(dropout=0.2)), TOKENS, TARGETS, train=False),
    "llama": Example(lambda: Llama(LlamaConfig()), TOKENS),
    "llama_complex": Example(lambda: Llama(LlamaConfig(), complex_rotation=True), TOKENS, dtypes="float64"),
    "llama_experts": Example(lambda: Llama(LlamaConfig(experts=4)), TOKENS, dtypes="float64"),
    "llama_generation": Example(lambda: LlamaGeneration(Llama(LlamaConfig()), 5), TOKENS, dtypes="float64 float16"),
    "llama_loss": Example(lambda: WithLoss(Llama(LlamaConfig())), TOKENS, labels=TARGETS),
    "lora": Example(lambda: with_adapters(GPT(GPTConfig()), ("c_attn", "c_fc")), TOKENS, TARGETS),
}
