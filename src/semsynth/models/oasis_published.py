"""Reading published OASIS generators: noise is parted from labels, gamma is stacked on beta."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.models.oasis import OASISGenerator
from semsynth.models.published import require, translate
from semsynth.ops.spade import Spade

KIND = "OASIS generator"

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
    inputs = require(state, "fc.weight", KIND).shape[1]
    if num_classes is None:
        known = {inputs, inputs - PUBLISHED_NOISE} & set(PUBLISHED_CLASSES)
        if not known:
            raise SemsynthError(
                f"'fc.weight' has {inputs} input channels, noise and classes together, which is none of the "
                f"released networks' ({PUBLISHED_CLASSES} classes, {PUBLISHED_NOISE} of noise or none); "
                "give the label set, which says how many classes there are."
            )
        num_classes = known.pop()
    if num_classes > inputs:
        raise SemsynthError(f"'fc.weight' has {inputs} input channels, fewer than {num_classes} classes.")
    shared = require(state, "body.0.norm_0.mlp_shared.0.weight", KIND)
    config: dict[str, Any] = {
        "num_classes": num_classes,
        "width": require(state, "conv_img.weight", KIND).shape[1],
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
            beta = require(state, f"{stem.removesuffix('gamma')}beta.{tail}", KIND)
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
