"""Segmenters that are programs: TorchScript and torch.export files, each with a small JSON beside it."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.files.reading import open_regular, parse_json, parsing, read_json, shown

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Card:
    """What the JSON beside a segmenter's file says.

    Attributes:
        network: The network's name.
        names: The class names, in the order of the logits.
        mean: Of the three channels, of values 0..1.
        std: Their deviations.
    """

    network: str
    names: tuple[str, ...]
    mean: list[float]
    std: list[float]


def read_card(path: Path) -> Card:
    """Read the JSON beside a segmenter's file.

    Raises:
        SemsynthError: It is missing, or something in it is.
    """
    card_path = path.with_suffix(".json")
    needs = (
        f"The segmenter {path} needs {card_path.name} beside it with its network's name and the class names "
        'in order: {"network": "...", "names": ["...", ...], "mean": [...], "std": [...]}'
    )
    if not card_path.exists():
        raise SemsynthError(f"{needs}; there is no such file.")
    card = read_json(card_path)
    if not isinstance(card, dict) or not isinstance(card.get("network"), str):
        raise SemsynthError(f'{needs}; it has no "network".')
    names = card.get("names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise SemsynthError(f'{needs}; its "names" are no list of names.')
    return Card(card["network"], tuple(names), *statistics_of(card, card_path))


def statistics_of(card: dict[str, Any], where: Path) -> tuple[list[float], list[float]]:
    """Mean and deviation of a card, three numbers each; ImageNet's where it gives none.

    Raises:
        SemsynthError: They are something else.
    """
    mean, std = card.get("mean", list(IMAGENET_MEAN)), card.get("std", list(IMAGENET_STD))
    for values, least in ((mean, -1e3), (std, 1e-3)):
        if (
            not isinstance(values, list)
            or len(values) != 3
            or not all(type(value) in (int, float) and least <= value <= 1e3 for value in values)
        ):
            raise SemsynthError(
                f"{where}: mean and std must be three numbers each, std above 0; got {shown(values)}."
            )
    return [float(value) for value in mean], [float(value) for value in std]


def load_program(path: Path, *, trust: bool) -> Callable[[Tensor], Any]:
    """Load a TorchScript or torch.export file, which may do whatever its user may.

    TorchScript has operators that read and write files; of a torch.export file, torch evaluates expressions
    and loads pickled objects while it opens it. So it must be trusted.

    Raises:
        SemsynthError: The file is neither, or it is not trusted.
    """
    kind = _kind(path)
    if not trust:
        raise SemsynthError(
            f"{path} is a {kind} file, and that is a program: it can read, change and send whatever you can. "
            "If you would run a program from where you have it, add --trust (in Python: trust=True)."
        )
    if kind == "torch.export":
        _refuse_objects(path)
    try:
        if kind == "torch.export":
            return torch.export.load(str(path)).module()
        script: Callable[[Tensor], Any] = torch.jit.load(str(path), map_location="cpu").eval()
        return script
    except Exception as error:  # the loaders raise whatever their formats' parsers stumble over
        raise _neither(path, str(error).partition("\n")[0].rstrip(".")) from None


def _kind(path: Path) -> str:
    """Which kind of program a file is, by the names in its archive alone."""
    with open_regular(path) as file, parsing(path, "a segmenter's file"):
        if not zipfile.is_zipfile(file):
            raise _neither(path, "it is no archive")
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    if path.suffix == ".pt2" and any(name.endswith("archive_format") for name in names):
        return "torch.export"
    if path.suffix != ".pt2" and any("/code/" in name for name in names):
        return "TorchScript"
    raise _neither(path, "its archive holds other things")


def _refuse_objects(path: Path) -> None:
    """Refuse a torch.export file with pickled objects other than tensors, whose code torch would run.

    What else the file does is not looked at.
    """
    with open_regular(path) as file, parsing(path, "a torch.export file"), zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            pickled = False
            if entry.filename.endswith("_config.json"):
                table = parse_json(archive.read(entry), path)
                pickled = any(part.get("use_pickle") for part in table["config"].values())
            elif entry.filename.endswith(".pt") and entry.file_size:
                try:
                    torch.load(io.BytesIO(archive.read(entry)), map_location="cpu", weights_only=True)
                except Exception:  # torch raises many kinds
                    pickled = True
            if pickled:
                raise SemsynthError(
                    f"{path} holds code or objects beside tensors, in {entry.filename}; it was not opened."
                )


def _neither(path: Path, reason: str) -> SemsynthError:
    return SemsynthError(
        f"{path} is neither a TorchScript nor (as .pt2) a torch.export file: {reason}. "
        "A plain state dict is not enough: trace the network and save it whole."
    )
