import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.hub import load_model
from semsynth.pipeline import Synthesizer
from semsynth.training.log import read_log
from semsynth.training.loop import train
from semsynth.training.state import load_newest
from tests.training.tiny import paint, tiny_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("data") / "set")


def newest(folder: Path) -> dict:
    state = load_newest(folder / "checkpoints", warn=pytest.fail)
    assert state is not None
    return state


def flatten(value, name: str = "") -> dict[str, torch.Tensor]:
    """Every tensor and number of a nested state, by its path."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return {name: torch.as_tensor(value)} if isinstance(value, int | float | torch.Tensor) else {}
    return {k: v for key, part in items for k, v in flatten(part, f"{name}/{key}").items()}


def assert_same(one: dict, other: dict) -> None:
    ours, theirs = flatten(one), flatten(other)
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert not different


class Stop(Exception):
    """Stands for whatever ends a process between two steps."""


def stop_at(count: int):
    def report(seen: int, *_: object) -> None:
        if seen >= count:
            raise Stop

    return report


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    train(tiny_recipe(data), folder, device="cpu")
    return folder


@pytest.mark.parametrize("at", [4, 28])
def test_a_resumed_run_is_the_run_that_never_stopped(data: Path, whole: Path, tmp_path: Path, at: int):
    with pytest.raises(Stop):
        train(tiny_recipe(data), tmp_path, device="cpu", report=stop_at(at))
    train(tiny_recipe(data), tmp_path, device="cpu")
    assert_same(newest(whole), newest(tmp_path))
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (
        whole / "model" / "model.safetensors"
    ).read_bytes()
    assert [line["images"] for line in read_log(tmp_path / "log.jsonl")] == list(range(4, 49, 4))


def test_a_run_leaves_everything_it_promises(whole: Path):
    assert json.loads((whole / "config.json").read_text())["run"]["images"] == 48
    assert "torch" in (whole / "environment.txt").read_text()
    assert [path.name for path in sorted((whole / "samples").iterdir())] == [
        "0000000024.png",
        "0000000048.png",
    ]
    assert len(list((whole / "checkpoints").iterdir())) == 2
    line = read_log(whole / "log.jsonl")[-1]
    assert {
        "generator/gan",
        "generator/feature_matching",
        "generator/kl",
        "discriminator/real",
    } <= line.keys()
    rows, columns = 6, 8  # labels, photographs, own styles, three styles of the prior; eight pictures
    assert Image.open(whole / "samples" / "0000000048.png").size == (columns * 32, rows * 32)


def test_the_model_folder_draws_the_averaged_network(whole: Path):
    state = newest(whole)["averaged"]["generator"]
    model = load_model(whole / "model")
    assert all(torch.equal(value, state[name]) for name, value in model.generator.state_dict().items())
    images = Synthesizer.from_pretrained(whole / "model")(np.zeros((32, 32), np.int64), seed=1).images
    assert images.shape == (1, 3, 32, 32)


def test_the_learning_rate_falls_to_zero(data: Path, tmp_path: Path):
    recipe = tiny_recipe(data, run__constant_images=24)
    train(recipe, tmp_path, device="cpu")
    (group,) = newest(tmp_path)["optimizers"]["generator"]["param_groups"]
    assert group["lr"] == pytest.approx(1e-4 * 4 / 24)  # the last step began four pictures before the end


def test_accumulated_parts_equal_the_whole_batch(data: Path, tmp_path: Path):
    losses = []
    for parts in (1, 2):
        recipe = tiny_recipe(
            data,
            run__accumulate=parts,
            run__images=4,
            objective__augment=[],
            objective__prior_share=0.0,
            generator__norm="instance",  # batch norm sees the parts, and spectral norm iterates in each
            generator__spectral=False,
            style_encoder__spectral=False,
            discriminator__spectral=False,
            run__checkpoint_images=4,
        )
        train(recipe, tmp_path / str(parts), device="cpu")
        losses.append(read_log(tmp_path / str(parts) / "log.jsonl")[0])
    for name in ("generator/gan", "generator/feature_matching", "generator/kl", "discriminator/fake"):
        assert losses[0][name] == pytest.approx(losses[1][name], rel=1e-5, abs=1e-6)


def test_recomputing_blocks_changes_nothing(data: Path, whole: Path, tmp_path: Path):
    train(tiny_recipe(data, run__recompute=True), tmp_path, device="cpu")
    assert_same(newest(whole), newest(tmp_path))


def test_stages_carry_the_weights_on(data: Path, tmp_path: Path):
    stages = [
        {"images": 8, "load_size": 36, "crop_size": 32, "batch_size": 4},
        {"images": 4, "load_size": 64, "crop_size": 64, "batch_size": 2},
    ]
    with pytest.raises(Stop):
        train(tiny_recipe(data, stages=stages), tmp_path / "stopped", device="cpu", report=stop_at(10))
    for name in ("stopped", "through"):
        train(tiny_recipe(data, stages=stages), tmp_path / name, device="cpu")
    assert_same(newest(tmp_path / "stopped"), newest(tmp_path / "through"))
    assert Image.open(tmp_path / "through" / "samples" / "0000000012.png").size == (8 * 64, 6 * 64)
    assert load_model(tmp_path / "through" / "model").image_size == (64, 64)


def test_a_run_may_start_from_another(data: Path, whole: Path, tmp_path: Path):
    for source in (whole, whole / "model"):
        said: list[str] = []
        recipe = tiny_recipe(data, run__start_from=str(source), run__images=4, optimizer__lr_generator=0.0)
        folder = tmp_path / source.name
        train(recipe, folder, device="cpu", say=said.append)
        assert "generator, " in said[0]
        ours = newest(folder)["networks"]["generator"]["to_image.weight"]
        assert torch.equal(ours, newest(whole)["averaged"]["generator"]["to_image.weight"])
    with pytest.raises(SemsynthError, match="does not fit the recipe"):
        train(tiny_recipe(data, run__start_from=str(whole), generator__width=3), tmp_path / "other")


def test_a_loss_that_is_no_number_stops_the_run(data: Path, tmp_path: Path):
    train(tiny_recipe(data, run__images=8), tmp_path, device="cpu")
    with pytest.raises(SemsynthError, match=r"not a finite number after .* pictures .* intact"):
        train(tiny_recipe(data, optimizer__lr_generator=1e30), tmp_path, device="cpu")
    assert newest(tmp_path)["images_seen"] == 8


def test_an_interrupt_saves_and_returns(data: Path, tmp_path: Path):
    said: list[str] = []

    def press(seen: int, *_: object) -> None:
        if seen == 4:
            os.kill(os.getpid(), signal.SIGINT)

    train(tiny_recipe(data), tmp_path, device="cpu", report=press, say=said.append)
    assert said[-1].startswith("interrupted at 8 pictures")
    assert newest(tmp_path)["images_seen"] == 8


def test_unusable_settings_are_refused(data: Path, tmp_path: Path):
    with pytest.raises(SemsynthError, match=r"generator\.widht; did you mean width"):
        train(tiny_recipe(data, generator__widht=3), tmp_path)
    with pytest.raises(SemsynthError, match="no method 'cubism'"):
        train(tiny_recipe(data, method="cubism"), tmp_path)
    with pytest.raises(SemsynthError, match="does not divide"):
        train(tiny_recipe(data, run__accumulate=3), tmp_path)
    assert not (tmp_path / "checkpoints").exists()


# One step, since Adam turns rounding into steps of full size where a gradient is nearly nothing; and the fake
# of the generator's step, since the next one is drawn by the stepped generator.
PROGRAM = """
    import sys
    from pathlib import Path
    import torch
    from semsynth.training.loop import train
    from tests.training.tiny import tiny_recipe
    torch.set_num_threads(1)
    recipe = tiny_recipe(
        Path(sys.argv[1]),
        data__load_size=72,
        data__crop_size=64,
        generator__stem="style",
        generator__style_modulation=False,
        generator__latent_size=[2, 2],
        objective__augment=[],
        objective__prior_share=0.0,
        objective__reuse_fake=True,
        run__images=4,
    )
    train(recipe, Path(sys.argv[2]), device="cpu")
"""


@pytest.mark.slow
def test_two_processes_equal_one(data: Path, tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}  # noqa: PTH109
    for count in (1, 2):
        command = [*launcher, str(count), str(program), str(data), str(tmp_path / str(count))]
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=180)
    one, two = (read_log(tmp_path / str(count) / "log.jsonl")[0] for count in (1, 2))
    for name in one:
        if "/" in name:
            assert two[name] == pytest.approx(one[name], rel=1e-4), name
    one, two = (newest(tmp_path / str(count)) for count in (1, 2))
    for name, value in one["networks"]["generator"].items():
        if "running" in name:
            torch.testing.assert_close(two["networks"]["generator"][name], value, rtol=1e-5, atol=1e-5)
    squares = (state["optimizers"]["discriminator"]["state"] for state in (one, two))
    for mine, theirs in zip(*(moments.values() for moments in squares)):
        torch.testing.assert_close(mine["exp_avg_sq"], theirs["exp_avg_sq"], rtol=1e-3, atol=1e-8)
