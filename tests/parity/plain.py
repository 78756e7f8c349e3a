"""Checks of the plain records of the systems SPADE is compared with, by the class recorded."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from semsynth.losses import labelmix
from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import discriminator_loss, generator_loss
from semsynth.models import ccfpse_published, oasis_published, pix2pixhd_published
from semsynth.models.base import GeneratorModule
from semsynth.models.ccfpse import CCFPSEGenerator
from semsynth.models.discriminators import (
    FpseDiscriminator,
    MultiscaleDiscriminator,
    OasisDiscriminator,
    fpse,
    patchgan,
)
from semsynth.models.discriminators import oasis as oasis_discriminator
from semsynth.models.oasis import OASISGenerator
from semsynth.models.pix2pixhd import Pix2PixHDGenerator
from semsynth.models.pix2pixhd_features import InstanceEncoder
from semsynth.ops.pyramid import LabelPyramid
from tests.parity.rows import Row, compare, uniform_like

Golden = Mapping[str, Any]
Pair = tuple[str, Tensor, Tensor, str]
"""Name, what is computed here, what was recorded, and a note."""
NEAR = 1e-5
"""These files are held to 1e-5 in float32."""


def check_plain(golden: Golden) -> list[Row]:
    """All rows of one file, in both precisions.

    Raises:
        ValueError: a class without a check.
    """
    kind = golden["config"]["cls"].split(" ")[0]
    if kind not in CHECKS:
        raise ValueError(f"no check for {kind!r}; there are checks for {', '.join(CHECKS)}")
    with torch.no_grad():
        single, double = (CHECKS[kind](_cast(golden, dtype)) for dtype in (torch.float32, torch.float64))
    return [
        compare(name, exact, ours, recorded, absolute=NEAR, relative=NEAR, note=note)
        for (name, ours, recorded, note), (_, exact, _, _) in zip(single, double, strict=True)
    ]


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """A record with every floating point tensor in this type."""
    if isinstance(value, Mapping):
        return {key: _cast(each, dtype) for key, each in value.items()}
    return uniform_like(value, dtype) if isinstance(value, Tensor) else value


def check_pix2pixhd(golden: Golden) -> list[Pair]:
    """A generator of the original release or of SPADE's: from its recorded planes, and from ids."""
    planes = golden["input"]
    edges = bool((planes.sum(1) == 2).any())  # a class everywhere, and an edge here and there
    read = pix2pixhd_published.import_published(golden["state_dict"], instances=edges)
    model = _filled(Pix2PixHDGenerator, *read)
    classes = planes.shape[1] - edges
    labels, edge_plane = planes[:, :classes].argmax(1), planes[:, classes:] if edges else None
    rows = []
    for mode in ("patches", "dense"):
        image = model.draw(LabelPyramid(labels, classes, edge_plane, mode), None, None)
        rows.append(_near(f"output, {mode}", image, golden["output"]))
    if "label" in golden:
        instances = golden["instance"][:, 0] if edges else None
        rows.append(
            _near("output from ids", model(golden["label"][:, 0], instances=instances), golden["output"])
        )
    return rows


def check_instance_encoder(golden: Golden) -> list[Pair]:
    """pix2pixHD's encoder of instance features."""
    model = _filled(InstanceEncoder, *pix2pixhd_published.import_published_encoder(golden["state_dict"]))
    return [_near("output", model(golden["image"], golden["instance"][:, 0]), golden["output"])]


def check_multiscale(golden: Golden) -> list[Pair]:
    """pix2pixHD's discriminator: every layer, and its least-squares losses, which are sums over scales."""
    model = _filled(MultiscaleDiscriminator, *patchgan.import_published(golden["state_dict"], instances=True))
    fake, real = model.compare(golden["input_semantics"], golden["fake"], golden["real"])
    rows = []
    for name, prediction in (("fake", fake), ("real", real)):
        for i, scale in enumerate(prediction):
            for j, features in enumerate(scale):
                key = f"{name}_scale{i}_layer{j}"
                if key in golden:
                    rows.append(_near(key, features, golden[key]))
    on_fake, on_real = discriminator_loss(fake, real, "ls", over_scales="sum")
    values = {
        "loss_D_fake": on_fake,
        "loss_D_real": on_real,
        "loss_G_GAN": generator_loss(fake, "ls", over_scales="sum"),
        "loss_G_FM": 10 * 4 / (golden["config"]["n_layers"] + 1) * feature_matching_loss(fake, real),
    }
    return rows + [_near(key, value, golden[key]) for key, value in values.items() if key in golden]


def check_fpse(golden: Golden) -> list[Pair]:
    """CC-FPSE's discriminator: features, scores and losses."""
    read = fpse.import_published(golden["state_dict"], instances=not golden["config"]["no_instance"])
    model = _filled(FpseDiscriminator, *read)
    both = model(golden["input_semantics"], torch.cat([golden["fake"], golden["real"]]))
    half = len(golden["fake"])
    rows = [_near(f"feat{i}", x, golden[f"feat{i}"]) for i, x in enumerate(both.features)]
    rows += [_near(f"pred{i}", x, golden[f"pred{i}"]) for i, (x,) in enumerate(both.scores)]
    fake, real = (
        [[x[part] for x in scale] for scale in both.scores] for part in (slice(half), slice(half, None))
    )
    on_fake, on_real = discriminator_loss(fake, real)
    matching = feature_matching_loss(
        [[x[:half]] for x in both.features], [[x[half:]] for x in both.features], with_last=True
    )
    values = {
        "loss_D_fake": on_fake,
        "loss_D_real": on_real,
        "loss_G": generator_loss(fake),
        "loss_G_FM": golden["config"]["lambda_feat"] * matching,
    }
    return rows + [_near(key, value, golden[key]) for key, value in values.items() if key in golden]


def check_ccfpse(golden: Golden) -> list[Pair]:
    """CC-FPSE's generator."""
    config = golden["config"]
    read = ccfpse_published.import_published(golden["state_dict"], instances=not config["no_instance"])
    model = _filled(CCFPSEGenerator, *read)
    instances = golden["instance"][:, 0].long() if model.uses_instances else None
    return _drawn(model, golden, instances)


def check_oasis(golden: Golden) -> list[Pair]:
    """OASIS's generator."""
    read = oasis_published.import_published(golden["state_dict"], num_classes=golden["config"]["semantic_nc"])
    return _drawn(_filled(OASISGenerator, *read), golden, None)


def check_oasis_discriminator(golden: Golden) -> list[Pair]:
    """OASIS's discriminator, its losses, and LabelMix with the published flaw."""
    model = _filled(OasisDiscriminator, *oasis_discriminator.import_published(golden["state_dict"]))
    labels = golden["label"][:, 0]
    on = {key: model(golden[key]) for key in ("fake", "real", "labelmix_image")}
    rows = [
        _near(name, on[key], golden[name])
        for name, key in (("out_fake", "fake"), ("out_real", "real"), ("out_mixed", "labelmix_image"))
    ]
    balance = labelmix.class_balance(labels, golden["config"]["semantic_nc"], void_id=0)
    rows.append(_near("class_weight_map", balance[labels].unsqueeze(1), golden["class_weight_map"]))
    mixed, mask = labelmix.label_mix(
        golden["real"],
        golden["fake"],
        labels,
        generator=torch.Generator().manual_seed(6),
        published_flaw=True,
    )
    rows.append(_near("labelmix_mask", mask, golden["labelmix_mask"]))
    note = "with the flaw: class 0 is always the fake's; by default ours mixes every class"
    rows.append(_near("labelmix_image", mixed, golden["labelmix_image"], note))
    values = {
        "loss_D_fake": labelmix.fake_loss(on["fake"]),
        "loss_D_real": labelmix.real_loss(on["real"], labels, balance),
        "loss_G_adv": labelmix.real_loss(on["fake"], labels, balance),
        "loss_labelmix_unweighted": labelmix.label_mix_loss(
            on["labelmix_image"], on["real"], on["fake"], golden["labelmix_mask"]
        ),
    }
    return rows + [_near(key, value, golden[key]) for key, value in values.items() if key in golden]


def _drawn(model: GeneratorModule, golden: Golden, instances: Tensor | None) -> list[Pair]:
    labels = golden["label"][:, 0].long()
    style = golden["z"] if model.style_dim else None
    rows = []
    for mode in ("patches", "dense"):
        model.label_mode = mode  # type: ignore[assignment]
        image = model(labels, style=style, instances=instances)
        rows.append(_near(f"output, {mode}", image, golden["output"]))
    return rows


def _filled(kind: Callable[..., nn.Module], config: dict[str, Any], state: dict[str, Tensor]) -> Any:
    model = kind(**config).eval()
    model.to(next(value.dtype for value in state.values() if value.is_floating_point()))
    model.load_state_dict(state)
    return model


def _near(name: str, ours: Tensor, recorded: Tensor, note: str = "") -> Pair:
    return name, ours, recorded, note


CHECKS: dict[str, Callable[[Golden], list[Pair]]] = {
    "GlobalGenerator": check_pix2pixhd,
    "LocalEnhancer": check_pix2pixhd,
    "Pix2PixHDGenerator": check_pix2pixhd,
    "Encoder": check_instance_encoder,
    "MultiscaleDiscriminator": check_multiscale,
    "FPSEDiscriminator": check_fpse,
    "CondConvGenerator": check_ccfpse,
    "OASIS_Generator": check_oasis,
    "OASIS_Discriminator": check_oasis_discriminator,
}
"""The recorded class → its check."""
