"""Spatially-adaptive denormalisation (SPADE) and the residual block made of it.

Park, Liu, Wang, Zhu: "Semantic Image Synthesis with Spatially-Adaptive Normalization", CVPR 2019:
section 3.1 (the layer), appendix A (the block).
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.ops import fused
from semsynth.ops.blocks import spectral_norm
from semsynth.ops.convolution import Conv2d
from semsynth.ops.dtypes import compute_dtype
from semsynth.ops.init import init_as
from semsynth.ops.lookup import lookup_sum
from semsynth.ops.norm import EPSILON, BatchNorm2d, parameter_free_norm
from semsynth.ops.pyramid import LabelLevel, LabelPyramid, PatchPlan

SLOPE = 0.2


class LabelConv2d(nn.Conv2d):
    """A convolution whose input is a label map: dense over one-hot planes, or a look-up per distinct patch.

    Both give the same numbers: on a one-hot input a convolution is a sum of k*k columns of its weight.
    """

    def __init__(self, label_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(label_channels, out_channels, kernel_size, padding=kernel_size // 2)

    def forward(self, level: LabelLevel) -> Tensor:  # type: ignore[override]
        """(B, h, w) labels → (B, out_channels, h, w)."""
        if not level.by_patches:
            weight = self.weight  # read once: with spectral norm every read is a power iteration
            return self._conv_forward(level.dense(weight.dtype), weight, self.bias)  # type: ignore[no-any-return]
        plan = level.plan(self.kernel_size[0])
        rows = self.on_patches(plan.patches, level, dtype=compute_dtype(self.weight))
        return rows[plan.centres[plan.index]].permute(0, 3, 1, 2)

    def on_patches(
        self, patches: Tensor, level: LabelLevel, *, relu: bool = False, dtype: torch.dtype | None = None
    ) -> Tensor:
        """The output at the centre of each distinct patch: (V, k*k) symbols → (V, out_channels).

        Computed in the weight's type, cut at zero with `relu`, and given in `dtype`.
        """
        table = self.table(level.num_classes)
        return lookup_sum(table, self.bias, patches, dtype=dtype or table.dtype, relu=relu)

    def table(self, num_classes: int) -> Tensor:
        """(k*k, num_symbols, out_channels): what each symbol of a `LabelLevel` adds at each tap."""
        columns = self.weight.flatten(2).permute(2, 1, 0)  # (k*k,S,O)
        outside = columns.new_zeros(columns.shape[0], 1, self.out_channels)
        classes = columns[:, :num_classes]
        tables = [outside, classes]
        if self.in_channels > num_classes:
            tables.append(classes + columns[:, -1:])  # an edge pixel of the same class
        return torch.cat(tables, 1)


class Spade(nn.Module):
    """Normalise, then scale and shift every pixel by what the label map says there (equation 1).

        out = norm(x) * (1 + gamma(labels)) + beta(labels)

    Args:
        channels: C of the features.
        label_channels: planes of the label map's dense form (classes, and one for instance edges).
        hidden: width between the two convolutions (128 in the paper).
        kernel_size: 1, 3 or 5 (Table 4).
        norm: parameter-free norm, "sync_batch", "batch" or "instance".
        style_dim: where given, a linear map of the style adds to gamma and beta per channel. This is
            ours, not the paper's; it starts at zero.

    Attributes:
        by_table: gamma and beta are those of the distinct patches, and a row per sample. A subclass with
            another `gamma_beta` says no.
    """

    by_table = True

    def __init__(
        self,
        channels: int,
        label_channels: int,
        *,
        hidden: int = 128,
        kernel_size: int = 3,
        norm: str = "sync_batch",
        style_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.norm = parameter_free_norm(norm, channels)
        self.shared = LabelConv2d(label_channels, hidden, kernel_size)
        modulation = nn.Conv2d(hidden, 2 * channels, kernel_size, padding=kernel_size // 2)
        self.modulation = init_as(modulation, chunks=2)  # gamma's rows, then beta's
        self.style: nn.Linear | None = None
        if style_dim:  # begins at zero, else random styles drown the labels
            self.style = init_as(nn.Linear(style_dim, 2 * channels), zero=True)

    def forward(
        self,
        x: Tensor,
        level: LabelLevel,
        style: Tensor | None = None,
        *,
        slope: float = 1.0,
        upsample: bool = False,
    ) -> Tensor:
        """Modulate, then activate.

        Args:
            x: (B, C, h, w), or half that size with `upsample`.
            level: labels at (h, w).
            style: (B, Z), or (B, K, Z) for a row per class, where the layer was built with a style.
            slope: of the leaky ReLU that follows; 1 is none.
            upsample: double `x` by nearest sampling first. Normalising commutes with it, so it is done
                on the small map.

        Returns:
            (B, C, h, w).
        """
        if self.by_table and level.by_patches:
            plan = level.plan(self.shared.kernel_size[0])
            table, labels = self.on_patches(level), level.labels
            return self.modulate(x, table, plan, style, labels=labels, slope=slope, upsample=upsample)
        gamma, beta = self.gamma_beta(level, style)
        return self._apply_maps(x, gamma, beta, slope, upsample)

    def modulate(
        self,
        x: Tensor,
        table: Tensor,
        plan: PatchPlan,
        style: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        slope: float = 1.0,
        upsample: bool = False,
    ) -> Tensor:
        """`forward` from a table of gamma and beta per distinct patch (U, 2C), see `on_patches`.

        A style with a row per class needs the labels (B, h, w); the native kernels do not take it.
        """
        row = self._style_row(style)
        if fused.supports(x) and (row is None or row.dim() == 2):
            return fused.modulate(x, table, plan, self.norm, row, slope=slope, upsample=upsample)
        if isinstance(self.norm, BatchNorm2d) and not self.norm.training and not torch.is_grad_enabled():
            return self._apply_folded(x, table, plan, _by_pixel(row, labels), slope, upsample)
        gamma, beta = _with_style(table[plan.index].permute(0, 3, 1, 2), row, labels)
        return self._apply_maps(x, gamma, beta, slope, upsample)

    def gamma_beta(self, level: LabelLevel, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The modulation as dense maps, each (B, C, h, w)."""
        maps = self.modulation(F.relu(self.shared(level)))  # (B,2C,h,w)
        return _with_style(maps, self._style_row(style), level.labels)

    def _apply_maps(self, x: Tensor, gamma: Tensor, beta: Tensor, slope: float, upsample: bool) -> Tensor:
        normalized = self.norm(x, repeat=4 if upsample else 1)
        if upsample:
            normalized = F.interpolate(normalized, scale_factor=2)
        out = torch.addcmul(normalized + beta, normalized, gamma)
        return out if slope == 1.0 else F.leaky_relu(out, slope)

    def _apply_folded(
        self, x: Tensor, table: Tensor, plan: PatchPlan, row: Tensor | None, slope: float, upsample: bool
    ) -> Tensor:
        """Norm and modulation as one scale and shift per distinct patch: few passes over the pixels.

        `row` is as `_by_pixel` gives it.
        """
        assert isinstance(self.norm, BatchNorm2d)
        dtype = compute_dtype(x)
        wide = torch.promote_types(dtype, torch.float32)
        rstd, mean = (self.norm.running_var.to(wide) + EPSILON).rsqrt(), self.norm.running_mean.to(wide)
        gamma, beta = table.to(wide).chunk(2, 1)  # (U,C)
        scale = torch.addcmul(rstd, gamma, rstd)
        shift = torch.addcmul(beta, mean, scale, value=-1)
        scale, shift = (F.embedding(plan.index, rows.to(dtype)) for rows in (scale, shift))  # (B,h,w,C)
        if row is not None:
            gamma, beta = row.to(wide).chunk(2, 3)
            scale += (gamma * rstd).to(dtype)
            shift += (beta - mean * rstd * gamma).to(dtype)
        x = F.interpolate(x, scale_factor=2) if upsample else x
        out = shift.addcmul_(x.permute(0, 2, 3, 1).to(dtype), scale)
        return (out if slope == 1.0 else F.leaky_relu_(out, slope)).permute(0, 3, 1, 2)

    def _style_row(self, style: Tensor | None) -> Tensor | None:
        """What the style (B, Z) or (B, K, Z) adds to gamma and beta: (B, 2C) or (B, K, 2C), or None."""
        if self.style is None:
            return None
        if style is None:
            raise ValueError("this SPADE layer was built with a style: pass one, (B, Z)")
        return self.style(style)  # type: ignore[no-any-return]

    def on_patches(self, level: LabelLevel) -> Tensor:
        """Gamma and beta of every distinct patch of a level: (U, 2C)."""
        plan = level.plan(self.shared.kernel_size[0])
        dtype = compute_dtype(self.modulation.weight)
        hidden = self.shared.on_patches(plan.patches, level, relu=True, dtype=dtype)  # (V,hidden)
        hidden = F.pad(hidden, (0, 0, 1, 0))  # row 0: outside the picture
        return fused.window_linear(hidden, self.modulation.weight, self.modulation.bias, plan)


def _by_pixel(row: Tensor | None, labels: Tensor | None) -> Tensor | None:
    """(B, 2C) → (B, 1, 1, 2C); a row per class (B, K, 2C) by labels (B, h, w) → (B, h, w, 2C)."""
    if row is None or row.dim() == 2:
        return None if row is None else row[:, None, None]
    assert labels is not None
    first = row.shape[1] * torch.arange(len(row), device=labels.device)[:, None, None]
    return F.embedding(labels + first, row.flatten(0, 1))


def _with_style(maps: Tensor, row: Tensor | None, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Gamma and beta, (B, C, h, w) each, from both (B, 2C, h, w) and what the style adds."""
    added = _by_pixel(row, labels)
    gamma, beta = (maps if added is None else maps + added.permute(0, 3, 1, 2)).chunk(2, 1)
    return gamma, beta


class SpadeResBlock(nn.Module):
    """Two rounds of SPADE, leaky ReLU and convolution, with a shortcut that SPADE modulates too (figure 10).

    The shortcut is learned (SPADE, then a 1x1 convolution without bias) where the width changes.

    Args:
        in_channels: of the input.
        out_channels: of the result; the width between is the smaller of both.
        label_channels: planes of the label map's dense form.
        spectral: spectral norm on the block's own convolutions.
        hidden: see `Spade`.
        kernel_size: see `Spade`.
        norm: see `Spade`.
        style_dim: see `Spade`.
        layer: makes the SPADE layer for a number of channels, where it is another than these options give.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        label_channels: int,
        *,
        spectral: bool = True,
        hidden: int = 128,
        kernel_size: int = 3,
        norm: str = "sync_batch",
        style_dim: int | None = None,
        layer: Callable[[int], Spade] | None = None,
    ) -> None:
        super().__init__()
        middle = min(in_channels, out_channels)

        spade: Callable[[int], Spade] = layer or partial(
            Spade,
            label_channels=label_channels,
            hidden=hidden,
            kernel_size=kernel_size,
            norm=norm,
            style_dim=style_dim,
        )
        self.spade_0, self.spade_1 = spade(in_channels), spade(middle)
        self.conv_0 = Conv2d(in_channels, middle, 3, padding=1)
        self.conv_1 = Conv2d(middle, out_channels, 3, padding=1)
        self.spade_s: Spade | None = None
        self.conv_s: nn.Module | None = None
        if in_channels != out_channels:
            self.spade_s = spade(in_channels)
            self.conv_s = Conv2d(in_channels, out_channels, 1, bias=False)
        if spectral:
            for conv in (self.conv_0, self.conv_1, self.conv_s):
                if conv is not None:
                    spectral_norm(conv)

    def forward(
        self, x: Tensor, pyramid: LabelPyramid, style: Tensor | None = None, *, upsample: bool = False
    ) -> Tensor:
        """(B, in, h, w) → (B, out, h, w), or (B, out, 2h, 2w) with `upsample` (nearest, before all else)."""
        scale = 2 if upsample else 1
        level = pyramid.at(x.shape[2] * scale, x.shape[3] * scale)
        y = self.conv_0(self.spade_0(x, level, style, slope=SLOPE, upsample=upsample))
        y = self.conv_1(self.spade_1(y, level, style, slope=SLOPE))
        if self.spade_s is not None and self.conv_s is not None:
            return y + self.conv_s(self.spade_s(x, level, style, upsample=upsample))  # type: ignore[no-any-return]
        return y + (F.interpolate(x, scale_factor=2) if upsample else x)  # type: ignore[no-any-return]
