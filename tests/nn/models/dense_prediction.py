"""Models with an answer for every place: U-Net, DeepLab, RetinaNet, YOLO, DETR, optical flow, super resolution."""

from __future__ import annotations

import math
from collections import OrderedDict

import lucid
import lucid.nn as nn
import lucid.nn.functional as F
from lucid import Tensor
from tests.nn.models.example import Example, floats, ints

# --------------------------------------------------------------------------------------------------------------- U-Net


class DoubleConv(nn.Module):
    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.InstanceNorm2d(out_channels, affine=True),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels, out_channels)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        diffY, diffX = x2.size()[2] - x1.size()[2], x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
        return self.conv(lucid.cat([x2, x1], dim=1))


class UNet(nn.Module):
    def __init__(self, n_channels=3, n_classes=2, bilinear=False):
        super().__init__()
        factor = 2 if bilinear else 1
        self.inc = DoubleConv(n_channels, 4)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(4, 8))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(8, 16 // factor))
        self.up1, self.up2 = Up(16, 8 // factor, bilinear), Up(8, 4, bilinear)
        self.outc = nn.Conv2d(4, n_classes, kernel_size=1)

    def forward(self, x, target):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        logits = self.outc(self.up2(self.up1(self.down2(x2), x2), x1))
        one_hot = F.one_hot(target, logits.size(1)).permute(0, 3, 1, 2).to(logits.dtype)
        probs, dims = F.softmax(logits, dim=1), (0, 2, 3)
        inter, sets = 2 * (probs * one_hot).sum(dim=dims), probs.sum(dim=dims) + one_hot.sum(dim=dims)
        sets = lucid.where(sets == 0, inter, sets)
        dice = ((inter + 1e-6) / (sets + 1e-6)).mean()
        return F.cross_entropy(logits, target, weight=lucid.tensor([1.0, 2.0]).to(x)) + 1 - dice, logits


class UNet3D(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.ELU(inplace=True))
        self.pool, self.mid = nn.MaxPool3d(2, ceil_mode=True), nn.Conv3d(4, 8, (1, 3, 3), padding=(0, 1, 1))
        self.up = nn.ConvTranspose3d(8, 4, kernel_size=3, stride=2, padding=1)
        self.out = nn.Conv3d(8, 1, 1)

    def forward(self, x):
        skip = self.down(x)
        y = self.up(self.mid(self.pool(skip)), output_size=skip.size()[2:])
        return self.out(lucid.cat((skip, y), 1))


class ASPPPooling(nn.Sequential):
    def __init__(self, in_channels, out_channels):
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, out_channels, 1), nn.ReLU())

    def forward(self, x):
        size = x.shape[-2:]
        for mod in self:
            x = mod(x)
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class IntermediateLayerGetter(nn.ModuleDict):
    """The outputs of some layers of a model, by new names."""

    _version = 2

    def __init__(self, model, return_layers):
        if not set(return_layers).issubset([name for name, _ in model.named_children()]):
            raise ValueError("return_layers are not present in model")
        orig = return_layers
        return_layers = {str(k): str(v) for k, v in return_layers.items()}
        layers = OrderedDict()
        for name, module in model.named_children():
            layers[name] = module
            if name in return_layers:
                del return_layers[name]
            if not return_layers:
                break
        super().__init__(layers)
        self.return_layers = orig

    def forward(self, x):
        out = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out


class FrozenBatchNorm2d(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.register_buffer("weight", lucid.ones(n))
        self.register_buffer("bias", lucid.zeros(n))
        self.register_buffer("running_mean", lucid.zeros(n))
        self.register_buffer("running_var", lucid.ones(n))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x):
        w, b = self.weight.reshape(1, -1, 1, 1), self.bias.reshape(1, -1, 1, 1)
        rv, rm = self.running_var.reshape(1, -1, 1, 1), self.running_mean.reshape(1, -1, 1, 1)
        scale = w * (rv + 1e-5).rsqrt()
        return x * scale + (b - rm * scale)


def backbone():
    net = nn.Sequential()
    for k, (a, b) in enumerate([(3, 4), (4, 8), (8, 8)]):
        net.add_module(
            f"layer{k + 1}",
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), FrozenBatchNorm2d(b), nn.ReLU(inplace=True)),
        )
    net.add_module("fc", nn.Linear(8, 10))
    return net


class DeepLab(nn.Module):
    def __init__(self, classes=3, rates=(2, 4)):
        super().__init__()
        self.backbone = IntermediateLayerGetter(backbone(), {"layer3": "out", "layer1": "aux"})
        self.convs = nn.ModuleList([nn.Conv2d(8, 4, 1)])
        self.convs.extend(nn.Conv2d(8, 4, 3, padding=rate, dilation=rate) for rate in rates)
        self.convs.append(ASPPPooling(8, 4))
        self.project, self.aux = nn.Conv2d(16, classes, 1, bias=False), nn.Conv2d(4, classes, 1)

    def forward(self, x):
        features, result = self.backbone(x), OrderedDict()
        y = self.project(lucid.cat([conv(features["out"]) for conv in self.convs], dim=1))
        result["out"] = F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)
        result["aux"] = F.interpolate(self.aux(features["aux"]), size=x.shape[-2:], mode="bicubic")
        return result


# ----------------------------------------------------------------------------------------------------------- detection


class FeaturePyramid(nn.Module):
    def __init__(self, widths, out_channels, top=True):
        super().__init__()
        self.inner_blocks, self.layer_blocks = nn.ModuleList(), nn.ModuleList()
        for width in widths:
            self.inner_blocks.append(nn.Conv2d(width, out_channels, 1, padding=0))
            self.layer_blocks.append(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_uniform_(m.weight, a=1)
                if m.bias is not None:
                    nn.init.constant_(m.bias, 0)
        self.top = top

    def get_result_from_inner_blocks(self, x: Tensor, idx: int) -> Tensor:
        num_blocks = len(self.inner_blocks)
        if idx < 0:
            idx += num_blocks
        out = x
        for i, module in enumerate(self.inner_blocks):
            if i == idx:
                out = module(x)
        return out

    def forward(self, x):
        names, x = list(x.keys()), list(x.values())
        last_inner = self.get_result_from_inner_blocks(x[-1], -1)
        results = [self.layer_blocks[-1](last_inner)]
        for idx in range(len(x) - 2, -1, -1):
            lateral = self.get_result_from_inner_blocks(x[idx], idx)
            last_inner = lateral + F.interpolate(last_inner, size=lateral.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[idx](last_inner))
        if self.top:
            names.append("pool")
            results.append(F.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0))
        return OrderedDict(zip(names, results, strict=True))


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    area1, area2 = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes1, boxes2))
    lt, rb = lucid.max(boxes1[:, None, :2], boxes2[:, :2]), lucid.min(boxes1[:, None, 2:], boxes2[:, 2:])
    wh = (rb - lt).clamp(min=0)
    inter = wh[:, :, 0] * wh[:, :, 1]
    return inter / (area1[:, None] + area2 - inter)


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2.0):
    p = lucid.sigmoid(inputs)
    ce_loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    alpha_t = alpha * targets + (1 - alpha) * (1 - targets)
    return alpha_t * ce_loss * ((1 - p_t) ** gamma)


def nms(boxes, scores, threshold):
    keep, order = [], scores.argsort(descending=True)
    while order.numel() > 0:
        keep.append(order[0])
        if order.numel() == 1:
            break
        iou = box_iou(boxes[order[:1]], boxes[order[1:]]).squeeze(0)
        order = order[1:][iou <= threshold]
    return lucid.stack(keep)


class RetinaNet(nn.Module):
    def __init__(self, classes=3, sizes=(8, 16, 32), ratios=(0.5, 1.0, 2.0)):
        super().__init__()
        self.body = IntermediateLayerGetter(backbone(), {"layer2": "0", "layer3": "1"})
        self.fpn = FeaturePyramid([8, 8], 6)
        self.sizes, self.ratios, self.classes = sizes, ratios, classes
        self.head = nn.ModuleDict({"cls": nn.Conv2d(6, 3 * classes, 3, 1, 1), "reg": nn.Conv2d(6, 12, 3, padding=1)})
        nn.init.constant_(self.head["cls"].bias, -math.log((1 - 0.1) / 0.1))

    def anchors(self, image, feature, size):
        h, w = feature.shape[-2:]
        stride = image.shape[-2] // h, image.shape[-1] // w
        ratios = lucid.as_tensor(self.ratios, dtype=lucid.float32)
        hs = lucid.sqrt(ratios)
        ws = 1 / hs
        base = (lucid.stack([-ws, -hs, ws, hs], dim=1) * size / 2).round()
        xs, ys = lucid.arange(0, w) * stride[1], lucid.arange(0, h) * stride[0]
        y, x = lucid.meshgrid(ys, xs, indexing="ij")
        shifts = lucid.stack((x.reshape(-1), y.reshape(-1), x.reshape(-1), y.reshape(-1)), dim=1)
        return (shifts.view(-1, 1, 4) + base.view(1, -1, 4)).reshape(-1, 4)

    def flat(self, t, k):
        n, _, h, w = t.shape
        return t.view(n, -1, k, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, k)

    def forward(self, images, boxes, labels):
        features = list(self.fpn(self.body(images)).values())
        cls = lucid.cat([self.flat(self.head["cls"](f), self.classes) for f in features], dim=1)
        reg = lucid.cat([self.flat(self.head["reg"](f), 4) for f in features], dim=1)
        anchors = lucid.cat([self.anchors(images, f, s) for f, s in zip(features, self.sizes, strict=True)])
        anchors, losses = anchors.to(cls), []
        for k in range(len(images)):
            iou = box_iou(boxes[k].detach(), anchors)
            matched_vals, matches = iou.max(dim=0)
            matches = matches.clone()
            matches[matched_vals < 0.1] = -1
            foreground = matches >= 0
            target = lucid.zeros_like(cls[k])
            target[foreground, labels[k][matches[foreground]]] = 1.0
            count = max(1, foreground.sum().item())
            chosen = boxes[k][matches[foreground]].detach()
            widths, heights = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
            center = ((chosen[:, 0] + chosen[:, 2]) / 2 - anchors[foreground, 0]) / widths[foreground]
            offsets = lucid.stack([center, (chosen[:, 3] - chosen[:, 1]).clamp(min=1).log()], 1)
            reg_loss = F.l1_loss(reg[k][foreground][:, ::2] * heights[foreground, None] / 10, offsets, reduction="sum")
            losses.append((sigmoid_focal_loss(cls[k], target).sum() + 0.1 * reg_loss) / count)
        with lucid.no_grad():
            scores = cls[0].sigmoid().amax(1)
            kept = nms(anchors, scores, 0.5)[:4]
        return lucid.stack(losses).mean(), anchors[kept]


class Yolo(nn.Module):
    def __init__(self, classes=2, anchors=((2.0, 3.0), (4.0, 2.0))):
        super().__init__()
        layers = [nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6, momentum=0.03, eps=1e-4), nn.LeakyReLU(0.1)]
        self.module_list = nn.ModuleList([nn.Sequential(*layers), nn.Sequential(nn.MaxPool2d(2), nn.Mish())])
        self.module_list.append(nn.Conv2d(6, len(anchors) * (5 + classes), 1))
        self.register_buffer("anchor", lucid.tensor(anchors))
        self.grid = lucid.zeros(1)
        self.outputs = 5 + classes

    def _make_grid(self, nx, ny):
        yv, xv = lucid.meshgrid([lucid.arange(ny), lucid.arange(nx)], indexing="ij")
        return lucid.stack((xv, yv), 2).view((1, 1, ny, nx, 2)).float()

    def forward(self, x):
        for module in self.module_list:
            x = module(x)
        bs, _, ny, nx = x.shape
        x = x.view(bs, len(self.anchor), self.outputs, ny, nx).permute(0, 1, 3, 4, 2).contiguous()
        if self.training:
            return x
        if self.grid.shape[2:4] != x.shape[2:4]:
            self.grid = self._make_grid(nx, ny).to(x.device)
        y = x.sigmoid().clone()
        y[..., 0:2] = (y[..., 0:2] * 2.0 - 0.5 + self.grid.to(x)) * 8
        y[..., 2:4] = (y[..., 2:4] * 2) ** 2 * self.anchor.view(1, -1, 1, 1, 2)
        y = y.view(bs, -1, self.outputs)
        box = y.detach()[..., :4].clone()
        box[..., :2] -= box[..., 2:] / 2
        box[..., 2:] += box[..., :2]
        return y, box


class DETR(nn.Module):
    def __init__(self, classes=3, dim=8, heads=2, queries=4, layers=1):
        super().__init__()
        self.backbone = nn.Sequential(*list(backbone().children())[:-1])
        self.conv = nn.Conv2d(8, dim, 1)
        self.transformer = nn.Transformer(dim, heads, layers, layers, dim_feedforward=16, dropout=0.0)
        self.linear_class, self.linear_bbox = nn.Linear(dim, classes + 1), nn.Linear(dim, 4)
        self.query_pos = nn.Parameter(lucid.rand(queries, dim))
        self.row_embed, self.col_embed = (nn.Parameter(lucid.rand(6, dim // 2)) for _ in range(2))

    def forward(self, inputs):
        h = self.conv(self.backbone(inputs))
        H, W = h.shape[-2:]
        pos = lucid.cat(
            [
                self.col_embed[:W].unsqueeze(0).repeat(H, 1, 1),
                self.row_embed[:H].unsqueeze(1).repeat(1, W, 1),
            ],
            dim=-1,
        ).flatten(0, 1)
        src = pos.unsqueeze(1) + 0.1 * h.flatten(2).permute(2, 0, 1)
        out = self.transformer(src, self.query_pos.unsqueeze(1).expand(-1, h.size(0), -1))
        return {"pred_logits": self.linear_class(out), "pred_boxes": self.linear_bbox(out).sigmoid()}


# -------------------------------------------------------------------------------------------------- flow, restoration


class OpticalFlow(nn.Module):
    """A cost volume, and a warp along the flow."""

    def __init__(self, reach=1):
        super().__init__()
        self.reach, self.feature = reach, nn.Conv2d(3, 4, 3, padding=1, padding_mode="replicate")
        self.flow = nn.Conv2d((2 * reach + 1) ** 2, 2, 3, padding=1)

    def corr(self, a, b):
        b, (_, _, h, w) = F.pad(b, [self.reach] * 4), a.shape
        span = range(2 * self.reach + 1)
        return lucid.cat([(a * b[:, :, y : y + h, x : x + w]).mean(1, keepdim=True) for y in span for x in span], 1)

    def warp(self, x, flow):
        B, _, H, W = x.size()
        xx = lucid.arange(0, W).view(1, -1).repeat(H, 1).view(1, 1, H, W).repeat(B, 1, 1, 1)
        yy = lucid.arange(0, H).view(-1, 1).repeat(1, W).view(1, 1, H, W).repeat(B, 1, 1, 1)
        vgrid = lucid.cat((xx, yy), 1).to(flow) + flow
        gx, gy = 2.0 * vgrid[:, 0] / max(W - 1, 1) - 1.0, 2.0 * vgrid[:, 1] / max(H - 1, 1) - 1.0
        return F.grid_sample(x, lucid.stack((gx, gy), -1), align_corners=True, padding_mode="border")

    def forward(self, a, b):
        flow = self.flow(self.corr(self.feature(a), self.feature(b)))
        return (self.warp(b, flow) - a).abs().mean(), F.interpolate(flow, scale_factor=2, mode="bilinear") * 2


class SpatialTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.localization = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2, stride=2), nn.ReLU(True))
        self.fc_loc = nn.Sequential(nn.Linear(4 * 3 * 3, 8), nn.ReLU(True), nn.Linear(8, 3 * 2))
        self.fc_loc[2].weight.data.mul_(0.1)
        self.fc_loc[2].bias.data.copy_(lucid.tensor([1, 0, 0, 0, 1, 0], dtype=lucid.float))

    def forward(self, x):
        xs = self.localization(x)
        theta = self.fc_loc(xs.view(-1, 4 * 3 * 3)).view(-1, 2, 3)
        return F.grid_sample(x, F.affine_grid(theta, x.size(), align_corners=False), align_corners=False)


class SuperResolution(nn.Module):
    def __init__(self, scale=2, feats=6):
        super().__init__()
        self.register_buffer("mean", lucid.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
        self.head, self.scale = nn.Conv2d(3, feats, 3, padding=1), scale
        self.body = nn.Sequential(*(nn.Conv2d(feats, feats, 3, padding=1) for _ in range(2)))
        self.tail = nn.Sequential(nn.Conv2d(feats, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))
        window = lucid.exp(-((lucid.arange(5).float() - 2) ** 2) / 4.5)
        window = (window / window.sum()).unsqueeze(1)
        self.register_buffer("window", window.mm(window.t()).expand(3, 1, 5, 5).contiguous())

    def ssim(self, a, b):
        mu1, mu2 = F.conv2d(a, self.window, groups=3), F.conv2d(b, self.window, groups=3)
        s1, s2 = F.conv2d(a * a, self.window, groups=3) - mu1**2, F.conv2d(b * b, self.window, groups=3) - mu2**2
        s12 = F.conv2d(a * b, self.window, groups=3) - mu1 * mu2
        top = (2 * mu1 * mu2 + 0.01) * (2 * s12 + 0.03)
        return (top / ((mu1**2 + mu2**2 + 0.01) * (s1 + s2 + 0.03))).mean()

    def forward(self, x):
        x = x - self.mean
        h = self.head(x)
        h = h + self.body(h).mul(0.1)
        y = self.tail(h) + self.mean
        base = F.interpolate(x, scale_factor=self.scale, mode="bicubic", align_corners=False).clamp(-2, 2)
        tv = (y[:, :, 1:] - y[:, :, :-1]).abs().mean() + (y[..., 1:] - y[..., :-1]).abs().mean()
        return 1 - self.ssim(y, base.detach()) + 0.1 * tv, y


BOXES = floats(2, 3, 4, seed=5).__abs__() * 6
BOXES[..., 2:] += BOXES[..., :2] + 5

EXAMPLES = {
    "unet": Example(UNet, floats(2, 3, 13, 14), ints(2, 2, 13, 14)),
    "unet_bilinear": Example(lambda: UNet(bilinear=True), floats(2, 3, 13, 14), ints(2, 2, 13, 14)),
    "unet_3d": Example(UNet3D, floats(1, 1, 5, 6, 7), dtypes="float64"),
    "deeplab": Example(DeepLab, floats(2, 3, 17, 18), dtypes="float64 float16"),
    "retinanet": Example(RetinaNet, floats(2, 3, 32, 32), BOXES, ints(3, 2, 3), dtypes="float64"),
    "yolo": Example(Yolo, floats(2, 3, 16, 16), dtypes="float64 float16"),
    "optical_flow": Example(OpticalFlow, floats(2, 3, 6, 7), floats(2, 3, 6, 7, seed=1), dtypes="float64"),
    "spatial_transformer": Example(SpatialTransformer, floats(2, 1, 8, 8), dtypes="float64"),
    "super_resolution": Example(SuperResolution, floats(2, 3, 8, 8), dtypes="float64 float16"),
    "detr": Example(DETR, floats(2, 3, 32, 32)),
}
