"""The OASIS generator: SPADE blocks that see 3D noise beside the labels, and one block fewer.

Schoenfeld, Sushko et al.: "You Only Need Adversarial Supervision for Semantic Image Synthesis", ICLR 2021:
section 3.3 (3D noise), appendix (the layers). Its discriminator is a segmenter; both share the loss in
`semsynth.losses.labelmix`.
"""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models.base import GeneratorModule, configured
from semsynth.ops import fused
from semsynth.ops.dtypes import compute_dtype
from semsynth.ops.lookup import lookup_sum
from semsynth.ops.pyramid import LabelLevel, LabelPyramid, PatchPlan
from semsynth.ops.spade import SLOPE, LabelConv2d, Spade, SpadeResBlock

MULTIPLIERS = (16, 16, 16, 8, 4, 2, 1)
"""Width of the stem and of every block's output, in units of the base width."""

UPSAMPLE = (False, True, True, True, True, True)
"""Which blocks double their input first."""


@configured
class OASISGenerator(GeneratorModule):
    """Labels and noise to a picture.

    The published layers convolve noise and labels stacked; here each convolution is two, one of the labels
    (a look-up per distinct patch) and one of the noise, whose sum is the same.

    Args:
        num_classes: K.
        width: base width (64 published).
        style_dim: Z, channels of the noise (64 published); None leaves the noise out.
        hidden: width inside SPADE.
        kernel_size: of the convolutions inside SPADE.
        norm: "sync_batch", "batch" or "instance".
        spectral: spectral norm on the convolutions of the blocks.
    """

    can_recompute = True

    def __init__(
        self,
        *,
        num_classes: int,
        width: int = 64,
        style_dim: int | None = 64,
        hidden: int = 128,
        kernel_size: int = 3,
        norm: str = "sync_batch",
        spectral: bool = True,
    ) -> None:
        super().__init__(num_classes=num_classes, style_dim=style_dim, stride=2 ** sum(UPSAMPLE))

        def spade(channels: int) -> Spade:
            options: dict[str, Any] = {"hidden": hidden, "kernel_size": kernel_size, "norm": norm}
            if style_dim is None:
                return Spade(channels, num_classes, **options)
            return NoisySpade(channels, num_classes, style_dim, **options)

        widths = [width * m for m in MULTIPLIERS]
        self.stem_labels = LabelConv2d(num_classes, widths[0], 3)
        self.stem_noise = None if style_dim is None else _noise_conv(style_dim, widths[0], 3)
        self.blocks = nn.ModuleList(
            SpadeResBlock(before, after, num_classes, spectral=spectral, layer=spade)
            for before, after in pairwise(widths)
        )
        self.to_image = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """See `GeneratorModule`.

        Args:
            pyramid: of the labels.
            style: noise, (B, Z) for one look of the whole picture, or (B, Z, H, W) for one per region.
            offset: not used.
        """
        style = self._check_noise(style, pyramid.full.labels)
        level = pyramid.at(*(side // self.stride for side in pyramid.full.size))
        x = self.stem_labels(level)  # (B,16w,h,w)
        noise: Tensor | PictureNoise | None = style
        if self.stem_noise is not None and style is not None:
            x = x + noise_response(self.stem_noise, style, level.size)
            if style.dim() == 2:
                noise = PictureNoise(style, pyramid)
        for block, upsample in zip(self.blocks, UPSAMPLE, strict=True):
            x = self.run(block, x, pyramid, noise, upsample=upsample)
        return self.to_image(F.leaky_relu(x, SLOPE)).tanh()  # type: ignore[no-any-return]

    def _check_noise(self, noise: Tensor | None, labels: Tensor) -> Tensor | None:
        if self.style_dim is None:
            return None
        batch, height, width = labels.shape
        wanted = (batch, self.style_dim)
        if noise is not None and tuple(noise.shape) in (wanted, (*wanted, height, width)):
            return noise
        given = "none was given" if noise is None else f"got {tuple(noise.shape)}"
        raise SemsynthError(
            f"This network draws from noise: pass a style of shape {wanted} or "
            f"{(*wanted, height, width)}; {given}."
        )


class PictureNoise:
    """Noise that is constant over each picture, and the windows of labels told apart by picture.

    A window of one picture is modulated otherwise than the same window of another, so for a batch every id
    becomes an id of its picture: class c of picture b is b * K + c.

    Args:
        values: (B, Z).
        pyramid: of the labels.
    """

    def __init__(self, values: Tensor, pyramid: LabelPyramid) -> None:
        self.values = values
        full, batch = pyramid.full, len(values)
        first = full.num_classes * torch.arange(batch, device=full.labels.device)[:, None, None]
        self.apart = LabelPyramid(full.labels + first, batch * full.num_classes, mode=pyramid.mode)


class NoisySpade(Spade):
    """SPADE whose hidden layer sees noise beside the labels.

    Where SPADE takes a style it takes `PictureNoise`, or planes (B, Z, H, W).

    Args:
        channels: C of the features.
        label_channels: planes of the label map's dense form.
        noise_dim: Z.
        options: of `Spade`.
    """

    by_table = False  # its windows are those of `PictureNoise`

    def __init__(self, channels: int, label_channels: int, noise_dim: int, **options: Any) -> None:
        super().__init__(channels, label_channels, **options)
        self.noise = _noise_conv(noise_dim, self.shared.out_channels, self.shared.kernel_size[0])

    def forward(
        self,
        x: Tensor,
        level: LabelLevel,
        style: Tensor | PictureNoise | None = None,
        *,
        slope: float = 1.0,
        upsample: bool = False,
    ) -> Tensor:
        """See `Spade`."""
        if isinstance(style, PictureNoise):
            apart = style.apart.at(*level.size)
            if apart.by_patches:
                plan = apart.plan(self.shared.kernel_size[0])
                table = self._on_windows(plan, style.values)
                return self.modulate(x, table, plan, slope=slope, upsample=upsample)
            style = style.values
        return super().forward(x, level, style, slope=slope, upsample=upsample)

    def gamma_beta(self, level: LabelLevel, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The modulation as dense maps, each (B, C, h, w), under noise (B, Z) or (B, Z, H, W)."""
        assert style is not None  # the generator has checked it
        hidden = self.shared(level) + noise_response(self.noise, style, level.size)
        gamma, beta = self.modulation(F.relu(hidden)).chunk(2, 1)
        return gamma, beta

    def _on_windows(self, plan: PatchPlan, noise: Tensor) -> Tensor:
        """Gamma and beta of every distinct window of every picture under noise (B, Z): (U, 2C)."""
        of_labels = self.shared.weight.flatten(2).permute(2, 1, 0)  # (k*k,K,hidden)
        of_noise = torch.einsum("oztu,bz->tubo", self.noise.weight, noise).flatten(0, 1)  # (k*k,B,hidden)
        columns = (of_labels[:, None] + of_noise[:, :, None]).flatten(1, 2)  # (k*k,B*K,hidden)
        table = F.pad(columns, (0, 0, 1, 0))  # symbol 0, outside the picture, has neither
        dtype = compute_dtype(self.modulation.weight)
        hidden = lookup_sum(table, self.shared.bias, plan.patches, dtype=dtype, relu=True)  # (V,hidden)
        hidden = F.pad(hidden, (0, 0, 1, 0))  # row 0: outside the picture
        return fused.window_linear(hidden, self.modulation.weight, self.modulation.bias, plan)


def noise_response(conv: nn.Conv2d, noise: Tensor, size: tuple[int, int]) -> Tensor:
    """Convolve noise at one size: (B, Z) constant over the picture, or (B, Z, H, W), nearest-resized.

    Constant noise gives a constant, except where the window hangs over the border: the smallest map that
    shows every such case is convolved, and its middle repeated. Returns (B, out, h, w).
    """
    if noise.dim() == 4:
        return conv(F.interpolate(noise, size=size))  # type: ignore[no-any-return]
    k = conv.kernel_size[0]
    small = conv(noise[:, :, None, None].expand(-1, -1, *(min(side, k) for side in size)))
    rows, columns = (_repeat_middle(side, k, noise.device) for side in size)
    return small[:, :, rows[:, None], columns]  # type: ignore[no-any-return]


def _repeat_middle(side: int, kernel_size: int, device: torch.device) -> Tensor:
    """Which of the min(side, k) rows of a small map stands for each of `side` rows."""
    rows = torch.arange(side, device=device)
    radius = kernel_size // 2
    return rows.clamp(max=radius) + (rows - (side - 1 - radius)).clamp(min=0) if side > kernel_size else rows


def _noise_conv(noise_dim: int, out_channels: int, kernel_size: int) -> nn.Conv2d:
    return nn.Conv2d(noise_dim, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
