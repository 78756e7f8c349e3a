"""Discriminators against the published ones, and their properties."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.losses import labelmix
from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import discriminator_loss, generator_loss
from semsynth.models.discriminators import (
    FpseDiscriminator,
    MultiscaleDiscriminator,
    OasisDiscriminator,
    fpse,
    oasis,
    patchgan,
)
from semsynth.ops.edges import instance_edges, one_hot

SPADE_FILES = [
    "pix2pixhd_in_spade_repo.pt",
    "spade_original_gan_Dsyncbatch.pt",
    "spade_instance3x3_noinst.pt",
    "spade_novae_syncbatch3x3.pt",
    "spade_vae_most_crop256.pt",
]


def _load(shared: Path, name: str) -> dict[str, Any]:
    return torch.load(shared / "golden" / name, weights_only=True)


def _spade_discriminator(golden: dict[str, Any], **overrides: Any) -> MultiscaleDiscriminator:
    config, state = patchgan.import_published(
        golden["state_dict"]["D"], instances=not golden["opt"]["no_instance"]
    )
    model = MultiscaleDiscriminator(**(config | overrides))
    model.load_state_dict(state)
    return model


def _inputs(golden: dict[str, Any]) -> tuple[Tensor, Tensor]:
    return golden["label"][:, 0].long(), golden["instance"][:, 0].long()


@pytest.mark.parametrize("name", SPADE_FILES)
@pytest.mark.parametrize("lookup", [True, False])
def test_spade_discriminator_in_float64(shared: Path, name: str, lookup: bool) -> None:
    golden = _load(shared, name)
    model = _spade_discriminator(golden, lookup=lookup).double().eval()
    labels, instances = _inputs(golden)
    expected = golden["eval_f64"]
    fake, real = model.compare(labels, expected["fake"], golden["real_image"].double(), instances)
    for ours, theirs in ((fake, expected["pred_fake_last"]), (real, expected["pred_real_last"])):
        for scale, last in zip(ours, theirs, strict=True):
            torch.testing.assert_close(scale[-1], last, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", SPADE_FILES[:-1])  # the last one is too large to hold its features
def test_spade_features_and_losses(shared: Path, name: str) -> None:
    golden = _load(shared, name)
    model = _spade_discriminator(golden).eval()
    labels, instances = _inputs(golden)
    expected = golden["eval"]
    with torch.no_grad():
        fake, real = model.compare(labels, expected["fake"], golden["real_image"], instances)
    for ours, theirs in ((fake, expected["feats_fake"]), (real, expected["feats_real"])):
        for scale, layers in zip(ours, theirs, strict=True):
            for x, y in zip(scale, layers, strict=True):
                torch.testing.assert_close(x, y, rtol=0, atol=2e-5)
    assert 10 * feature_matching_loss(fake, real).item() == pytest.approx(
        expected["losses"]["GAN_Feat"].item(), rel=1e-5
    )
    for mode, values in expected["gan_all_modes"].items():
        on_fake, on_real = discriminator_loss(fake, real, mode)
        got = [generator_loss(fake, mode), on_fake, on_real]
        want = [values["G"], values["D_Fake"], values["D_real"]]
        assert torch.stack(got).tolist() == pytest.approx(torch.cat(want).tolist(), abs=2e-5)


@pytest.mark.parametrize("name", SPADE_FILES)
def test_generator_step_in_train_mode(shared: Path, name: str) -> None:
    golden = _load(shared, name)
    step = golden["train_step"]
    model = _spade_discriminator(golden).train()
    labels, instances = _inputs(golden)
    seen = model.see(labels, instances)
    mode = golden["opt"]["gan_mode"]
    generated = step["generated"].clone().requires_grad_()
    fake, real = model.requires_grad_(False).compare(seen, generated, golden["real_image"])
    losses = {"GAN": generator_loss(fake, mode), "GAN_Feat": 10 * feature_matching_loss(fake, real)}
    for key, value in losses.items():
        assert value.item() == pytest.approx(step["g_losses"][key].item(), rel=1e-4)
    sum(losses.values()).backward()
    assert generated.grad.abs().sum() > 0


@pytest.mark.parametrize("norm", ["instance", "sync_batch", "none"])
def test_frozen_comparison_equals_the_stacked_one(norm: str) -> None:
    torch.manual_seed(0)
    one = MultiscaleDiscriminator(num_classes=5, instances=True, width=4, norm=norm)
    two = MultiscaleDiscriminator(num_classes=5, instances=True, width=4, norm=norm).requires_grad_(False)
    two.load_state_dict(one.state_dict())
    labels = torch.randint(0, 5, (2, 32, 48))
    fake, real = torch.randn(2, 3, 32, 48), torch.randn(2, 3, 32, 48)
    grads = []
    for model in (one, two):
        picture = fake.clone().requires_grad_()
        a, b = model.compare(labels, picture, real)
        (generator_loss(a) + feature_matching_loss(a, b)).backward()
        grads.append(picture.grad)
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-7)
    for key, value in one.state_dict().items():  # one power iteration in both
        torch.testing.assert_close(value, two.state_dict()[key])


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (16, 70)])
@pytest.mark.parametrize("instances", [True, False])
def test_lookup_equals_dense(size: tuple[int, int], instances: bool) -> None:
    torch.manual_seed(0)
    dense = MultiscaleDiscriminator(
        num_classes=7, instances=instances, width=4, scales=3, lookup=False
    ).double()
    look = MultiscaleDiscriminator(
        num_classes=7, instances=instances, width=4, scales=3, lookup=True
    ).double()
    look.load_state_dict(dense.state_dict())
    labels = torch.randint(0, 7, (2, *size))
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    outputs = []
    for model in (dense, look):
        prediction = model(labels, images, labels if instances else None)
        sum(scale[-1].square().mean() for scale in prediction).backward()
        outputs.append((prediction, model.scales[0].first.weight.grad))
    for a, b in zip(outputs[0][0], outputs[1][0], strict=True):
        for x, y in zip(a, b, strict=True):
            torch.testing.assert_close(x, y, rtol=0, atol=1e-12)
    torch.testing.assert_close(outputs[0][1], outputs[1][1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("lookup", [True, False])
def test_ids_without_a_class_are_refused(lookup: bool) -> None:
    model = MultiscaleDiscriminator(num_classes=4, width=4, lookup=lookup)
    labels = torch.zeros(2, 32, 32, dtype=torch.long)
    for wrong in (255, 4, -1):
        labels[1, 3, 5] = wrong
        with pytest.raises(SemsynthError, match=rf"id {wrong} at 1 pixels.* 0\.\.3"):
            model.see(labels)


def test_dense_planes_are_accepted_in_place_of_ids() -> None:
    model = MultiscaleDiscriminator(num_classes=3, width=4).eval()
    labels = torch.randint(0, 3, (1, 32, 32))
    planes = torch.nn.functional.one_hot(labels, 3).permute(0, 3, 1, 2).float()
    images = torch.randn(1, 3, 32, 32)
    for a, b in zip(model(labels, images), model(planes, images), strict=True):
        torch.testing.assert_close(a[-1], b[-1], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("num_classes", "instances", "count"),
    [(183, True, 5_904_514), (151, False, 5_836_930), (35, True, 5_601_410), (13, False, 5_554_306)],
)
def test_published_parameter_counts(num_classes: int, instances: bool, count: int) -> None:
    with torch.device("meta"):
        model = MultiscaleDiscriminator(num_classes=num_classes, instances=instances)
    assert sum(p.numel() for p in model.parameters()) == count
    assert len(model.state_dict()) == 26


def test_sizes_of_the_published_layers() -> None:
    model = MultiscaleDiscriminator(num_classes=2, width=1)
    prediction = model(torch.zeros(1, 256, 512, dtype=torch.long), torch.zeros(1, 3, 256, 512))
    assert [tuple(x.shape[2:]) for x in prediction[0]] == [
        (129, 257),
        (65, 129),
        (33, 65),
        (34, 66),
        (35, 67),
    ]
    assert [x.shape[2] for x in prediction[1]] == [65, 33, 17, 18, 19]


def test_pix2pixhd_discriminator(shared: Path) -> None:
    golden = _load(shared, "pix2pixhd_multiscale_d2_64.pt")
    config, state = patchgan.import_published(golden["state_dict"], instances=True)
    model = MultiscaleDiscriminator(**config)
    model.load_state_dict(state)
    model.eval()
    with torch.no_grad():
        fake, real = model.compare(golden["input_semantics"], golden["fake"], golden["real"])
    for i, scale in enumerate(fake):
        for j, x in enumerate(scale):
            torch.testing.assert_close(x, golden[f"fake_scale{i}_layer{j}"], rtol=0, atol=1e-5)
    on_fake, on_real = discriminator_loss(fake, real, "ls", over_scales="sum")
    assert on_fake.item() == pytest.approx(golden["loss_D_fake"].item(), rel=1e-5)
    assert on_real.item() == pytest.approx(golden["loss_D_real"].item(), rel=1e-5)
    assert generator_loss(fake, "ls", over_scales="sum").item() == pytest.approx(
        golden["loss_G_GAN"].item(), rel=1e-5
    )
    assert 10 * feature_matching_loss(fake, real).item() == pytest.approx(
        golden["loss_G_FM"].item(), rel=1e-5
    )


def test_import_names_the_tensor_that_does_not_fit(shared: Path) -> None:
    state = dict(_load(shared, SPADE_FILES[0])["state_dict"]["D"])
    name = "discriminator_1.model2.0.0.weight_orig"
    with pytest.raises(SemsynthError, match=r"lacks the tensor 'discriminator_1\.model2"):
        patchgan.import_published({k: v for k, v in state.items() if k != name})
    with pytest.raises(SemsynthError, match=r"discriminator_1\.model2\.0\.0\.weight_orig"):
        patchgan.import_published(state | {name: torch.zeros(1, 2, 3, 4)})
    with pytest.raises(SemsynthError, match=r"discriminator_0\.extra"):
        patchgan.import_published(state | {"discriminator_0.extra": torch.zeros(1)})
    with pytest.raises(SemsynthError, match="discriminator"):
        patchgan.import_published({"fc.weight": torch.zeros(1)})


def test_missing_v_is_computed(shared: Path) -> None:
    golden = _load(shared, SPADE_FILES[0])
    state = golden["state_dict"]["D"]
    _, full = patchgan.import_published(state)
    _, solved = patchgan.import_published({k: v for k, v in state.items() if not k.endswith("weight_v")})
    key = "scales.0.hidden.0.conv.parametrizations.weight.0.v"
    assert torch.dot(full[key], solved[key]).item() == pytest.approx(1, abs=0.05)


# ---- OASIS


def _oasis(golden: dict[str, Any]) -> OasisDiscriminator:
    config, state = oasis.import_published(golden["state_dict"])
    model = OasisDiscriminator(**config)
    model.load_state_dict(state)
    return model.eval()


def test_oasis_discriminator_and_losses(shared: Path) -> None:
    golden = _load(shared, "oasis_discriminator_losses_64.pt")
    model = _oasis(golden)
    labels = golden["label"][:, 0]
    with torch.no_grad():
        on_fake, on_real, on_mixed = (model(golden[key]) for key in ("fake", "real", "labelmix_image"))
    torch.testing.assert_close(on_fake, golden["out_fake"], rtol=0, atol=1e-5)
    torch.testing.assert_close(on_real, golden["out_real"], rtol=0, atol=1e-5)
    torch.testing.assert_close(on_mixed, golden["out_mixed"], rtol=0, atol=1e-5)
    balance = labelmix.class_balance(labels, 6, void_id=0)
    torch.testing.assert_close(balance[labels].unsqueeze(1), golden["class_weight_map"])
    pairs = {
        "loss_D_fake": labelmix.fake_loss(on_fake),
        "loss_D_real": labelmix.real_loss(on_real, labels, balance),
        "loss_G_adv": labelmix.real_loss(on_fake, labels, balance),
    }
    for key, value in pairs.items():
        assert value.item() == pytest.approx(golden[key].item(), rel=1e-5)
    mixed, mask = labelmix.label_mix(
        golden["real"],
        golden["fake"],
        labels,
        generator=torch.Generator().manual_seed(6),
        published_flaw=True,
    )
    assert torch.equal(mask, golden["labelmix_mask"])
    assert torch.equal(mixed, golden["labelmix_image"])
    consistency = labelmix.label_mix_loss(on_mixed, on_real, on_fake, mask)
    assert consistency.item() == pytest.approx(golden["loss_labelmix_unweighted"].item(), rel=1e-5)


def test_oasis_size_and_sizes() -> None:
    with torch.device("meta"):
        model = OasisDiscriminator(num_classes=151)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(22.26, abs=0.005)
    with pytest.raises(ValueError, match="multiples of 64"):
        model(torch.zeros(1, 3, 96, 64, device="meta"))


# ---- CC-FPSE


def test_fpse_discriminator_and_losses(shared: Path) -> None:
    golden = _load(shared, "ccfpse_fpse_discriminator_64.pt")
    config, state = fpse.import_published(golden["state_dict"], instances=True)
    model = FpseDiscriminator(**config)
    model.load_state_dict(state)
    model.eval()
    with torch.no_grad():
        both = model(golden["input_semantics"], torch.cat([golden["fake"], golden["real"]]))
    for i, x in enumerate(both.features):
        torch.testing.assert_close(x, golden[f"feat{i}"], rtol=0, atol=1e-5)
    for i, (x,) in enumerate(both.scores):
        torch.testing.assert_close(x, golden[f"pred{i}"], rtol=0, atol=2e-5)
    fake, real = ([[x[part] for x in scale] for scale in both.scores] for part in (slice(2), slice(2, None)))
    on_fake, on_real = discriminator_loss(fake, real)
    assert on_fake.item() == pytest.approx(golden["loss_D_fake"].item(), rel=1e-5)
    assert on_real.item() == pytest.approx(golden["loss_D_real"].item(), rel=1e-5)
    assert generator_loss(fake).item() == pytest.approx(golden["loss_G"].item(), rel=1e-5)
    matching = feature_matching_loss(
        [[x[:2]] for x in both.features], [[x[2:]] for x in both.features], with_last=True
    )
    assert 20 * matching.item() == pytest.approx(golden["loss_G_FM"].item(), rel=1e-5)


def test_fpse_takes_ids_as_well_as_planes() -> None:
    model = FpseDiscriminator(num_classes=4, instances=True, width=4).eval()
    labels, images = torch.randint(0, 4, (2, 32, 64)), torch.randn(4, 3, 32, 64)
    planes = torch.cat([one_hot(labels, 4), instance_edges(labels)], 1)
    by_ids, by_planes = model(labels, images), model(planes, images)
    for (a,), (b,) in zip(by_ids.scores, by_planes.scores, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("planes", "millions"), [(184, 5.19), (151, 5.19), (36, 5.18)])
def test_fpse_parameter_counts(planes: int, millions: float) -> None:
    with torch.device("meta"):
        model = FpseDiscriminator(num_classes=planes)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.0051)
