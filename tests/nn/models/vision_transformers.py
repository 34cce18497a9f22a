"""Transformers that see: ViT, Swin, MLP-Mixer, CLIP."""

from __future__ import annotations

import collections.abc
import math
from itertools import repeat
from typing import NamedTuple

import lucid
import lucid.nn.functional as F
from lucid import Tensor, nn
from lucid.nn.init import trunc_normal_
from tests.nn.models.example import Example, floats, ints

# ---------------------------------------------------------------------------------------------------------------- ViT


def _ntuple(n):
    def parse(x):
        return tuple(x) if isinstance(x, collections.abc.Iterable) and not isinstance(x, str) else tuple(repeat(x, n))

    return parse


to_2tuple = _ntuple(2)


class PatchEmbed(nn.Module):
    def __init__(self, img_size=16, patch_size=4, in_chans=3, embed_dim=12, norm_layer=None, flatten=True):
        super().__init__()
        self.img_size, self.patch_size = to_2tuple(img_size), to_2tuple(patch_size)
        self.grid_size = tuple(i // p for i, p in zip(self.img_size, self.patch_size, strict=True))
        self.num_patches, self.flatten = self.grid_size[0] * self.grid_size[1], flatten
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=self.patch_size, stride=self.patch_size)
        self.norm = norm_layer(embed_dim) if norm_layer else nn.Identity()

    def forward(self, x):
        x = self.proj(x)
        x = x.flatten(2).transpose(1, 2) if self.flatten else x.permute(0, 2, 3, 1)
        return self.norm(x)


class DropPath(nn.Module):
    def __init__(self, drop_prob: float = 0.0, scale_by_keep: bool = True):
        super().__init__()
        self.drop_prob, self.scale_by_keep = drop_prob, scale_by_keep

    def forward(self, x):
        if self.drop_prob == 0.0 or not self.training:
            return x
        keep_prob = 1 - self.drop_prob
        random_tensor = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep_prob)
        if keep_prob > 0.0 and self.scale_by_keep:
            random_tensor.div_(keep_prob)
        return x * random_tensor

    def extra_repr(self):
        return f"drop_prob={round(self.drop_prob, 3):0.3f}"


class ViTAttention(nn.Module):
    def __init__(self, dim, num_heads=3, qkv_bias=True, qk_norm=False):
        super().__init__()
        self.num_heads, self.head_dim, self.scale = num_heads, dim // num_heads, (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.q_norm = nn.LayerNorm(self.head_dim) if qk_norm else nn.Identity()
        self.k_norm = nn.LayerNorm(self.head_dim) if qk_norm else nn.Identity()
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        q, k = self.q_norm(q), self.k_norm(k)
        attn = (q * self.scale) @ k.transpose(-2, -1)
        x = attn.softmax(dim=-1) @ v
        return self.proj(x.transpose(1, 2).reshape(B, N, C))


class LayerScale(nn.Module):
    def __init__(self, dim, init_values=1e-5, inplace=False):
        super().__init__()
        self.inplace = inplace
        self.gamma = nn.Parameter(init_values * lucid.ones(dim))

    def forward(self, x):
        return x.mul_(self.gamma) if self.inplace else x * self.gamma


class ViTBlock(nn.Module):
    def __init__(self, dim, drop_path=0.0, act_layer=nn.GELU, norm_layer=nn.LayerNorm):
        super().__init__()
        self.norm1, self.attn = norm_layer(dim), ViTAttention(dim, qk_norm=True)
        self.ls1, self.drop_path1 = LayerScale(dim, 0.1), DropPath(drop_path) if drop_path > 0.0 else nn.Identity()
        self.norm2 = norm_layer(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, dim * 2), act_layer(), nn.Dropout(0.0), nn.Linear(dim * 2, dim))
        self.ls2, self.drop_path2 = (
            LayerScale(dim, 0.1, True),
            DropPath(drop_path) if drop_path > 0.0 else nn.Identity(),
        )

    def forward(self, x):
        x = x + self.drop_path1(self.ls1(self.attn(self.norm1(x))))
        return x + self.drop_path2(self.ls2(self.mlp(self.norm2(x))))


class VisionTransformer(nn.Module):
    def __init__(self, embed_dim=12, depth=2, drop_path_rate=0.0, num_classes=5, img_size=16):
        super().__init__()
        self.patch_embed = PatchEmbed(img_size, embed_dim=embed_dim)
        self.cls_token = nn.Parameter(lucid.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(lucid.randn(1, self.patch_embed.num_patches + 1, embed_dim) * 0.02)
        dpr = [x.item() for x in lucid.linspace(0, drop_path_rate, depth)]
        self.blocks = nn.Sequential(*[ViTBlock(embed_dim, dpr[i]) for i in range(depth)])
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, num_classes) if num_classes > 0 else nn.Identity()
        trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        self.apply(self._init_weights)

    @staticmethod
    def _init_weights(m):
        if isinstance(m, nn.Linear):
            trunc_normal_(m.weight, std=0.02)
            if isinstance(m, nn.Linear) and m.bias is not None:
                nn.init.constant_(m.bias, 0)
        elif hasattr(m, "init_weights"):
            m.init_weights()

    def resized_positions(self, size):
        old = int(math.sqrt(self.pos_embed.shape[1] - 1))
        if old == size:
            return self.pos_embed
        prefix, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        grid = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(grid.float(), size=(size, size), mode="bicubic", align_corners=False).to(prefix.dtype)
        return lucid.cat([prefix, grid.permute(0, 2, 3, 1).reshape(1, size * size, -1)], dim=1)

    def forward(self, x):
        positions = self.resized_positions(x.shape[-1] // 4)
        x = self.patch_embed(x)
        x = lucid.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + positions
        x = self.norm(self.blocks(x))
        return self.head(x[:, 0])


# --------------------------------------------------------------------------------------------------------------- Swin


def window_partition(x, window_size: int):
    B, H, W, C = x.shape
    x = x.view(B, H // window_size, window_size, W // window_size, window_size, C)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, window_size, window_size, C)


def window_reverse(windows, window_size: int, H: int, W: int):
    B = int(windows.shape[0] / (H * W / window_size / window_size))
    x = windows.view(B, H // window_size, W // window_size, window_size, window_size, -1)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(B, H, W, -1)


class WindowAttention(nn.Module):
    def __init__(self, dim, window_size, num_heads):
        super().__init__()
        self.dim, self.window_size, self.num_heads = dim, window_size, num_heads
        self.scale = (dim // num_heads) ** -0.5
        self.relative_position_bias_table = nn.Parameter(
            lucid.zeros((2 * window_size[0] - 1) * (2 * window_size[1] - 1), num_heads)
        )
        coords = lucid.stack(lucid.meshgrid([lucid.arange(w) for w in window_size], indexing="ij"))
        coords_flatten = lucid.flatten(coords, 1)
        relative_coords = coords_flatten[:, :, None] - coords_flatten[:, None, :]
        relative_coords = relative_coords.permute(1, 2, 0).contiguous()
        relative_coords[:, :, 0] += window_size[0] - 1
        relative_coords[:, :, 1] += window_size[1] - 1
        relative_coords[:, :, 0] *= 2 * window_size[1] - 1
        self.register_buffer("relative_position_index", relative_coords.sum(-1))
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x, mask=None):
        B_, N, C = x.shape
        qkv = self.qkv(x).reshape(B_, N, 3, self.num_heads, C // self.num_heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0] * self.scale, qkv[1], qkv[2]
        attn = q @ k.transpose(-2, -1)
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)].view(N, N, -1)
        attn = attn + bias.permute(2, 0, 1).contiguous().unsqueeze(0)
        if mask is not None:
            nW = mask.shape[0]
            attn = attn.view(B_ // nW, nW, self.num_heads, N, N) + mask.unsqueeze(1).unsqueeze(0)
            attn = attn.view(-1, self.num_heads, N, N)
        attn = F.softmax(attn, dim=-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(B_, N, C))


class SwinBlock(nn.Module):
    def __init__(self, dim, resolution, num_heads, window_size=4, shift_size=0):
        super().__init__()
        self.resolution, self.window_size, self.shift_size = resolution, window_size, shift_size
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, to_2tuple(window_size), num_heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        attn_mask = None
        if shift_size > 0:
            H, W = resolution
            img_mask, cnt = lucid.zeros((1, H, W, 1)), 0
            slices = (slice(0, -window_size), slice(-window_size, -shift_size), slice(-shift_size, None))
            for h in slices:
                for w in slices:
                    img_mask[:, h, w, :] = cnt
                    cnt += 1
            windows = window_partition(img_mask, window_size).view(-1, window_size * window_size)
            attn_mask = windows.unsqueeze(1) - windows.unsqueeze(2)
            attn_mask = attn_mask.masked_fill(attn_mask != 0, (-100.0)).masked_fill(attn_mask == 0, 0.0)
        self.register_buffer("attn_mask", attn_mask)

    def forward(self, x):
        H, W = self.resolution
        B, L, C = x.shape
        assert H * W == L, "input feature has wrong size"
        shortcut, x = x, self.norm1(x).view(B, H, W, C)
        if self.shift_size > 0:
            x = lucid.roll(x, shifts=(-self.shift_size, -self.shift_size), dims=(1, 2))
        windows = window_partition(x, self.window_size).view(-1, self.window_size * self.window_size, C)
        windows = self.attn(windows, mask=self.attn_mask).view(-1, self.window_size, self.window_size, C)
        x = window_reverse(windows, self.window_size, H, W)
        if self.shift_size > 0:
            x = lucid.roll(x, shifts=(self.shift_size, self.shift_size), dims=(1, 2))
        x = shortcut + x.view(B, H * W, C)
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    def __init__(self, resolution, dim):
        super().__init__()
        self.resolution = resolution
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(4 * dim)

    def forward(self, x):
        H, W = self.resolution
        B, _, C = x.shape
        x = x.view(B, H, W, C)
        parts = x[:, 0::2, 0::2, :], x[:, 1::2, 0::2, :], x[:, 0::2, 1::2, :], x[:, 1::2, 1::2, :]
        return self.reduction(self.norm(lucid.cat(parts, -1).view(B, -1, 4 * C)))

    def extra_repr(self) -> str:
        return f"input_resolution={self.resolution}"


class Swin(nn.Module):
    def __init__(self, dim=8, classes=4):
        super().__init__()
        self.patch_embed = PatchEmbed(16, 2, embed_dim=dim, norm_layer=nn.LayerNorm)
        self.layers = nn.ModuleList()
        for i in range(2):
            res = (8 // 2**i, 8 // 2**i)
            width = int(dim * 2**i)
            blocks = [SwinBlock(width, res, 2, 4, shift_size=0 if j % 2 == 0 or i else 2) for j in range(2 - i)]
            self.layers.append(nn.Sequential(*blocks, *([PatchMerging(res, width)] if i == 0 else [])))
        self.norm = nn.LayerNorm(2 * dim)
        self.avgpool, self.head = nn.AdaptiveAvgPool1d(1), nn.Linear(2 * dim, classes)

    @lucid.jit.ignore
    def no_weight_decay(self):
        return {"absolute_pos_embed"}

    def forward(self, x):
        x = self.patch_embed(x)
        for layer in self.layers:
            x = layer(x)
        x = self.avgpool(self.norm(x).transpose(1, 2))
        return self.head(lucid.flatten(x, 1))


# ---------------------------------------------------------------------------------------------------- MLP-Mixer, CLIP


class Mixer(nn.Sequential):
    class Residual(nn.Module):
        def __init__(self, dim, fn):
            super().__init__()
            self.fn, self.norm = fn, nn.LayerNorm(dim)

        def forward(self, x):
            return self.fn(self.norm(x)) + x

    def __init__(self, dim=8, patches=16):
        def mlp(width, dense):
            return nn.Sequential(dense(width, 2 * width), nn.GELU(), dense(2 * width, width))

        def point(i, o):
            return nn.Conv1d(i, o, kernel_size=1)

        layers = [
            (Mixer.Residual(dim, mlp(patches, point)), Mixer.Residual(dim, mlp(dim, nn.Linear))) for _ in range(2)
        ]
        super().__init__(PatchEmbed(embed_dim=dim), *[m for two in layers for m in two], nn.LayerNorm(dim))


class Similarities(NamedTuple):
    loss: Tensor
    logits_per_image: Tensor
    logits_per_text: Tensor


class CLIP(nn.Module):
    def __init__(self, dim=12):
        super().__init__()
        self.visual = VisionTransformer(dim, 1, num_classes=0)
        self.text = nn.Sequential(nn.Embedding(20, dim), ViTBlock(dim))
        self.text_projection = nn.Parameter(lucid.empty(dim, dim))
        self.logit_scale = nn.Parameter(lucid.ones([]) * math.log(1 / 0.07))
        nn.init.normal_(self.text_projection, std=dim**-0.5)

    def build_attention_mask(self, length):
        mask = lucid.empty(length, length)
        mask.fill_(float("-inf"))
        mask.triu_(1)
        return mask

    def forward(self, image, text):
        image_features = self.visual(image)
        x = self.text(text)
        x = x + self.build_attention_mask(x.shape[1]).to(x).softmax(-1) @ x
        text_features = x[lucid.arange(x.shape[0]), text.argmax(dim=-1)] @ self.text_projection
        image_features = image_features / image_features.norm(dim=1, keepdim=True)
        text_features = F.normalize(text_features, p=2, dim=-1)
        logits = self.logit_scale.exp() * image_features @ text_features.t()
        truth = lucid.arange(len(image), device=image.device)
        loss = (F.cross_entropy(logits, truth) + F.cross_entropy(logits.t(), truth)) / 2
        return Similarities(loss, logits, logits.t())


EXAMPLES = {
    "vit": Example(VisionTransformer, floats(2, 3, 16, 16)),
    "vit_larger_images": Example(VisionTransformer, floats(2, 3, 24, 24)),
    "vit_drop_path": Example(lambda: VisionTransformer(drop_path_rate=0.4), floats(2, 3, 16, 16), train=False),
    "swin": Example(Swin, floats(2, 3, 16, 16)),
    "mixer": Example(Mixer, floats(2, 3, 16, 16)),
    "clip": Example(CLIP, floats(3, 3, 16, 16), ints(20, 3, 6)),
}
