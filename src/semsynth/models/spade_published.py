"""Reading the published SPADE generator and style encoder files: settings from shapes, names to ours."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.models.published import Imported, Piece, blank, modulation, require, translate
from semsynth.models.spade import SpadeGenerator
from semsynth.models.style_encoder import StyleEncoder

_BLOCKS = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3", "up_4")

# Our module names → the published ones, applied in order.
_RENAMES = (
    (r"^blocks\.(\d+)", lambda number: _BLOCKS[int(number[1])]),
    (r"^stem_(labels|style)$", "fc"),
    (r"^to_image$", "conv_img"),
    (r"\.spade_(\w)\b", r".norm_\1"),
    (r"\.norm$", ".param_free_norm"),
    (r"\.shared$", ".mlp_shared.0"),
)


PUBLISHED_SETTINGS: dict[int, dict[str, Any]] = {
    184: {"instances": True},  # COCO-Stuff
    36: {"instances": True, "upsamplings": 6, "aspect_ratio": 2.0},  # Cityscapes
    14: {"instances": True},  # own data with thirteen classes, the published default
}
"""Label planes of the released networks → what their files do not say, where it is not the usual."""


def import_published(
    state: Mapping[str, Tensor],
    *,
    instances: bool | None = None,
    upsamplings: int | None = None,
    aspect_ratio: float | None = None,
) -> Imported:
    """Read a published generator: keyword arguments of `SpadeGenerator`, and its state.

    Args:
        state: published names → tensors, without a `module.` prefix.
        instances: whether the last label plane is the instance edge map. A file does not say; None is
            as published for that many planes, else no.
        upsamplings: 5 or 6, which have the same tensors; None is as published, else 5. Seven show.
        aspect_ratio: width / height of the pictures, for a generator whose stem sees a style; None is as
            published, else 1.

    Raises:
        SemsynthError: names the first tensor that does not fit.
    """
    spectral = "head_0.conv_0.weight_orig" in state
    inner = require(state, f"head_0.conv_0.weight{'_orig' * spectral}", "SPADE generator")
    shared = require(state, "head_0.norm_0.mlp_shared.0.weight", "SPADE generator")
    stem = require(state, "fc.weight", "SPADE generator")
    if inner.dim() != 4 or shared.dim() != 4 or stem.dim() not in (2, 4) or inner.shape[0] < 16:
        raise SemsynthError(
            f"The tensors of this SPADE generator have odd shapes: fc.weight {tuple(stem.shape)}, "
            f"head_0.conv_0 {tuple(inner.shape)}, mlp_shared {tuple(shared.shape)}."
        )
    most = any(name.startswith("up_4.") for name in state)
    if most and upsamplings not in (None, 7):
        raise SemsynthError(f"The file has up_4, so it has 7 upsamplings, not {upsamplings}.")
    if not most and upsamplings == 7:
        raise SemsynthError("7 upsamplings need up_4, which the file lacks.")
    usual = PUBLISHED_SETTINGS.get(shared.shape[1], {})
    edges = usual.get("instances", False) if instances is None else instances
    config: dict[str, Any] = {
        "num_classes": shared.shape[1] - edges,
        "instances": edges,
        "width": inner.shape[0] // 16,
        "upsamplings": 7 if most else upsamplings or usual.get("upsamplings", 5),
        "kernel_size": shared.shape[2],
        "hidden": shared.shape[0],
        "norm": "sync_batch" if "head_0.norm_0.param_free_norm.running_mean" in state else "instance",
        "spectral": spectral,
    }
    if stem.dim() == 2:
        ratio = aspect_ratio or usual.get("aspect_ratio", 1.0)
        grid = latent_size(stem.shape[0] // inner.shape[0], ratio)
        config |= {"stem": "style", "style_dim": stem.shape[1], "latent_size": grid}
    model = blank(SpadeGenerator, config)
    modules = {_module(name): _published(_module(name)) for name in model.state_dict()}
    return config, translate(state, modules, model)


def import_published_encoder(state: Mapping[str, Tensor]) -> Imported:
    """Read a published style encoder; returns keyword arguments of `StyleEncoder`, and its state.

    Raises:
        SemsynthError: names the first tensor that does not fit.
    """
    mean = require(state, "fc_mu.weight", "SPADE style encoder")
    spectral = any(name.startswith("layer1.") and name.endswith("weight_orig") for name in state)
    inner = "" if "layer1.bias" in state else ".0"  # a norm makes a Sequential of its own
    first = require(state, f"layer1{inner}.weight{'_orig' * spectral}", "SPADE style encoder")
    depth = len({match[0] for name in state if (match := re.match(r"layer\d+\.", name))})
    batch = "layer1.1.running_mean" in state
    config: dict[str, Any] = {
        "style_dim": mean.shape[0],
        "width": first.shape[0],
        "image_size": 4 * 2**depth,
        "spectral": spectral,
        "norm": "sync_batch" if batch else "instance" if inner else "none",
    }
    if depth < 4:
        raise SemsynthError(f"This is no whole SPADE style encoder: it has {depth} layers, fewer than 4.")
    modules = {"mean": "fc_mu", "log_variance": "fc_var"}
    modules |= {f"convs.{i}": f"layer{i + 1}{inner}" for i in range(depth)}
    modules |= {f"norms.{i}": f"layer{i + 1}.1" for i in range(depth)}
    return config, translate(state, modules, blank(StyleEncoder, config))


def latent_size(cells: int, aspect_ratio: float) -> tuple[int, int]:
    """(h, w) of a latent grid of `cells` cells for pictures of width / height `aspect_ratio`.

    The published height is the width divided by the ratio, rounded half to even.

    Raises:
        SemsynthError: no grid has that many.
    """
    for width in range(1, cells + 1):
        if width * round(width / aspect_ratio) == cells:
            return round(width / aspect_ratio), width
    raise SemsynthError(
        f"The style stem has {cells} cells, which no grid of aspect ratio {aspect_ratio:g} has; "
        "give --aspect-ratio WIDTH/HEIGHT of the pictures."
    )


def _module(name: str) -> str:
    """The module a state entry belongs to."""
    return re.sub(r"\.(parametrizations\.weight\..*|\w+)$", "", name)


def _published(module: str) -> str | Piece:
    for pattern, replacement in _RENAMES:
        module = re.sub(pattern, replacement, module)
    return modulation(module.removesuffix(".modulation")) if module.endswith(".modulation") else module
