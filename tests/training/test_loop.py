import dataclasses
import json
import os
import shutil
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
from semsynth.training.checkpoints import load_newest
from semsynth.training.log import plot_curves, read_log
from semsynth.training.loop import train
from semsynth.training.resume import check_feature_network
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


def test_curves(whole: Path, tmp_path: Path):
    assert (whole / "curves.png").is_file()
    assert plot_curves(whole / "log.jsonl", tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").width == 12 * 90


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
    changes = {"stages": stages, "objective__prior_share": 0.5}
    with pytest.raises(Stop):
        train(tiny_recipe(data, **changes), tmp_path / "stopped", device="cpu", report=stop_at(10))
    for name in ("stopped", "through"):
        train(tiny_recipe(data, **changes), tmp_path / name, device="cpu")
    assert_same(newest(tmp_path / "stopped"), newest(tmp_path / "through"))
    assert Image.open(tmp_path / "through" / "samples" / "0000000012.png").size == (8 * 64, 6 * 64)
    assert load_model(tmp_path / "through" / "model").image_size == (64, 64)


def test_a_run_may_start_from_another(data: Path, whole: Path, tmp_path: Path):
    for source in (whole, whole / "model"):
        messages: list[str] = []
        recipe = tiny_recipe(data, run__start_from=str(source), run__images=4, optimizer__lr_generator=0.0)
        folder = tmp_path / source.name
        train(recipe, folder, device="cpu", log=messages.append)
        assert "generator, " in messages[0]
        ours = newest(folder)["networks"]["generator"]["to_image.weight"]
        assert torch.equal(ours, newest(whole)["averaged"]["generator"]["to_image.weight"])
    with pytest.raises(SemsynthError, match="does not fit the recipe"):
        train(tiny_recipe(data, run__start_from=str(whole), generator__width=3), tmp_path / "other")


def test_a_loss_that_is_no_number_stops_the_run(data: Path, tmp_path: Path):
    train(tiny_recipe(data, run__images=8), tmp_path, device="cpu")
    with pytest.raises(SemsynthError, match=r"not a finite number after .* pictures .* intact"):
        train(tiny_recipe(data, optimizer__lr_generator=1e30), tmp_path, device="cpu")
    assert newest(tmp_path)["images_seen"] == 8


def test_a_loss_that_is_no_number_is_found_before_a_checkpoint(data: Path, tmp_path: Path):
    """The loss is looked at where something is due, here at a checkpoint, and the step is named."""
    seen: list[int] = []
    changes = {"run__log_images": 48, "run__sample_images": 48, "run__checkpoint_images": 16}
    recipe = tiny_recipe(data, optimizer__lr_generator=1e30, **changes)
    with pytest.raises(SemsynthError, match=r"not a finite number after \d+ pictures \(.*generator/gan"):
        train(recipe, tmp_path, device="cpu", report=lambda images, *_: seen.append(images))
    assert seen == [4, 8, 12]
    assert not (tmp_path / "checkpoints").exists()


def test_changed_settings_are_said_and_the_old_ones_kept(data: Path, tmp_path: Path):
    with pytest.raises(Stop):
        train(tiny_recipe(data), tmp_path, device="cpu", report=stop_at(8))
    messages: list[str] = []
    changes = {"objective__kl": 0.5, "run__images": 16, "optimizer__lr_generator": 0.0, "run__ema_images": 0}
    train(tiny_recipe(data, **changes), tmp_path, device="cpu", log=messages.append)
    assert (
        "settings changed: objective.kl is 0.5, was 0.05; optimizer.lr_generator is 0.0, was 0.0001; "
        "run.ema_images is 0, was 20; run.images is 16, was 48"
    ) in messages
    kept = json.loads((tmp_path / "config-until-0000000008.json").read_text())
    assert kept["objective"]["kl"] == 0.05
    assert json.loads((tmp_path / "config.json").read_text())["objective"]["kl"] == 0.5
    # An average begins where the run stands.
    train(tiny_recipe(data, **changes | {"run__images": 20, "run__ema_images": 20}), tmp_path, device="cpu")
    state = newest(tmp_path)
    ours, theirs = (state[part]["generator"]["to_image.bias"] for part in ("averaged", "networks"))
    torch.testing.assert_close(ours, theirs)  # the learning rate was nothing


def test_a_finished_run_is_not_passed_off_as_another(data: Path, whole: Path, tmp_path: Path):
    before = (whole / "config.json").read_bytes()
    with pytest.raises(
        SemsynthError, match=r"finished run of 48 pictures with other settings: objective.gan"
    ):
        train(tiny_recipe(data, objective__gan="ls"), whole, device="cpu")
    with pytest.raises(SemsynthError, match=r"generator in .* does not fit the recipe"):
        train(tiny_recipe(data, generator__width=3), whole, device="cpu")
    without = tiny_recipe(data, run__images=4)
    train(dataclasses.replace(without, style_encoder=None), tmp_path, device="cpu")
    with pytest.raises(SemsynthError, match=r"has a style encoder, the run in .* had none"):
        train(without, tmp_path, device="cpu")
    assert (whole / "config.json").read_bytes() == before
    assert train(tiny_recipe(data, run__log_images=8), whole, device="cpu") == whole / "model"


def test_what_weights_were_trained_against_is_inherited(data: Path, tmp_path: Path):
    folder = tmp_path / "source"
    train(tiny_recipe(data, run__images=4), folder, device="cpu")
    config = folder / "model" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"loss_networks": ["vgg19"]}))
    recipe = tiny_recipe(data, run__start_from=str(folder), run__images=4)
    for _ in range(2):  # begun, and gone on with
        train(recipe, tmp_path / "next", device="cpu")
        assert load_model(tmp_path / "next" / "model").loss_networks == ("vgg19",)
        recipe = tiny_recipe(data, run__start_from=str(folder), run__images=8)


def test_losses_keep_their_feature_network():
    check_feature_network([], ["vgg19"])
    check_feature_network(["vgg19"], ["vgg19"])
    with pytest.raises(SemsynthError, match="perceptual_network vgg19"):
        check_feature_network(["vgg19"], ["efficientnet-lite0"])


def test_an_interrupt_saves_and_returns(data: Path, tmp_path: Path):
    messages: list[str] = []

    def press(seen: int, *_: object) -> None:
        if seen == 4:
            os.kill(os.getpid(), signal.SIGINT)

    train(tiny_recipe(data), tmp_path, device="cpu", report=press, log=messages.append)
    assert messages[-1].startswith("Interrupted at 8 pictures")
    assert newest(tmp_path)["images_seen"] == 8


def test_unusable_settings_are_refused(data: Path, tmp_path: Path):
    with pytest.raises(SemsynthError, match=r"generator\.widht; did you mean width"):
        train(tiny_recipe(data, generator__widht=3), tmp_path)
    with pytest.raises(SemsynthError, match="no method 'cubism'"):
        train(tiny_recipe(data, method="cubism"), tmp_path)
    with pytest.raises(SemsynthError, match="does not divide"):
        train(tiny_recipe(data, run__accumulate=3), tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def unlike(root: Path) -> Path:
    """The painted shapes with every second picture cut to a portrait and the last one to a strip."""
    paint(root, size=64)
    for part in ("images", "labels"):
        for number in (1, 3, 5, 7):
            path = root / part / f"{number:03}.png"
            width = 16 if number == 7 else 32
            Image.fromarray(np.asarray(Image.open(path))[:, :width]).save(path)
    return root


@pytest.mark.parametrize("mode", ["none", "scale_width", "scale_shortside"])
@pytest.mark.parametrize("cache", [True, False])
def test_pictures_of_unlike_shape_train_one_by_one(tmp_path: Path, mode: str, cache: bool):
    recipe = tiny_recipe(
        unlike(tmp_path / "data"),
        data__preprocess=mode,
        data__load_size=64,
        data__cache=cache,
        run__batch_size=1,
        run__images=8,
        run__sample_images=8,
        objective__prior_share=0.0,
    )
    train(recipe, tmp_path / "run", device="cpu")
    grid = Image.open(tmp_path / "run" / "samples" / "0000000008.png")
    assert grid.size == (4 * 64, 6 * 64)  # the four of the first one's size


@pytest.mark.parametrize("cache", [True, False])
def test_void_without_a_channel_takes_the_nearest_class(tmp_path: Path, cache: bool):
    root = paint(tmp_path / "data")
    labels = json.loads((root / "labels.json").read_text()) | {"void_id": 255}
    (root / "labels.json").write_text(json.dumps(labels))
    for path in (root / "labels").iterdir():
        ids = np.array(Image.open(path))
        ids[10:20, 10:30] = 255
        Image.fromarray(ids).save(path)
    train(tiny_recipe(root, run__images=8, data__cache=cache), tmp_path / "run", device="cpu")
    assert load_model(tmp_path / "run" / "model").generator.num_classes == 4


# One step, since Adam turns rounding into steps of full size where a gradient is nearly nothing; and the fake
# of the generator's step, since the next one is drawn by the stepped generator.
EQUAL = {
    "data__load_size": 72,
    "data__crop_size": 64,
    "generator__stem": "style",
    "generator__style_modulation": False,
    "generator__latent_size": [2, 2],
    "objective__augment": [],
    "objective__prior_share": 0.0,
    "objective__reuse_fake": True,
    "run__images": 4,
}
PROGRAM = """
    import json, sys
    from pathlib import Path
    import torch
    from semsynth.training import loop
    from tests.training.tiny import tiny_recipe
    torch.set_num_threads(1)
    loop.plot_curves = lambda log, path: path.write_bytes(b"curves")
    loop.train(tiny_recipe(Path(sys.argv[1]), **json.loads(sys.argv[3])), Path(sys.argv[2]), device="cpu")
"""

# Two processes as two machines have them: each with a folder of its own, or one interrupted before the other.
UNLIKE = """
    import os
    import signal
    import sys
    from pathlib import Path
    import torch
    from semsynth.training.loop import train
    from tests.training.tiny import tiny_recipe
    torch.set_num_threads(1)
    data, folder, case = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    rank = int(os.environ["RANK"])

    def press(seen, *_):
        if seen == 8 and rank == 1:
            os.kill(os.getpid(), signal.SIGINT)

    if case == "folders":
        folder = folder / str(rank)
    changes = {"data__crop_size": 64, "data__load_size": 64, "objective__augment": []}
    report = press if case == "interrupt" else lambda *_: None
    train(tiny_recipe(data, **changes), folder, device="cpu", report=report)
"""


TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node")


def launch(
    program: str,
    folder: Path,
    *arguments: str,
    by: tuple[str, ...] = ("tests.training.ranks",),
    fails: bool = False,
) -> str:
    """Run a program in two processes; what they wrote to standard error."""
    file = folder / "program.py"
    file.write_text(textwrap.dedent(program))
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *by, "2", str(file), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert bool(done.returncode) == fails, done.stderr
    return done.stderr


@pytest.mark.slow
def test_two_processes_equal_one(data: Path, tmp_path: Path):
    train(tiny_recipe(data, **EQUAL), tmp_path / "1", device="cpu")
    launch(PROGRAM, tmp_path, str(data), str(tmp_path / "2"), json.dumps(EQUAL), by=TORCHRUN)
    one, two = (read_log(tmp_path / str(count) / "log.jsonl")[0] for count in (1, 2))
    for name in one:
        if "/" in name:
            assert two[name] == pytest.approx(one[name], rel=1e-4), name
    one, two = (newest(tmp_path / str(count)) for count in (1, 2))
    for name, value in one["networks"]["generator"].items():
        if "running" in name:
            torch.testing.assert_close(two["networks"]["generator"][name], value, rtol=1e-5, atol=1e-5)
    squares = (state["optimizers"]["discriminator"]["state"] for state in (one, two))
    for mine, theirs in zip(*(moments.values() for moments in squares), strict=True):
        torch.testing.assert_close(mine["exp_avg_sq"], theirs["exp_avg_sq"], rtol=1e-3, atol=1e-8)


@pytest.mark.slow
def test_processes_begin_alike_and_stop_together(data: Path, tmp_path: Path):
    shared = tmp_path / "shared"
    launch(UNLIKE, tmp_path, str(data), str(shared), "interrupt")
    assert newest(shared)["images_seen"] == 12  # the step after the signal, in both
    # Each machine with its own disk: only the first process wrote anything.
    apart = tmp_path / "apart"
    shutil.copytree(shared, apart / "0")
    messages = launch(UNLIKE, tmp_path, str(data), str(apart), "folders", fails=True)
    assert "The processes begin with different weights (after 12, 0 pictures)" in messages
