"""CC-FPSE's generator written plainly from its description: stacked inputs, unfolding, unused norms and all.

Slow and wasteful; what `semsynth.models.ccfpse` is compared with.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

NAMES = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3")


class ReferenceSpade(nn.Module):
    def __init__(self, channels: int, sees: int, hidden: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(sees, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        a = self.mlp_shared(seen)
        return self.param_free_norm(x) * (1 + self.mlp_gamma(a)) + self.mlp_beta(a)


class ReferenceDepthwise(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_layer = nn.BatchNorm2d(channels)  # in the files, never used

    def forward(self, x: Tensor, kernels: Tensor) -> Tensor:
        b, c, h, w = x.shape
        windows = F.unfold(x, 3, padding=1).view(b, c, 9, h, w)
        return (windows * kernels.view(b, c, 9, h, w)).sum(2)


class ReferenceBlock(nn.Module):
    def __init__(self, fin: int, fout: int, sees: int, hidden: int) -> None:
        super().__init__()
        mid = min(fin, fout)

        def predict(channels: int) -> nn.Sequential:
            first = nn.Conv2d(sees, hidden, 3, padding=1)
            return nn.Sequential(first, nn.ReLU(), nn.Conv2d(hidden, channels, 3, padding=1))

        self.norm_0 = nn.BatchNorm2d(fin)  # in the files, never used
        self.weights_a, self.weights_b = predict(9 * fin), predict(9 * fout)
        self.gate_a, self.gate_b = predict(mid), predict(fout)
        self.bn_a, self.depth_a, self.point_a = (
            nn.BatchNorm2d(fin),
            ReferenceDepthwise(fin),
            nn.Conv2d(fin, mid, 1),
        )
        self.bn_b, self.depth_b, self.point_b = (
            nn.BatchNorm2d(mid),
            ReferenceDepthwise(mid),
            nn.Conv2d(mid, fout, 1),
        )
        if fin != fout:
            self.conv_s = spectral_norm(nn.Conv2d(fin, fout, 1, bias=False))
            self.norm_s = ReferenceSpade(fin, sees, hidden)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        y = self.point_a(self.depth_a(self.bn_a(x), self.weights_a(seen)))
        y = F.leaky_relu(y * self.gate_a(seen).sigmoid(), 0.2)
        y = self.point_b(self.depth_b(self.bn_b(y), self.weights_b(seen)))
        y = F.leaky_relu(y * self.gate_b(seen).sigmoid(), 0.2)
        return y + (self.conv_s(self.norm_s(x, seen)) if hasattr(self, "conv_s") else x)


class ReferenceGenerator(nn.Module):
    def __init__(
        self, planes: int, nf: int, hidden: int, halvings: int, z_dim: int | None, cells: int
    ) -> None:
        super().__init__()
        self.halvings = halvings
        self.fc = nn.Linear(z_dim, 16 * nf * cells) if z_dim else nn.Conv2d(planes, 16 * nf, 3, padding=1)

        def layer(before: int, size: int, stride: int = 1) -> nn.Sequential:
            conv = spectral_norm(nn.Conv2d(before, nf, size, stride, size // 2, bias=False))
            return nn.Sequential(nn.Sequential(conv, nn.BatchNorm2d(nf)), nn.LeakyReLU(0.2))

        for i in range(halvings + 1):
            setattr(self, f"enc{i + 1}", layer(nf if i else planes, 3, 2 if i else 1))
        for i in range(halvings):
            setattr(self, f"lat{i + 1}", layer(nf, 1))
            setattr(self, f"dec{i + 1}", layer(nf, 3))
        widths = [16, 16, 16, 16, 8, 4, 2, 1]
        for name, (fin, fout) in zip(NAMES, pairwise(widths), strict=True):
            setattr(self, name, ReferenceBlock(fin * nf, fout * nf, planes + nf, hidden))
        self.conv_img = nn.Conv2d(nf, 3, 3, padding=1)

    def forward(self, planes: Tensor, z: Tensor | None = None) -> Tensor:
        maps = [planes]
        for i in range(self.halvings + 1):
            maps.append(getattr(self, f"enc{i + 1}")(maps[-1]))
        merged = {maps[-1].shape[2:]: maps[-1]}
        x = maps[-1]
        for i in range(self.halvings, 0, -1):
            x = F.interpolate(x, scale_factor=2) + getattr(self, f"lat{i}")(maps[i])
            x = getattr(self, f"dec{i}")(x)
            merged[x.shape[2:]] = x
        size = maps[-1].shape[2:]
        if isinstance(self.fc, nn.Linear):
            x = self.fc(z).view(len(planes), -1, *size)
        else:
            x = self.fc(F.interpolate(planes, size=size))
        for i, name in enumerate(NAMES):
            if i != 0 and (i != 2 or self.halvings == 6):
                x = F.interpolate(x, scale_factor=2)
            seen = torch.cat([F.interpolate(planes, size=x.shape[2:]), merged[x.shape[2:]]], 1)
            x = getattr(self, name)(x, seen)
        return self.conv_img(F.leaky_relu(x, 0.2)).tanh()
