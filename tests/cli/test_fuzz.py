"""Every verb with generated arguments: pictures or a sentence, never a traceback, never a hang.

The parsers are asked what they take, so a new verb or option is tried without a line here. FUZZ_EXAMPLES sets
how many command lines are tried a verb.
"""

import argparse
import contextlib
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semsynth.cli import VERBS, build_parser, main
from semsynth.evaluation.features import CROPNET
from tests.cli.world import DAMAGED_MODELS, World

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
SECONDS = 60

NUMBERS = (
    "0",
    "1",
    "2",
    "-1",
    "7",
    "1.5",
    "1e300",
    "1000000000000",
    "9" * 20,
    "9" * 5000,
    "-0",
    "nan",
    "inf",
    "x",
    "",
    "３",
    "²",
)
SIZES = (
    "16x16",
    "0x0",
    "8x0",
    "9x65536",
    "100000x100000",
    "x",
    "3",
    "²x²",
    "３x３",
    "-1x5",
    "16x16x16",
    f"{'9' * 5000}x8",
)
DEVICES = ("cpu", "auto", "cuda:9", "cuda:-1", "mps", "meta", "xpu", "x", "")
PATHS = (
    "map.png", "maps", "photo.jpg", "model", "data", "damaged.png", "damaged", "text.png", "empty.png",
    "pipe", "pipe.png", "pipe.toml", "pipe.json", "nowhere", "nowhere/deep", ".", "..", "/", "empty",
    "zeros", "zeros.png", "broken-link", "circle", "circle/x", "map.png/x", "-", "~", "a\x7fb.png",
    "caf\udce9.png", "wide.png", "labels.json", "deep.json", "list.json", "recipe.toml", "deep.toml",
    "binary.txt", "report", "odd.pth", "other.pth", "odd.safetensors", "archive.npz", "folder.png",
    "folder.toml", "folder.json", "pretrained:", "pretrained:../x",
)  # fmt: skip
NAMES = (
    "landscape", "siftflow", "park", "noon", "none", "spade-siftflow", "x", "../x", "\x1b]0;title\x07",
    "ä" * 300, "", "caf\udce9", "a\nb",
)  # fmt: skip
OUTPUTS = (
    "out", "out/deep", "map.png", "maps", "model", "data", "nowhere/deep/er", "pipe", "pipe.png", "",
    ".", "out/..", "/dev/null/x", "map.png/x", "broken-link", "circle", "circle/x.png",
    "folder.png", "ä" * 300, "ä" * 120 + ".png", "folder.png/..", ".png",
    "out/.onnx", "caf\udcff.png",
)  # fmt: skip
POOLS = {"size": SIZES, "device": DEVICES} | dict.fromkeys(
    ("output", "sheet", "write_labels", "save_reference"), OUTPUTS
)
MODELS = {"model", "models"}
TEXTS = {"style", "name", "split", "val_split", "classes", "ids", "host"}
FITTING = {
    "masks": ["map.png", "maps"], "maps": ["map.png", "maps/a.png"], "model": ["model"],
    "models": ["model"], "data": ["data"], "root": ["data"], "photo": ["photo.jpg"],
    "labels": ["labels.json", "names.txt", "classes.csv"], "style": ["noon", "photo.jpg"],
    "output": ["out", "out/new"], "recipes": ["recipe.toml", "variant.toml"], "reports": ["report"],
    "size": ["16x24"], "device": ["cpu"], "before": ["map.png"], "split": ["train"],
    "val_split": ["train"], "generator": ["G.pth"], "evaluator": ["segmenter"], "segmenter": ["segmenter"],
    "start": ["segmenter"], "protocol": ["protocol.toml"], "styles": ["styles.toml"],
    "photos": ["photos"], "thumbnail": ["map.png"], "prior": ["photos"], "card": ["card.md"],
    "instances": ["maps"], "num": ["1", "2"], "seed": ["3"], "tile": ["32"], "feather": ["4"],
    "spread": ["0.5"], "limit": ["2"], "count": ["2"], "aspect_ratio": ["2"],
    "write_labels": ["out.json"], "sheet": ["out.png"], "classes": ["sky", "tree"], "name": ["mine"],
    "family": ["spade"], "format": ["folder"], "upsamplings": ["5"], "photographs": ["data"],
    "features": [str(CROPNET)],
}  # fmt: skip
FITTING_THERE = {
    "edit": {"labels": ["changed.png"], "output": ["out.png"]},
    "data preview": {"output": ["out.png"]},
    "data outdoor-list": {"root": ["."], "output": ["out.txt"]},
    "data instances": {"root": ["."]},
    "model export": {"output": ["out.onnx", "out.pt2"]},
    "segmenter train": {"size": ["64"], "encoder": ["scratch"], "recipe": ["segmenter.toml"]},
    "model import": {"labels": ["labels.json"]},
}
"""What is right for most verbs, and what is for one."""
BOUNDS = {
    "segmenter train": ["--pictures", "2", "--size", "64", "--batch-size", "2", "--width", "8"],
    "train": ["--device", "cpu", "--run.images", "4", "--run.batch_size", "2", "--run.workers", "1"],
    "evaluate": ["--limit", "2"],
    "features train": ["--images", "4", "--batch-size", "2", "--held-out", "2"],
    "data preview": ["--count", "2"],
    "demo": ["--across", "1"],
}
"""What keeps a command line that happens to be right short."""
SLOW = {"model export", "explain normalization"}
"""Verbs of which no command line is right in everything: each would take half a minute."""
SETTINGS = [
    "data.root",
    "data.crop_size",
    "data.split",
    "data.options.palette",
    "generator.width",
    "generator.stem",
    "generator.style_dim",
    "discriminator.layers",
    "run.precision",
    "run.seed",
    "run.keep",
    "run.start_from",
    "optimizer.lr_generator",
    "objective.kl",
    "run.nonsense",
    "nonsense",
]


def leaves(parser: argparse.ArgumentParser, words: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The parsers below a parser that have no further verbs, with the words that lead to them."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield words, parser
    for action in below:
        for name, child in action.choices.items():
            yield from leaves(child, f"{words} {name}")


def parsers() -> dict[str, argparse.ArgumentParser]:
    found = {}
    for verb in VERBS:
        top = next(a for a in build_parser(verb)._actions if isinstance(a, argparse._SubParsersAction))
        found.update(leaves(top.choices[verb], verb))
    del found["app"]  # serves until it is interrupted; see tests/app
    return found


PARSERS = parsers()


def fitting(verb: str, action: argparse.Action) -> st.SearchStrategy[str]:
    """Values that are right where everything else is."""
    there = FITTING | FITTING_THERE.get(verb, {})
    if action.dest in there:
        return st.sampled_from(there[action.dest])
    return st.sampled_from([*map(str, action.choices)]) if action.choices else st.sampled_from(["1", "2"])


def odd(action: argparse.Action) -> st.SearchStrategy[str]:
    """Values that are nearly right, and nonsense."""
    if action.choices:
        return st.sampled_from([*map(str, action.choices), "x", ""])
    if action.dest in POOLS:
        return st.sampled_from(POOLS[action.dest])
    if action.dest in MODELS:
        return st.sampled_from([*DAMAGED_MODELS, *PATHS, *NAMES[1:]])  # the bundled model takes its time
    if action.dest in TEXTS:
        return st.sampled_from([*NAMES, *PATHS, *NUMBERS])
    if action.type is None or action.type is Path:
        return st.sampled_from([*PATHS, *PATHS, *NAMES])
    return st.sampled_from(NUMBERS)


@st.composite
def command_lines(draw: st.DrawFn, verb: str) -> list[str]:
    """What is needed and some of what is not, with two faults at most: the first one found hides others."""
    actions = [a for a in PARSERS[verb]._actions if a.dest != "help"]
    needed = [a for a in actions if not a.option_strings or a.required or a.dest == "output"]
    chosen = [a for a in actions if a in needed or draw(st.integers(0, 2)) == 0]
    faults = [a.dest for a in chosen if a.nargs != 0]
    least = int(verb in SLOW)
    faulty = draw(st.sets(st.sampled_from(faults), min_size=least, max_size=2)) if faults else set()
    arguments = []
    for action in chosen:
        value = odd(action) if action.dest in faulty else fitting(verb, action)
        if action.option_strings:
            arguments.append(draw(st.sampled_from(action.option_strings)))
        if action.nargs in ("+", "*"):
            arguments += draw(st.lists(value, min_size=1, max_size=3))
        elif action.nargs != 0:
            arguments.append(draw(value))
    if verb == "train":
        for name in draw(st.lists(st.sampled_from(SETTINGS), max_size=2)):
            arguments += [f"--{name}", draw(st.sampled_from([*NUMBERS, *PATHS, *NAMES]))]
    return [*verb.split(), *arguments, *BOUNDS.get(verb, [])]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


class TooLate(BaseException):
    """No Exception: what turns whatever a library raises into a sentence must not turn this into one."""


@contextlib.contextmanager
def time_limit(command: list[str]) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TooLate(f"still running after {SECONDS} seconds: {command}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("verb", PARSERS)
def test_no_command_line_ends_in_a_traceback(
    verb: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.root)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(command_lines(verb))
    def attempt(command: list[str]) -> None:
        world.restore()
        out, err = io.StringIO(), io.StringIO()
        with time_limit(command), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(command)
            except SystemExit as left:  # argparse
                code = left.code
        assert code in (0, 2), (command, code)
        assert "Traceback" not in err.getvalue(), command
        if code == 2:
            assert err.getvalue().strip(), f"refused without a word: {command}"

    attempt()
