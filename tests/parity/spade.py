"""Checks of a recorded SPADE-release run: evaluation mode, then one training iteration."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from semsynth.data.sample import Batch
from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import discriminator_loss, generator_loss
from semsynth.losses.kl import kl_loss
from semsynth.models.style_encoder import reparameterize
from semsynth.ops.edges import instance_edges, one_hot
from semsynth.training.objectives.base import Networks, Step
from semsynth.training.objectives.spade import SpadeObjective
from tests.parity.networks import Recorded
from tests.parity.rows import NEAR, Row, check, compare

GRADIENT = 1e-3
"""Relative tolerance of gradients, by the largest of a tensor."""
NO_GRADIENT = 1e-6
"""Share of the largest gradient recorded below which a gradient is rounding: that of a bias before a norm."""
DRAWN_IN_TRAINING = 2 * NEAR
"""Of the picture drawn in train mode: the record itself lies up to 2e-5 from what float64 gives."""
BUFFER = 1e-5
"""Relative tolerance of statistics and weights after the iteration."""
AFTER_A_STEP = 3e-3
"""Relative tolerance behind the generator's step. Adam's first step is the learning rate times the sign of
the gradient; where that is rounding, so is the sign, and no two programs make the same second fake. The
float32 run may be held to a float64 discriminator on the float32 run's own pictures instead."""
MEAN_AFTER_A_STEP = "running_mean"
"""The statistic that shows it: such biases move it by the momentum times twice the learning rate, each."""

GROUPS = {
    "g_losses": NEAR,
    "generated": DRAWN_IN_TRAINING,
    "grads_G": GRADIENT,
    "grads_E": GRADIENT,
    "d_losses": AFTER_A_STEP,
    "grads_D": AFTER_A_STEP,
    "G_after": BUFFER,
    "D_after": BUFFER,
}
"""What is recorded of an iteration, and its relative tolerance."""

DENSE_PIXELS = 2 * 128 * 128
"""Largest label maps whose dense one-hot planes are convolved in float64, which takes long."""

Values = dict[str, Tensor]

FAKES = ("first fake", "second fake")
"""Under which names `train_step` keeps its pictures; they are not recorded ones."""


def check_run(golden: Mapping[str, Any]) -> list[Row]:
    """All rows of one file."""
    rows = check_inputs(golden)
    runs = [evaluate(Recorded(golden, dtype), golden) for dtype in (torch.float64, torch.float32)]
    recorded, exact = flatten(golden["eval"]), flatten(golden.get("eval_f64", {}))
    seen = set[str]()
    for name, single in runs[1].items():
        quantity = name.partition(",")[0]  # what follows says by which of two ways
        if quantity in recorded:
            seen.add(quantity)
            rows.append(compare(name, runs[0].get(name), single, recorded[quantity], exact.get(quantity)))
    rows += [check(name, False, "recorded, but not computed") for name in recorded.keys() - seen]
    if "train_step" in golden:
        rows += check_train_step(golden)
        rows += check_objective(golden)
    return rows


def check_inputs(golden: Mapping[str, Any]) -> list[Row]:
    """One-hot planes, instance edges, and whether shapes tell what the options say."""
    run = Recorded(golden, torch.float32)
    opt, config = run.opt, run.configs["G"]
    planes = one_hot(run.labels, config["num_classes"])
    rows = []
    if run.instances is not None:
        edges = instance_edges(run.instances)
        planes = torch.cat([planes, edges], 1)
        if "edges" in golden:
            rows.append(compare("edges", None, edges, golden["edges"], absolute=0, relative=0))
    sums = golden["semantics_sum_per_channel"]
    rows.append(compare("one-hot planes, sum", None, planes.sum((0, 2, 3)), sums, absolute=0, relative=0))
    expected = {"width": opt["ngf"], "num_classes": opt["label_nc"] + opt["contain_dontcare_label"]}
    found = {name: config[name] for name in expected}
    rows.append(check("settings read off the shapes", found == expected, str(found)))
    return rows


@torch.no_grad()
def evaluate(run: Recorded, golden: Mapping[str, Any]) -> Values:
    """Everything recorded in evaluation mode, under the names `flatten` gives."""
    run.train(False)
    values: Values = {}
    style, losses = None, {}
    if run.encoder is not None:
        mean, log_variance = run.encode()
        style = reparameterize(mean, log_variance, run.noise)
        values |= {"mu": mean, "logvar": log_variance, "z_from_eps": style}
        values["fake_from_mu"] = run.draw(mean)
        if "z_prior" in golden:
            values["fake_from_z_prior"] = run.draw(golden["z_prior"].to(run.dtype))
        losses["KLD"] = run.opt["lambda_kld"] * kl_loss(mean, log_variance)
    fake = values["fake"] = run.draw(style, "patches")
    if run.dtype == torch.float32 or run.labels.numel() <= DENSE_PIXELS:
        values["fake, dense"] = run.draw(style, "dense")
    if run.discriminator is None or fake.shape != run.real.shape:
        return values
    on_fake, on_real = run.discriminator.compare(run.labels, fake, run.real, run.instances)
    if run.opt["no_ganFeat_loss"]:  # then only the scores are recorded
        on_fake, on_real = ([scale[-1:] for scale in side] for side in (on_fake, on_real))
    for name, prediction in (("fake", on_fake), ("real", on_real)):
        values |= flatten({f"pred_{name}_last": [scale[-1] for scale in prediction]})
        values |= flatten({f"feats_{name}": prediction})
    values |= flatten({"feats_fake_stats": [[_statistics(x) for x in scale] for scale in on_fake]})
    values |= flatten({"losses": losses | adversarial(run, on_fake, on_real)})
    for mode in ("hinge", "ls", "original", "w"):
        of_fake, of_real = discriminator_loss(on_fake, on_real, mode)
        of_mode = {"G": generator_loss(on_fake, mode), "D_Fake": of_fake, "D_real": of_real}
        values |= flatten({"gan_all_modes": {mode: of_mode}})
    return values


def adversarial(run: Recorded, on_fake: Any, on_real: Any) -> Values:
    """The weighted terms, under their published names."""
    mode = run.opt["gan_mode"]
    of_fake, of_real = discriminator_loss(on_fake, on_real, mode)
    terms = {"GAN": generator_loss(on_fake, mode), "D_Fake": of_fake, "D_real": of_real}
    if not run.opt["no_ganFeat_loss"]:
        terms["GAN_Feat"] = run.opt["lambda_feat"] * feature_matching_loss(on_fake, on_real)
    return terms


def check_train_step(golden: Mapping[str, Any]) -> list[Row]:
    """One iteration in train mode: the generator's step, then the discriminator's."""
    recorded = golden["train_step"]
    runs = [train_step(Recorded(golden, dtype), recorded) for dtype in (torch.float64, torch.float32)]
    own = discriminate_pictures(
        Recorded(golden, torch.float64), recorded, *(runs[1][key].double() for key in FAKES)
    )
    rows = []
    for group, relative in GROUPS.items():
        wanted = flatten({group: recorded.get(group, {})})
        largest = max((float(value.abs().max()) for value in wanted.values()), default=0.0)
        for name, reference in wanted.items():
            if name.endswith("num_batches_tracked"):
                continue  # a fixed momentum needs no count, and none is kept
            absolute, note = NEAR, ""
            if group.startswith("grads"):
                absolute = NO_GRADIENT * largest
            elif name.endswith(MEAN_AFTER_A_STEP) and group == "G_after":
                absolute, note = 0.1 * 2 * recorded["lr_G"] * 3, "behind Adam's step along rounding"
            double, single = (run.get(name) for run in runs)
            if double is None or single is None:
                rows.append(check(f"train.{name}", False, "not computed"))
                continue
            limits: dict[str, Any] = {"absolute": absolute, "relative": relative, "note": note}
            row = compare(f"train.{name}", double, single, reference, **limits)
            if name in own and not row.ok:
                held = compare("", None, single, own[name].to(reference.dtype), absolute=NEAR, relative=NEAR)
                ok = compare("", double, None, reference, **limits).ok and held.ok
                row = replace(row, single=held.single, ok=ok, note="float32 on its own pictures")
            rows.append(row)
    rates = {"lr_G": recorded["lr_G"], "lr_D": recorded["lr_D"], "betas": list(recorded["betas"])}
    rows.append(check("train.learning rates and betas", rates == optimiser(golden["opt"]), str(rates)))
    return rows


def train_step(run: Recorded, recorded: Mapping[str, Any]) -> Values:
    """Everything recorded of one iteration, under the names `flatten` gives."""
    run.train(True)
    assert run.discriminator is not None
    rates = recorded
    makers = [p for key in ("G", "E") if key in run.networks for p in run.networks[key].parameters()]
    step_g = torch.optim.Adam(makers, rates["lr_G"], tuple(rates["betas"]))
    values: Values = {}

    fake, losses = _draw_with_kl(run)
    run.discriminator.requires_grad_(False)
    terms = adversarial(run, *run.discriminator.compare(run.labels, fake, run.real, run.instances))
    losses |= {name: term for name, term in terms.items() if not name.startswith("D_")}
    torch.stack([term.reshape(()) for term in losses.values()]).sum().backward()
    values |= flatten({"g_losses": losses, "generated": fake})
    values[FAKES[0]] = fake.detach()
    for key in ("G", "E"):
        values |= _published(run, key, f"grads_{key}", recorded, gradients=True)
    step_g.step()

    with torch.no_grad():
        values[FAKES[1]], _ = _draw_with_kl(run)
    values |= _published(run, "G", "G_after", recorded)
    return values | _discriminator_step(run, recorded, values[FAKES[1]])


def _discriminator_step(run: Recorded, recorded: Mapping[str, Any], fake: Tensor) -> Values:
    """The discriminator's step on the second fake."""
    assert run.discriminator is not None
    step = torch.optim.Adam(run.discriminator.parameters(), recorded["lr_D"], tuple(recorded["betas"]))
    run.discriminator.requires_grad_(True)
    terms = adversarial(run, *run.discriminator.compare(run.labels, fake, run.real, run.instances))
    (terms["D_Fake"] + terms["D_real"]).backward()
    values = flatten({"d_losses": {name: terms[name] for name in ("D_Fake", "D_real")}})
    values |= _published(run, "D", "grads_D", recorded, gradients=True)
    step.step()
    return values | _published(run, "D", "D_after", recorded)


def discriminate_pictures(
    run: Recorded, recorded: Mapping[str, Any], first: Tensor, second: Tensor
) -> Values:
    """What the discriminator makes of pictures that another run drew: of both steps of an iteration."""
    run.train(True)
    assert run.discriminator is not None
    with torch.no_grad():  # the generator's step moves spectral norm's vectors
        run.discriminator.compare(run.labels, first, run.real, run.instances)
    return _discriminator_step(run, recorded, second)


class _GivenNoise(Step):
    """A training step whose style noise is the recorded one."""

    noise: Tensor

    def normal(self, *shape: int) -> Tensor:
        return self.noise


def check_objective(golden: Mapping[str, Any]) -> list[Row]:
    """The generator's losses as the training code puts them together."""
    run = Recorded(golden, torch.float32)
    run.train(True)
    opt = run.opt
    objective = SpadeObjective(
        gan=opt["gan_mode"],
        feature_matching=0.0 if opt["no_ganFeat_loss"] else opt["lambda_feat"],
        perceptual=0.0,
        kl=opt["lambda_kld"],
    )
    keys = tuple(str(i) for i in range(len(run.labels)))
    batch = Batch(run.real, run.labels, run.instances, keys)
    step = _GivenNoise(batch, torch.Generator(), 0, len(keys))
    step.noise = run.noise
    networks = Networks(run.generator, run.discriminator, run.encoder)  # type: ignore[arg-type]
    losses = objective.generator_loss(step, networks).losses
    names = {"GAN": "gan", "GAN_Feat": "feature_matching", "KLD": "kl"}
    recorded = golden["train_step"]["g_losses"]
    return [
        compare(f"objective.{names[name]}", None, losses[names[name]], value)
        for name, value in recorded.items()
        if name in names
    ]


def optimiser(opt: Mapping[str, Any]) -> dict[str, Any]:
    """Learning rates and betas as the release sets them: two time scales, unless that is switched off."""
    if opt["no_TTUR"]:
        return {"lr_G": opt["lr"], "lr_D": opt["lr"], "betas": [opt["beta1"], opt["beta2"]]}
    return {"lr_G": opt["lr"] / 2, "lr_D": opt["lr"] * 2, "betas": [0.0, 0.9]}


def _draw_with_kl(run: Recorded) -> tuple[Tensor, Values]:
    if run.encoder is None:
        return run.draw(), {}
    mean, log_variance = run.encode()
    fake = run.draw(reparameterize(mean, log_variance, run.noise))
    return fake, {"KLD": run.opt["lambda_kld"] * kl_loss(mean, log_variance)}


def _published(
    run: Recorded, key: str, group: str, recorded: Mapping[str, Any], *, gradients: bool = False
) -> Values:
    """Our gradients or state under the published names that were recorded."""
    if group not in recorded or key not in run.networks:
        return {}
    network = run.networks[key]
    ours = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    if not gradients:
        ours = {name: value.clone() for name, value in network.state_dict().items()}
    found = {name: run.names[key].published(name, ours) for name in recorded[group]}
    return {f"{group}.{name}": value for name, value in found.items() if value is not None}


def _statistics(features: Tensor) -> Tensor:
    """Mean, mean of the absolute values, standard deviation."""
    return torch.stack([features.mean(), features.abs().mean(), features.std()])


def flatten(values: Any, prefix: str = "") -> Values:
    """Nested dicts and lists of tensors → dotted names; shapes and other plain lists are left out."""
    if isinstance(values, Tensor):
        return {prefix: values}
    items: Sequence[tuple[Any, Any]] = ()
    if isinstance(values, Mapping):
        items = list(values.items())
    elif isinstance(values, (list, tuple)):
        items = list(enumerate(values))
    found: Values = {}
    for key, value in items:
        found |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return found
