"""Models that draw: a diffusion U-Net, GANs, VAE, VQ-VAE, PixelCNN, a flow, a mixture density."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import lucid
from lucid import Tensor, nn
from lucid.nn import functional as F
from lucid.nn.utils import spectral_norm
from lucid.nn.utils.parametrizations import orthogonal
from lucid.nn.utils.parametrizations import spectral_norm as parametrized_spectral_norm
from tests.nn.models.example import Example, floats, ints

# ---------------------------------------------------------------------------------------------------- diffusion U-Net


def get_timestep_embedding(timesteps: Tensor, dim: int, flip: bool = True, shift: float = 0, max_period: int = 10000):
    assert len(timesteps.shape) == 1, "Timesteps should be a 1d-array"
    half_dim = dim // 2
    exponent = -math.log(max_period) * lucid.arange(start=0, end=half_dim, dtype=lucid.float32, device=timesteps.device)
    emb = lucid.exp(exponent / (half_dim - shift))
    emb = timesteps[:, None].float() * emb[None, :]
    emb = lucid.cat([lucid.sin(emb), lucid.cos(emb)], dim=-1)
    if flip:
        emb = lucid.cat([emb[:, half_dim:], emb[:, :half_dim]], dim=-1)
    return lucid.nn.functional.pad(emb, (0, 1, 0, 0)) if dim % 2 == 1 else emb


class ResnetBlock2D(nn.Module):
    def __init__(self, in_channels, out_channels=None, temb_channels=16, groups=4, eps=1e-6):
        super().__init__()
        out_channels = in_channels if out_channels is None else out_channels
        self.norm1 = lucid.nn.GroupNorm(num_groups=groups, num_channels=in_channels, eps=eps, affine=True)
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=1, padding=1)
        self.time_emb_proj = lucid.nn.Linear(temb_channels, out_channels * 2)
        self.norm2 = lucid.nn.GroupNorm(num_groups=groups, num_channels=out_channels, eps=eps, affine=True)
        self.dropout = lucid.nn.Dropout(0.0)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, stride=1, padding=1)
        self.nonlinearity = nn.SiLU()
        self.conv_shortcut = None
        if in_channels != out_channels:
            self.conv_shortcut = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, input_tensor, temb):
        hidden = self.conv1(self.nonlinearity(self.norm1(input_tensor)))
        temb = self.time_emb_proj(self.nonlinearity(temb))[:, :, None, None]
        scale, shift = lucid.chunk(temb, 2, dim=1)
        hidden = self.norm2(hidden) * (1 + scale) + shift
        hidden = self.conv2(self.dropout(self.nonlinearity(hidden)))
        if self.conv_shortcut is not None:
            input_tensor = self.conv_shortcut(input_tensor)
        return (input_tensor + hidden) / 1.0


class GEGLU(nn.Module):
    def __init__(self, dim_in: int, dim_out: int):
        super().__init__()
        self.proj = nn.Linear(dim_in, dim_out * 2)

    def forward(self, hidden_states):
        hidden_states, gate = self.proj(hidden_states).chunk(2, dim=-1)
        return hidden_states * F.gelu(gate)


class Attention(nn.Module):
    def __init__(self, query_dim, cross_attention_dim=None, heads=2, dim_head=4):
        super().__init__()
        self.inner_dim, self.heads = dim_head * heads, heads
        context = cross_attention_dim or query_dim
        self.to_q = nn.Linear(query_dim, self.inner_dim, bias=False)
        self.to_k = nn.Linear(context, self.inner_dim, bias=False)
        self.to_v = nn.Linear(context, self.inner_dim, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(self.inner_dim, query_dim), nn.Dropout(0.0)])

    def forward(self, x, context=None):
        context = x if context is None else context
        q, k, v = (
            t.view(t.shape[0], -1, self.heads, self.inner_dim // self.heads).transpose(1, 2)
            for t in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False)
        x = x.transpose(1, 2).reshape(x.shape[0], -1, self.inner_dim).to(q.dtype)
        for layer in self.to_out:
            x = layer(x)
        return x


class Transformer2D(nn.Module):
    def __init__(self, channels, context_dim):
        super().__init__()
        self.norm = nn.GroupNorm(num_groups=4, num_channels=channels, eps=1e-6)
        self.proj_in, self.proj_out = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)
        self.norm1, self.attn1 = nn.LayerNorm(channels), Attention(channels)
        self.norm2, self.attn2 = nn.LayerNorm(channels), Attention(channels, context_dim)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = nn.Sequential(GEGLU(channels, channels), nn.Linear(channels, channels))

    def forward(self, x, context):
        batch, channels, height, width = x.shape
        h = self.proj_in(self.norm(x)).permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        h = self.attn1(self.norm1(h)) + h
        h = self.attn2(self.norm2(h), context=context) + h
        h = self.ff(self.norm3(h)) + h
        h = h.reshape(batch, height, width, channels).permute(0, 3, 1, 2).contiguous()
        return self.proj_out(h) + x


class UNet2DCondition(nn.Module):
    def __init__(self, in_channels=3, widths=(8, 16), context_dim=5):
        super().__init__()
        temb = widths[0] * 2
        self.time_proj = partial(get_timestep_embedding, dim=widths[0])
        self.time_embedding = nn.Sequential(nn.Linear(widths[0], temb), nn.SiLU(), nn.Linear(temb, temb))
        self.conv_in = nn.Conv2d(in_channels, widths[0], kernel_size=3, padding=(1, 1))
        self.down_blocks, self.up_blocks = nn.ModuleList([]), nn.ModuleList([])
        previous = widths[0]
        for i, width in enumerate(widths):
            block = nn.Module()
            block.resnet = ResnetBlock2D(previous, width, temb)
            block.attention = Transformer2D(width, context_dim) if i else None
            block.downsampler = nn.Conv2d(width, width, 3, stride=2, padding=1) if i < len(widths) - 1 else None
            self.down_blocks.append(block)
            previous = width
        self.mid_block = nn.ModuleList([ResnetBlock2D(previous, None, temb), Transformer2D(previous, context_dim)])
        for i, width in enumerate(reversed(widths)):
            block = nn.Module()
            block.resnet = ResnetBlock2D(previous + width, width, temb)
            block.upsampler = nn.Conv2d(width, width, 3, padding=1) if i < len(widths) - 1 else nn.Identity()
            self.up_blocks.append(block)
            previous = width
        self.conv_norm_out, self.conv_act = nn.GroupNorm(4, widths[0]), nn.SiLU()
        self.conv_out = nn.Conv2d(widths[0], in_channels, kernel_size=3, padding=1)

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor):
        t_emb = self.time_proj(timestep.expand(sample.shape[0])).to(dtype=sample.dtype)
        emb = self.time_embedding(t_emb)
        sample, residuals = self.conv_in(sample), []
        for block in self.down_blocks:
            sample = block.resnet(sample, emb)
            if block.attention is not None:
                sample = block.attention(sample, encoder_hidden_states)
            residuals.append(sample)
            if block.downsampler is not None:
                sample = block.downsampler(sample)
        sample = self.mid_block[1](self.mid_block[0](sample, emb), encoder_hidden_states)
        for k, block in enumerate(self.up_blocks):
            sample = block.resnet(lucid.cat([sample, residuals.pop()], dim=1), emb)
            if k < len(self.up_blocks) - 1:
                sample = F.interpolate(sample, scale_factor=2.0, mode="nearest")
            sample = block.upsampler(sample)
        return self.conv_out(self.conv_act(self.conv_norm_out(sample)))


class Diffusion(nn.Module):
    """The loss of denoising, and a few steps back without noise."""

    def __init__(self, model, steps=20):
        super().__init__()
        self.model, self.steps = model, steps
        betas = lucid.linspace(1e-4**0.5, 0.02**0.5, steps, dtype=lucid.float32) ** 2
        alphas_cumprod = lucid.cumprod(1.0 - betas, dim=0)
        register = partial(self.register_buffer, persistent=False)
        register("alphas_cumprod", alphas_cumprod)
        register("sqrt_one_minus", lucid.sqrt(1.0 - alphas_cumprod))

    @staticmethod
    def extract(a, t, x_shape):
        out = a.gather(-1, t)
        return out.reshape(t.shape[0], *((1,) * (len(x_shape) - 1)))

    def forward(self, x, noise, t, context):
        scale = self.extract(self.alphas_cumprod, t, x.shape).sqrt()
        noisy = scale.to(x) * x + self.extract(self.sqrt_one_minus, t, x.shape).to(x) * noise
        loss = F.mse_loss(self.model(noisy, t, context), noise, reduction="none")
        loss = loss.mean(dim=list(range(1, loss.ndim)))
        return loss.mean(), self.sample(noise.detach(), context.detach())

    @lucid.no_grad()
    def sample(self, x, context):
        for i in reversed(range(0, self.steps, 10)):
            t = lucid.full((x.shape[0],), i, device=x.device, dtype=lucid.long)
            a = self.alphas_cumprod[i].to(x.dtype)
            eps = self.model(x, t, context)
            x = ((x - (1 - a).sqrt() * eps) / a.sqrt()).clamp(-1.0, 1.0)
        return x


# ---------------------------------------------------------------------------------------------------------------- GANs


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


class DCGAN(nn.Module):
    def __init__(self, nz=6, ngf=4, ndf=4, nc=3):
        super().__init__()
        self.generator = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )
        self.discriminator = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )
        self.apply(weights_init)
        self.criterion = nn.BCELoss()

    def forward(self, noise, real):
        label = lucid.full((real.size(0),), 1.0, dtype=real.dtype, device=real.device)
        fake = self.generator(noise)
        real_loss = self.criterion(self.discriminator(real).view(-1), label)
        fake_loss = self.criterion(self.discriminator(fake.detach()).view(-1), lucid.zeros_like(label))
        cheated = self.discriminator(fake)
        return real_loss + fake_loss, self.criterion(cheated.view(-1), label), fake


class SpectralDiscriminator(nn.Module):
    def __init__(self, norm, channels=4, classes=3):
        super().__init__()
        self.blocks = nn.ModuleList(
            [norm(nn.Conv2d(3, channels, 3, padding=1)), norm(nn.Conv2d(channels, channels, 4, 2, 1))]
        )
        self.linear = norm(nn.Linear(channels, 1))
        self.embedding = norm(nn.Embedding(classes, channels))

    def forward(self, x, y):
        for block in self.blocks:
            x = F.relu(block(x), inplace=True)
        x = lucid.sum(x, dim=(2, 3))
        out = self.linear(x).squeeze(1) + lucid.sum(self.embedding(y) * x, dim=1)
        return F.relu(1.0 - out).mean()


class GradientPenalty(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, real, fake, alpha):
        mixed = (alpha * real.detach() + (1 - alpha) * fake.detach()).requires_grad_(True)
        with lucid.enable_grad():
            score = self.critic(mixed)
            (gradient,) = lucid.autograd.grad(
                outputs=score,
                inputs=mixed,
                grad_outputs=lucid.ones_like(score),
                create_graph=True,
                retain_graph=True,
                only_inputs=True,
            )
        penalty = ((gradient.norm(2, dim=1) - 1) ** 2).mean()
        return self.critic(fake).mean() - self.critic(real).mean() + 10 * penalty


# ---------------------------------------------------------------------------------------------------------------- VAEs


class VAEOutput(NamedTuple):
    loss: Tensor
    reconstruction: Tensor
    mu: Tensor
    log_var: Tensor


class VAE(nn.Module):
    def __init__(self, latent_dim=3, hidden_dims=(4, 8)):
        super().__init__()
        modules, channels = [], 1
        for h_dim in hidden_dims:
            conv = nn.Conv2d(channels, out_channels=h_dim, kernel_size=3, stride=2, padding=1)
            modules.append(nn.Sequential(conv, nn.BatchNorm2d(h_dim), nn.LeakyReLU()))
            channels = h_dim
        self.encoder = nn.Sequential(*modules)
        self.fc_mu, self.fc_var = nn.Linear(hidden_dims[-1] * 4, latent_dim), nn.Linear(hidden_dims[-1] * 4, latent_dim)
        self.decoder_input = nn.Linear(latent_dim, hidden_dims[-1] * 4)
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (hidden_dims[-1], 2, 2)),
            nn.ConvTranspose2d(hidden_dims[-1], 4, kernel_size=3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(4),
            nn.LeakyReLU(),
            nn.ConvTranspose2d(4, 1, 3, 2, 1, 1),
            nn.Sigmoid(),
        )

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        if not self.training:
            return mu
        std = lucid.exp(0.5 * logvar)
        eps = lucid.randn_like(std)
        return eps.mul(std).add_(mu)

    def forward(self, x):
        h = lucid.flatten(self.encoder(x), start_dim=1)
        mu, log_var = self.fc_mu(h), self.fc_var(h)
        out = self.decoder(self.decoder_input(self.reparameterize(mu, log_var)))
        target = x.detach().sigmoid()
        kld = lucid.mean(-0.5 * lucid.sum(1 + log_var - mu**2 - log_var.exp(), dim=1), dim=0)
        return VAEOutput(F.binary_cross_entropy(out, target, reduction="sum") + 0.1 * kld, out, mu, log_var)


class VectorQuantizerEMA(nn.Module):
    def __init__(self, num_embeddings=6, embedding_dim=4, commitment_cost=0.25, decay=0.9, epsilon=1e-5):
        super().__init__()
        self._embedding_dim, self._num_embeddings = embedding_dim, num_embeddings
        self._embedding = nn.Embedding(num_embeddings, embedding_dim)
        self._embedding.weight.data.normal_()
        self._embedding.weight.requires_grad = False
        self.register_buffer("_ema_cluster_size", lucid.zeros(num_embeddings))
        self.register_buffer("_ema_w", self._embedding.weight.data.clone())
        self._commitment_cost, self._decay, self._epsilon = commitment_cost, decay, epsilon

    def forward(self, inputs):
        inputs = inputs.permute(0, 2, 3, 1).contiguous()
        input_shape = inputs.shape
        flat = inputs.view(-1, self._embedding_dim)
        weight = self._embedding.weight
        distances = (
            lucid.sum(flat**2, dim=1, keepdim=True) + lucid.sum(weight**2, dim=1) - 2 * lucid.matmul(flat, weight.t())
        )
        indices = lucid.argmin(distances, dim=1).unsqueeze(1)
        encodings = lucid.zeros(indices.shape[0], self._num_embeddings, device=inputs.device, dtype=inputs.dtype)
        encodings.scatter_(1, indices, 1)
        quantized = lucid.matmul(encodings, weight).view(input_shape)
        if self.training:
            with lucid.no_grad():
                self._ema_cluster_size.mul_(self._decay).add_(encodings.sum(0), alpha=1 - self._decay)
                n = lucid.sum(self._ema_cluster_size)
                size = (self._ema_cluster_size + self._epsilon) / (n + self._num_embeddings * self._epsilon) * n
                self._ema_w.mul_(self._decay).add_(lucid.matmul(encodings.t(), flat), alpha=1 - self._decay)
                self._embedding.weight.copy_(self._ema_w / size.unsqueeze(1))
        loss = self._commitment_cost * F.mse_loss(quantized.detach(), inputs)
        quantized = inputs + (quantized - inputs).detach()
        avg_probs = lucid.mean(encodings, dim=0)
        perplexity = lucid.exp(-lucid.sum(avg_probs * lucid.log(avg_probs + 1e-10)))
        return loss, quantized.permute(0, 3, 1, 2).contiguous(), perplexity, encodings


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.vq = nn.Conv2d(2, 4, 4, stride=2, padding=1), VectorQuantizerEMA()
        self.decoder = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.PixelShuffle(2))

    def forward(self, x):
        loss, quantized, perplexity, _ = self.vq(self.encoder(x))
        return loss + F.smooth_l1_loss(self.decoder(quantized), x.detach()), perplexity


# ------------------------------------------------------------------------------------------- PixelCNN, flow, mixture


class MaskedConv2d(nn.Conv2d):
    def __init__(self, mask_type, *args, **kwargs):
        super().__init__(*args, **kwargs)
        assert mask_type in {"A", "B"}
        self.register_buffer("mask", self.weight.data.clone())
        _, _, kH, kW = self.weight.size()
        self.mask.fill_(1)
        self.mask[:, :, kH // 2, kW // 2 + (mask_type == "B") :] = 0
        self.mask[:, :, kH // 2 + 1 :] = 0

    def forward(self, x):
        self.weight.data *= self.mask
        return super().forward(x)


class PixelCNN(nn.Sequential):
    def __init__(self, width=6, levels=4):
        super().__init__(
            MaskedConv2d("A", 1, width, 5, 1, 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(True),
            MaskedConv2d("B", width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(True),
            nn.Conv2d(width, levels, 1),
        )

    def forward(self, x):
        target = (x.data[:, 0].sigmoid() * 3).long()
        return F.cross_entropy(super().forward(x), target)


class Coupling(nn.Module):
    def __init__(self, dim, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(nn.Linear(dim, 8), nn.Softplus(), nn.Linear(8, 2 * dim))

    def forward(self, x, reverse=False):
        scale, shift = self.net(x * self.mask).chunk(2, -1)
        scale, shift = lucid.tanh(scale) * (1 - self.mask), shift * (1 - self.mask)
        if reverse:
            return (x - shift) * lucid.exp(-scale), -scale.sum(-1)
        return x * lucid.exp(scale) + shift, scale.sum(-1)


class RealNVP(nn.Module):
    def __init__(self, dim=4, layers=3):
        super().__init__()
        masks = lucid.stack([(lucid.arange(dim) + k) % 2 for k in range(layers)]).float()
        self.couplings = nn.ModuleList(Coupling(dim, m) for m in masks)
        self.rotation = orthogonal(nn.Linear(dim, dim, bias=False), orthogonal_map="cayley")
        self.loc, self.log_scale = nn.Parameter(lucid.zeros(dim)), nn.Parameter(lucid.zeros(dim))

    def forward(self, x):
        log_det = x.new_zeros(x.size(0))
        z = x
        for coupling in self.couplings:
            z, ld = coupling(z)
            log_det += ld
        z = self.rotation(z)
        log_prob = -0.5 * ((z - self.loc) / self.log_scale.exp()) ** 2 - self.log_scale - 0.5 * math.log(2 * math.pi)
        back = lucid.linalg.solve(self.rotation.weight, z.T).T
        for coupling in reversed(self.couplings):
            back, _ = coupling(back, reverse=True)
        return -(log_prob.sum(-1) + log_det).mean(), back - x


class MDN(nn.Module):
    def __init__(self, dim=3, out=2, mixtures=4):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(dim, mixtures), nn.LogSoftmax(dim=1))
        self.sigma, self.mu = nn.Linear(dim, out * mixtures), nn.Linear(dim, out * mixtures)
        self.shape = (-1, mixtures, out)

    def forward(self, x, target):
        log_pi, sigma, mu = self.pi(x), F.elu(self.sigma(x)).view(self.shape) + 1 + 1e-3, self.mu(x).view(self.shape)
        target = target.unsqueeze(1).expand_as(sigma)
        log_prob = -0.5 * ((target - mu) * lucid.reciprocal(sigma)).square() - sigma.log()
        return -lucid.logsumexp(log_pi + log_prob.sum(2), dim=1).mean(), F.gaussian_nll_loss(mu, target, sigma.pow(2))


EXAMPLES = {
    "unet_condition": Example(UNet2DCondition, floats(2, 3, 8, 8), ints(20, 2), floats(2, 4, 5, seed=1)),
    "diffusion": Example(
        lambda: Diffusion(UNet2DCondition()),
        floats(2, 3, 8, 8),
        floats(2, 3, 8, 8, seed=2),
        ints(20, 2),
        floats(2, 4, 5, seed=1),
        dtypes="float64",
    ),
    "dcgan": Example(DCGAN, floats(3, 6, 1, 1), floats(3, 3, 16, 16)),
    "spectral_norm": Example(lambda: SpectralDiscriminator(spectral_norm), floats(2, 3, 6, 6), ints(3, 2), dtypes=""),
    "parametrized_spectral_norm": Example(
        lambda: SpectralDiscriminator(parametrized_spectral_norm), floats(2, 3, 6, 6), ints(3, 2)
    ),
    "gradient_penalty": Example(GradientPenalty, floats(5, 4), floats(5, 4, seed=1), floats(5, 1, seed=2)),
    "vae": Example(VAE, floats(3, 1, 8, 8), train=False),
    "vqvae": Example(VQVAE, floats(2, 2, 8, 8), dtypes="float64"),
    "pixelcnn": Example(PixelCNN, floats(2, 1, 7, 7), dtypes="float64"),
    "flow": Example(RealNVP, floats(5, 4), dtypes="float64"),
    "mixture_density": Example(MDN, floats(6, 3), floats(6, 2, seed=1), dtypes="float64"),
}
