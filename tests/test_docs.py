"""What README and handbook say is true: commands run, links lead somewhere, settings exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.cli import main
from semsynth.cli.train import read_settings
from semsynth.hub import PRETRAINED, Model, pretrained_names, save_model
from semsynth.hub.styles import Style
from semsynth.labels import LabelSpace, read_label_map, write_label_map
from semsynth.models import create_model
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.models.style_encoder import StyleEncoder
from semsynth.training.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "guide.md"
REPRODUCING = ROOT / "docs" / "reproducing.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SPACE = LabelSpace.named("siftflow")

# What makes a command of the README cheap enough to run here; every command must be listed.
TINY_TRAINING = (
    "--data.load_size 36 --data.crop_size 32 --generator.width 2 --generator.hidden 2 "
    "--discriminator.width 2 --style_encoder.width 2 --style_encoder.image_size 64 "
    "--objective.perceptual 0 --run.images 2 --run.batch_size 2 --run.sample_images 2 "
    "--run.checkpoint_images 2 --run.log_images 2 --run.workers 1"
)
MADE_TINY = {
    "semsynth synthesize": "--size 32x32 --overwrite",  # `furnish` has drawn some of them
    "semsynth data check": "",
    "semsynth data preview": "",
    "semsynth train": TINY_TRAINING,
    "semsynth model import": "",
    "semsynth model info": "",
    "semsynth model export": "--size 32x32",
    "semsynth evaluate": "",
    "semsynth compare": "",
}
NOT_HERE = {
    "semsynth app": "serves until it is stopped; tests/app runs it",
}


def blocks(page: Path, language: str) -> list[str]:
    """Fenced code of one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def commands(page: Path) -> list[str]:
    return [
        line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("semsynth ")
    ]


def published_spade(width: int, hidden: int, planes: int) -> dict[str, torch.Tensor]:
    """Random weights under the names of the released SPADE generator."""
    state = {"fc.weight": torch.randn(16 * width, planes, 3, 3) / 9, "fc.bias": torch.zeros(16 * width)}
    blocks = {"head_0": (16, 16), "G_middle_0": (16, 16), "G_middle_1": (16, 16)}
    blocks |= {"up_0": (16, 8), "up_1": (8, 4), "up_2": (4, 2), "up_3": (2, 1)}
    for name, (before, after) in blocks.items():
        before, after = before * width, after * width
        middle = min(before, after)
        convs = {"0": (before, middle, 3), "1": (middle, after, 3), "s": (before, after, 1)}
        for part, (inner, outer, kernel) in convs.items():
            if part == "s" and before == after:
                continue
            conv, norm = f"{name}.conv_{part}", f"{name}.norm_{part}"
            if part != "s":
                state[f"{conv}.bias"] = torch.zeros(outer)
            state[f"{conv}.weight_orig"] = torch.randn(outer, inner, kernel, kernel)
            state[f"{conv}.weight_u"] = torch.nn.functional.normalize(torch.randn(outer), dim=0)
            state[f"{conv}.weight_v"] = torch.nn.functional.normalize(torch.randn(inner * kernel**2), dim=0)
            state[f"{norm}.param_free_norm.running_mean"] = torch.zeros(inner)
            state[f"{norm}.param_free_norm.running_var"] = torch.ones(inner)
            state[f"{norm}.mlp_shared.0.weight"] = torch.randn(hidden, planes, 3, 3)
            state[f"{norm}.mlp_shared.0.bias"] = torch.zeros(hidden)
            for kind in ("gamma", "beta"):
                state[f"{norm}.mlp_{kind}.weight"] = torch.randn(inner, hidden, 3, 3) / 30
                state[f"{norm}.mlp_{kind}.bias"] = torch.zeros(inner)
    return state | {"conv_img.weight": torch.randn(3, width, 3, 3), "conv_img.bias": torch.zeros(3)}


def furnish(folder: Path) -> None:
    """Put down what the commands of the documents name."""
    (folder / "recipes").symlink_to(ROOT / "recipes")
    torch.manual_seed(0)
    stem = {"stem": "labels+style", "style_dim": 4, "noise_channels": 2}
    generator = create_model("spade", num_classes=34, width=2, hidden=2, **stem)
    encoder = StyleEncoder(style_dim=4, width=2, image_size=64)
    styles = {"dawn": Style(torch.zeros(4))}
    save_model(folder / "landscape", Model(generator, SPACE, (32, 32), style_encoder=encoder, styles=styles))
    torch.save(published_spade(2, 4, 184), folder / "latest_net_G.pth")
    rng = np.random.default_rng(0)
    sets = ("photos", "siftflow/train", "siftflow/val")
    for part in ("maps", *(f"{root}/{kind}" for root in sets for kind in ("images", "labels"))):
        (folder / part).mkdir(parents=True)
    for path in sorted((PRETRAINED / "landscape" / "examples").glob("*.png"))[:4]:
        ids = read_label_map(path, SPACE).ids[::4, ::4]
        photo = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        write_label_map(folder / "maps" / path.name, ids, SPACE)
        for root in sets:
            write_label_map(folder / root / "labels" / f"opencountry_{path.name}", ids, SPACE)
            photo.save(folder / root / "images" / f"opencountry_{path.name}")
        for name in ("beach.png", "street.png"):
            write_label_map(folder / name, ids, SPACE)
        for name in ("evening.jpg", "photo.jpg"):
            photo.save(folder / name)
    drawn = ("-o", folder / "pictures", "--model", folder / "landscape")
    assert main(["synthesize", str(folder / "beach.png"), *map(str, drawn)]) == 0


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """A furnished folder for every page."""
    found = {page: tmp_path_factory.mktemp(page.stem) for page in (README, GUIDE)}
    for folder in found.values():
        furnish(folder)
    return found


@pytest.mark.parametrize(("page", "command"), [(p, c) for p in (README, GUIDE) for c in commands(p)])
def test_command(page: Path, command: str, places: dict[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(places[page])
    verb = next(verb for verb in (*NOT_HERE, *MADE_TINY) if command.startswith(verb))
    if verb in NOT_HERE:
        pytest.skip(NOT_HERE[verb])
    assert main(shlex.split(f"{command} {MADE_TINY[verb]}")[1:]) == 0


@pytest.mark.parametrize("page", [README, GUIDE], ids=lambda page: page.stem)
def test_python(page: Path, places: dict[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(places[page])
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    assert names["result"].images.shape == (3, 3, 64, 64)  # type: ignore[attr-defined]


def link_targets(page: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s#]+)[^)]*\)", prose)
    return [target for target in targets if "://" not in target]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [target for target in link_targets(page) if not (page.parent / target).exists()]
    if "landscape" not in pretrained_names():
        missing = [target for target in missing if not re.search(r"sheet\.jpg|landscape/README\.md", target)]
    assert not missing


def test_site(tmp_path: Path) -> None:
    """Every link and every name of the API reference exists, and no page loads anything from elsewhere."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = "".join(page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html"))
    assert "semsynth.pipeline.Synthesizer" in pages
    assert not re.search(r"""<(?:script|link|img)[^>]*(?:src|href)=["'](?:https?:)?//""", pages)


ABLATIONS = re.findall(
    r"^\|[^|]+\| `(--[^`]+)` \|([^|]*)\|$", REPRODUCING.read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.mark.parametrize(("settings", "millions"), ABLATIONS, ids=[settings for settings, _ in ABLATIONS])
def test_ablation_is_a_setting(settings: str, millions: str) -> None:
    recipe = load_recipe(ROOT / "recipes" / "spade-ade20k.toml", read_settings(shlex.split(settings)))
    with torch.device("meta"):
        generator = create_model("spade", num_classes=151, **recipe.generator)
        MultiscaleDiscriminator(num_classes=151, **recipe.discriminator)
    count = sum(p.numel() for p in generator.parameters()) / 1e6
    if millions.strip():
        assert f"{count:.1f} M" == millions.strip()


def test_ablations_are_found() -> None:
    assert len(ABLATIONS) >= 10
