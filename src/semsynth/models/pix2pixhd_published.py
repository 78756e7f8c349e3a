"""Reading published pix2pixHD generators and encoders, of the original release and of SPADE's."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.models.pix2pixhd import Pix2PixHDGenerator
from semsynth.models.pix2pixhd_features import InstanceEncoder
from semsynth.models.published import Imported, blank, require, translate

_KIND = "pix2pixHD generator"


def import_published(
    state: Mapping[str, Tensor], *, instances: bool = False, style_dim: int | None = None
) -> Imported:
    """Read a generator of any kind: keyword arguments of `Pix2PixHDGenerator`, and its state.

    Args:
        state: published names → tensors.
        instances: whether one of the label planes is the edge plane; a file does not say.
        style_dim: how many planes are instance features; a file does not say.

    Raises:
        SemsynthError: names the first tensor that does not fit.
    """
    spectral = any(key.endswith("weight_orig") for key in state)
    nested = any(key.startswith("model.1.0.") for key in state)  # a norm makes a Sequential of its own
    kernel = "weight_orig" if spectral else "weight"
    tail = f"{'.0' if nested else ''}.{kernel}"
    stem = require(state, f"model.1{tail}", _KIND)
    blocks = sorted(
        {int(match[1]) for key in state if (match := re.match(r"model\.(\d+)\.conv_block\.", key))}
    )
    block = require(state, f"model.{min(blocks, default=0)}.conv_block.1{tail}", _KIND)
    if stem.dim() != 4 or block.dim() != 4 or stem.shape[1] <= instances + (style_dim or 0):
        raise SemsynthError(
            f"The first convolution of this {_KIND} has shape {tuple(stem.shape)}, its first block's "
            f"{tuple(block.shape)}; there are no planes of labels."
        )
    # The original puts [conv, norm, relu] in one flat list; SPADE's release nests the norm with the conv.
    step = 2 if spectral else 3
    downsamplings = (blocks[0] - 1 - step) // step
    enhancers = len({match[1] for key in state if (match := re.match(r"model(\d+)_1\.", key))})
    local = {key.split(".")[1] for key in state if re.match(rf"model{enhancers}_2\.\d+\.conv_block", key)}
    config: dict[str, Any] = {
        "num_classes": stem.shape[1] - instances - (style_dim or 0),
        "width": stem.shape[0] // 2**enhancers,
        "instances": instances,
        "style_dim": style_dim,
        "downsamplings": downsamplings,
        "blocks": len(blocks),
        "enhancers": enhancers,
        "enhancer_blocks": len(local) or 3,
        "norm": _norm(state, spectral, nested),
        "spectral": spectral,
        "stem_kernel": stem.shape[2],
        "block_kernel": block.shape[2],
    }
    modules = _stage("stages.0", "model.", downsamplings, len(blocks), step)
    output = f"model.{1 + step * (2 * downsamplings + 1) + len(blocks) + 1}"
    for i in range(1, enhancers + 1):
        modules |= _enhancer(f"stages.{i}", i, config["enhancer_blocks"])
        output = f"model{i}_2.{config['enhancer_blocks'] + 4}"
    unused = set()
    if not spectral:  # biases in front of instance norms, without effect
        unused = {f"{name}.bias" for name in modules.values()}
    if nested:
        norms = {f"{ours.removesuffix('conv')}norm": f"{name}.1" for ours, name in modules.items()}
        modules = {ours: f"{name}.0" for ours, name in modules.items()} | norms
    modules["to_image"] = output
    return config, translate(state, modules, blank(Pix2PixHDGenerator, config), unused=unused)


def import_published_encoder(state: Mapping[str, Tensor]) -> Imported:
    """Read an instance encoder of the original release: arguments of `InstanceEncoder`, and its state.

    Raises:
        SemsynthError: names the first tensor that does not fit.
    """
    kind = "pix2pixHD instance encoder"
    width = require(state, "model.1.weight", kind).shape[0]
    downsamplings = (sum(key.endswith(".weight") for key in state) - 2) // 2
    last = 4 + 6 * downsamplings + 1
    features = require(state, f"model.{last}.weight", kind)
    config: dict[str, Any] = {
        "style_dim": features.shape[0],
        "width": width,
        "downsamplings": downsamplings,
    }
    modules = _stage("stage", "model.", downsamplings, 0, 3)
    unused = {f"{name}.bias" for name in modules.values()}  # in front of an instance norm: without effect
    modules["to_features"] = f"model.{last}"
    return config, translate(state, modules, blank(InstanceEncoder, config), unused=unused)


def _stage(ours: str, theirs: str, downsamplings: int, blocks: int, step: int) -> dict[str, str]:
    """Our convolutions of a stage → places in a flat list: pad, stem, downs, blocks, ups."""
    second = 4 if step == 2 else 5  # place of a residual block's second convolution
    place = 1
    modules = {f"{ours}.stem.conv": f"{theirs}{place}"}
    for i in range(downsamplings):
        place += step
        modules[f"{ours}.down.{i}.conv"] = f"{theirs}{place}"
    place += step
    for i in range(blocks):
        modules[f"{ours}.blocks.{i}.conv_0.conv"] = f"{theirs}{place}.conv_block.1"
        modules[f"{ours}.blocks.{i}.conv_1.conv"] = f"{theirs}{place}.conv_block.{second}"
        place += 1
    for i in range(downsamplings):
        modules[f"{ours}.up.{i}.conv"] = f"{theirs}{place}"
        place += step
    return modules


def _enhancer(ours: str, number: int, blocks: int) -> dict[str, str]:
    """Our convolutions of an enhancer → the original's two flat lists."""
    front, back = f"model{number}_1", f"model{number}_2"
    modules = {f"{ours}.stem.conv": f"{front}.1", f"{ours}.down.0.conv": f"{front}.4"}
    for i in range(blocks):
        for j, place in enumerate((1, 5)):
            modules[f"{ours}.blocks.{i}.conv_{j}.conv"] = f"{back}.{i}.conv_block.{place}"
    modules[f"{ours}.up.0.conv"] = f"{back}.{blocks}"
    return modules


def _norm(state: Mapping[str, Tensor], spectral: bool, nested: bool) -> str:
    if "model.1.1.running_mean" in state:
        return "sync_batch"
    return "instance" if nested or not spectral else "none"
