"""The OASIS generator: SPADE blocks that see 3D noise beside the labels, and one block fewer.

Schoenfeld, Sushko et al.: "You Only Need Adversarial Supervision for Semantic Image Synthesis", ICLR 2021:
section 3.3 (3D noise), appendix (the layers). Its discriminator is a segmenter; both share the loss in
`semsynth.losses.labelmix`.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models.base import GeneratorModule
from semsynth.models.published import require, translate
from semsynth.ops.pyramid import LabelLevel
from semsynth.ops.recompute import recomputed
from semsynth.ops.spade import SLOPE, LabelConv2d, Spade, SpadeResBlock

MULTIPLIERS = (16, 16, 16, 8, 4, 2, 1)
"""Width of the stem and of every block's output, in units of the base width."""

UPSAMPLE = (False, True, True, True, True, True)
"""Which blocks double their input first."""


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
        config = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        super().__init__(
            num_classes=num_classes,
            uses_instances=False,
            style_dim=style_dim,
            stride=2 ** sum(UPSAMPLE),
            config=config,
        )

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

    def forward(
        self, labels: Tensor, *, style: Tensor | None = None, instances: Tensor | None = None
    ) -> Tensor:
        """Draw.

        Args:
            labels: (B, H, W) int64; H and W multiples of `stride`.
            style: noise, (B, Z) for one look of the whole picture, or (B, Z, H, W) for one per region.
            instances: not used.

        Returns:
            (B, 3, H, W) in [-1, 1].
        """
        pyramid = self.pyramid(labels)
        style = self._check_noise(style, labels)
        level = pyramid.at(*(side // self.stride for side in pyramid.full.size))
        x = self.stem_labels(level)  # (B,16w,h,w)
        if self.stem_noise is not None and style is not None:
            x = x + noise_response(self.stem_noise, style, level.size)
        again = self.recompute and torch.is_grad_enabled()
        for block, upsample in zip(self.blocks, UPSAMPLE):
            if again:
                x = recomputed(block, x, pyramid, style, upsample=upsample)
            else:
                x = block(x, pyramid, style, upsample=upsample)
        return self.to_image(F.leaky_relu(x, SLOPE)).tanh()  # type: ignore[no-any-return]

    def _check_noise(self, noise: Tensor | None, labels: Tensor) -> Tensor | None:
        if self.style_dim is None:
            return None
        batch, height, width = labels.shape
        wanted = (batch, self.style_dim)
        if noise is not None and tuple(noise.shape) in (wanted, (*wanted, height, width)):
            return noise
        found = "none was given" if noise is None else f"got {tuple(noise.shape)}"
        raise SemsynthError(
            f"this network draws from noise: pass a style of shape {wanted} or "
            f"{(*wanted, height, width)}; {found}"
        )


PUBLISHED_NOISE = 64
"""Channels of noise in the released networks that have it."""

PUBLISHED_CLASSES = (151, 183, 35)
"""Classes of the released networks (ADE20K, COCO-Stuff, Cityscapes); unknown is their id 0."""

UNKNOWN_LAST = 183
"""The number of classes of a label set here whose unknown is the last id: COCO-Stuff."""


def import_published(
    state: Mapping[str, Tensor], *, num_classes: int | None = None, unknown_last: bool | None = None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a state dictionary of the published implementation.

    There unknown is id 0 for every data set. COCO-Stuff's own maps, and our label set, have it last and all
    classes one lower: for those the weights of the classes are put in our order.

    Args:
        state: published names → tensors.
        num_classes: K. The files do not tell noise from classes; needed where K is not one of
            `PUBLISHED_CLASSES`.
        unknown_last: whether to put id 0 last; None does for COCO-Stuff's number of classes.

    Returns:
        the arguments of `OASISGenerator`, and its state.

    Raises:
        SemsynthError: names the tensor that is missing, too much or of a wrong shape.
    """
    state = {key.removeprefix("module."): value for key, value in state.items()}
    inputs = require(state, "fc.weight", "OASIS generator").shape[1]
    if num_classes is None:
        known = {inputs, inputs - PUBLISHED_NOISE} & set(PUBLISHED_CLASSES)
        if not known:
            raise SemsynthError(
                f"'fc.weight' has {inputs} input channels, noise and classes together, which is none of the "
                f"released networks' ({PUBLISHED_CLASSES} classes, {PUBLISHED_NOISE} of noise or none); "
                "give num_classes"
            )
        num_classes = known.pop()
    if num_classes > inputs:
        raise SemsynthError(f"'fc.weight' has {inputs} input channels, fewer than {num_classes} classes")
    shared = require(state, "body.0.norm_0.mlp_shared.0.weight", "OASIS generator")
    config: dict[str, Any] = {
        "num_classes": num_classes,
        "width": require(state, "conv_img.weight", "OASIS generator").shape[1],
        "style_dim": inputs - num_classes or None,
        "hidden": shared.shape[0],
        "kernel_size": shared.shape[2],
        "norm": "sync_batch" if "body.0.norm_0.first_norm.running_mean" in state else "instance",
        "spectral": "body.0.conv_0.weight_orig" in state,
    }
    with torch.device("meta"):
        network = OASISGenerator(**config)
    names = {"stem_labels": "fc", "stem_noise": "fc.noise", "to_image": "conv_img"}
    for ours, module in network.named_modules():
        theirs = ours.replace("blocks.", "body.").replace(".spade_", ".norm_")
        if isinstance(module, Spade):
            names |= {f"{ours}.norm": f"{theirs}.first_norm", f"{ours}.shared": f"{theirs}.mlp_shared.0"}
            names |= {f"{ours}.noise": f"{theirs}.mlp_shared.0.noise", f"{ours}.modulation": f"{theirs}.mlp"}
        elif ".conv_" in ours:
            names.setdefault(ours, theirs)
    move = num_classes == UNKNOWN_LAST if unknown_last is None else unknown_last
    return config, translate(_our_layers(state, num_classes, move), names, network)


def _our_layers(state: Mapping[str, Tensor], num_classes: int, unknown_last: bool) -> dict[str, Tensor]:
    """Stack gamma and beta under `mlp`, part noise from labels in convolutions, and order the classes."""
    result = {}
    for key, value in state.items():
        stem, _, tail = key.rpartition(".")
        if stem.endswith(".mlp_beta"):
            continue
        if stem.endswith(".mlp_gamma"):
            beta = require(state, f"{stem.removesuffix('gamma')}beta.{tail}", "OASIS generator")
            result[f"{stem.removesuffix('_gamma')}.{tail}"] = torch.cat([value, beta])
        elif tail == "weight" and (stem == "fc" or stem.endswith(".mlp_shared.0")):
            noise = value.shape[1] - num_classes  # noise stands in front
            classes = value[:, noise:]
            result[key] = classes.roll(-1, 1) if unknown_last else classes
            if noise:
                result[f"{stem}.noise.weight"] = value[:, :noise]
        else:
            result[key] = value
    return result


class NoisySpade(Spade):
    """SPADE whose hidden layer sees noise beside the labels.

    Args:
        channels: C of the features.
        label_channels: planes of the label map's dense form.
        noise_channels: Z.
        options: of `Spade`.
    """

    by_table = False  # noise changes the hidden layer of every picture

    def __init__(self, channels: int, label_channels: int, noise_channels: int, **options: Any) -> None:
        super().__init__(channels, label_channels, **options)
        self.noise = _noise_conv(noise_channels, self.shared.out_channels, self.shared.kernel_size[0])

    def gamma_beta(self, level: LabelLevel, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The modulation, each (B, C, h, w), under noise (B, Z) or (B, Z, H, W)."""
        assert style is not None  # the generator has checked it
        if level.by_patches and style.dim() == 2:
            maps = self._by_patches(level, style)
        else:
            hidden = self.shared(level) + noise_response(self.noise, style, level.size)
            maps = self.modulation(F.relu(hidden))  # (B,2C,h,w)
        gamma, beta = maps.chunk(2, 1)
        return gamma, beta

    def _by_patches(self, level: LabelLevel, noise: Tensor) -> Tensor:
        """Once per distinct window of each picture, for each has noise of its own: (B, 2C, h, w)."""
        plan = level.plan(self.shared.kernel_size[0])
        of_labels = self.shared.on_patches(plan.patches, level)  # (V,hidden)
        inside = (plan.patches > 0).to(of_labels.dtype)  # (V,k*k): noise, too, is zero outside the picture
        of_noise = torch.einsum("oztu,bz->btuo", self.noise.weight, noise).flatten(1, 2)  # (B,k*k,hidden)
        weight = self.modulation.weight.permute(0, 2, 3, 1).flatten(1)  # (2C,k*k*hidden)
        maps = []
        for index, taps in zip(plan.index, of_noise):
            hidden = F.pad(F.relu(of_labels + inside @ taps), (0, 0, 1, 0))  # row 0: outside the picture
            rows, own_index = torch.unique(index, return_inverse=True)
            windows = hidden[plan.neighbours[rows]].flatten(1)  # (U,k*k*hidden)
            maps.append(F.linear(windows, weight, self.modulation.bias)[own_index])
        return torch.stack(maps).permute(0, 3, 1, 2)


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


def _noise_conv(noise_channels: int, out_channels: int, kernel_size: int) -> nn.Conv2d:
    return nn.Conv2d(noise_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
