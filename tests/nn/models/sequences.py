"""Other ways through a sequence: selective state spaces, RWKV, attention in other forms, a neural Turing machine."""

from __future__ import annotations

import math

import lucid
import lucid.nn as nn
import lucid.nn.functional as F
from tests.nn.models.example import Example, floats, ints


class MambaBlock(nn.Module):
    def __init__(self, d_model=6, d_state=4, expand=2, d_conv=3):
        super().__init__()
        self.d_inner, self.dt_rank, self.d_state = int(expand * d_model), math.ceil(d_model / 4), d_state
        self.in_proj = nn.Linear(d_model, self.d_inner * 2, bias=False)
        self.conv1d = nn.Conv1d(
            in_channels=self.d_inner,
            out_channels=self.d_inner,
            bias=True,
            kernel_size=d_conv,
            groups=self.d_inner,
            padding=d_conv - 1,
        )
        self.x_proj = nn.Linear(self.d_inner, self.dt_rank + d_state * 2, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, self.d_inner, bias=True)
        dt = lucid.exp(lucid.rand(self.d_inner) * (math.log(0.1) - math.log(0.001)) + math.log(0.001)).clamp(min=1e-4)
        inv_dt = dt + lucid.log(-lucid.expm1(-dt))
        with lucid.no_grad():
            self.dt_proj.bias.copy_(inv_dt)
        self.dt_proj.bias._no_reinit = True
        A = lucid.arange(1, d_state + 1, dtype=lucid.float32).unsqueeze(0).repeat(self.d_inner, 1).contiguous()
        self.A_log = nn.Parameter(lucid.log(A))
        self.A_log._no_weight_decay = True
        self.D = nn.Parameter(lucid.ones(self.d_inner))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)

    def forward(self, x):
        x, res = self.in_proj(x).split(split_size=[self.d_inner, self.d_inner], dim=-1)
        x = self.conv1d(x.mT)[..., : x.size(1)].mT
        y = self.ssm(F.silu(x))
        return self.out_proj(y * F.silu(res))

    def ssm(self, x):
        n = self.A_log.shape[1]
        A = -lucid.exp(self.A_log.float()).to(x.dtype)
        delta, B, C = lucid.split(self.x_proj(x), [self.dt_rank, n, n], dim=-1)
        delta = F.softplus(self.dt_proj(delta))
        return self.selective_scan(x, delta, A, B, C, self.D.to(x.dtype))

    def selective_scan(self, u, delta, A, B, C, D):
        (b, length, d_in), n = u.shape, A.shape[1]
        deltaA = lucid.exp(lucid.einsum("bld,dn->bldn", delta, A))
        deltaB_u = lucid.einsum("bld,bln,bld->bldn", delta, B, u)
        x, ys = lucid.zeros((b, d_in, n), device=deltaA.device, dtype=u.dtype), []
        for i in range(length):
            x = deltaA[:, i] * x + deltaB_u[:, i]
            ys.append(lucid.einsum("bdn,bn->bd", x, C[:, i, :]))
        return lucid.stack(ys, dim=1) + u * D


class Mamba(nn.Module):
    def __init__(self, vocab=13, d_model=6, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(vocab, d_model)
        self.layers = nn.ModuleList(
            [nn.Sequential(nn.RMSNorm(d_model, eps=1e-5), MambaBlock(d_model)) for _ in range(layers)]
        )
        self.norm_f = nn.RMSNorm(d_model)
        self.lm_head = nn.Linear(d_model, vocab, bias=False)
        self.lm_head.weight = self.embedding.weight

    def forward(self, input_ids):
        x = self.embedding(input_ids)
        for layer in self.layers:
            x = layer(x) + x
        return self.lm_head(self.norm_f(x))


class S4D(nn.Module):
    """A diagonal state space as a long convolution, computed with Fourier transforms."""

    def __init__(self, d_model=4, N=6):
        super().__init__()
        self.D = nn.Parameter(lucid.randn(d_model))
        log_dt = lucid.rand(d_model) * (math.log(0.1) - math.log(0.001)) + math.log(0.001)
        C = lucid.randn(d_model, N // 2, dtype=lucid.cfloat)
        self.C = nn.Parameter(lucid.view_as_real(C).contiguous())
        self.register("log_dt", log_dt, lr=1e-3)
        self.register("log_A_real", lucid.log(0.5 * lucid.ones(d_model, N // 2)), lr=1e-3)
        self.register("A_imag", math.pi * lucid.arange(N // 2).repeat(d_model, 1).float(), lr=None)
        self.output_linear = nn.Sequential(nn.Conv1d(d_model, 2 * d_model, kernel_size=1), nn.GLU(dim=-2))

    def register(self, name, tensor, lr=None):
        if lr is None:
            self.register_buffer(name, tensor)
        else:
            self.register_parameter(name, nn.Parameter(tensor))
            setattr(getattr(self, name), "_optim", {"weight_decay": 0.0, "lr": lr})  # noqa: B010

    def kernel(self, L):
        dt = lucid.exp(self.log_dt)
        C = lucid.view_as_complex(self.C)
        A = -lucid.exp(self.log_A_real) + 1j * self.A_imag
        dtA = A * dt.unsqueeze(-1)
        K = dtA.unsqueeze(-1) * lucid.arange(L, device=A.device)
        C = C * (lucid.exp(dtA) - 1.0) / A
        return 2 * lucid.einsum("hn, hnl -> hl", C, lucid.exp(K)).real

    def forward(self, u):
        L = u.size(-1)
        k = self.kernel(L)
        k_f, u_f = lucid.fft.rfft(k, n=2 * L), lucid.fft.rfft(u, n=2 * L)
        y = lucid.fft.irfft(u_f * k_f, n=2 * L)[..., :L]
        y = y + u * self.D.unsqueeze(-1)
        return self.output_linear(F.gelu(y))


class FNet(nn.Sequential):
    class Mixing(nn.Module):
        def forward(self, x):
            return lucid.fft.fft2(x, dim=(-1, -2)).real * 0.1

    def __init__(self, dim=8):
        super().__init__(self.Mixing(), nn.LayerNorm(dim), nn.Linear(dim, dim), nn.GELU(), self.Mixing())


class RWKV(nn.Module):
    def __init__(self, dim=6, layer_id=0, layers=2):
        super().__init__()
        ratio = 1.0 - layer_id / layers
        decay = lucid.ones(dim)
        for h in range(dim):
            decay[h] = -5 + 8 * (h / (dim - 1)) ** (0.7 + 1.3 * ratio)
        self.time_decay = nn.Parameter(decay)
        zigzag = lucid.tensor([(i + 1) % 3 - 1 for i in range(dim)]) * 0.5
        self.time_first = nn.Parameter(lucid.ones(dim) * math.log(0.3) + zigzag)
        x = lucid.ones(1, 1, dim)
        for i in range(dim):
            x[0, 0, i] = i / dim
        self.time_mix_k, self.time_mix_v, self.time_mix_r = (
            nn.Parameter(t)
            for t in (lucid.pow(x, ratio), lucid.pow(x, ratio) + 0.3 * (1 - ratio), lucid.pow(x, 0.5 * ratio))
        )
        self.time_shift = nn.ZeroPad2d((0, 0, 1, -1))
        self.key, self.value, self.receptance, self.output = (nn.Linear(dim, dim, bias=False) for _ in range(4))

    def forward(self, x):
        xx = self.time_shift(x)
        xk, xv, xr = (x * m + xx * (1 - m) for m in (self.time_mix_k, self.time_mix_v, self.time_mix_r))
        k, v, r = self.key(xk), self.value(xv), lucid.sigmoid(self.receptance(xr))
        aa, bb, pp = lucid.zeros_like(k[:, 0]), lucid.zeros_like(k[:, 0]), lucid.full_like(k[:, 0], -1e4)
        w, out = -lucid.exp(self.time_decay), []
        for kk, vv in zip(k.unbind(1), v.unbind(1), strict=True):
            p = lucid.maximum(pp, self.time_first + kk)
            e1, e2 = lucid.exp(pp - p), lucid.exp(self.time_first + kk - p)
            out.append((e1 * aa + e2 * vv) / (e1 * bb + e2))
            p = lucid.maximum(pp + w, kk)
            e1, e2 = lucid.exp(pp + w - p), lucid.exp(kk - p)
            aa, bb, pp = e1 * aa + e2 * vv, e1 * bb + e2, p
        return self.output(r * lucid.stack(out, 1))


class LinearAttention(nn.Module):
    def __init__(self, dim=8, heads=2):
        super().__init__()
        self.heads, self.qkv, self.to_out = heads, nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim)

    def forward(self, x, causal: bool = True):
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = F.elu(q) + 1, F.elu(k, alpha=1.0) + 1
        if causal:
            context = lucid.einsum("bhnd,bhne->bhnde", k, v).cumsum(dim=2)
            norm = 1.0 / lucid.einsum("...nd,...nd->...n", q, k.cumsum(dim=-2))
            out = lucid.einsum("bhnde,bhnd,bhn->bhne", context, q, norm)
        else:
            out = q @ (k.transpose(-1, -2) @ v) / (q @ k.sum(-2, keepdim=True).transpose(-1, -2))
        return self.to_out(out.permute(0, 2, 1, 3).reshape(b, n, d))


class LocalAttention(nn.Module):
    """Blocks that see themselves and the block before, with a learned null key."""

    def __init__(self, dim=6, window=3):
        super().__init__()
        self.window, self.qkv = window, nn.Linear(dim, 3 * dim)
        self.null = nn.ParameterList([nn.Parameter(lucid.zeros(dim)), nn.Parameter(lucid.ones(dim))])
        self.slopes = nn.ParameterDict(
            {"near": nn.Parameter(lucid.tensor(0.5)), "far": nn.Parameter(lucid.tensor(0.1))}
        )

    def forward(self, x):
        b, n, d = x.shape
        x = F.pad(x, (0, 0, 0, -n % self.window))
        q, k, v = (t.unfold(1, self.window, self.window).transpose(-1, -2) for t in self.qkv(x).chunk(3, dim=-1))
        k, v = (lucid.cat([F.pad(t, (0, 0, 0, 0, 1, 0))[:, :-1], t], dim=2) for t in (k, v))
        null_k, null_v = (p.expand(b, k.size(1), 1, d) for p in self.null)
        k, v = lucid.cat((null_k, k), 2), lucid.cat((null_v, v), 2)
        scores = lucid.einsum("bwid,bwjd->bwij", q, k) / d**0.5
        i = lucid.arange(self.window).unsqueeze(1) + self.window
        j = lucid.arange(-1, 2 * self.window).unsqueeze(0)
        distance = (i - j).to(scores)
        bias = lucid.where(distance < self.window, self.slopes["near"], self.slopes["far"]) * distance
        hidden = (j > i) | ((j >= 0) & (lucid.arange(k.size(1)).view(-1, 1, 1) == 0) & (j < self.window))
        scores = (scores - bias).masked_fill_(hidden, float("-inf"))
        out = scores.softmax(-1, dtype=lucid.float32).to(v.dtype) @ v
        return out.flatten(1, 2)[:, :n]


class Performer(nn.Module):
    def __init__(self, dim=4, features=6):
        super().__init__()
        blocks = [lucid.linalg.qr(lucid.randn(dim, dim), mode="reduced")[0].t() for _ in range(features // dim + 1)]
        projection = lucid.cat(blocks)[:features] * math.sqrt(dim)
        self.register_buffer("projection_matrix", projection)
        self.scale = nn.Parameter(lucid.ones(1))

    def kernel(self, data, is_query):
        data = data * (data.shape[-1] ** -0.25)
        dash = lucid.einsum("...id,jd->...ij", data, self.projection_matrix)
        diag = (data**2).sum(dim=-1, keepdim=True) / 2
        top = lucid.amax(dash, dim=-1 if is_query else (-1, -2), keepdim=True).detach()
        return lucid.exp(dash - diag - top) + 1e-4

    def forward(self, q, k, v):
        q, k = self.kernel(q * self.scale, True), self.kernel(k, False)
        d_inv = 1.0 / lucid.einsum("...nd,...d->...n", q, k.sum(dim=-2).type_as(q))
        return lucid.einsum("...de,...nd,...n->...ne", lucid.einsum("...nd,...ne->...de", k, v), q, d_inv)


class NTM(nn.Module):
    """A controller with a memory that it addresses by content and by a circular shift."""

    def __init__(self, inputs=3, cells=5, width=4):
        super().__init__()
        self.controller = nn.LSTMCell(inputs + width, 6)
        self.fc = nn.Linear(6, width + 1 + 1 + 3 + 1 + 2 * width)
        self.out, self.sizes = nn.Linear(6 + width, inputs), [width, 1, 1, 3, 1, width, width]
        self.register_buffer("mem_bias", lucid.Tensor(cells, width))
        stdev = 1 / (math.sqrt(cells + width))
        nn.init.uniform_(self.mem_bias, -stdev, stdev)

    def _convolve(self, w, s):
        assert s.size(0) == 3
        t = lucid.cat([w[-1:], w, w[:1]])
        return F.conv1d(t.view(1, 1, -1), s.view(1, 1, -1)).view(-1)

    def forward(self, sequence):
        b = sequence.size(1)
        memory = self.mem_bias.clone().repeat(b, 1, 1)
        w, r, state, outs = sequence.new_zeros(b, memory.size(1)), sequence.new_zeros(b, memory.size(2)), None, []
        w[:, 0] = 1.0
        for x in sequence:
            state = self.controller(lucid.cat([x, r], dim=1), state)
            k, beta, g, s, gamma, e, a = lucid.split(self.fc(state[0]), self.sizes, dim=1)
            similarity = F.cosine_similarity(memory + 1e-8, k.tanh().unsqueeze(1) + 1e-8, dim=-1)
            content = F.softmax(F.softplus(beta) * similarity, dim=1)
            g, s, gamma = g.sigmoid(), F.softmax(s, dim=1), 1 + F.softplus(gamma)
            gated = g * content + (1 - g) * w
            shifted = lucid.zeros_like(gated)
            for i in range(b):
                shifted[i] = self._convolve(gated[i], s[i])
            w = shifted**gamma
            w = lucid.div(w, lucid.sum(w, dim=1).view(-1, 1) + 1e-16)
            memory = memory * (1 - w.unsqueeze(-1) * e.sigmoid().unsqueeze(1)) + w.unsqueeze(-1) * a.unsqueeze(1)
            r = lucid.matmul(w.unsqueeze(1), memory).squeeze(1)
            outs.append(self.out(lucid.cat([state[0], r], dim=1)))
        return lucid.stack(outs), memory


class StraightThrough(lucid.autograd.Function):
    @staticmethod
    def forward(ctx, x, threshold):
        ctx.save_for_backward(x)
        ctx.threshold = threshold
        return (x > threshold).to(x.dtype)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output.masked_fill(x.sub(ctx.threshold).abs() > 1.0, 0.0), None


class Spiking(nn.Module):
    """A network with a custom gradient, one that reverses it, and soft choices made hard."""

    def __init__(self):
        super().__init__()
        self.fc, self.decay = nn.Linear(4, 6), nn.Parameter(lucid.tensor([0.9]))
        self.read, self.choice = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x):
        v, spikes = 0, []
        for step in x:
            v = self.decay * v + self.fc(step)
            s = StraightThrough.apply(v, 0.5)
            v = v - s.detach() * 0.5
            spikes.append(s)
        rate = lucid.stack(spikes).mean(0)
        soft = self.choice(rate).softmax(-1)
        index = soft.max(-1, keepdim=True)[1]
        hard = lucid.zeros_like(soft, memory_format=lucid.legacy_contiguous_format)
        hard = hard.scatter_(-1, index, 1.0)
        return self.read(rate) * (hard - soft.detach() + soft)


class TabTransformer(nn.Module):
    def __init__(self, categories=(3, 4, 2), numbers=2, dim=4):
        super().__init__()
        offset = F.pad(lucid.tensor(list(categories)), (1, 0), value=1).cumsum(dim=-1)[:-1]
        self.register_buffer("categories_offset", offset)
        self.embeds = nn.Embedding(sum(categories) + 1, dim)
        self.attention = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.norm, width = nn.LayerNorm(numbers), dim * len(categories) + numbers
        self.bilinear = nn.Bilinear(dim, numbers, 3)
        self.mlp = nn.Sequential(nn.Linear(width, 8), nn.SELU(), nn.AlphaDropout(0.0), nn.Linear(8, 3))

    def forward(self, categ, cont):
        x = self.embeds(categ + self.categories_offset)
        attended, weights = self.attention(x, x, x, need_weights=True)
        x = x + attended
        flat = lucid.cat((x.flatten(1), self.norm(cont)), dim=-1)
        return self.mlp(flat) + self.bilinear(x.mean(1), cont), weights


EXAMPLES = {
    "mamba": Example(Mamba, ints(13, 2, 6)),
    "s4": Example(S4D, floats(2, 4, 9), dtypes="", tol=3e-4),
    "fnet": Example(FNet, floats(2, 5, 8), dtypes=""),
    "rwkv": Example(RWKV, floats(2, 5, 6), dtypes="float64 bfloat16"),
    "linear_attention": Example(LinearAttention, floats(2, 5, 8)),
    "linear_attention_all": Example(LinearAttention, floats(2, 5, 8), causal=False),
    "local_attention": Example(LocalAttention, floats(2, 8, 6)),
    "performer": Example(Performer, *(floats(2, 5, 4, seed=k) for k in range(3)), dtypes="float64"),
    "memory": Example(NTM, floats(4, 2, 3), dtypes="float64"),
    "spiking": Example(Spiking, floats(5, 3, 4), dtypes="float64"),
    "table": Example(TabTransformer, ints(2, 4, 3), floats(4, 2), dtypes="float64"),
}
