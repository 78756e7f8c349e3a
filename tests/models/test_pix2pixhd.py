"""pix2pixHD and pix2pixHD++ against the published ones, and their properties."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import discriminator_loss, generator_loss
from semsynth.models.discriminators import MultiscaleDiscriminator, patchgan
from semsynth.models.pix2pixhd import PRESETS, Pix2PixHDGenerator
from semsynth.models.pix2pixhd_features import InstanceEncoder, cluster, draw_features, instance_means
from semsynth.models.pix2pixhd_published import import_published, import_published_encoder
from semsynth.ops.blocks import fold_spectral_norm, stored_weight
from semsynth.ops.pyramid import LabelPyramid
from tests.exactness import assert_as_exact, error


def _load(shared: Path, name: str) -> dict[str, Any]:
    return torch.load(shared / "golden" / name, weights_only=True)


def _generator(state: dict[str, Tensor], **keywords: Any) -> Pix2PixHDGenerator:
    config, ours = import_published(state, **keywords)
    model = Pix2PixHDGenerator(**config)
    model.load_state_dict(ours)
    assert model.config == config
    return model.eval()


def small(**keywords: Any) -> Pix2PixHDGenerator:
    torch.manual_seed(0)
    return Pix2PixHDGenerator(**({"num_classes": 5, "width": 4, "downsamplings": 2, "blocks": 2} | keywords))


# ---- parity


@pytest.mark.parametrize(
    "name",
    ["pix2pixhd_global_64.pt", "pix2pixhd_local_64.pt", "pix2pixhdpp_generator_spectralinstance_64.pt"],
)
@pytest.mark.parametrize("mode", ["auto", "dense"])
def test_published_generators(shared: Path, name: str, mode: str) -> None:
    golden = _load(shared, name)
    model = _generator(golden["state_dict"], instances=True)
    planes = golden["input"]
    labels, edges = planes[:, :6].argmax(1), planes[:, 6:]
    with torch.no_grad():
        image = model.draw(LabelPyramid(labels, 6, edges, mode), None, None)
        exact = copy.deepcopy(model).double().draw(LabelPyramid(labels, 6, edges.double(), mode), None, None)
    torch.testing.assert_close(exact, golden["output"].double(), rtol=0, atol=1e-5)
    assert_as_exact(image, golden["output"], exact)
    if "label" in golden:
        model.label_mode = mode
        with torch.no_grad():
            by_ids = model(golden["label"][:, 0], instances=golden["instance"][:, 0])
        assert_as_exact(by_ids, golden["output"], exact)


def test_published_generator_in_float64(shared: Path) -> None:
    golden = _load(shared, "pix2pixhd_in_spade_repo.pt")
    model = _generator(golden["state_dict"]["G"], instances=True)
    labels, instances = golden["label"][:, 0].long(), golden["instance"][:, 0]
    with torch.no_grad():
        plain = model(labels, instances=instances)
        exact = model.double()(labels, instances=instances)
        folded = fold_spectral_norm(model)(labels, instances=instances)
    torch.testing.assert_close(plain, golden["eval"]["fake"], rtol=0, atol=2e-5)
    torch.testing.assert_close(exact, golden["eval_f64"]["fake"], rtol=0, atol=1e-9)
    torch.testing.assert_close(folded, exact, rtol=0, atol=1e-12)


def test_published_training_iteration(shared: Path) -> None:
    """Generator's step, then discriminator's, with Adam, as the SPADE release runs them.

    In float64 the record is met: before the first step to the rounding of its float32, behind it to 3e-3 of
    the largest value, because Adam's first step is the learning rate times a sign, also where the gradient is
    rounding. In float32 we are about as near to float64 as the record is.
    """
    golden = _load(shared, "pix2pixhd_in_spade_repo.pt")
    recorded = _recorded_iteration(golden["train_step"])
    exact, found = (_published_iteration(golden, dtype) for dtype in (torch.float64, torch.float32))
    assert exact.keys() == recorded.keys()
    for name, value in exact.items():
        limit = (3e-3 if name in {*AFTER_A_STEP, "D_Fake", "D_real"} else 1e-4) * float(value.abs().max())
        assert error(recorded[name], value) <= max(limit, 2e-5), name
        assert_as_exact(found[name], recorded[name], value, name)


AFTER_A_STEP: dict[str, Callable[[Any], Tensor]] = {
    "discriminator_0.model0.0.weight": lambda discriminator: discriminator.scales[0].first.weight.grad,
    "discriminator_0.model0.0.bias": lambda discriminator: discriminator.scales[0].first.bias.grad,
    "discriminator_0.model1.0.0.weight_orig": lambda discriminator: (
        stored_weight(discriminator.scales[0].hidden[0].conv).grad
    ),
    "discriminator_1.model4.0.weight": lambda discriminator: discriminator.scales[1].score.weight.grad,
    "discriminator_1.model4.0.bias": lambda discriminator: discriminator.scales[1].score.bias.grad,
}
"""Published name of what is computed behind the generator's step → where its gradient is here."""


def _recorded_iteration(step: dict[str, Any]) -> dict[str, Tensor]:
    """What was recorded, by the names of `_published_iteration`."""
    found = {
        "generated": step["generated"],
        "model.1.0.weight_orig": step["grads_G"]["model.1.0.weight_orig"],
        "u": step["D_after"]["discriminator_0.model1.0.0.weight_u"],
        **step["g_losses"],
        **step["d_losses"],
        **{name: step["grads_D"][name] for name in AFTER_A_STEP},
    }
    return {name: value.squeeze() for name, value in found.items()}


def _published_iteration(golden: dict[str, Any], dtype: torch.dtype) -> dict[str, Tensor]:
    """Pictures, losses, gradients and spectral norm's vector of one iteration."""
    step = golden["train_step"]
    config, state = patchgan.import_published(golden["state_dict"]["D"], instances=True)
    discriminator = MultiscaleDiscriminator(**config)
    discriminator.load_state_dict(state)
    discriminator.to(dtype)
    model = _generator(golden["state_dict"]["G"], instances=True).train().to(dtype)
    labels, instances = golden["label"][:, 0].long(), golden["instance"][:, 0]
    real = golden["real_image"].to(dtype)
    seen = discriminator.see(labels, instances)

    fake = model(labels, instances=instances)
    scored_fake, scored_real = discriminator.requires_grad_(False).compare(seen, fake, real)
    adversarial, matching = generator_loss(scored_fake), 10 * feature_matching_loss(scored_fake, scored_real)
    optimizer = torch.optim.Adam(model.parameters(), lr=step["lr_G"], betas=tuple(step["betas"]))
    (adversarial + matching).backward()
    values = {"generated": fake, "GAN": adversarial, "GAN_Feat": matching}
    values["model.1.0.weight_orig"] = stored_weight(model.stages[0].stem.conv).grad.clone()
    optimizer.step()

    with torch.no_grad():
        fake = model(labels, instances=instances)
    scored_fake, scored_real = discriminator.requires_grad_(True).compare(seen, fake, real)
    on_fake, on_real = discriminator_loss(scored_fake, scored_real)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=step["lr_D"], betas=tuple(step["betas"]))
    (on_fake + on_real).backward()
    values |= {"D_Fake": on_fake, "D_real": on_real}
    values |= {name: of(discriminator).clone() for name, of in AFTER_A_STEP.items()}
    optimizer.step()
    values["u"] = discriminator.scales[0].hidden[0].conv.parametrizations.weight[0].u
    return {name: value.detach().squeeze() for name, value in values.items()}


def test_published_encoder(shared: Path) -> None:
    golden = _load(shared, "pix2pixhd_encoder_64.pt")
    config, state = import_published_encoder(golden["state_dict"])
    model = InstanceEncoder(**config)
    model.load_state_dict(state)
    with torch.no_grad():
        features = model(golden["image"], golden["instance"][:, 0])
    torch.testing.assert_close(features, golden["output"], rtol=0, atol=1e-5)


def test_published_parameter_counts() -> None:
    def millions(**config: Any) -> float:
        with torch.device("meta"):
            model = Pix2PixHDGenerator(**config)
        return sum(p.numel() for p in model.parameters()) / 1e6

    assert millions(num_classes=183, instances=True, spectral=True) == 182.989507
    # The original counts 21,376 biases more, which its instance norms take out again (an enhancer: 512).
    assert millions(num_classes=35, instances=True) == pytest.approx(182.546755 - 0.021376, abs=1e-9)
    assert millions(num_classes=151) + 0.021376 == pytest.approx(182.9, abs=0.05)
    local = millions(num_classes=35, instances=True, **PRESETS["pix2pixhd-local"])
    assert local + 0.021888 == pytest.approx(182.9, abs=0.05)
    with torch.device("meta"):
        encoder = InstanceEncoder()
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(0.79, abs=0.005)


def test_import_names_what_does_not_fit(shared: Path) -> None:
    state = dict(_load(shared, "pix2pixhd_global_64.pt")["state_dict"])
    with pytest.raises(SemsynthError, match=r"model\.15\.conv_block\.5\.weight"):
        import_published({k: v for k, v in state.items() if k != "model.15.conv_block.5.weight"})
    with pytest.raises(SemsynthError, match=r"model\.99\.weight"):
        import_published(state | {"model.99.weight": torch.zeros(1)})
    with pytest.raises(SemsynthError, match="pix2pixHD"):
        import_published({"fc.weight": torch.zeros(1)})
    with pytest.raises(SemsynthError, match="no planes of labels"):
        import_published(state | {"model.1.weight": torch.zeros(1)})


# ---- properties


@pytest.mark.parametrize("instances", [True, False])
@pytest.mark.parametrize(
    "keywords", [{}, {"enhancers": 1}, {"enhancers": 2, "spectral": True}, {"style_dim": 3}]
)
def test_lookup_equals_dense_and_every_parameter_learns(keywords: dict[str, Any], instances: bool) -> None:
    model = small(instances=instances, **keywords).double().eval()
    labels = torch.randint(0, 5, (2, 32, 48))
    style = torch.randn(2, 3, dtype=torch.float64) if model.style_dim else None
    images = []
    for mode in ("auto", "dense"):
        model.label_mode = mode
        images.append(model(labels, style=style))
    torch.testing.assert_close(*images, rtol=0, atol=1e-12)
    assert images[0].shape == (2, 3, 32, 48)
    images[0].square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_styles_are_planes_or_one_vector() -> None:
    model = small(style_dim=2).eval()
    labels, style = torch.randint(0, 5, (1, 16, 16)), torch.randn(1, 2)
    painted = style[:, :, None, None].expand(-1, -1, 16, 16)
    assert torch.equal(model(labels, style=style), model(labels, style=painted))
    assert not torch.equal(model(labels, style=style), model(labels, style=-style))
    with pytest.raises(SemsynthError, match="none were given"):
        model(labels)
    with pytest.raises(SemsynthError, match=r"\(1, 2, 16, 16\)"):
        model(labels, style=torch.randn(1, 3))


def test_sizes() -> None:
    model = small(enhancers=1)
    assert model.valid_size(1, 17) == (16, 24)
    with pytest.raises(SemsynthError, match="16x24"):
        model(torch.zeros(1, 16, 20, dtype=torch.long))
    assert model(torch.zeros(1, 16, 24, dtype=torch.long)).shape == (1, 3, 16, 24)


def test_renaming_the_classes_with_their_weights_changes_nothing() -> None:
    model = small().eval()
    labels, order = torch.randint(0, 5, (1, 16, 16)), torch.randperm(5)
    before = model(labels)
    stem = model.stages[0].stem.conv
    with torch.no_grad():
        stem.weight.copy_(stem.weight[:, order])
    torch.testing.assert_close(model(torch.argsort(order)[labels]), before)


def test_enhancer_starts_from_a_trained_global_generator() -> None:
    inner, outer = small(width=8), small(width=4, enhancers=1)
    outer.load_inner(inner)
    assert torch.equal(outer.stages[0].down[0].conv.weight, inner.stages[0].down[0].conv.weight)
    alone = {id(p) for p in outer.outer_parameters()}
    assert alone.isdisjoint(id(p) for p in outer.stages[0].parameters())
    assert len(alone) + len(list(outer.stages[0].parameters())) == len(list(outer.parameters()))
    with pytest.raises(SemsynthError, match="do not fit"):
        outer.load_inner(small(width=6))


# ---- instance features


def test_features_are_constant_on_each_instance() -> None:
    instances = torch.randint(0, 4, (2, 8, 8))
    features = torch.randn(2, 3, 8, 8)
    means, index = instance_means(features, instances)
    for b in range(2):
        for i in range(4):
            mask = instances[b] == i
            torch.testing.assert_close(means[index[b][mask]].mean(0), features[b][:, mask].mean(1))
    assert not set(index[0].unique().tolist()) & set(index[1].unique().tolist())


def test_clusters_find_separate_groups() -> None:
    groups = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = groups.repeat(20, 1) + 0.1 * torch.randn(60, 2)
    centres = cluster(points, 3, generator=torch.Generator().manual_seed(0))
    assert torch.cdist(groups, centres).amin(1).max() < 0.2
    assert len(cluster(points[:2], 10, generator=torch.Generator().manual_seed(0))) == 2


def test_drawn_features_are_centres_of_the_class() -> None:
    labels = torch.tensor([[[0, 0, 1, 1], [2, 2, 1, 1]]])
    instances = torch.tensor([[[5, 6, 7, 7], [8, 8, 7, 7]]])
    centres = {0: torch.tensor([[1.0], [2.0]]), 1: torch.tensor([[3.0]])}
    drawn = draw_features(labels, instances, centres, generator=torch.Generator().manual_seed(0))
    assert drawn.shape == (1, 1, 2, 4)
    assert set(drawn[0, 0, 0, :2].tolist()) <= {1.0, 2.0}
    assert drawn[0, 0][labels[0] == 1].tolist() == [3.0] * 4
    assert drawn[0, 0][labels[0] == 2].tolist() == [0.0] * 2  # a class never seen
