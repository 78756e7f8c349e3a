import inspect
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from semsynth.cli import main
from semsynth.cli.train import read_settings
from semsynth.errors import SemsynthError
from semsynth.losses.diffaugment import POLICIES
from semsynth.losses.gan import MODES
from semsynth.ops.init import SCHEMES
from semsynth.training.objective import METHODS, build_networks, build_objective
from semsynth.training.objectives.adversarial import Prior
from semsynth.training.recipe import load_recipe, recipe_from_dict

LANDSCAPE = Path(__file__).parents[2] / "recipes" / "landscape.toml"
STAGES = """
[[stages]]
images = 8
load_size = 72
crop_size = 64
batch_size = 4

[[stages]]
images = 6
load_size = 144
crop_size = 128
batch_size = 4
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_flags_override_the_file(tmp_path: Path):
    path = write(tmp_path, '[run]\nimages = 10\n[generator]\nwidth = 8\n[objective]\naugment = ["color"]')
    settings = read_settings(["--run.images", "20", "--generator.stem=style", "--data.root", "some folder"])
    recipe = load_recipe(path, settings)
    assert recipe.run.images == 20
    assert recipe.generator == {"width": 8, "stem": "style"}
    assert recipe.data.root == "some folder"
    assert recipe.objective["augment"] == ("color",)


def test_settings_survive_json(tmp_path: Path):
    path = write(
        tmp_path,
        "[style_encoder]\nwidth = 8\n[[stages]]\nimages = 4\nload_size = 36\ncrop_size = 32\nbatch_size = 2",
    )
    recipe = load_recipe(path)
    assert recipe_from_dict(json.loads(recipe.to_json())) == recipe
    assert recipe.total_images() == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[run]\nimags = 3", "no setting run.imags; did you mean images?"),
        ("[rn]\nimages = 3", "no setting rn; did you mean run?"),
        ("[run]\nimages = 'many'", "run.images is 'many'; it must be of type int"),
        ("[run]\nimages = true", "run.images is True"),
        ("[data]\nflip = 1", "data.flip is 1; it must be of type bool"),
        ("[[stages]]\nimages = 3", "lacks stages.batch_size, stages.crop_size, stages.load_size"),
        ("run = 3", "run is 3"),
        ("[run", "cannot be read as a TOML file"),
    ],
)
def test_unusable_recipes_are_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str):
    with pytest.raises(SemsynthError, match=sentence):
        load_recipe(write(tmp_path, text))


def test_unusable_flags_are_refused_in_a_sentence(tmp_path: Path):
    with pytest.raises(SemsynthError, match="does not exist"):
        load_recipe(tmp_path / "absent.toml")
    for arguments, sentence in ((["stray"], "no setting"), (["--run.images"], "needs a value")):
        with pytest.raises(SemsynthError, match=sentence):
            read_settings(arguments)


# ---- values no run can use


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("run.precision=fp16", "run.precision is 'fp16'; allowed are auto, float32, bfloat16"),
        ("init.scheme=xavir", "init.scheme is 'xavir'; allowed are xavier, xavier_uniform, "),
        ("init.spectral=on", "init.spectral is 'on'; allowed are default, scheme"),
        ("objective.gan=hing", "objective.gan is 'hing'; allowed are hinge, ls, original, w"),
        ('objective.augment=["color", "colour"]', "objective.augment is 'colour'; allowed are color, "),
        ("objective.prior=uniform", "objective.prior is 'uniform'; allowed are normal, photographs"),
        *(
            (f"{name}={value}", f"{name} is {value}; it must be at least 1")
            for name in (
                "run.images",
                "run.batch_size",
                "run.accumulate",
                "run.keep",
                "run.log_images",
                "run.sample_images",
                "run.checkpoint_images",
                "data.load_size",
                "data.crop_size",
            )
            for value in (0, -4)
        ),
        ("run.constant_images=-1", "run.constant_images is -1; it must be at least 0"),
        ("run.workers=-1", "run.workers is -1; it must be at least 0"),
        ("objective.prior_share=-0.5", "objective.prior_share is -0.5; it must be at least 0"),
        ("optimizer.lr_generator=nan", "optimizer.lr_generator is nan; it must be a finite number"),
        ("optimizer.lr_generator=inf", "optimizer.lr_generator is inf; it must be a finite number"),
    ],
)
def test_values_no_run_can_use_are_refused_with_what_is_allowed(tmp_path: Path, setting: str, sentence: str):
    with pytest.raises(SemsynthError) as refused:
        load_recipe(write(tmp_path, ""), [setting])
    assert sentence in str(refused.value)
    assert str(tmp_path / "recipe.toml") in str(refused.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("objective.gan", MODES),
        ("objective.augment", POLICIES),
        ("objective.prior", get_args(Prior)),
        ("init.scheme", SCHEMES),
    ],
)
def test_a_recipe_may_say_every_word_that_training_knows(name: str, words: tuple[str, ...]):
    section, key = name.split(".")
    for word in words:
        recipe_from_dict({section: {key: [word] if key == "augment" else word}})
    with pytest.raises(SemsynthError, match=f"allowed are {', '.join(words)}\\.$"):
        recipe_from_dict({section: {key: ["?"] if key == "augment" else "?"}})


def test_the_command_refuses_with_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = write(tmp_path, STAGES)
    for flags, sentence in (
        (["--run.precision", "fp16"], "run.precision is 'fp16'"),
        (["--run.images", "20000"], "run.images is 20000, but the recipe has stages"),
    ):
        assert main(["train", str(path), *flags, "--print"]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("method", "setting", "sentence"),
    [
        (
            "oasis",
            "kl",
            "there is no setting objective.kl of the method oasis; known are perceptual_network, ",
        ),
        ("crn", "feature_matching", "of the method crn; known are perceptual_network, vgg_file."),
        ("spade", "perceptul", "did you mean perceptual? Known are perceptual_network, "),
        ("spade", "texture", "there is no setting objective.texture of the method spade; "),
    ],
)
def test_a_setting_that_the_method_does_not_use_is_refused(method: str, setting: str, sentence: str):
    with pytest.raises(SemsynthError) as refused:
        recipe_from_dict({"method": method, "objective": {setting: 1.0}})
    assert sentence in str(refused.value)


@pytest.mark.parametrize("method", METHODS)
def test_a_recipe_records_all_settings_of_its_objective(method: str):
    recipe = recipe_from_dict({"method": method})
    signature = inspect.signature(METHODS[method].objective)
    assert recipe.objective == {name: p.default for name, p in signature.parameters.items()}
    recipe_from_dict(json.loads(recipe.to_json()))
    build_objective(replace(recipe, objective={"perceptual_network": "efficientnet-lite0"}))


@pytest.mark.parametrize(("batch_size", "share"), [(1, 0.3), (3, 0.3), (1, 0.99)])
def test_a_share_of_less_than_one_picture_is_refused(batch_size: int, share: float):
    single = {"run": {"batch_size": batch_size}}
    stage = {"images": 12, "load_size": 72, "crop_size": 64, "batch_size": batch_size}
    for table in (single, {"stages": [stage | {"batch_size": 12}, stage]}):
        recipe_from_dict(table | {"objective": {"prior_share": 0.0}})
        recipe_from_dict(table | {"objective": {"prior_share": 1.0}})
        with pytest.raises(SemsynthError, match=rf"prior_share is {share}, .* a batch of {batch_size};"):
            recipe_from_dict(table | {"objective": {"prior_share": share}})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\xef\xbb\xbf[run]\nimages = 0", "run.images is 0"),
        ("[run]\nimages = 0".encode("utf-16"), "UTF-16"),
        (b"x = " + b"[" * 5_000, "nested too deeply"),
        (b"[data]\noptions = " + b"[" * 40 + b"]" * 40, "more than 8 tables deep"),
        (b'[data]\nroot = "C:\\temp\\new"', "single quotes"),
        (b'[data]\nroot = "C:\\Users"', "single quotes"),
        (b"[data]\nroot = 'C:\\temp\\new'\n[run]\nimages = 0", "run.images is 0"),
        (b'[run]\nstart_from = "a\\u0000b"', "control character"),
        (b"[data]\ncrop_size = 65536", "data.crop_size is 65536; it must be at most 8192"),
        (b"[run]\nseed = -1", "run.seed is -1; it must be at least 0"),
        (b"[run]\nimages = 99999999999999999999", "must be at most 9"),
        (b"\xff", "cannot be read as a TOML file"),
    ],
    ids=str,
)
def test_what_other_programs_make_of_a_recipe_is_read_or_refused(tmp_path: Path, text: bytes, sentence: str):
    path = tmp_path / "recipe.toml"
    path.write_bytes(text)
    with pytest.raises(SemsynthError, match=sentence):
        load_recipe(path)


def test_paths_with_backslashes_are_taken_from_flags_as_they_are(tmp_path: Path):
    settings = read_settings(["--data.root", r"C:\temp\new", "--run.start_from=C:\\runs"])
    recipe = load_recipe(write(tmp_path, ""), settings)
    assert (recipe.data.root, recipe.run.start_from) == (r"C:\temp\new", r"C:\runs")
    for deep in ("[" * 5_000, "[" * 20 + "]" * 20):
        with pytest.raises(SemsynthError):
            load_recipe(write(tmp_path, ""), read_settings(["--stages", deep]))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe in place of the recipe")
def test_a_pipe_is_no_recipe(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(SemsynthError, match="a pipe"):
        load_recipe(tmp_path / "pipe.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [("width", 10**6), ("width", 10**30), ("width", -1), ("width", "a"), ("upsamplings", 99)],
)
def test_networks_that_cannot_be_are_refused_at_once(name: str, value: object):
    recipe = recipe_from_dict({"generator": {name: value}})
    with pytest.raises(SemsynthError, match="section generator"):
        build_networks(recipe, 4, False)


# ---- stages


@pytest.mark.parametrize(
    "setting", ["run.images=20000", "run.batch_size=1", "data.load_size=286", "data.crop_size=64"]
)
def test_settings_that_stages_leave_without_effect_are_refused(tmp_path: Path, setting: str):
    name, value = setting.split("=")
    section, key = name.split(".")
    path, variant, whole = write(tmp_path, STAGES), tmp_path / "variant.toml", tmp_path / "whole.toml"
    variant.write_text(f"[{section}]\n{key} = {value}\n")
    whole.write_text(variant.read_text() + STAGES)
    for file, settings, variants in ((path, [setting], []), (path, [], [variant]), (whole, [], [])):
        with pytest.raises(
            SemsynthError, match=rf"{name} is {value}, .* variant TOML file, .* --stages '\[\]'"
        ):
            load_recipe(file, settings, variants=variants)


def test_settings_that_say_what_every_stage_says_may_stand(tmp_path: Path):
    recipe = load_recipe(write(tmp_path, "[run]\nimages = 14\nbatch_size = 4\n" + STAGES))
    assert recipe.total_images() == recipe.run.images == 14


def test_stages_are_dropped_by_a_flag():
    settings = read_settings(["--stages", "[]", "--run.images", "20", "--run.batch_size=2"])
    recipe = load_recipe(LANDSCAPE, settings)
    assert recipe.schedule() == recipe_from_dict({"run": {"images": 20, "batch_size": 2}}).schedule()
    with pytest.raises(SemsynthError, match="stages is 'none'"):
        load_recipe(LANDSCAPE, ["stages=none"])


def test_a_variants_stages_take_the_place_of_what_was_said_before(tmp_path: Path):
    plain = write(tmp_path, "[data]\nload_size = 288\n[run]\nimages = 60\nbatch_size = 2\n")
    variant = tmp_path / "variant.toml"
    variant.write_text(STAGES)
    stages = load_recipe(variant).stages
    for base in (plain, LANDSCAPE):
        recipe = load_recipe(base, variants=[variant])
        assert recipe.schedule() == stages
        assert recipe_from_dict(json.loads(recipe.to_json())) == recipe
    variant.write_text("[run]\nimages = 60\n" + STAGES)
    with pytest.raises(SemsynthError, match=r"run\.images is 60"):
        load_recipe(plain, variants=[variant])


def test_a_stage_ends_where_the_next_one_begins():
    stage = {"images": 8, "load_size": 72, "crop_size": 64, "batch_size": 4}
    odd = stage | {"images": 6}
    for stages in ([odd], [stage, odd], [stage, stage]):
        assert len(recipe_from_dict({"stages": stages}).stages) == len(stages)
    for stages in ([odd, stage], [stage, odd, stage]):
        with pytest.raises(SemsynthError, match=r"images = 6 and batch_size = 4; .* multiple"):
            recipe_from_dict({"stages": stages})
    with pytest.raises(SemsynthError, match=r"stages\.batch_size is 0; it must be at least 1"):
        recipe_from_dict({"stages": [stage | {"batch_size": 0}]})
