"""Reading published OASIS generators."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.models.oasis import OASISGenerator
from semsynth.models.published import Imported, Piece, blank, modulation, require, translate
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
) -> Imported:
    """Read a state dictionary of the published implementation: arguments of `OASISGenerator`, and its state.

    There unknown is id 0 for every data set. COCO-Stuff's own maps, and our label set, have it last and all
    classes one lower: for those the weights of the classes are put in our order.

    Args:
        state: published names → tensors.
        num_classes: K. The files do not tell noise from classes; needed where K is not one of
            `PUBLISHED_CLASSES`.
        unknown_last: whether to put id 0 last; None does for COCO-Stuff's number of classes.

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
    first = inputs - num_classes  # noise stands in front
    classes, noise = slice(first, None), slice(first)
    network = blank(OASISGenerator, config)
    names: dict[str, str | Piece] = {"to_image": "conv_img"}
    names |= {"stem_labels": Piece(("fc",), classes), "stem_noise": Piece(("fc",), noise)}
    for ours, module in network.named_modules():
        theirs = ours.replace("blocks.", "body.").replace(".spade_", ".norm_")
        if isinstance(module, Spade):
            shared_by = (f"{theirs}.mlp_shared.0",)
            names |= {f"{ours}.norm": f"{theirs}.first_norm", f"{ours}.modulation": modulation(theirs)}
            names |= {f"{ours}.shared": Piece(shared_by, classes), f"{ours}.noise": Piece(shared_by, noise)}
        elif ".conv_" in ours:
            names.setdefault(ours, theirs)
    if num_classes == UNKNOWN_LAST if unknown_last is None else unknown_last:
        for key, value in state.items():
            if key == "fc.weight" or key.endswith(".mlp_shared.0.weight"):
                state[key] = torch.cat([value[:, noise], value[:, classes].roll(-1, 1)], 1)
    return config, translate(state, names, network)
