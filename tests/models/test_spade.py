"""The SPADE generator and its published files."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.models import create_model
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.models.spade import PUBLISHED_MULTIPLIERS, SpadeGenerator
from semsynth.models.spade_published import import_published, import_published_encoder, latent_size
from semsynth.models.style_encoder import StyleEncoder, reparameterize
from semsynth.ops.spade import LabelConv2d
from semsynth.training.objective import build_networks
from semsynth.training.recipe import recipe_from_dict
from tests.models.spade_names import published_encoder, published_generator, without


def small(**settings: Any) -> SpadeGenerator:
    torch.manual_seed(0)
    model = SpadeGenerator(**({"num_classes": 5, "width": 2, "hidden": 4} | settings))
    for name, value in model.named_buffers():
        if "running" in name:
            value.uniform_(0.5, 1.5)
    return model.eval()


def labels_of(height: int = 32, width: int = 64, batch: int = 1, classes: int = 5) -> Tensor:
    cells = torch.randint(
        0, classes, (batch, height // 8, width // 8), generator=torch.Generator().manual_seed(0)
    )
    return cells.repeat_interleave(8, 1).repeat_interleave(8, 2)


# ---- the published sizes


@pytest.mark.parametrize(
    ("labels", "settings", "parameters"),
    [
        ("coco-stuff", {}, 97_480_899),
        ("ade20k", {}, 96_492_483),
        ("cityscapes", {}, 93_048_003),
        ("facades", {}, 92_359_107),
        ("coco-stuff", {"stem": "style", "style_dim": 256, "latent_size": (8, 8)}, 112_626_883),
        ("ade20k", {"stem": "style", "style_dim": 256, "latent_size": (8, 8)}, 111_942_595),
        ("cityscapes", {"stem": "style", "style_dim": 256, "latent_size": (4, 8)}, 101_136_579),
        ("coco-stuff", {"upsamplings": 7}, 98_515_043),
    ],
)
def test_parameter_counts(labels: str, settings: dict[str, Any], parameters: int) -> None:
    with torch.device("meta"):
        model = create_model("spade", labels=labels, **settings)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize(
    ("num_classes", "instances", "parameters"),
    [(183, True, 5_904_514), (151, False, 5_836_930), (35, True, 5_601_410), (13, False, 5_554_306)],
)
def test_discriminator_parameter_counts(num_classes: int, instances: bool, parameters: int) -> None:
    with torch.device("meta"):
        model = MultiscaleDiscriminator(num_classes=num_classes, instances=instances)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_encoder_parameter_count() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in StyleEncoder().parameters()) == 10_463_424


@pytest.mark.parametrize(("upsamplings", "keys"), [(5, 234), (7, 272)])
def test_number_of_published_tensors(upsamplings: int, keys: int) -> None:
    with torch.device("meta"):
        model = create_model("spade", labels="coco-stuff", upsamplings=upsamplings)
    names = published_generator(model)
    counters = [name for name in names if name.endswith("running_mean")]
    assert len(names) + len(counters) == keys  # the release counts batches beside each mean
    with torch.device("meta"):
        assert len(published_encoder(StyleEncoder())) == 22


# ---- what comes out


@pytest.mark.parametrize("upsamplings", [5, 6, 7])
def test_the_picture_has_the_size_of_the_map(upsamplings: int) -> None:
    model = small(upsamplings=upsamplings)
    side = 2**upsamplings
    for rows, columns in ((1, 1), (2, 1), (1, 3)):
        labels = torch.zeros(1, rows * side, columns * side, dtype=torch.int64)
        with torch.no_grad():
            assert model(labels).shape == (1, 3, rows * side, columns * side)


def test_a_style_stem_draws_at_other_sizes_than_its_own() -> None:
    model = small(stem="style", style_dim=3, latent_size=(1, 2))
    style = torch.randn(1, 3)
    with torch.no_grad():
        own = model(labels_of(32, 64), style=style)
        other = model(labels_of(64, 32), style=style)
    assert own.shape == (1, 3, 32, 64)
    assert other.shape == (1, 3, 64, 32)


def test_renaming_classes_changes_nothing() -> None:
    """Ids are names: permuted labels under permuted weights give the same picture."""
    order = torch.tensor([3, 0, 4, 1, 2])
    model, other = small(instances=True).double(), small(instances=True).double()
    for layer in other.modules():
        if isinstance(layer, LabelConv2d):
            weight = layer.weight.detach().clone()
            layer.weight.data[:, order] = weight[:, :5]  # class c is now called order[c]
    labels = labels_of()
    with torch.no_grad():
        expected = model(labels, instances=labels)
        torch.testing.assert_close(other(order[labels], instances=labels), expected, atol=1e-10, rtol=0)
        assert not torch.allclose(other(labels, instances=labels), expected, atol=1e-6)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="stem with a style"):
        small(stem="style")
    with pytest.raises(ValueError, match="style_dim 3"):
        small(stem="labels", style_dim=3)
    with pytest.raises(SemsynthError, match="no model 'spaed'"):
        create_model("spaed", num_classes=3)
    with pytest.raises(SemsynthError, match="There is no published configuration"):
        create_model("spade", labels="mars")


@pytest.mark.parametrize(("upsamplings", "wanted"), [(5, 8), (6, 8), (7, 9)])
def test_there_is_a_multiplier_for_the_stem_and_for_every_block(upsamplings: int, wanted: int) -> None:
    for count in range(1, 11):
        settings = {"upsamplings": upsamplings, "multipliers": (1.0,) * count}
        if count == wanted:
            assert len(small(**settings).blocks) == wanted - 1
            continue
        with pytest.raises(
            ValueError, match=rf"{count} multipliers; {upsamplings} upsamplings need {wanted}"
        ):
            small(**settings)
    small(upsamplings=upsamplings, multipliers=list(PUBLISHED_MULTIPLIERS))  # as a model folder holds them


def test_other_numbers_of_upsamplings_are_refused() -> None:
    with pytest.raises(ValueError, match="upsamplings is 4; allowed are 5, 6, 7"):
        small(upsamplings=4)
    with pytest.raises(SemsynthError, match="section generator: upsamplings is 4"):
        build_networks(recipe_from_dict({"generator": {"upsamplings": 4}}), 5, has_instances=False)


# ---- the style encoder


def test_encoder_takes_any_size_as_its_own_size() -> None:
    torch.manual_seed(0)
    encoder = StyleEncoder(style_dim=4, width=2, image_size=64).eval()
    photos = torch.rand(2, 3, 100, 70) * 2 - 1
    small_photos = F.interpolate(photos, size=(64, 64), mode="bilinear")
    with torch.no_grad():
        for one, other in zip(encoder(photos), encoder(small_photos), strict=True):
            assert one.shape == (2, 4)
            torch.testing.assert_close(one, other)
    with pytest.raises(ValueError, match="power of two"):
        StyleEncoder(image_size=96)


def test_reparameterized_draws_have_the_encoded_moments() -> None:
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]])
    noise = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    draws = reparameterize(mean, log_variance, noise)
    torch.testing.assert_close(draws.mean(0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(draws.std(0), torch.exp(log_variance[0] / 2), atol=0.05, rtol=0)
    assert torch.equal(reparameterize(mean, log_variance, torch.zeros(1, 2)), mean)


# ---- published files

VARIANTS: dict[str, dict[str, Any]] = {
    "usual": {},
    "instances": {"instances": True},
    "instance norm": {"norm": "instance"},
    "5x5": {"kernel_size": 5},
    "1x1": {"kernel_size": 1},
    "no spectral norm": {"spectral": False},
    "most": {"upsamplings": 7},
    "more": {"upsamplings": 6},
    "style": {"stem": "style", "style_dim": 6, "latent_size": (2, 4)},
    "wide": {"width": 3, "hidden": 9},
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_published_names_round_trip(settings: dict[str, Any]) -> None:
    model = small(**settings)
    hints = {"instances": model.uses_instances, "aspect_ratio": 2.0}
    if settings.get("upsamplings") == 6:
        hints["upsamplings"] = 6
    config, state = import_published(published_generator(model), **hints)  # type: ignore[arg-type]
    again = SpadeGenerator(**config).eval()
    again.load_state_dict(state)
    labels = labels_of(128, 128)
    style = None if model.style_dim is None else torch.randn(1, model.style_dim)
    with torch.no_grad():
        assert torch.equal(again(labels, style=style), model(labels, style=style))
    assert again.config == model.config | {"latent_size": again.config["latent_size"]}


def test_an_encoder_with_statistics_goes_on_from_one_without() -> None:
    torch.manual_seed(0)
    trained = StyleEncoder(style_dim=6, width=2, image_size=64).eval()
    encoder = StyleEncoder(style_dim=6, width=2, image_size=64, statistics=True).eval()
    encoder.start_from(trained)
    photo = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(encoder(photo), trained(photo))
        torch.nn.init.normal_(encoder.mean.weight[:, -12:])
        brighter, _ = encoder(photo + 0.5)
        assert (brighter - encoder(photo)[0]).abs().max() > 0.1


@pytest.mark.parametrize("image_size", [64, 256])
@pytest.mark.parametrize("spectral", [True, False])
def test_published_encoder_round_trips(image_size: int, spectral: bool) -> None:
    torch.manual_seed(0)
    encoder = StyleEncoder(style_dim=6, width=2, image_size=image_size, spectral=spectral).eval()
    config, state = import_published_encoder(published_encoder(encoder))
    assert StyleEncoder(**config).config == encoder.config
    again = StyleEncoder(**config).eval()
    again.load_state_dict(state)
    photo = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        assert torch.equal(again(photo)[0], encoder(photo)[0])


def test_released_channel_counts_have_their_settings() -> None:
    for planes, settings in (
        (184, {"num_classes": 183, "instances": True, "upsamplings": 5}),
        (151, {"num_classes": 151, "instances": False, "upsamplings": 5}),
        (36, {"num_classes": 35, "instances": True, "upsamplings": 6}),
    ):
        config, _ = import_published(published_generator(small(num_classes=planes)))
        assert {name: config[name] for name in settings} == settings
    config, _ = import_published(
        published_generator(small(num_classes=36, stem="style", style_dim=4, latent_size=(4, 8)))
    )
    assert config["latent_size"] == (4, 8)


def test_old_files_lack_v_and_hold_the_plain_weight() -> None:
    """Files from before torch 1.0: sigma is read off the plain weight, else iterated from u."""
    model = small()
    for module in model.modules():
        if (part := getattr(module, "parametrizations", None)) is not None:
            part.weight[0].iterate(part.weight.original, 50)
    full = published_generator(model)
    labels = labels_of()
    with torch.no_grad():
        expected = model(labels)
        old = without(full, "weight_v")
        plain = dict(old)
        for name in old:
            if name.endswith("weight_orig"):
                sigma = torch.linalg.matrix_norm(old[name].flatten(1), 2)
                plain[name.removesuffix("_orig")] = old[name] / sigma
        for state in (old, plain):
            config, ours = import_published(state)
            again = SpadeGenerator(**config).eval()
            again.load_state_dict(ours)
            torch.testing.assert_close(again(labels), expected, atol=1e-3, rtol=0)


def test_what_does_not_fit_is_named() -> None:
    state = published_generator(small())
    for changed, pattern in (
        (without(state, "up_1.norm_s.mlp_beta.bias"), r"lacks.*'up_1\.norm_s\.mlp_beta\.bias'"),
        (without(state, "up_2.conv_1.bias"), r"lacks.*'up_2\.conv_1\.bias'"),
        (
            state | {"up_0.conv_0.weight_orig": torch.zeros(3)},
            r"'up_0\.conv_0\.weight_orig' has shape \(3,\)",
        ),
        (
            state | {"up_0.norm_0.mlp_gamma.weight": torch.zeros(1, 1)},
            r"'up_0\.norm_0\.mlp_gamma\.weight' has",
        ),
        (state | {"extra.weight": torch.zeros(1)}, r"no place for: 'extra\.weight'"),
        ({"conv.weight": torch.zeros(1)}, "not a published SPADE generator"),
    ):
        with pytest.raises(SemsynthError, match=pattern):
            import_published(changed)
    with pytest.raises(SemsynthError, match="7 upsamplings"):
        import_published(state, upsamplings=7)
    with pytest.raises(SemsynthError, match="not a published SPADE style encoder"):
        import_published_encoder(state)


def test_latent_sizes_are_the_published_ones() -> None:
    """Width = crop // 2^n; height = the width / ratio, rounded half to even."""
    assert latent_size(64, 1.0) == (8, 8)
    assert latent_size(32, 2.0) == (4, 8)
    assert latent_size(40, 1.5) == (5, 8)
    assert latent_size(4, 4 / 3) == (2, 2)
    with pytest.raises(SemsynthError, match="--aspect-ratio"):
        latent_size(32, 1.0)


def test_fixed_noise_tells_places_apart_and_starts_at_zero() -> None:
    keywords = {"num_classes": 3, "width": 2, "hidden": 2, "stem": "labels+style", "style_dim": 4}
    torch.manual_seed(0)
    without = create_model("spade", **keywords).eval()
    generator = create_model("spade", **keywords, noise_channels=5).eval()
    assert isinstance(generator, SpadeGenerator)
    noise = generator.noise
    assert noise is not None
    for conv in (noise.to_stem, *noise.to_blocks):
        torch.nn.init.zeros_(conv.weight)
    generator.start_from(without)
    labels, style = torch.ones(1, 128, 128, dtype=torch.int64), torch.randn(1, 4)
    assert torch.equal(generator(labels, style=style), without(labels, style=style))
    torch.nn.init.normal_(noise.to_stem.weight)
    inner = generator.stem(generator.pyramid(labels), style)[0, :, 1:3, 1:3].flatten(1)
    assert all(not torch.equal(inner[:, 0], inner[:, i]) for i in (1, 2, 3))
    values = noise.at(256, 256)
    assert not torch.equal(values[..., :64], values[..., 64:128])
    assert values[..., :61, :61].std() == pytest.approx(1, abs=0.03)  # everywhere alike
    assert values.std() == pytest.approx(1, abs=0.03)
    with pytest.raises(ValueError, match=r"labels\+style"):
        create_model("spade", num_classes=3, noise_channels=2)
