"""Points, graphs, rays and sets: PointNet, graph networks, NeRF, SIREN, a Siamese network, deep sets."""

from __future__ import annotations

import math
from collections import defaultdict

import lucid
import lucid.nn as nn
import lucid.nn.functional as F
from lucid import Tensor
from lucid.nn.parameter import Parameter
from tests.nn.models.example import Example, floats, ints


class STN(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.conv1, self.conv2 = lucid.nn.Conv1d(k, 8, 1), lucid.nn.Conv1d(8, 16, 1)
        self.fc1, self.fc2 = nn.Linear(16, 8), nn.Linear(8, k * k)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm1d(8), nn.BatchNorm1d(16), nn.BatchNorm1d(8)
        self.k = k

    def forward(self, x):
        batchsize = x.size()[0]
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = lucid.max(x, 2, keepdim=True)[0]
        x = x.view(-1, 16)
        x = self.fc2(F.relu(self.bn3(self.fc1(x))))
        iden = lucid.eye(self.k, dtype=x.dtype).view(1, self.k * self.k).repeat(batchsize, 1)
        if x.is_cuda:
            iden = iden.cuda()
        return (x + iden).view(-1, self.k, self.k)


class PointNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.stn, self.fstn = STN(3), STN(8)
        self.conv1, self.conv2 = nn.Conv1d(3, 8, 1), nn.Conv1d(8, 16, 1)
        self.bn1, self.bn2 = nn.BatchNorm1d(8), nn.BatchNorm1d(16)
        self.segment = nn.Conv1d(16 + 8, classes, 1)

    def forward(self, x):
        n_pts = x.size()[2]
        trans = self.stn(x)
        x = lucid.bmm(x.transpose(2, 1), trans).transpose(2, 1)
        x = F.relu(self.bn1(self.conv1(x)))
        trans_feat = self.fstn(x)
        x = lucid.bmm(x.transpose(2, 1), trans_feat).transpose(2, 1)
        pointfeat = x
        x = lucid.max(self.bn2(self.conv2(x)), 2, keepdim=True)[0].view(-1, 16, 1).repeat(1, 1, n_pts)
        x = self.segment(lucid.cat([x, pointfeat], 1)).transpose(2, 1).contiguous()
        eye = lucid.eye(8)[None].to(trans_feat)
        regular = lucid.mean(lucid.norm(lucid.bmm(trans_feat, trans_feat.transpose(2, 1)) - eye, dim=(1, 2)))
        return F.log_softmax(x.view(-1, x.size(-1)), dim=-1).view(*x.shape), regular


def square_distance(src, dst):
    B, N, _ = src.shape
    _, M, _ = dst.shape
    dist = -2 * lucid.matmul(src, dst.permute(0, 2, 1))
    dist += lucid.sum(src**2, -1).view(B, N, 1)
    dist += lucid.sum(dst**2, -1).view(B, 1, M)
    return dist


def index_points(points, idx):
    view_shape = list(idx.shape)
    view_shape[1:] = [1] * (len(view_shape) - 1)
    repeat_shape = list(idx.shape)
    repeat_shape[0] = 1
    batch_indices = lucid.arange(points.shape[0], dtype=lucid.long).view(view_shape).repeat(repeat_shape)
    return points[batch_indices, idx, :]


def farthest_point_sample(xyz, npoint):
    B, N, _ = xyz.shape
    centroids = lucid.zeros(B, npoint, dtype=lucid.long)
    distance = lucid.ones(B, N).to(xyz) * 1e10
    farthest = lucid.zeros(B, dtype=lucid.long)
    batch_indices = lucid.arange(B, dtype=lucid.long)
    for i in range(npoint):
        centroids[:, i] = farthest
        centroid = xyz[batch_indices, farthest, :].view(B, 1, 3)
        dist = lucid.sum((xyz - centroid) ** 2, -1)
        mask = dist < distance
        distance[mask] = dist[mask]
        farthest = lucid.max(distance, -1)[1]
    return centroids


class SetAbstraction(nn.Module):
    def __init__(self, npoint=4, radius=1.5, nsample=3, mlp=(6, 8)):
        super().__init__()
        self.npoint, self.radius, self.nsample = npoint, radius, nsample
        self.mlp_convs, self.mlp_bns = nn.ModuleList(), nn.ModuleList()
        last = 3
        for out in mlp:
            self.mlp_convs.append(nn.Conv2d(last, out, 1))
            self.mlp_bns.append(nn.BatchNorm2d(out))
            last = out

    def query_ball(self, xyz, new_xyz):
        B, N, _ = xyz.shape
        S = new_xyz.shape[1]
        group_idx = lucid.arange(N, dtype=lucid.long).view(1, 1, N).repeat([B, S, 1])
        group_idx[square_distance(new_xyz, xyz) > self.radius**2] = N
        group_idx = group_idx.sort(dim=-1)[0][:, :, : self.nsample]
        group_first = group_idx[:, :, 0].view(B, S, 1).repeat([1, 1, self.nsample])
        mask = group_idx == N
        group_idx[mask] = group_first[mask]
        return group_idx

    def forward(self, xyz):
        new_xyz = index_points(xyz, farthest_point_sample(xyz.detach(), self.npoint))
        grouped = index_points(xyz, self.query_ball(xyz.detach(), new_xyz.detach())) - new_xyz.unsqueeze(2)
        new_points = grouped.permute(0, 3, 2, 1)
        for i, conv in enumerate(self.mlp_convs):
            bn = self.mlp_bns[i]
            new_points = F.relu(bn(conv(new_points)))
        return new_xyz, lucid.max(new_points, 2)[0]


class EdgeConv(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.k = k
        self.conv = nn.Sequential(nn.Conv2d(6, 8, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2))

    def forward(self, x):
        batch, dims, n = x.size()
        inner = -2 * lucid.matmul(x.transpose(2, 1), x)
        xx = lucid.sum(x**2, dim=1, keepdim=True)
        idx = (-xx - inner - xx.transpose(2, 1)).topk(k=self.k, dim=-1)[1]
        idx = (idx + lucid.arange(0, batch).view(-1, 1, 1) * n).view(-1)
        x = x.transpose(2, 1).contiguous()
        feature = x.view(batch * n, -1)[idx, :].view(batch, n, self.k, dims)
        x = x.view(batch, n, 1, dims).repeat(1, 1, self.k, 1)
        feature = lucid.cat((feature - x, x), dim=3).permute(0, 3, 1, 2).contiguous()
        x = self.conv(feature).max(dim=-1, keepdim=False)[0]
        return lucid.cat((F.adaptive_max_pool1d(x, 1).view(batch, -1), F.adaptive_avg_pool1d(x, 1).view(batch, -1)), 1)


# -------------------------------------------------------------------------------------------------------------- graphs


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(lucid.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(lucid.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, edge_index):
        row, col = edge_index
        n = input.size(0)
        deg = lucid.zeros(n, dtype=input.dtype).scatter_add_(0, col, lucid.ones(col.size(0), dtype=input.dtype))
        deg_inv_sqrt = deg.pow_(-0.5)
        deg_inv_sqrt.masked_fill_(deg_inv_sqrt == float("inf"), 0)
        norm = deg_inv_sqrt[row] * deg_inv_sqrt[col]
        support = lucid.mm(input, self.weight)
        output = lucid.zeros_like(support).index_add_(0, col, support[row] * norm.view(-1, 1))
        return output + self.bias if self.bias is not None else output

    def __repr__(self):
        return self.__class__.__name__ + " (" + str(self.in_features) + " -> " + str(self.out_features) + ")"


class GATLayer(nn.Module):
    def __init__(self, in_features, out_features, heads=2, concat=True, alpha=0.2):
        super().__init__()
        self.heads, self.out, self.concat = heads, out_features, concat
        self.lin = nn.Linear(in_features, heads * out_features, bias=False)
        self.att = nn.Parameter(lucid.empty(1, heads, 2 * out_features))
        self.leaky = nn.LeakyReLU(alpha)
        nn.init.xavier_normal_(self.att, gain=nn.init.calculate_gain("leaky_relu", alpha))

    def forward(self, x, edge_index):
        n, (src, dst) = x.size(0), edge_index.unbind(0)
        h = self.lin(x).view(-1, self.heads, self.out)
        e = self.leaky((lucid.cat([h[src], h[dst]], dim=-1) * self.att).sum(-1))
        index = dst.unsqueeze(-1).expand_as(e)
        top = e.new_full((n, self.heads), float("-inf")).scatter_reduce(0, index, e.detach(), reduce="amax")
        e = (e - top.index_select(0, dst)).exp()
        total = lucid.zeros(n, self.heads, dtype=e.dtype).scatter_add(0, index, e)
        alpha = e / (total[dst] + 1e-16)
        out = lucid.zeros_like(h).index_add(0, dst, h[src] * alpha.unsqueeze(-1))
        return out.flatten(1) if self.concat else out.mean(dim=1)


class GNN(nn.Module):
    """Attention and convolution over edges, and a mean over each graph of the batch."""

    def __init__(self, features=5, hidden=4, classes=3):
        super().__init__()
        self.gat, self.gcn = GATLayer(features, hidden), GraphConvolution(2 * hidden, hidden)
        self.norm, self.readout = nn.LayerNorm(hidden), nn.Linear(2 * hidden, classes)

    def forward(self, x, edge_index, batch):
        loops = lucid.arange(x.size(0)).repeat(2, 1)
        edge_index = lucid.cat([edge_index, loops], dim=1)
        x = F.elu(self.gat(x, edge_index))
        x = self.norm(F.dropout(F.relu(self.gcn(x, edge_index)), 0.0, training=self.training))
        graphs = int(batch.max()) + 1
        count = lucid.bincount(batch, minlength=graphs).clamp(min=1).to(x.dtype)
        mean = x.new_zeros(graphs, x.size(1)).index_add_(0, batch, x) / count[:, None]
        top = lucid.stack([x[batch == g].amax(0) for g in range(graphs)])
        return self.readout(lucid.cat([mean, top], dim=-1))


# ---------------------------------------------------------------------------------------------------------- rays, sets


class Embedder:
    def __init__(self, **kwargs):
        self.kwargs, self.embed_fns = kwargs, []
        if kwargs["include_input"]:
            self.embed_fns.append(lambda x: x)
        for freq in 2.0 ** lucid.linspace(0.0, kwargs["max_freq_log2"], steps=kwargs["num_freqs"]):
            for p_fn in kwargs["periodic_fns"]:
                self.embed_fns.append(lambda x, p_fn=p_fn, freq=freq: p_fn(x * freq))
        self.out_dim = 3 * len(self.embed_fns)

    def embed(self, inputs):
        return lucid.cat([fn(inputs) for fn in self.embed_fns], -1)


def get_embedder(multires):
    return Embedder(
        include_input=True, max_freq_log2=multires - 1, num_freqs=multires, periodic_fns=[lucid.sin, lucid.cos]
    )


class NeRF(nn.Module):
    def __init__(self, depth=3, width=8, skips=(1,), multires=2):
        super().__init__()
        self.skips, self.multires = skips, multires
        channels = get_embedder(multires).out_dim
        self.pts_linears = nn.ModuleList(
            [nn.Linear(channels, width)]
            + [nn.Linear(width + channels if i in skips else width, width) for i in range(depth - 1)]
        )
        self.alpha_linear, self.rgb_linear = nn.Linear(width, 1), nn.Linear(width, 3)

    def field(self, points):
        x = h = get_embedder(self.multires).embed(points)
        for i, layer in enumerate(self.pts_linears):
            h = F.relu(layer(h))
            if i in self.skips:
                h = lucid.cat([x, h], -1)
        return lucid.cat([self.rgb_linear(h), self.alpha_linear(h)], -1)

    def forward(self, rays_o, rays_d, near=1.0, far=3.0, samples=5):
        t_vals = lucid.linspace(0.0, 1.0, steps=samples, dtype=rays_o.dtype)
        z_vals = (near * (1.0 - t_vals) + far * t_vals).expand([rays_o.shape[0], samples])
        pts = rays_o[..., None, :] + rays_d[..., None, :] * z_vals[..., :, None]
        raw = lucid.reshape(self.field(lucid.reshape(pts, [-1, 3])), [*list(pts.shape[:-1]), 4])
        dists = z_vals[..., 1:] - z_vals[..., :-1]
        dists = lucid.cat([dists, lucid.Tensor([1e10]).to(dists).expand(dists[..., :1].shape)], -1)
        dists = dists * lucid.norm(rays_d[..., None, :], dim=-1)
        rgb, alpha = lucid.sigmoid(raw[..., :3]), 1.0 - lucid.exp(-F.relu(raw[..., 3]) * dists)
        keep = lucid.cat([lucid.ones((alpha.shape[0], 1), dtype=alpha.dtype), 1.0 - alpha + 1e-10], -1)
        weights = alpha * lucid.cumprod(keep, -1)[:, :-1]
        rgb_map, depth_map = lucid.sum(weights[..., None] * rgb, -2), lucid.sum(weights * z_vals, -1)
        acc = lucid.sum(weights, -1)
        pdf = (weights + 1e-5) / lucid.sum(weights + 1e-5, -1, keepdim=True)
        cdf = lucid.cumsum(pdf, -1)
        u = lucid.linspace(0.05, 0.95, steps=4, dtype=cdf.dtype).expand([*list(cdf.shape[:-1]), 4]).contiguous()
        inds = lucid.searchsorted(cdf.detach().contiguous(), u, right=True).clamp(max=samples - 1)
        fine = lucid.gather(z_vals, 1, inds)
        return rgb_map + (1.0 - acc[..., None]), depth_map, fine


class SineLayer(nn.Module):
    def __init__(self, in_features, out_features, is_first=False, omega_0=30):
        super().__init__()
        self.omega_0, self.is_first, self.in_features = omega_0, is_first, in_features
        self.linear = nn.Linear(in_features, out_features)
        self.init_weights()

    def init_weights(self):
        with lucid.no_grad():
            bound = 1 / self.in_features if self.is_first else math.sqrt(6 / self.in_features) / self.omega_0
            self.linear.weight.uniform_(-bound, bound)

    def forward(self, input):
        return lucid.sin(self.omega_0 * self.linear(input))


class Siren(nn.Module):
    """A field, its gradient and its Laplacian by automatic differentiation."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(SineLayer(2, 16, is_first=True, omega_0=5), SineLayer(16, 8), nn.Linear(8, 1))

    def forward(self, coords):
        coords = coords.clone().detach().requires_grad_(True)
        with lucid.enable_grad():
            output = self.net(coords)
            grad = lucid.autograd.grad(output, [coords], grad_outputs=lucid.ones_like(output), create_graph=True)[0]
            div = 0.0
            for i in range(grad.shape[-1]):
                div += lucid.autograd.grad(grad[..., i], coords, lucid.ones_like(grad[..., i]), create_graph=True)[0][
                    ..., i : i + 1
                ]
        return output, grad, 0.01 * div


class Siamese(nn.Module):
    def __init__(self, margin=1.0):
        super().__init__()
        self.cnn1 = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(1, 4, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(4),
            nn.Dropout2d(p=0.0),
        )
        self.fc1 = nn.Sequential(nn.Linear(4 * 6 * 6, 8), nn.PReLU(), nn.Linear(8, 3))
        self.margin, self.triplet = margin, nn.TripletMarginLoss(margin=margin, swap=True)
        self.cosine = nn.CosineEmbeddingLoss(margin=0.1)

    def forward_once(self, x):
        output = self.cnn1(x)
        return self.fc1(output.view(output.size()[0], -1))

    def forward(self, input1, input2, input3, label):
        a, b, c = map(self.forward_once, (input1, input2, input3))
        distance = F.pairwise_distance(a, b)
        contrastive = lucid.mean(
            (1 - label) * lucid.pow(distance, 2) + label * lucid.pow(lucid.clamp(self.margin - distance, min=0.0), 2)
        )
        return contrastive + self.triplet(a, b, c) + self.cosine(a, c, 1 - 2 * label)


class DeepSets(nn.Module):
    """Sets of different sizes in one batch, gathered by a name."""

    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(3, 6), nn.ELU(inplace=True), nn.Linear(6, 6), nn.ELU(inplace=True))
        self.rho = nn.ModuleDict({"mean": nn.Linear(6, 2), "max": nn.Linear(6, 2)})
        self.register_buffer("calls", lucid.zeros((), dtype=lucid.long))

    def forward(self, x, group):
        self.calls += 1
        members = defaultdict(list)
        for row, g in zip(self.phi(x), group.tolist(), strict=True):
            members[g].append(row)
        pooled = {g: lucid.stack(rows) for g, rows in sorted(members.items())}
        out = [self.rho["mean"](rows.mean(0)) + self.rho["max"](rows.max(dim=0).values) for rows in pooled.values()]
        return lucid.stack(out).softmax(-1)


class GaussianProcess(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_scale, self.log_noise = nn.Parameter(lucid.tensor(0.1)), nn.Parameter(lucid.tensor(-1.0))

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        return lucid.exp(-0.5 * lucid.cdist(a, b).pow(2) / self.log_scale.exp() ** 2)

    def forward(self, x, y, new):
        n = len(x)
        k = self.kernel(x, x) + self.log_noise.exp() * lucid.eye(n, dtype=x.dtype)
        chol = lucid.linalg.cholesky(k)
        alpha = lucid.cholesky_solve(y.unsqueeze(1), chol)
        nll = 0.5 * y @ alpha.squeeze(1) + chol.diagonal().log().sum() + 0.5 * n * math.log(2 * math.pi)
        cross = self.kernel(new, x)
        v = lucid.linalg.solve_triangular(chol, cross.T, upper=False)
        return nll, (cross @ alpha).squeeze(-1), 1 - v.pow(2).sum(0)


EDGES, GRAPHS = ints(9, 2, 20), (ints(3, 9, seed=4))
GRAPHS.sort()

EXAMPLES = {
    "pointnet": Example(PointNet, floats(3, 3, 7), dtypes="float64"),
    "pointnet2": Example(SetAbstraction, floats(2, 9, 3), dtypes="float64"),
    "edges": Example(EdgeConv, floats(2, 3, 6), dtypes="float64"),
    "gnn": Example(GNN, floats(9, 5), EDGES, GRAPHS, dtypes="float64"),
    "nerf": Example(NeRF, floats(4, 3), floats(4, 3, seed=1), dtypes="float64"),
    "siren": Example(Siren, floats(5, 2), dtypes="float64", tol=1e-3),
    "siamese": Example(Siamese, *(floats(3, 1, 6, 6, seed=k) for k in range(3)), ints(2, 3), dtypes="float64"),
    "deep_sets": Example(DeepSets, floats(7, 3), ints(3, 7)),
    "gaussian_process": Example(
        GaussianProcess, floats(6, 2), floats(6, seed=1), floats(3, 2, seed=2), dtypes="float64"
    ),
}
