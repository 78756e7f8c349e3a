"""Training a feature network from nothing, on photographs without labels: `semsynth features train`.

Two crops are cut out of every photograph, at random places and sizes, mirrored and recolored. The network
learns to tell, in a batch, which two crops are of one photograph (InfoNCE: van den Oord et al. 2018, with the
projection head of Chen et al. 2020). Crops are never blurred or compressed, so that the features keep what
sharpness and compression leave in a picture.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from rich.progress import Progress
from torch import Tensor, nn

from semsynth.data.finding import list_images
from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.files.claiming import claimed
from semsynth.files.reading import parsing
from semsynth.images import read_photo
from semsynth.models.features.cropnet import WIDTHS, CropNet
from semsynth.training.checkpoints import clean_up, load_newest, save_checkpoint
from semsynth.training.features_settings import WARM_UP, FeatureRecipe
from semsynth.training.log import append_line, keep_lines

Rng = np.random.Generator

CHECKPOINTS = "checkpoints"
KEEP = 2
"""Checkpoints that stay."""
NEEDS = ("settings", "photographs", "network", "optimizer", "seconds")
"""What a checkpoint must hold."""
CROP = 64
"""Side of the crops, in pixels."""
EMBEDDING = 64


@isolated()
def train_features(
    photographs: Path,
    folder: Path,
    recipe: FeatureRecipe,
    *,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> float:
    """Train a CropNet and write it to a folder; a run that was stopped goes on at its last checkpoint.

    Every draw is a function of the seed and of the images seen, so a resumed run is one that never stopped.

    Args:
        photographs: Folder of pictures, searched with its folders.
        folder: Gets ``features.json``, ``model.safetensors``, ``log.jsonl`` and ``checkpoints/``.
        recipe: The settings.
        progress: Shows how far it is.
        log: Called with a sentence on what was damaged.

    Returns:
        The score on the held-out photographs, see `matching_score`.

    Raises:
        SemsynthError: There are too few photographs, or the folder holds a run with other settings, or is
            another process's.
    """
    with claimed(folder, "trains", (CHECKPOINTS,)):
        run = _Run(photographs, folder, recipe)
        run.resume(log)
        task = progress.add_task("training", total=recipe.images, completed=run.seen) if progress else None
        while run.seen < recipe.images:
            loss = run.step()
            if progress and task is not None:
                progress.update(task, completed=run.seen, description=f"training, loss {loss:.2f}")
            if run.seen % recipe.checkpoint_images < recipe.batch_size:
                run.save(loss)
        return run.finish()


class _Run:
    """A run in its folder.

    Attributes:
        seen: Images so far.
    """

    def __init__(self, photographs: Path, folder: Path, recipe: FeatureRecipe) -> None:
        self.folder, self.recipe = folder, recipe
        images = list_images(photographs)
        paths = [images[key] for key in sorted(images)]
        if len(paths) < recipe.held_out + recipe.batch_size:
            raise SemsynthError(
                f"{photographs} holds {len(paths)} photographs; {recipe.held_out} to hold out and at least "
                f"{recipe.batch_size} to train on are needed."
            )
        chosen = {number * len(paths) // recipe.held_out for number in range(recipe.held_out)}
        self.held_out = [path for number, path in enumerate(paths) if number in chosen]
        self.paths = [path for number, path in enumerate(paths) if number not in chosen]
        torch.manual_seed(recipe.seed)
        self.network = CropNet().to(memory_format=torch.channels_last)
        width = WIDTHS[-1]
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, EMBEDDING)).float()
        self.both = nn.ModuleList([self.network, self.head])
        self.optimizer = torch.optim.AdamW(self.both.parameters(), weight_decay=recipe.weight_decay)
        self.untrained = matching_score(self.network, self.held_out)
        self.seen, self.started = 0, time.monotonic()

    def resume(self, log: Callable[[str], None]) -> None:
        """Go on at the newest checkpoint."""
        checkpoints, mine = self.folder / CHECKPOINTS, asdict(self.recipe)
        state = load_newest(checkpoints, log, NEEDS)
        if state is not None:
            with parsing(checkpoints, "a feature network's checkpoints", "Choose another folder."):
                if state["settings"] != mine or state["photographs"] != len(self.paths):
                    raise SemsynthError(
                        f"{self.folder} holds a run with other settings or photographs: resume with the "
                        "same, or choose another folder."
                    )
                self.both.load_state_dict(state["network"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.seen, self.started = state["images_seen"], time.monotonic() - float(state["seconds"])
            clean_up(checkpoints, self.seen, KEEP, log)
        keep_lines(self.folder / "log.jsonl", self.seen, "images", log)

    def batch(self) -> Tensor:
        """Crops (2B,3,64,64): the first of every photograph, then the second."""
        count, seed = len(self.paths), self.recipe.seed
        views: list[list[Tensor]] = [[], []]
        for place in range(self.seen, self.seen + self.recipe.batch_size):
            epoch, number = divmod(place, count)
            order = np.random.default_rng((seed, 0, epoch)).permutation(count)
            photo = Image.fromarray(read_photo(self.paths[order[number]]))
            rng = np.random.default_rng((seed, 1, place))
            for view in views:
                view.append(recolored(crop(photo, rng), rng))
        return torch.stack(views[0] + views[1]).contiguous(memory_format=torch.channels_last)

    def step(self) -> float:
        """Learn from one batch; its loss."""
        recipe = self.recipe
        rate = min(1.0, (self.seen + recipe.batch_size) / WARM_UP)
        rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, self.seen / recipe.images)))
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate
        self.network.train()
        embedded = self.head(self.network(self.batch())[-1].mean(dim=(2, 3)))  # (2B,64)
        loss = contrastive_loss(embedded, recipe.temperature)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.seen += recipe.batch_size
        return float(loss.detach())

    def save(self, loss: float) -> None:
        """Write a line of the log and a checkpoint."""
        seconds, score = time.monotonic() - self.started, matching_score(self.network, self.held_out)
        line = {"images": self.seen, "loss": loss, "matching": score, "seconds": round(seconds)}
        append_line(self.folder / "log.jsonl", line)
        state = {
            "settings": asdict(self.recipe),
            "photographs": len(self.paths),
            "network": self.both.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "images_seen": self.seen,
            "seconds": seconds,
        }
        save_checkpoint(self.folder / CHECKPOINTS, self.seen, state, KEEP)

    def finish(self) -> float:
        """Write the network, then score the weights as they were written."""
        card = {
            **asdict(self.recipe),
            "photographs": len(self.paths),
            "matching_untrained": round(self.untrained, 4),
        }
        self.network.save(self.folder, card)
        score = matching_score(CropNet.load(self.folder), self.held_out)
        self.network.save(self.folder, card | {"matching": round(score, 4)})
        return score


def crop(photo: Image.Image, rng: Rng) -> Tensor:
    """A random square of a photograph, mirrored in half of the cases: (3,64,64) in [-1,1].

    Its side is from a quarter to three quarters of the photograph's shorter side, but at least 64 pixels
    where the photograph has them.
    """
    short = min(photo.size)
    side = rng.uniform(min(short, max(CROP, short / 4)), max(min(short, CROP), short * 3 / 4))
    left, top = rng.uniform(0, photo.width - side), rng.uniform(0, photo.height - side)
    cut = photo.resize((CROP, CROP), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    if rng.random() < 0.5:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return torch.from_numpy(np.array(cut)).permute(2, 0, 1).float() / 127.5 - 1


def recolored(image: Tensor, rng: Rng) -> Tensor:
    """An image (3,H,W) with other saturation, contrast and brightness: colors alone tell no photograph."""
    saturation, contrast = rng.uniform(0.4, 1.4), rng.uniform(0.6, 1.4)
    gray = image.mean(dim=0, keepdim=True)
    image = gray + (image - gray) * saturation
    mean = image.mean()
    return ((image - mean) * contrast + mean + rng.uniform(-0.3, 0.3)).clamp(-1, 1)


def contrastive_loss(embedded: Tensor, temperature: float) -> Tensor:
    """InfoNCE of embeddings (2B,E): rows i and i + B are of one photograph, all others of other ones."""
    count = len(embedded) // 2
    unit = F.normalize(embedded, dim=1)
    similarity = unit @ unit.T / temperature  # (2B,2B)
    similarity = similarity - torch.eye(2 * count, dtype=similarity.dtype) * 1e4
    return F.cross_entropy(similarity, torch.arange(2 * count).roll(count))


@torch.no_grad()
def matching_score(network: CropNet, paths: Sequence[Path]) -> float:
    """Share of photographs of which one crop's features are the nearest to those of another crop of it.

    Of every photograph, two crops are drawn by its number, recolored as in training. The features are the
    pooled ones of all stages, standardized, compared by the cosine of their angle.
    """
    network.eval()
    pairs = []
    for number, path in enumerate(paths):
        photo, rng = Image.fromarray(read_photo(path)), np.random.default_rng((number, 2))
        images = torch.stack([recolored(crop(photo, rng), rng) for _ in range(2)])
        pairs.append(network.maps(images).mean(dim=(2, 3)))
    features = torch.stack(pairs, 1)  # (2,N,296)
    features = features - features.mean(dim=(0, 1))
    unit = F.normalize(features / features.std(dim=(0, 1)).clamp_min(1e-6), dim=2)
    nearest = (unit[0] @ unit[1].T).argmax(dim=1)
    return float((nearest == torch.arange(len(paths))).double().mean())
