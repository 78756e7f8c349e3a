"""pix2pixHD (Wang et al., CVPR 2018), and pix2pixHD++, the baseline SPADE's release builds the same way.

A global generator draws at a low resolution: a wide first convolution, strided ones, residual blocks,
transposed ones. Each local enhancer doubles the resolution: what the coarser stage has drawn is added to its
features half way. Convolutions in front of a norm carry no bias, since the norm would take it out again.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models.base import GeneratorModule, configured
from semsynth.ops.blocks import ConvNorm, conv_norm
from semsynth.ops.lookup import halve, halved_one_hot, label_windows, lookup_conv
from semsynth.ops.pyramid import LabelLevel, LabelPyramid

Layer = Callable[[nn.Conv2d | nn.ConvTranspose2d], ConvNorm]

# What differs from the defaults of `Pix2PixHDGenerator`, which are the paper's global generator.
PRESETS: dict[str, dict[str, Any]] = {
    "pix2pixhd": {},
    "pix2pixhd-local": {"width": 32, "enhancers": 1},
    "pix2pixhd++": {"spectral": True},
}


class StemConv2d(nn.Conv2d):
    """The first convolution of a stage, padded by reflection; looks labels up where they are ids."""

    def forward(self, seen: LabelLevel | Tensor, style: Tensor | None = None) -> Tensor:
        """Convolve [labels, edges, style].

        Args:
            seen: a level of ids, or (B,S,h,w) planes.
            style: (B,Z,h,w) planes, or None.

        Returns:
            (B,width,h,w).
        """
        weight, pad = self.weight, self.padding[0]  # read once: a spectral norm moves with each reading
        assert isinstance(pad, int)
        planes: Tensor | None
        if isinstance(seen, Tensor):
            out, planes = None, seen
        elif seen.mode == "dense":
            out, planes = None, seen.dense(weight.dtype)
        else:
            windows = label_windows(seen.labels, self.kernel_size[0], padding=pad, reflect=True)
            out = lookup_conv(windows, weight[:, : seen.num_classes])
            weight = weight[:, seen.num_classes :]
            planes = None if seen.edges is None else seen.edges.unsqueeze(1).to(weight.dtype)
        rest = [part for part in (planes, style) if part is not None]
        if rest:
            dense = F.conv2d(F.pad(torch.cat(rest, 1), (pad,) * 4, mode="reflect"), weight)
            out = dense if out is None else out + dense
        assert out is not None  # a label map always has classes
        return out if self.bias is None else out + self.bias[:, None, None]


class ResidualBlock(nn.Module):
    """Two convolutions, padded by reflection, and the input added; nothing after the sum."""

    def __init__(self, channels: int, kernel: int, layer: Layer) -> None:
        super().__init__()
        self.conv_0, self.conv_1 = (
            layer(nn.Conv2d(channels, channels, kernel, padding=kernel // 2, padding_mode="reflect"))
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,h,w) → (B,C,h,w)."""
        out: Tensor = x + self.conv_1(F.relu(self.conv_0(x)))
        return out


class Stage(nn.Module):
    """The global generator, a local enhancer, or the instance encoder: all but the last convolution.

    Args:
        channels: planes that come in.
        width: channels at full size; each downsampling doubles them.
        downsamplings: how often the picture is halved, and doubled again.
        blocks: residual blocks at the smallest size.
        layer: puts a norm behind a convolution.
        stem_kernel: side of the first convolution.
        block_kernel: side of the residual blocks' convolutions.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        downsamplings: int,
        blocks: int,
        layer: Layer,
        *,
        stem_kernel: int = 7,
        block_kernel: int = 3,
    ) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(downsamplings + 1)]
        self.stem = layer(StemConv2d(channels, width, stem_kernel, padding=stem_kernel // 2))
        self.down = nn.ModuleList(
            layer(nn.Conv2d(before, after, 3, stride=2, padding=1)) for before, after in pairwise(widths)
        )
        self.blocks = nn.ModuleList(ResidualBlock(widths[-1], block_kernel, layer) for _ in range(blocks))
        self.up = nn.ModuleList(
            layer(nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1))
            for before, after in pairwise(reversed(widths))
        )

    def forward(
        self,
        seen: LabelLevel | Tensor,
        style: Tensor | None = None,
        coarser: Tensor | None = None,
        run: Callable[[nn.Module, Tensor], Tensor] = nn.Module.__call__,
    ) -> Tensor:
        """Labels or planes at (h,w) → features (B,width,h,w).

        Args:
            seen: labels or planes.
            style: planes, or None.
            coarser: added at the smallest size.
            run: calls the residual blocks, see `GeneratorModule.run`.
        """
        x = F.relu(self.stem.norm(self.stem.conv(seen, style)))
        for layer in self.down:
            x = F.relu(layer(x))  # (B,2^i*width,h/2^i,w/2^i)
        if coarser is not None:
            x = x + coarser
        for block in self.blocks:
            x = run(block, x)
        for layer in self.up:
            x = F.relu(layer(x))
        return x


@configured
class Pix2PixHDGenerator(GeneratorModule):
    """Labels to a picture.

    Args:
        num_classes: K.
        width: channels at full size (64; the published local enhancer has 32).
        instances: whether an edge channel of the instance map goes in with the labels.
        style_dim: channels of instance features, as `InstanceEncoder` makes them (3), or None for none.
        downsamplings: of the global generator.
        blocks: residual blocks of the global generator.
        enhancers: local enhancers on top; each doubles the resolution.
        enhancer_blocks: residual blocks of each.
        norm: "instance", "batch", "sync_batch" or "none".
        spectral: spectral norm on all but the last convolution (pix2pixHD++).
        stem_kernel: side of the first convolution.
        block_kernel: side of the residual blocks' convolutions.
    """

    can_recompute = True
    min_cells = 2  # for a reflection at the smallest size

    def __init__(
        self,
        *,
        num_classes: int,
        width: int = 64,
        instances: bool = False,
        style_dim: int | None = None,
        downsamplings: int = 4,
        blocks: int = 9,
        enhancers: int = 0,
        enhancer_blocks: int = 3,
        norm: str = "instance",
        spectral: bool = False,
        stem_kernel: int = 7,
        block_kernel: int = 3,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            uses_instances=instances,
            style_dim=style_dim,
            stride=2 ** (downsamplings + enhancers),
        )
        channels = self.label_channels + (style_dim or 0)
        layer = partial(conv_norm, norm=norm, spectral=spectral)
        self.stages = nn.ModuleList(  # from coarse to fine
            Stage(
                channels,
                width * 2 ** (enhancers - i),
                downsamplings if i == 0 else 1,
                blocks if i == 0 else enhancer_blocks,
                layer,
                stem_kernel=stem_kernel,
                block_kernel=block_kernel,
            )
            for i in range(enhancers + 1)
        )
        self.to_image = nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect")

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """See `GeneratorModule`.

        Args:
            pyramid: of the labels.
            style: for a network with a `style_dim`: instance features (B,Z,H,W), or one (B,Z) for all.
            offset: not used.
        """
        seen = self._halvings(pyramid.full)
        styles = self._styles(style, pyramid.full)
        x: Tensor | None = None
        for stage, level, planes in zip(self.stages, reversed(seen), reversed(styles), strict=True):
            x = stage(level, planes, x, self.run)
        return self.to_image(x).tanh()  # type: ignore[no-any-return]

    def _halvings(self, full: LabelLevel) -> list[LabelLevel | Tensor]:
        """What each stage sees of the labels, from fine to coarse; coarse ones see soft planes."""
        seen: list[LabelLevel | Tensor] = [full]
        if len(self.stages) > 1:
            dtype = self.to_image.weight.dtype
            half = halved_one_hot(full.labels, full.num_classes, dtype)
            if full.edges is not None:
                half = torch.cat([half, halve(full.edges.unsqueeze(1).to(dtype))], 1)
            seen.append(half)
        while len(seen) < len(self.stages):
            seen.append(halve(cast(Tensor, seen[-1])))
        return seen

    def _styles(self, style: Tensor | None, full: LabelLevel) -> Sequence[Tensor | None]:
        """Style planes for each stage, from fine to coarse."""
        if self.style_dim is None:
            return [None] * len(self.stages)
        if style is not None and style.dim() == 2:
            style = style[:, :, None, None].expand(-1, -1, *full.size)
        wanted = (full.labels.shape[0], self.style_dim, *full.size)
        if style is None or style.shape != wanted:
            given = "none were given" if style is None else f"got {tuple(style.shape)}"
            raise SemsynthError(f"This network draws from instance features of shape {wanted}; {given}.")
        styles = [style]
        while len(styles) < len(self.stages):
            styles.append(halve(styles[-1]))
        return styles

    def outer_parameters(self) -> list[nn.Parameter]:
        """Parameters of the outermost enhancer and the last convolution, which are trained alone at first.

        The paper trains a global generator, sets enhancers around it, trains the new part for some epochs
        with the rest held fixed, and then everything (section 3.2).
        """
        return [*self.stages[-1].parameters(), *self.to_image.parameters()]

    def start_from(self, smaller: GeneratorModule) -> None:
        """Take over a generator with as many stages, or the stages of one with fewer."""
        if isinstance(smaller, Pix2PixHDGenerator) and len(smaller.stages) < len(self.stages):
            self.load_inner(smaller)
        else:
            super().start_from(smaller)

    def load_inner(self, inner: "Pix2PixHDGenerator") -> None:
        """Take the stages of a generator trained at lower resolution.

        Raises:
            SemsynthError: its stages have other shapes.
        """
        try:
            for ours, theirs in zip(self.stages, inner.stages, strict=False):
                ours.load_state_dict(theirs.state_dict())
        except RuntimeError as error:
            raise SemsynthError(f"The stages of the smaller generator do not fit: {error}") from error
