"""Our networks and losses are those of `tests/plain.py`, SPADE written down as literally as can be."""

from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import discriminator_loss, generator_loss
from semsynth.losses.kl import kl_loss
from semsynth.models.discriminators import MultiscaleDiscriminator, patchgan
from semsynth.models.spade import SpadeGenerator
from semsynth.models.spade_published import import_published, import_published_encoder
from semsynth.models.style_encoder import StyleEncoder
from semsynth.ops.edges import instance_edges, one_hot
from tests import plain

NEAR = 1e-9
GIVEN = plain.inputs()
LABELS, INSTANCES = GIVEN["labels"], GIVEN["instances"]
PLANES, EDGED = plain.planes_of(LABELS), plain.planes_of(LABELS, INSTANCES)


def assert_near(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=NEAR, rtol=NEAR)


def with_weights(kind: type[Any], read: tuple[dict[str, Any], plain.Weights]) -> Any:
    config, state = read
    model = kind(**config).double().eval()
    model.load_state_dict(state)
    return model


def generator(weights: plain.Weights, **options: Any) -> SpadeGenerator:
    found: SpadeGenerator = with_weights(SpadeGenerator, import_published(weights, **options))
    return found


def test_what_was_recorded() -> None:
    """The plain program still computes what it did."""
    recorded, found = load_file(plain.RECORDED), plain.computed()
    assert recorded.keys() == found.keys()
    for name, value in found.items():
        assert_near(value, recorded[name])


def test_planes() -> None:
    ours = torch.cat([one_hot(LABELS, plain.CLASSES), instance_edges(INSTANCES)], 1)
    assert torch.equal(ours.double(), EDGED)


@pytest.mark.parametrize("mode", ["dense", "patches"])
@pytest.mark.parametrize("train", [False, True])
def test_generator(mode: str, train: bool) -> None:
    """In training spectral norm iterates and statistics are the batch's; the gradients are the same too."""
    weights = plain.generator_weights(plain.CLASSES + 1)
    model = generator(weights, instances=True).train(train)
    model.label_mode = mode  # type: ignore[assignment]
    if train:
        for name in [name.removesuffix(".weight_u") for name in weights if name.endswith(".weight_u")]:
            matrix = weights[f"{name}.weight_orig"].flatten(1)
            v = torch.nn.functional.normalize(matrix.T @ weights[f"{name}.weight_u"], dim=0)
            weights[f"{name}.weight_v"] = v
            weights[f"{name}.weight_u"] = torch.nn.functional.normalize(matrix @ v, dim=0)
    learned = {name: weights[name].requires_grad_() for name in weights if not name.endswith(("_u", "_v"))}
    image, expected = model(LABELS, instances=INSTANCES), plain.generator(weights, EDGED, train=train)
    assert_near(image, expected)
    for picture in (image, expected):
        (picture * GIVEN["photos"]).sum().backward()
    assert_near(model.to_image.weight.grad, learned["conv_img.weight"].grad)
    assert_near(model.stem_labels.weight.grad, learned["fc.weight"].grad)
    if not train:
        assert_near(image[..., ::4, ::4], load_file(plain.RECORDED)["image"])


def test_generator_of_a_style() -> None:
    weights = plain.generator_weights(plain.CLASSES, styled=True)
    image = generator(weights)(LABELS, style=GIVEN["style"])
    assert_near(image, plain.generator(weights, PLANES, GIVEN["style"]))
    assert_near(image[..., ::4, ::4], load_file(plain.RECORDED)["image of a style"])


def test_encoder() -> None:
    weights = plain.encoder_weights()
    found = with_weights(StyleEncoder, import_published_encoder(weights))(GIVEN["large"])
    for ours, expected in zip(found, plain.encoder(weights, GIVEN["large"]), strict=True):
        assert_near(ours, expected)
    assert_near(kl_loss(*found), load_file(plain.RECORDED)["kl"])


def test_discriminator_and_losses() -> None:
    weights = plain.discriminator_weights(plain.CLASSES + 1)
    critic = with_weights(MultiscaleDiscriminator, patchgan.import_published(weights, instances=True))
    image = plain.generator(plain.generator_weights(plain.CLASSES + 1), EDGED)
    fake, real = critic.compare(LABELS, image, GIVEN["photos"], INSTANCES)
    for ours, picture in ((fake, image), (real, GIVEN["photos"])):
        expected = plain.discriminator(weights, EDGED, picture)
        for a, b in zip(ours, expected, strict=True):
            for x, y in zip(a, b, strict=True):
                assert_near(x, y)
    on_fake, on_real = discriminator_loss(fake, real)
    values = {
        "generator": generator_loss(fake),
        "feature_matching": 10 * feature_matching_loss(fake, real),
        "on_fake": on_fake,
        "on_real": on_real,
    }
    recorded = load_file(plain.RECORDED)
    for name, value in values.items():
        assert_near(value, recorded[name])
