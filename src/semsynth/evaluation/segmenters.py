"""Segmenters: networks that read a picture back into classes, behind one call.

Three kinds are taken: our own model folder (``segmenter.json`` inside), a transformers folder
(``config.json`` inside), and a TorchScript or torch.export file with a small JSON beside it that says what it
wants. The first two hold numbers alone, and code in them is never run. The last are programs, which can read
and write whatever their user can, and are loaded only where the caller trusts them, see `programs`. All of
them give class indices 0..K-1 in the protocol's order; K stands for void where a segmenter has such a class.

The segmenter whose scores are reported is the *evaluator*. A network used in a loss is never the evaluator:
it finds its own traces in the pictures. So every segmenter names its network, see `evaluator`.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.evaluation.programs import load_program, read_card, statistics_of
from semsynth.files.networks import size_limit
from semsynth.files.reading import parsing, read_json, require_regular, shown
from semsynth.files.tensors import check_archive, file_sha256, tensor_names
from semsynth.hub import compat
from semsynth.models.segmenter import SEGMENTER_FILE, PyramidSegmenter

MAX_COUNT = 1_000_000
"""Largest whole number in the settings of a transformers model."""
LEAST_SIDE = 256
"""Our own segmenters learn at this size: a picture with a shorter side is enlarged to it first."""
MOST_ENLARGED = 2048
"""Longest side a picture is enlarged to for that: a strip of 16 x 1024 pixels is not made 256 x 16384."""


class Segmenter(Protocol):
    """A segmentation network, whatever kind of file it came from."""

    @property
    def names(self) -> tuple[str, ...]:
        """K class names in the order of the indices it gives."""
        ...

    @property
    def about(self) -> dict[str, str]:
        """What a report says of it: kind, network, weights."""
        ...

    def __call__(self, images: Tensor) -> Tensor:
        """Class indices (B, H, W) int64 of pictures (B, 3, H, W) in [-1, 1]."""
        ...


@dataclass(frozen=True)
class LogitSegmenter:
    """A network that gives logits, and what has to happen to a picture before it.

    Attributes:
        names: K class names.
        about: For the report.
        logits: Pictures (B, 3, H, W) in [-1, 1] → logits (B, K, h, w), of any size.
        label_set: Name of the label set it was trained on; empty where that is not known.
    """

    names: tuple[str, ...]
    about: dict[str, str]
    logits: Callable[[Tensor], Tensor]
    label_set: str = ""

    @isolated()
    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Class indices (B, H, W)."""
        return self._logits_of(images).argmax(dim=1)

    @isolated()
    @torch.inference_mode()
    def with_confidence(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Class indices (B, H, W), and the probability (B, H, W) that the network gives to each."""
        confidence, classes = self._logits_of(images).softmax(dim=1).max(dim=1)
        return classes, confidence

    def _logits_of(self, images: Tensor) -> Tensor:
        """Logits (B, K, H, W): they come to the pictures' size bilinearly, before the arg-max."""
        logits = self.logits(images)
        if logits.ndim != 4 or (self.names and logits.shape[1] != len(self.names)):
            raise SemsynthError(
                f"The segmenter {self.about['network']} gave a tensor of shape {tuple(logits.shape)}; "
                f"logits (batch, {len(self.names) or 'classes'}, height, width) are needed."
            )
        if bool(logits.isnan().any()):
            raise SemsynthError(
                f"The segmenter {self.about['network']} gave logits that are no numbers (NaN)."
            )
        if logits.shape[-2:] != images.shape[-2:]:
            logits = F.interpolate(
                logits.float(), size=images.shape[-2:], mode="bilinear", align_corners=False
            )
        return logits


@isolated()
def load_segmenter(where: str | Path, *, trust: bool = False) -> LogitSegmenter:
    """Load a segmenter.

    Args:
        where: ``pretrained:NAME``, one of our segmenter folders, a transformers folder, or a TorchScript
            (.pt, .ts) or torch.export (.pt2) file.
        trust: Whether a TorchScript or torch.export file may be run; it is a program.

    Raises:
        SemsynthError: Nothing of the kind is there, it is damaged, or it is a program and not trusted.
    """
    path = segmenter_path(where)
    if (path / SEGMENTER_FILE).is_file():
        return own_segmenter(path)
    if (path / "config.json").is_file():
        return transformers_segmenter(path)
    if path.is_file():
        return file_segmenter(path, trust=trust)
    raise SemsynthError(
        f"{path} is no segmenter: a folder with {SEGMENTER_FILE} (semsynth segmenter train), a transformers "
        "folder with config.json, or a TorchScript (.pt) or torch.export (.pt2) file is needed."
    )


def segmenter_path(where: str | Path) -> Path:
    """The folder of ``pretrained:NAME``, or the path itself."""
    name = compat.pretrained(str(where))
    if not name.startswith("pretrained:"):
        return Path(where)
    folder = Path(str(resources.files("semsynth").joinpath("pretrained"))) / name.removeprefix("pretrained:")
    if not (folder / SEGMENTER_FILE).is_file():
        held = sorted(path.parent.name for path in folder.parent.glob(f"*/{SEGMENTER_FILE}"))
        raise SemsynthError(
            f"There is no bundled segmenter {name!r}; bundled are: {', '.join(held) or 'none'}. "
            "Train one with semsynth segmenter train, or give one with --evaluator."
        )
    return folder


def own_segmenter(folder: Path) -> LogitSegmenter:
    """A segmenter that ``semsynth segmenter train`` wrote."""
    model = PyramidSegmenter.load(folder)
    model.eval()
    about = {
        "kind": "semsynth",
        "network": model.encoder_name,
        "weights": file_sha256(folder / "model.safetensors")[:16],
    }

    def read(images: Tensor) -> Tensor:
        least = min(images.shape[-2:])
        if least < LEAST_SIDE:
            factor = min(LEAST_SIDE / least, max(1.0, MOST_ENLARGED / max(images.shape[-2:])))
            images = F.interpolate(images, scale_factor=factor, mode="bicubic").clamp(-1, 1)
        return model.read(images)

    return LogitSegmenter(model.names, about, read, model.config.label_set)


def transformers_segmenter(folder: Path) -> LogitSegmenter:
    """A semantic segmentation model of the transformers library, from a local folder."""
    try:
        from transformers import AutoConfig, AutoImageProcessor, AutoModelForSemanticSegmentation
    except ImportError as error:
        raise SemsynthError(
            f"{folder} is a transformers model; install transformers to use it as a segmenter."
        ) from error
    weights = _check_files(folder)
    size = sum(path.stat().st_size for path in weights)
    choices: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}  # and do not ask
    with parsing(folder, "a semantic segmentation model of transformers"):
        try:
            config = AutoConfig.from_pretrained(folder, **choices)
            with size_limit(size), torch.device("meta"):
                AutoModelForSemanticSegmentation.from_config(config, trust_remote_code=False)
            model = AutoModelForSemanticSegmentation.from_pretrained(folder, **choices).eval()
            names = tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
        except pickle.UnpicklingError:
            raise ValueError("its weights hold code or objects beside tensors, or are damaged") from None
        except SemsynthError as error:
            raise ValueError(str(error)) from None
    try:
        processor = AutoImageProcessor.from_pretrained(folder, **choices)
        statistics = {"mean": list(processor.image_mean), "std": list(processor.image_std)}
    except Exception:  # many folders come without, or with another kind: ImageNet's numbers are the rule
        statistics = {}
    mean, std = statistics_of(statistics, folder)
    about = {
        "kind": "transformers",
        "network": str(model.config.model_type),
        "weights": file_sha256(weights[0])[:16],
    }
    return LogitSegmenter(
        names, about, lambda images: model(pixel_values=normalize(images, mean, std)).logits
    )


def _check_files(folder: Path) -> list[Path]:
    """The files of weights in a transformers folder, once everything in it is known to be regular."""
    for path in folder.iterdir():
        if not path.is_dir():
            require_regular(path)
    _check_numbers(read_json(folder / "config.json"), folder / "config.json")
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    if not weights:
        raise SemsynthError(f"{folder} holds no weights: no .safetensors and no .bin file.")
    for path in weights:
        if path.suffix == ".safetensors":
            tensor_names(path)
        else:
            check_archive(path)
    return weights


def _check_numbers(value: Any, path: Path) -> None:
    """Refuse counts that no network has, over which its constructor would loop for hours."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check_numbers(part, path)
    elif isinstance(value, int) and abs(value) > MAX_COUNT:
        raise SemsynthError(f"{path} holds {shown(value)}; no setting of a network is above {MAX_COUNT:,}.")


def file_segmenter(path: Path, *, trust: bool = False) -> LogitSegmenter:
    """A TorchScript (.pt, .ts) or torch.export (.pt2) file.

    Beside ``drn.pt`` lies ``drn.json``: ``{"network": "DRN-D-105", "names": ["road", ...], "mean": [...],
    "std": [...]}``. Mean and deviation (of values 0..1) default to ImageNet's. The network takes (B, 3, H, W)
    and gives logits (B, K, h, w), or a dict or tuple whose first entry they are.

    Raises:
        SemsynthError: The JSON is missing or wrong, the file is neither kind, or it is not trusted.
    """
    card = read_card(path)
    model = load_program(path, trust=trust)

    def logits(images: Tensor) -> Tensor:
        try:
            out = model(normalize(images, card.mean, card.std))
            if isinstance(out, dict):
                out = next(iter(out.values()))
            first: Tensor = out[0] if isinstance(out, tuple | list) else out
            return first.float()
        except Exception as error:  # a program raises anything
            reason = str(error).strip().rpartition("\n")[2].rstrip(".") or type(error).__name__
            raise SemsynthError(
                f"The segmenter {path} failed on pictures of shape {tuple(images.shape)}: {reason}."
            ) from None

    about = {"kind": "file", "network": card.network, "weights": file_sha256(path)[:16]}
    return LogitSegmenter(card.names, about, logits)


def normalize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Pictures (B, 3, H, W) in [-1, 1] with a network's own mean and deviation (of values 0..1) taken out."""
    shape = (1, 3, 1, 1)
    unit = (images + 1) / 2
    return (unit - unit.new_tensor(mean).view(shape)) / unit.new_tensor(std).view(shape)
