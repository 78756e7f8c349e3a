"""Reading published CC-FPSE generators.

Inside a block and in the trunk, layers are told apart by their shapes and their order, so that only the names
this network shares with SPADE's files (`fc`, `head_0` ... `up_3`, `conv_s`, `norm_s`, `conv_img`) matter.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.models.ccfpse import CCFPSEGenerator, ConditionalBlock
from semsynth.models.published import Imported, Piece, blank, modulation, require, translate

KIND = "CC-FPSE generator"
BLOCKS = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3")
EDGE_PLANE = {184: True, 151: False, 36: True}
"""Whether the input of the released networks (COCO-Stuff, ADE20K, Cityscapes) ends in instance edges."""

Layers = dict[str, torch.Size]


def import_published(
    state: Mapping[str, Tensor], *, instances: bool | None = None, latent_size: tuple[int, int] | None = None
) -> Imported:
    """Read a state dictionary of the published implementation: arguments of `CCFPSEGenerator`, and its state.

    Every block there holds batch norms that no forward pass uses (`norm_0` and two called `norm_layer`);
    they are left out.

    Args:
        state: published names → tensors.
        instances: whether the last input plane is instance edges; needed for other than the released inputs.
        latent_size: (h, w) of a style stem that is neither square nor 1:2.

    Raises:
        SemsynthError: names the tensor or the block that is missing, too much or of a wrong shape.
    """
    unused = re.compile(rf"({'|'.join(BLOCKS)})\.(norm_0|.*norm_layer)\.")
    state = {key.removeprefix("module."): value for key, value in state.items()}
    state = {key: value for key, value in state.items() if not unused.match(key)}
    trunk = _trunk(state)
    config = _config(state, trunk, instances, latent_size)
    network = blank(CCFPSEGenerator, config)
    names: dict[str, str | Piece] = {"stem_labels": "fc", "stem_style": "fc", "to_image": "conv_img"}
    ours = [
        "first",
        *(f"{part}.{i}" for part in ("down", "lateral", "merge") for i in range(len(trunk) // 3)),
    ]
    for own, theirs in zip(ours, trunk, strict=False):
        names |= {f"trunk.{own}.0.conv": theirs, f"trunk.{own}.0.norm": f"{theirs.removesuffix('.0')}.1"}
    for i, (name, block) in enumerate(zip(BLOCKS, network.blocks, strict=True)):
        assert isinstance(block, ConditionalBlock)
        names |= _block(state, f"blocks.{i}", name, block)
    return config, translate(state, names, network)


def _config(
    state: Mapping[str, Tensor], trunk: list[str], instances: bool | None, latent_size: tuple[int, int] | None
) -> dict[str, Any]:
    """What the shapes tell of the network."""
    width = require(state, "conv_img.weight", KIND).shape[1]
    stem = require(state, "fc.weight", KIND)
    channels = state[f"{trunk[0]}.weight_orig"].shape[1]
    if instances is None and channels not in EDGE_PLANE:
        raise SemsynthError(
            f"The network takes {channels} label planes, which no released one does; "
            "say whether the last is instance edges."
        )
    edges = EDGE_PLANE[channels] if instances is None else instances
    config: dict[str, Any] = {
        "num_classes": channels - edges,
        "width": width,
        "instances": edges,
        "style_dim": None,
        "latent_size": (8, 8),
        "upsamplings": (len(trunk) - 1) // 3,
        "hidden": require(state, "up_0.norm_s.mlp_shared.0.weight", KIND).shape[0],
    }
    if stem.dim() == 2:
        cells = len(stem) // (16 * width)
        side = math.isqrt(cells)
        guess = (side, side) if side * side == cells else (math.isqrt(cells // 2), 2 * math.isqrt(cells // 2))
        height, across = latent_size or guess
        if height * across != cells:
            raise SemsynthError(f"'fc.weight' was made for {cells} latent pixels; give latent_size.")
        config |= {"style_dim": stem.shape[1], "latent_size": (height, across)}
    return config


def _layers(state: Mapping[str, Tensor], prefix: str = "") -> Layers:
    """Layers below a prefix, in the file's order, and the shapes of their weights."""
    return {
        key.rpartition(".")[0]: value.shape
        for key, value in state.items()
        if key.startswith(prefix) and key.endswith((".weight", ".weight_orig"))
    }


def _trunk(state: Mapping[str, Tensor]) -> list[str]:
    """The trunk's convolutions: the first, those that halve, the 1x1s, those after a sum; each finest first.

    They are numbered by resolution, a word for each of the three kinds.
    """
    kinds: dict[str, dict[int, str]] = {}
    one_by_one = ""
    for name, shape in _layers(state).items():
        numbered = re.search(r"([A-Za-z_]+)(\d+)", name)
        if name.split(".")[0] in (*BLOCKS, "fc", "conv_img") or len(shape) != 4 or numbered is None:
            continue
        word, number = numbered.groups()
        kinds.setdefault(word, {})[int(number)] = name
        if shape[2] == 1:
            one_by_one = word
    # The way down has one convolution more than the way up.
    down = max(kinds, key=lambda word: len(kinds[word]), default="")
    up = next((word for word in kinds if word not in (down, one_by_one)), "")
    counts = {word: len(names) for word, names in kinds.items()}
    if counts not in ({down: n + 1, one_by_one: n, up: n} for n in (5, 6)):
        raise SemsynthError(
            f"This is not a published {KIND}: its trunk should hold 6 or 7 convolutions down, and one "
            f"1x1 and one 3x3 fewer up; found {counts or 'none'}."
        )
    return [kinds[word][number] for word in (down, one_by_one, up) for number in sorted(kinds[word])]


def _block(
    state: Mapping[str, Tensor], ours: str, theirs: str, block: ConditionalBlock
) -> dict[str, str | Piece]:
    """Match one block: our modules → published ones."""
    shapes = {
        name: shape
        for name, shape in _layers(state, f"{theirs}.").items()
        if not name.startswith((f"{theirs}.norm_s", f"{theirs}.conv_s"))
    }
    labels, hidden = block.shared.in_channels, block.kernels_0.in_channels
    sees = labels + block.shared_features.in_channels
    first = [name for name, shape in shapes.items() if shape == (hidden, sees, 3, 3)]
    second = [name for name, shape in shapes.items() if shape[1:] == (hidden, 3, 3) and name not in first]
    points = [name for name, shape in shapes.items() if shape[2:] == (1, 1)]
    norms = [name for name, shape in shapes.items() if len(shape) == 1]
    pairs = dict(zip(second, first, strict=False))
    names: dict[str, str | Piece] = {}
    stacked: tuple[str, ...] = ()
    for own in ("kernels_0", "kernels_1", "gate_0", "gate_1"):
        wanted = block.get_submodule(own).out_channels
        match = next((name for name in pairs if shapes[name][0] == wanted), None)
        if match is None or len(first) != 4 or len(second) != 4 or len(points) != 2 or len(norms) != 2:
            raise SemsynthError(
                f"The block {theirs!r} should hold four predictions of two 3x3 convolutions each, two 1x1 "
                f"convolutions and two batch norms; found {len(first)} and {len(second)}, {len(points)}, "
                f"{len(norms)}, or of other shapes."
            )
        names[f"{ours}.{own}"] = match
        stacked += (pairs.pop(match),)
    for own, published in zip(("point_0", "point_1", "norm_0", "norm_1"), points + norms, strict=False):
        names[f"{ours}.{own}"] = published
    seen_labels, seen_features = slice(labels), slice(labels, None)
    names[f"{ours}.shared"] = Piece(stacked, seen_labels)
    names[f"{ours}.shared_features"] = Piece(stacked, seen_features)
    if block.spade_s is not None:
        shared = (f"{theirs}.norm_s.mlp_shared.0",)
        names |= {
            f"{ours}.conv_s": f"{theirs}.conv_s",
            f"{ours}.spade_s.norm": f"{theirs}.norm_s.param_free_norm",
            f"{ours}.spade_s.shared": Piece(shared, seen_labels),
            f"{ours}.spade_s.noise": Piece(shared, seen_features),
            f"{ours}.spade_s.modulation": modulation(f"{theirs}.norm_s"),
        }
    return names
