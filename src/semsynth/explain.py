"""What becomes of labels inside a network: SPADE's argument (Park et al., CVPR 2019, figure 3) measured.

A label map of a single class is as plain as labels get. A convolution makes of it one value per channel, and
instance norm subtracts just that: every class becomes the same zeros. SPADE puts the labels back after each
norm. Here a network draws a map of every class alone, and before and behind each of its norms a linear probe
is asked which class it was.

It stands beside the pipeline because it looks inside networks; an evaluation sees pictures only.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically
from semsynth.hub import Model
from semsynth.models import GeneratorModule
from semsynth.ops.norm import BatchNorm2d, InstanceNorm2d
from semsynth.ops.spade import Spade

NORMS = (Spade, InstanceNorm2d, BatchNorm2d, nn.GroupNorm)
"""What counts as a norm; one inside another (SPADE's own) is part of that."""

POINTS = 64
"""Pixels of each map that are looked at: half of them teach the probe, half test it."""

NOISE = 0.01
"""Noise added for the probe, in units of the usual deviation of a layer's values over a map of many classes:
what is smaller is rounding, and no next layer lives on it."""

ROUNDING = 1e-5
"""A plane that varies by a smaller share of its largest value is constant."""

TILES = 8
"""The map of many classes has so many tiles a side."""

MOST_CLASSES = 32


@dataclass(frozen=True)
class Layer:
    """What the probe finds around one norm.

    Attributes:
        name: of the norm within the network.
        kind: its class.
        before: share of pixels whose class is told right from the norm's input.
        after: likewise from its output.
    """

    name: str
    kind: str
    before: float
    after: float


@dataclass(frozen=True)
class Explanation:
    """One network's answers.

    Attributes:
        name: of the model.
        classes: names of the classes.
        chance: what guessing would give.
        layers: in the order in which they are passed.
        signatures: the mean output of the first norm and of the last, (2, classes, channels) as tensors.
        pictures: (classes, 3, H, W) what the network draws of each class alone.
    """

    name: str
    classes: tuple[str, ...]
    chance: float
    layers: tuple[Layer, ...]
    signatures: tuple[Tensor, Tensor]
    pictures: Tensor


@isolated()
def explain_normalization(model: Model, name: str, class_names: Sequence[str] = ()) -> Explanation:
    """Measure what the norms of a trained network leave of its labels.

    Args:
        model: as `hub.load_model` gives it.
        name: what to call it.
        class_names: which classes; none is all but void, at most `MOST_CLASSES`, evenly spread.

    Raises:
        SemsynthError: an unknown class, fewer than two, or a network without norms.
    """
    generator, ids = model.generator, choose_classes(model, class_names)
    size = generator.valid_size(*model.image_size)
    rng = torch.Generator().manual_seed(0)
    generator.label_mode = "dense"  # every layer then runs as itself, and can be watched
    with torch.inference_mode(), watched(generator) as seen:
        _draw(generator, _tiles(ids, size, rng))
        usual = {key: value.var((1, 2), correction=0).mean().sqrt() for key, value in seen.items()}
        spots = torch.rand(POINTS, 2, dtype=torch.float32, generator=rng)
        pictures, points = [], []
        for class_id in ids:
            seen.clear()
            pictures.append(_draw(generator, torch.full((1, *size), class_id)))
            points.append({key: _at(value, spots) for key, value in seen.items()})
    always = [key for key in points[0] if key in usual and all(key in point for point in points)]
    if not always:
        raise SemsynthError(f"{name} has no norm to look at.")
    answers = {
        key: probe(torch.stack([point[key] for point in points]), float(usual[key]), rng) for key in always
    }
    names = list(dict.fromkeys(layer for layer, _ in always))
    kinds = {key: type(module).__name__ for key, module in generator.named_modules()}
    layers = tuple(Layer(n, kinds[n], answers[n, "before"], answers[n, "after"]) for n in names)
    first, last = (torch.stack([p[n, "after"].mean(0) for p in points]) for n in (names[0], names[-1]))
    shown = tuple(model.label_space.names[i] for i in ids)
    return Explanation(name, shown, 1 / len(ids), layers, (first, last), torch.cat(pictures))


def choose_classes(model: Model, names: Sequence[str] = ()) -> list[int]:
    """Ids of the classes that are to be told apart."""
    space = model.label_space
    known = {c.name: c.id for c in space.classes if c.id != space.void_id and c.id < space.num_classes}
    if unknown := [name for name in names if name not in known]:
        raise SemsynthError(
            f"{space.name} has no class {unknown[0]!r}; its classes are {', '.join(sorted(known))}."
        )
    ids = [known[name] for name in names] or list(known.values())
    if len(ids) > MOST_CLASSES:
        ids = [ids[i * len(ids) // MOST_CLASSES] for i in range(MOST_CLASSES)]
    if len(set(ids)) < 2:
        raise SemsynthError("It takes two classes or more to tell them apart.")
    return ids


@contextmanager
def watched(generator: nn.Module) -> Iterator[dict[tuple[str, str], Tensor]]:
    """Keep what goes into and comes out of every norm of the latest pass, (C, h, w) of its first picture.

    Meanwhile instance norm makes of a constant plane the zeros that it is in exact arithmetic.

    Yields:
        (name of the norm, "before" or "after") → values; filled anew by each pass.
    """
    seen: dict[tuple[str, str], Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_: nn.Module, inputs: Any, output: Tensor) -> None:
            seen[name, "before"], seen[name, "after"] = inputs[0][0].float(), output[0].float()

        return hook

    norms = [name for name, module in generator.named_modules() if isinstance(module, NORMS)]
    outer = [name for name in norms if not any(name.startswith(f"{other}.") for other in norms)]
    exact = [module for module in generator.modules() if isinstance(module, InstanceNorm2d)]
    hooks = [module.register_forward_hook(_without_rounding) for module in exact]
    hooks += [generator.get_submodule(name).register_forward_hook(keep(name)) for name in outer]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _without_rounding(_: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    """A constant plane normalised: zero, without the rounding that is left of its mean.

    Each instance norm magnifies what it is given up to 316 times (1 / sqrt(epsilon)), so that three of them
    in a row would turn rounding errors into a picture.
    """
    x = inputs[0]
    constant = x.std((2, 3), correction=0, keepdim=True) <= ROUNDING * x.abs().amax((2, 3), keepdim=True)
    return output.masked_fill(constant, 0.0)


def probe(points: Tensor, usual: float, rng: torch.Generator) -> float:
    """How often a linear discriminant names the class of a pixel from its channels.

    Args:
        points: (classes, n, C) values of n pixels of each class's map.
        usual: the usual deviation of these values, the unit of `NOISE`.
        rng: of the noise.

    Returns:
        the share of right answers on the half of the pixels that was not learned from.
    """
    points = points.double() / max(usual, 1e-12)
    learned, asked = points.chunk(2, 1)
    means = learned.mean(1)  # (K,C)
    centred = (learned - means[:, None]).flatten(0, 1)
    spread = centred.T @ centred / len(centred) + NOISE**2 * torch.eye(points.shape[2], dtype=torch.float64)
    weights = torch.linalg.solve(spread, means.T)  # (C,K)
    noisy = asked + NOISE * torch.randn(asked.shape, generator=rng, dtype=torch.float64)
    scores = noisy @ weights - 0.5 * (means.T * weights).sum(0)  # (K,n,K)
    right = scores.argmax(2) == torch.arange(len(points))[:, None]
    return float(right.double().mean())


def _draw(generator: GeneratorModule, labels: Tensor) -> Tensor:
    """A map (1, H, W) in the middle of all styles → (1, 3, H, W)."""
    style = None if generator.style_dim is None else torch.zeros(1, generator.style_dim, dtype=torch.float32)
    image: Tensor = generator(labels, style=style)
    return image.float().clamp(-1, 1)


def _tiles(ids: Sequence[int], size: tuple[int, int], rng: torch.Generator) -> Tensor:
    """A map (1, H, W) of square tiles, each of a class drawn at random."""
    classes = torch.tensor(ids)[torch.randint(len(ids), (TILES, TILES), generator=rng)]
    rows, columns = (torch.arange(side) * TILES // side for side in size)
    return classes[rows[:, None], columns][None]


def _at(values: Tensor, spots: Tensor) -> Tensor:
    """Values (C, h, w) at places (n, 2) in [0, 1) → (n, C)."""
    rows, columns = (spots * torch.tensor(values.shape[1:])).long().unbind(1)
    return values[:, rows, columns].T.clone()


def save(explanations: Sequence[Explanation], folder: Path) -> None:
    """Write normalization.json and normalization.png."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = [
        {
            "model": e.name,
            "classes": e.classes,
            "chance": e.chance,
            "layers": [asdict(layer) for layer in e.layers],
        }
        for e in explanations
    ]
    text = json.dumps({"noise": NOISE, "points": POINTS, "models": facts}, indent=2, ensure_ascii=False)
    write_atomically(folder / "normalization.json", (text + "\n").encode())
    draw(explanations, folder / "normalization.png")


SHOWN = 6
"""How many classes' pictures the figure shows."""


def draw(explanations: Sequence[Explanation], path: Path) -> None:
    """One column a network: pictures of single classes, what the probe tells, first and last signatures.

    Raises:
        SemsynthError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise SemsynthError(
            "The figure needs the extra of that name: pip install 'semsynth[plot]'."
        ) from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = len(explanations)
    figure, axes = pyplot.subplots(
        4,
        columns,
        figsize=(5.5 * columns, 10),
        squeeze=False,
        layout="constrained",
        height_ratios=(1, 2, 1.3, 1.3),
    )
    for column, e in enumerate(explanations):
        top, curve, *heat = axes[:, column]
        step = -(-len(e.classes) // SHOWN)
        strip = torch.cat(list(e.pictures[::step]), 2).permute(1, 2, 0)  # (H,n*W,3)
        top.imshow(((strip + 1) / 2).numpy())
        top.set_title(f"{e.name}\n{', '.join(e.classes[::step])}", fontsize=9)
        top.axis("off")
        places = range(1, len(e.layers) + 1)
        curve.plot(
            places, [100 * layer.before for layer in e.layers], "o", mfc="none", label="before the norm"
        )
        curve.plot(places, [100 * layer.after for layer in e.layers], "o-", label="after it")
        curve.axhline(100 * e.chance, color="grey", linestyle=":", label="chance")
        curve.set(ylim=(-3, 103), xlabel="norm, in the order of the network", ylabel="class told right, %")
        curve.legend(fontsize=8, loc="center right")
        ends = (("first", e.layers[0]), ("last", e.layers[-1]))
        for axis, signature, (which, layer) in zip(heat, e.signatures, ends):
            # As for the probe, what is smaller than a hundredth of a usual value is nothing.
            largest = float(signature.abs().max())
            limit = max(largest, NOISE)
            axis.imshow(signature.numpy(), aspect="auto", cmap="RdBu", vmin=-limit, vmax=limit)
            axis.set(xlabel="channel", ylabel="class")
            axis.set_title(f"{which} norm's output ({layer.kind}), largest {largest:.2g}", fontsize=9)
    part = path.with_suffix(".part.png")
    figure.savefig(part, dpi=110)
    pyplot.close(figure)
    part.replace(path)
