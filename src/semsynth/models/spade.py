"""The SPADE generator (GauGAN): a stem, seven or eight residual blocks, nearest upsampling between them.

Park et al., CVPR 2019, appendix A (figure 11). State names are ours; `import_published` reads the released
files. Sizes: a picture is the latent grid times 2 to the number of upsamplings.
"""

import math
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models.base import GeneratorModule
from semsynth.models.decoder import upsample
from semsynth.ops.pyramid import LabelPyramid
from semsynth.ops.spade import SLOPE, LabelConv2d, Spade, SpadeResBlock

Stem = Literal["labels", "style", "labels+style"]

CODE = 64
"""Sides of the code of positions, in cells. In the stem it repeats after these."""

_OTHER = 61
"""Sides of the part of it that is added within the network: together they repeat after 64 x 61 cells only."""

# Width of the stem and of every block's output, in multiples of the base width.
PUBLISHED_MULTIPLIERS = (16.0, 16.0, 16.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5)


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
        positions: channels of a fixed random code, another at every pixel, that the "labels+style" stem sees
            too, and whose linear map is added to every block's result (ours; StyleGAN's noise, but a fixed
            one that is moved about). Without it nothing tells two places within a large area of one class
            apart, and a network fills such areas with a repeated pattern. 0 is none.

    Raises:
        ValueError: settings that do not go together.
    """

    can_recompute = True

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
        positions: int = 0,
    ) -> None:
        config = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        if (style_dim is None) == (stem != "labels") or (style_modulation and not style_dim):
            raise ValueError(f"stem {stem!r} with style_dim {style_dim}: a stem with a style needs its width")
        if positions == 1:
            raise ValueError("positions is 1; the code has no channel or at least two")
        if positions and stem != "labels+style":
            raise ValueError(f"positions are for the stem labels+style; it is {stem!r}")
        doubling = upsample(upsamplings, most=7)
        blocks = len(doubling)
        if len(multipliers) != blocks + 1 and tuple(multipliers) != PUBLISHED_MULTIPLIERS:
            raise ValueError(
                f"there are {len(multipliers)} multipliers; {upsamplings} upsamplings need {blocks + 1}, one "
                f"for the stem and one for each of {blocks} blocks"
            )
        super().__init__(
            num_classes=num_classes,
            uses_instances=instances,
            style_dim=style_dim,
            stride=2**upsamplings,
            config=config,
        )
        self.upsample = doubling
        self.latent_size = (int(latent_size[0]), int(latent_size[1]))
        widths = [int(width * m) for m in multipliers[: blocks + 1]]
        channels = self.label_channels
        self.stem_labels = LabelConv2d(channels, widths[0], 3) if stem != "style" else None
        self.stem_style: nn.Linear | None = None
        if style_dim is not None:
            cells = self.latent_size[0] * self.latent_size[1] if stem == "style" else 1
            self.stem_style = nn.Linear(style_dim, widths[0] * cells)
            self.stem_style.init_zero = stem != "style"  # type: ignore[assignment]
        self.stem_positions: nn.Conv2d | None = None
        if positions:
            self.shifts = CODE * _OTHER
            self.stem_positions = nn.Conv2d(positions, widths[0], 1, bias=False)
            self.stem_positions.init_zero = True  # type: ignore[assignment]
            code = torch.randn(
                (1, positions, CODE, CODE),
                dtype=torch.float32,
                device="cpu",  # whatever the network is built on: PyTorch's compiler would be loaded for it
                generator=torch.Generator().manual_seed(0),
            )
            self.position_code: Tensor
            self.register_buffer("position_code", code)
        self.block_positions = nn.ModuleList(
            nn.Conv2d(positions, after, 1, bias=False) for after in (widths[1:] if positions else [])
        )
        for conv in self.block_positions:
            conv.init_zero = True  # type: ignore[assignment]
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
        """Take over a trained network of the same shape; positions that it lacks begin at zero."""
        state = dict(smaller.state_dict())
        for name, value in self.state_dict().items():
            if "position" in name:
                state.setdefault(name, value)
        self.load_state_dict(state)

    @torch.no_grad()
    def rebase_style(self, mean: Tensor, factor: Tensor) -> None:
        """See `GeneratorModule`."""
        layers = [self.stem_style, *(module.style for module in self.modules() if isinstance(module, Spade))]
        for linear in layers:
            if linear is not None:
                linear.bias.copy_(linear.bias + linear.weight @ mean)
                linear.weight.copy_(linear.weight @ factor)

    def forward(
        self,
        labels: Tensor,
        *,
        style: Tensor | None = None,
        instances: Tensor | None = None,
        shift: Tensor | None = None,
    ) -> Tensor:
        """Draw.

        Args:
            labels: (B, H, W) int64; H and W multiples of `stride`.
            style: (B, Z) for a network with a style.
            instances: (B, H, W), see `GeneratorModule.pyramid`.
            shift: (B, 2) or (1, 2) int64, rows and columns by which the code of positions is moved; None
                is no move. See `GeneratorModule.shifts`.

        Returns:
            (B, 3, H, W) in [-1, 1].
        """
        return self.draw(self.pyramid(labels, instances), style, shift)

    def draw(self, pyramid: LabelPyramid, style: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """The same from a prepared pyramid, which several calls may share."""
        x = self.stem(pyramid, style, shift)  # (B,16w,h,w)
        for i, (block, doubles) in enumerate(zip(self.blocks, self.upsample, strict=True)):
            x = self.run(block, x, pyramid, style, upsample=doubles)
            if self.block_positions:
                x = x + self.block_positions[i](self.code_at(x.shape[2], x.shape[3], shift))
        return self.to_image(F.leaky_relu(x, SLOPE)).tanh()  # type: ignore[no-any-return]

    def stem(self, pyramid: LabelPyramid, style: Tensor | None, shift: Tensor | None = None) -> Tensor:
        """(B, H, W) labels, (B, Z) style, (B, 2) shift → (B, 16w, h, w)."""
        height, width = (side // self.stride for side in pyramid.full.size)
        x: Tensor | None = None
        if self.stem_labels is not None:
            x = self.stem_labels(pyramid.at(height, width))
        if self.stem_style is None:
            assert x is not None  # the stem sees labels, a style, or both
            return x
        grid = self.style_grid(pyramid, style, shift)
        return grid if x is None else x + grid

    def style_grid(self, pyramid: LabelPyramid, style: Tensor | None, shift: Tensor | None = None) -> Tensor:
        """What the stem sees beside labels, the style and positions: (B, 16w, h, w), or (B, 16w, 1, 1)."""
        assert self.stem_style is not None
        wanted = (pyramid.full.labels.shape[0], self.style_dim)
        if style is None or style.shape != wanted:
            found = "none was given" if style is None else f"got {tuple(style.shape)}"
            raise SemsynthError(f"this network draws in a style: pass one of shape {wanted}; {found}")
        if shift is not None and not torch.compiler.is_compiling():
            _check_shift(shift, wanted[0])
        grid: Tensor = self.stem_style(style)
        height, width = size = tuple(side // self.stride for side in pyramid.full.size)
        if self.stem_positions is not None:
            placed: Tensor = self.stem_positions(_tiled(self.position_code, CODE, height, width, shift))
            return grid[:, :, None, None] + placed
        if self.stem_labels is not None:
            return grid[:, :, None, None]
        grid = grid.unflatten(1, (-1, *self.latent_size))
        return grid if size == self.latent_size else F.interpolate(grid, size=size, mode="bilinear")

    def code_at(self, height: int, width: int, shift: Tensor | None = None) -> Tensor:
        """The code of the positions of a block's result, (B or 1, positions, h, w), channels last."""
        code = self.position_code / math.sqrt(2)
        other = code.roll(1, 1)  # of another channel: independent everywhere
        tiled: Tensor = _tiled(code, CODE, height, width, shift)
        return tiled.add_(_tiled(other, _OTHER, height, width, shift))


def _check_shift(shift: Tensor, count: int) -> None:
    if shift.dtype != torch.int64 or shift.shape not in ((1, 2), (count, 2)):
        found = f"{shift.dtype} of {tuple(shift.shape)}"
        raise SemsynthError(f"a shift is int64 of shape ({count}, 2) or (1, 2); got {found}")


def _tiled(code: Tensor, period: int, height: int, width: int, shift: Tensor | None) -> Tensor:
    """(1, P, 64, 64) repeated after so many rows and columns, (B or 1, P, h, w), channels last in memory."""
    if shift is None:
        shift = torch.zeros(1, 2, dtype=torch.int64, device=code.device)
    rows, columns = (
        (torch.arange(side, device=code.device) + shift[:, i : i + 1]) % period  # (B,side)
        for i, side in enumerate((height, width))
    )
    # Columns of few rows first, then whole rows: what is copied lies together.
    x: Tensor = code[0].permute(2, 1, 0).contiguous().index_select(0, columns.flatten())  # (B*w,64,P)
    x = x.unflatten(0, columns.shape).transpose(1, 2).flatten(0, 1)  # (B*64,w,P)
    first = torch.arange(rows.shape[0], device=code.device)[:, None] * CODE
    x = x.index_select(0, (first + rows).flatten())
    return x.reshape(-1, height, width, code.shape[1]).permute(0, 3, 1, 2)
