"""The SPADE generator (GauGAN): a stem, seven or eight residual blocks, nearest upsampling between them.

Park et al., CVPR 2019, appendix A (figure 11). State names are ours; `import_published` reads the released
files. Sizes: a picture is the latent grid times 2 to the number of upsamplings.
"""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models.base import GeneratorModule, check_style, configured
from semsynth.models.decoder import latent_grid, upsample
from semsynth.ops.init import init_as
from semsynth.ops.noise import PERIOD, FixedNoise
from semsynth.ops.pyramid import LabelPyramid
from semsynth.ops.spade import SLOPE, LabelConv2d, Spade, SpadeResBlock

Stem = Literal["labels", "style", "labels+style"]

# Width of the stem and of every block's output, in multiples of the base width.
PUBLISHED_MULTIPLIERS = (16.0, 16.0, 16.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5)


@configured
class SpadeGenerator(GeneratorModule):
    """Labels, and where wanted a style, to a picture.

    Args:
        num_classes: K.
        width: base width (64 in the paper; 48 and 80 in Table 4).
        instances: whether an edge channel of the instance map goes in with the labels.
        stem: what the first layer sees. "labels": the label map at the latent size. "style": a linear map
            of the style, as the paper's multi-modal variant. "labels+style": the sum of both, ours, whose
            weights do not depend on the latent size.
        style_dim: Z, for the stems with a style (256 in the paper).
        latent_size: (h, w) the "style" stem was built for; another size is reached by bilinear resizing.
        upsamplings: 5, 6 or 7.
        kernel_size: of the convolutions inside SPADE.
        hidden: width inside SPADE.
        norm: "sync_batch", "batch" or "instance".
        spectral: spectral norm on the convolutions of the blocks.
        multipliers: widths of the stem's output and of each block's in units of `width`: 8, or 9 with 7
            upsamplings. The last of the published ones is for 7 alone.
        style_modulation: let the style shift and scale every SPADE layer per channel too (ours).
        noise_channels: channels of a `FixedNoise` (ours) that the "labels+style" stem sees too, and that is
            added to every block's result through a learned linear map. Without it nothing tells two places
            within a large area of one class apart, and a network fills such areas with a repeated pattern.
            0 is none.

    Raises:
        ValueError: settings that do not go together.
    """

    can_recompute = True
    class_styles = True

    def __init__(
        self,
        *,
        num_classes: int,
        width: int = 64,
        instances: bool = False,
        stem: Stem = "labels",
        style_dim: int | None = None,
        latent_size: tuple[int, int] = (8, 8),
        upsamplings: int = 5,
        kernel_size: int = 3,
        hidden: int = 128,
        norm: str = "sync_batch",
        spectral: bool = True,
        multipliers: tuple[float, ...] = PUBLISHED_MULTIPLIERS,
        style_modulation: bool = False,
        noise_channels: int = 0,
    ) -> None:
        if (style_dim is None) == (stem != "labels") or (style_modulation and not style_dim):
            raise ValueError(f"stem {stem!r} with style_dim {style_dim}: a stem with a style needs its width")
        if noise_channels and stem != "labels+style":
            raise ValueError(f"noise_channels are for the stem labels+style; it is {stem!r}")
        doubling = upsample(upsamplings, most=7)
        blocks = len(doubling)
        if len(multipliers) != blocks + 1 and tuple(multipliers) != PUBLISHED_MULTIPLIERS:
            raise ValueError(
                f"there are {len(multipliers)} multipliers; {upsamplings} upsamplings need {blocks + 1}, one "
                f"for the stem and one for each of {blocks} blocks"
            )
        super().__init__(
            num_classes=num_classes, uses_instances=instances, style_dim=style_dim, stride=2**upsamplings
        )
        self.upsample = doubling
        self.latent_size = (int(latent_size[0]), int(latent_size[1]))
        widths = [int(width * m) for m in multipliers[: blocks + 1]]
        channels = self.label_channels
        self.stem_labels = LabelConv2d(channels, widths[0], 3) if stem != "style" else None
        self.stem_style: nn.Linear | None = None
        if style_dim is not None:
            cells = self.latent_size[0] * self.latent_size[1] if stem == "style" else 1
            linear = nn.Linear(style_dim, widths[0] * cells)
            self.stem_style = init_as(linear, zero=stem != "style")
        self.noise: FixedNoise | None = None
        if noise_channels:
            self.noise = FixedNoise(noise_channels, widths[0], widths[1:])
            self.noise_period = PERIOD
        self.blocks = nn.ModuleList(
            SpadeResBlock(
                before,
                after,
                channels,
                spectral=spectral,
                hidden=hidden,
                kernel_size=kernel_size,
                norm=norm,
                style_dim=style_dim if style_modulation else None,
            )
            for before, after in pairwise(widths)
        )
        self.to_image = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def start_from(self, smaller: GeneratorModule) -> None:
        """Take over a trained network of the same shape; fixed noise that it lacks begins at zero."""
        fresh = {name: value for name, value in self.state_dict().items() if name.startswith("noise.")}
        self.load_state_dict(fresh | smaller.state_dict())

    @torch.no_grad()
    def rebase_style(self, mean: Tensor, factor: Tensor) -> None:
        """See `GeneratorModule`."""
        layers = [self.stem_style, *(module.style for module in self.modules() if isinstance(module, Spade))]
        for linear in layers:
            if linear is not None:
                linear.bias.copy_(linear.bias + linear.weight @ mean)
                linear.weight.copy_(linear.weight @ factor)

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """See `GeneratorModule`."""
        x = self.stem(pyramid, style, offset)  # (B,16w,h,w)
        for i, (block, doubles) in enumerate(zip(self.blocks, self.upsample, strict=True)):
            x = self.run(block, x, pyramid, style, upsample=doubles)
            if self.noise is not None:
                x = x + self.noise.to_blocks[i](self.noise.at(x.shape[2], x.shape[3], offset))
        return self.to_image(F.leaky_relu(x, SLOPE)).tanh()  # type: ignore[no-any-return]

    def stem(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None = None) -> Tensor:
        """(B, H, W) labels, (B, Z) or (B, K, Z) style, (B, 2) offset → (B, 16w, h, w)."""
        height, width = (side // self.stride for side in pyramid.full.size)
        x: Tensor | None = None
        if self.stem_labels is not None:
            x = self.stem_labels(pyramid.at(height, width))
        if self.stem_style is None:
            assert x is not None  # the stem sees labels, a style, or both
            return x
        grid = self.style_grid(pyramid, style, offset)
        return grid if x is None else x + grid

    def check_appearance(self, count: int, style: Tensor | None, offset: Tensor | None) -> None:
        """Refuse a style or an offset of fixed noise that does not fit so many pictures.

        Raises:
            SemsynthError: The network needs a style (count, Z) or (count, K, Z), or an offset (count, 2) or
                (1, 2).
        """
        if self.style_dim is None:
            return
        check_style(style, count, self.style_dim, self.num_classes)
        if offset is None or torch.compiler.is_compiling():
            return
        if offset.dtype != torch.int64 or offset.shape not in ((1, 2), (count, 2)):
            got = f"{offset.dtype} of {tuple(offset.shape)}"
            raise SemsynthError(f"A noise_offset is int64 of shape ({count}, 2) or (1, 2); got {got}.")

    def style_grid(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """The stem's part of the style and the fixed noise: (B, 16w, h, w), or (B, 16w, 1, 1).

        With a row per class, every pixel is that of the grid which its class's row gives.
        """
        assert self.stem_style is not None
        self.check_appearance(len(pyramid.full.labels), style, offset)
        assert style is not None  # it was checked
        height, width = (side // self.stride for side in pyramid.full.size)
        grid: Tensor = self.stem_style(style.flatten(0, -2))  # (B,16w) or (B*K,16w), times h*w for "style"
        if self.stem_labels is not None:
            grid = grid[:, :, None, None]
        else:
            grid = latent_grid(grid, self.latent_size, (height, width))
        if style.dim() == 3:
            grid = by_class(grid.unflatten(0, style.shape[:2]), pyramid.at(height, width).labels)
        return grid if self.noise is None else grid + self.noise.in_stem(height, width, offset)


def by_class(grids: Tensor, labels: Tensor) -> Tensor:
    """A grid per class (B, K, C, h, w), or (B, K, C, 1, 1), by labels (B, h, w) → (B, C, h, w)."""
    size = (-1, 1, grids.shape[2], -1, -1)
    return grids.expand(-1, -1, -1, *labels.shape[1:]).gather(1, labels[:, None, None].expand(size))[:, 0]
