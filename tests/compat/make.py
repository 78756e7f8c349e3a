"""Makes the files of an earlier version that `test_open.py` opens with today's code.

Run once, with the code of that version on the path, in an empty folder that becomes `tests/compat/VERSION`:

    OMP_NUM_THREADS=1 PYTHONPATH=OLD_CHECKOUT/src python tests/compat/make.py FOLDER

Nearly all of it goes through the command line and the application's interface, as a user's files would.
`runs.tar.xz` holds what is large and alike: the run folders, what they end as, the segmenter and its run.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

HALF, WHOLE = 8, 16
"""Pictures after which a run is kept, and after which it ends."""
SIDE = 40
COLORS = np.array([[0, 0, 0], [110, 170, 230], [60, 130, 50], [200, 180, 140]])
CLASSES = [
    {"name": name, "color": color}
    for name, color in zip(("void", "sky", "tree", "sand"), COLORS.tolist(), strict=True)
]
RECIPES = {
    "spade": """
method = "spade"
[generator]
stem = "labels+style"
style_dim = 3
style_modulation = true
width = 2
hidden = 2
multipliers = [2, 2, 2, 2, 1, 1, 1, 1]
[style_encoder]
width = 1
image_size = 64
[discriminator]
width = 2
layers = 2
[objective]
perceptual = 1.0
perceptual_network = "efficientnet-lite0"
kl = 0.05
prior_share = 0.25
augment = ["color", "translation"]
[run]
ema_images = 20
""",
    "oasis": """
method = "oasis"
[generator]
width = 1
hidden = 2
style_dim = 3
[discriminator]
widths = [2, 2, 2]
last_width = 2
[objective]
perceptual = 0.0
labelmix = 5.0
[run]
ema_images = 0
""",
    "spade-projected": """
method = "spade-projected"
[generator]
stem = "labels+style"
style_dim = 3
style_modulation = true
positions = 2
width = 2
hidden = 2
multipliers = [2, 2, 2, 2, 1, 1, 1, 1]
[style_encoder]
width = 1
image_size = 64
statistics = true
[discriminator]
width = 2
layers = 2
head_width = 2
[objective]
feature_matching = 3.0
perceptual = 4.0
perceptual_network = "efficientnet-lite0"
color = 5.0
texture = 5.0
style = 2.0
class_style = 10.0
content = 5.0
kl = 0.001
prior_share = 0.5
prior = "photographs"
reuse_fake = true
[run]
ema_images = 20
""",
}
"""Method → a recipe, without what all have in common."""
COMMON = f"""images = {WHOLE}
batch_size = 4
precision = "float32"
log_images = 4
sample_images = 1000
checkpoint_images = {HALF}
keep = 2
workers = 1
[data]
root = "data"
load_size = 36
crop_size = 32
cache = false
[init]
gain = 1.0
"""
PROTOCOL = """name = "park"
label_set = "park"
split = "val"
height = 32
width = 32
style_maps = 2
styles_per_map = 2
"""
SEGMENTER = [
    "--encoder", "scratch", "--width", "2", "--size", "64", "--batch-size", "4",
    "--pictures", str(WHOLE), "--validate-every", str(HALF)]  # fmt: skip


def semsynth(*words: object) -> None:
    """A command of the library, in this process."""
    from semsynth.cli import main

    assert main([str(word) for word in words]) == 0, words


@contextlib.contextmanager
def served(model: Path, data: Path) -> Iterator[Any]:
    """A client of the application, drawing with a model and keeping projects in a folder."""
    import httpx

    command = [sys.executable, "-m", "semsynth", "app", "--no-browser", "--port", "0"]
    command += ["--model", str(model), "--data", str(data), "--precision", "float32"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            shown = (line.strip() for line in process.stdout)
            address = urllib.parse.urlsplit(next((x for x in shown if x.startswith("http")), ""))
            token = urllib.parse.parse_qs(address.query)["token"][0]
            yield httpx.Client(
                base_url=f"http://{address.netloc}",
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
                trust_env=False,
            )
        finally:
            process.terminate()
            process.communicate()


def digests(state: Any) -> list[bytes]:
    """Of all tensors within containers, whatever they are called there, sorted."""
    if isinstance(state, torch.Tensor):
        return [hashlib.sha256(state.contiguous().numpy().tobytes()).digest()]
    inner = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return sorted(digest for value in inner for digest in digests(value))


def checkpoint(folder: Path) -> dict[str, Any]:
    """The newest checkpoint of a run."""
    found: dict[str, Any] = torch.load(max((folder / "checkpoints").glob("*.pt")), weights_only=True)
    return found


def trained(folder: Path) -> str:
    """Digits of all that a run has learned, which do not depend on names."""
    state = checkpoint(folder)
    parts = ("networks", "averaged", "optimizers", "model", "optimiser", "optimizer")
    return hashlib.sha256(b"".join(digests([state.get(part) for part in parts]))).hexdigest()[:32]


def environment() -> list[str]:
    """What must be the same for float32 results to be the same to the bit."""
    from semsynth import processor

    return [processor.level(), torch.__version__, platform.machine()]


def make_data(root: Path) -> None:
    """Photographs of areas in one colour each, nearly."""
    rng = np.random.default_rng(0)
    for split, count in {"train": 5, "val": 2}.items():
        for part in ("images", "labels"):
            (root / split / part).mkdir(parents=True)
        for number in range(count):
            ids = np.kron(rng.integers(1, 4, (4, 4)), np.ones((SIDE // 4, SIDE // 4), int)).astype(np.uint8)
            light = rng.integers(-20, 20, (SIDE // 8, SIDE // 8, 1)).repeat(8, 0).repeat(8, 1)
            photo = (COLORS[ids] + light).clip(0, 255).astype(np.uint8)
            Image.fromarray(photo).save(root / split / "images" / f"{number}.png")
            Image.fromarray(ids).save(root / split / "labels" / f"{number}.png")
    labels = {"name": "park", "void_id": 0, "classes": CLASSES}
    (root / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    date(root)


def date(root: Path) -> None:
    """Give files one date: an evaluation goes on only with files that nobody has touched."""
    for path in root.rglob("*.*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


def make_model(folder: Path) -> None:
    """A model folder with everything that one may hold."""
    from semsynth.hub import Model, save_model
    from semsynth.labels import LabelSpace
    from semsynth.models import create_model
    from semsynth.models.style_encoder import StyleEncoder
    from semsynth.ops.init import initialize
    from semsynth.styles import Style

    rng = torch.Generator().manual_seed(0)
    generator = create_model(
        "spade",
        num_classes=4,
        width=2,
        hidden=2,
        multipliers=(2, 2, 2, 2, 1, 1, 1, 1),
        stem="labels+style",
        style_dim=3,
        style_modulation=True,
        positions=2,
    )
    encoder = StyleEncoder(style_dim=3, width=1, image_size=64)
    for network in (generator, encoder):
        initialize(network, "xavier", 1.0, generator=rng)
    for name, value in generator.named_parameters():
        if name.endswith("style.weight") or "positions" in name:
            torch.nn.init.normal_(value, 0, 0.3, generator=rng)
    styles = {
        "noon": Style(torch.full((3,), 1.5), "high sun", Image.new("RGB", (8, 6), "white")),
        "dusk": Style(torch.full((3,), -1.5)),
    }
    space = LabelSpace.from_dict(json.loads(Path("data/labels.json").read_text(encoding="utf-8")))
    networks = (generator.eval(), space, (32, 32), encoder.eval(), styles, "# A small model\n")
    save_model(folder, Model(*networks, optimised_with=("efficientnet-lite0",), images_seen=WHOLE))


def make_run(name: str) -> tuple[str, float]:
    """A run that was stopped half way, its numbers rounded to take less room, and what it ended as."""
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    recipe = folder.with_name(f"{name}.toml")
    recipe.write_text(RECIPES[name].lstrip() + COMMON, encoding="utf-8")
    semsynth("train", recipe, "-o", folder)
    for part in ("samples", "model", "curves.png", "environment.txt"):
        path = folder / part
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    half_way(folder, rounded)
    shutil.copytree(folder, "going-on")
    semsynth("train", recipe, "-o", "going-on")
    before, after = (checkpoint(path)["averaged"] for path in (folder, Path("going-on")))
    change = sum(float((after[n][k] - before[n][k]).square().sum()) for n in after for k in after[n]) ** 0.5
    if name != "oasis":  # its widths are fixed, and would take the most room
        shutil.move("going-on/model", folder.with_name(f"{name}-ended"))
    found = trained(Path("going-on"))
    shutil.rmtree("going-on")
    return found, change


def make_segmenter() -> str:
    """A segmenter's run; its millions of weights are replaced by a pattern, which takes no room."""
    from semsynth.models.segmenter import PyramidSegmenter

    folder = Path("runs/segmenter")
    command = ("segmenter", "train", "data", *SEGMENTER)
    semsynth(*command, "-o", folder)
    state = half_way(folder, pattern)
    shutil.rmtree(folder / "cache")
    model = PyramidSegmenter.load(folder)
    model.load_state_dict(state["averaged"])
    model.save(folder)
    shutil.copytree(folder, "going-on")
    semsynth(*command, "-o", "going-on")
    found = trained(Path("going-on"))
    shutil.rmtree("going-on")
    return found


def half_way(folder: Path, change: Callable[[str, torch.Tensor], torch.Tensor]) -> dict[str, Any]:
    """Put a run back to the checkpoint before the last, with its numbers changed."""
    from semsynth.training.state import save_checkpoint

    state = torch.load(min((folder / "checkpoints").glob("*.pt")), weights_only=True)
    assert state["images_seen"] == HALF
    shutil.rmtree(folder / "checkpoints")
    state = mapped(state, change)
    save_checkpoint(folder / "checkpoints", HALF, state, 1)
    return state


def mapped(state: Any, change: Callable[[str, torch.Tensor], torch.Tensor], name: str = "") -> Any:
    """A checkpoint with its numbers changed: those of tensors of more than one."""
    if isinstance(state, dict):
        return {key: mapped(value, change, str(key)) for key, value in state.items()}
    if isinstance(state, torch.Tensor) and state.is_floating_point() and state.dim():
        return change(name, state)
    return state


def rounded(name: str, value: torch.Tensor) -> torch.Tensor:
    """Four binary digits of every weight; fixed noise is what it is in every network."""
    if name == "position_code":
        return value
    return (value.contiguous().view(torch.int32) & -(1 << 20)).view(torch.float32)


def pattern(name: str, value: torch.Tensor) -> torch.Tensor:
    """Weights that can be told in a word."""
    if name.startswith("exp_avg"):
        return torch.full_like(value, 1e-6 if name == "exp_avg_sq" else 0)
    if value.dim() == 1:
        return torch.full_like(value, 1.0 if name.endswith(("var", "weight")) else 0.0)
    numbers = torch.arange(value.numel()) * 7 % 3 - 1.0
    return numbers.reshape(value.shape) / (value[0].numel() ** 0.5)


def make_application() -> None:
    """A project, a map and a picture, as the page saves them."""
    import base64

    ids = np.asarray(Image.open("data/val/labels/0.png"))[:32, :32]
    upper = np.where(ids == 2, ids, 255).astype(np.uint8)
    coded = [base64.b64encode(layer.tobytes()).decode() for layer in (ids, upper)]
    look = {"mix": [{"name": "noon", "variation": 5}, {"seed": 3}], "amount": 0.25}
    project = {
        "label_set": "park",
        "width": 32,
        "height": 32,
        "layers": [{"name": f"Layer {i}", "ids": layer} for i, layer in enumerate(coded)],
        "active": 1,
        "settings": {"look": look},
        "own_styles": [{"name": "mine", "vector": [0.5, -0.5, 0.0]}],
    }
    with served(Path("model"), Path("served")) as client:
        Path("project.zip").write_bytes(client.post("/api/projects/write", json=project).content)
        body = {"width": 32, "height": 32, "ids": coded[0], "settings": project["settings"]}
        Path("map.png").write_bytes(client.post("/api/maps/write", json=body).content)
        files = {"map": Path("map.png").read_bytes()}
        wish = {"settings": json.dumps(project["settings"])}
        Path("picture.png").write_bytes(client.post("/api/synthesize", files=files, data=wish).content)
    shutil.rmtree("served")


def make(folder: Path) -> None:
    """Fill the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    torch.set_num_threads(1)
    make_data(Path("data"))
    make_model(Path("model"))
    runs = {name: make_run(name) for name in RECIPES}
    ends = {name: end for name, (end, _) in runs.items()} | {"segmenter": make_segmenter()}
    changes = {name: change for name, (_, change) in runs.items() if change}
    drawn = ("--model", "model", "--seed", 3, "--size", "32x32", "-o", "drawn")
    semsynth("synthesize", "data/val/labels/0.png", *drawn)
    shutil.move("drawn/0.png", "synthesized.png")
    shutil.rmtree("drawn")
    make_application()
    Path("protocol.toml").write_text(PROTOCOL, encoding="utf-8")
    evaluation = ("--protocol", "protocol.toml", "--judge", "runs/segmenter", "-o", "evaluation")
    semsynth("evaluate", "model", "data", *evaluation)
    for part in ("sheet.html", "sheet.png", "table.md"):  # which are written anew
        Path("evaluation", part).unlink()
    for lock in Path().rglob(".lock"):
        lock.unlink()
    with tarfile.open("runs.tar.xz", "w:xz", preset=9) as archive:
        archive.add("runs")
    shutil.rmtree("runs")
    text = json.dumps({"environment": environment(), "ends": ends, "changes": changes}, indent=1)
    Path("expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
