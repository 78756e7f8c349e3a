"""Every verb with generated arguments: pictures or a sentence, never a traceback, never a hang.

The parsers are asked what they take, so a new verb or option is tried without a line here. FUZZ_EXAMPLES sets
how many command lines are tried a verb.
"""

import argparse
import contextlib
import io
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from semsynth.cli import VERBS, build_parser, main
from tests.small import SPACE, small_folder
from tests.training.tiny import paint

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
SECONDS = 60

NUMBERS = ("0", "1", "2", "-1", "7", "1.5", "1e300", "1000000000000", "nan", "inf", "x", "", "３", "²")
SIZES = ("16x16", "16x24", "0x0", "8x0", "9x65536", "100000x100000", "x", "3", "²x²", "-1x5", "16x16x16")
DEVICES = ("cpu", "auto", "cuda:9", "mps", "meta", "x", "")
PATHS = (
    "map.png",
    "maps",
    "photo.jpg",
    "model",
    "data",
    "damaged.png",
    "damaged",
    "text.png",
    "empty.png",
    "pipe",
    "nowhere",
    "nowhere/deep",
    ".",
    "zeros",
    "broken-link",
    "-",
    "~",
    "a\x7fb.png",
    "caf\udce9.png",
    "wide.png",
    "labels.json",
    "deep.json",
    "list.json",
    "recipe.toml",
    "deep.toml",
    "report",
    "odd.pth",
    "archive.npz",
)
NAMES = (
    "landscape",
    "siftflow",
    "park",
    "noon",
    "none",
    "spade-siftflow",
    "x",
    "../x",
    "\x1b]0;title\x07",
    "ä" * 300,
    "",
)
OUTPUTS = (
    "out",
    "out/deep",
    "map.png",
    "maps",
    "model",
    "nowhere/deep/er",
    "pipe",
    "",
    "/dev/null/x",
    "out.png",
)
POOLS = {"size": SIZES, "device": DEVICES} | dict.fromkeys(
    ("output", "sheet", "write_labels", "save_reference"), OUTPUTS
)
TEXTS = {"style", "name", "split", "val_split", "classes", "ids", "host"}
FITTING = {
    "masks": ["map.png", "maps"], "maps": ["map.png", "maps/a.png"], "model": ["model"], "models": ["model"],
    "data": ["data"], "root": ["data"], "photo": ["photo.jpg"], "labels": ["labels.json"], "style": ["noon"],
    "output": ["out/new"], "recipes": ["recipe.toml"], "reports": ["report"], "size": ["16x24"],
    "device": ["cpu"], "before": ["map.png"], "format": ["folder"], "split": ["train"],
    "generator": ["odd.pth"],
}  # fmt: skip
"""Half of the values are such, so that most command lines have one or two faults and get somewhere."""
BOUNDS = {
    "segmenter train": ["--pictures", "2", "--size", "32", "--batch-size", "2", "--width", "8"],
    "train": ["--device", "cpu", "--run.images", "4", "--run.batch_size", "2", "--run.workers", "1"],
    "evaluate": ["--limit", "2"],
    "data preview": ["--count", "2"],
    "demo": ["--across", "1"],
}
"""What keeps a command line that happens to be right short."""
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


def values(action: argparse.Action) -> st.SearchStrategy[str]:
    """Values for an option: fitting ones, nearly fitting ones, and nonsense."""
    odd = odd_values(action)
    return st.one_of(st.sampled_from(FITTING[action.dest]), odd) if action.dest in FITTING else odd


def odd_values(action: argparse.Action) -> st.SearchStrategy[str]:
    if action.choices:
        return st.sampled_from([*map(str, action.choices), "x", ""])
    if action.dest in POOLS:
        return st.sampled_from(POOLS[action.dest])
    if action.dest in TEXTS:
        return st.sampled_from([*NAMES, *PATHS, *NUMBERS])
    if action.type is None or action.type is Path:
        return st.sampled_from([*PATHS, *PATHS, *NAMES])
    return st.sampled_from(NUMBERS)


@st.composite
def command_lines(draw: st.DrawFn, verb: str) -> list[str]:
    arguments = []
    for action in PARSERS[verb]._actions:
        if action.dest == "help" or (
            action.option_strings and not draw(st.booleans()) and action.dest != "output"
        ):
            continue
        if action.option_strings:
            arguments.append(action.option_strings[0])
        if action.nargs in ("+", "*"):
            arguments += draw(st.lists(values(action), min_size=1, max_size=3))
        elif action.nargs != 0:
            arguments.append(draw(values(action)))
    if verb == "train":
        for name in draw(st.lists(st.sampled_from(SETTINGS), max_size=3)):
            arguments += [f"--{name}", draw(st.sampled_from([*NUMBERS, *PATHS, *NAMES]))]
    return [*verb.split(), *arguments, *BOUNDS.get(verb, [])]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with something of every kind, good and bad."""
    root = tmp_path_factory.mktemp("world")
    small_folder(root / "model")
    paint(root / "data", count=3)
    SPACE.save(root / "labels.json")
    ids = np.arange(4, dtype=np.uint8).repeat(8)[:, None].repeat(32, 1)
    (root / "maps").mkdir()
    for name in ("map.png", "maps/a.png", "maps/b.png", "caf\udce9.png", "a\x7fb.png"):
        Image.fromarray(ids).save(root / name)
    Image.fromarray(ids[:1]).resize((20_000, 1)).save(root / "wide.png")
    Image.fromarray(SPACE.colorize(ids)).save(root / "photo.jpg")
    whole = (root / "map.png").read_bytes()
    (root / "damaged.png").write_bytes(whole[: len(whole) // 2])
    (root / "text.png").write_text("no picture")
    (root / "empty.png").touch()
    (root / "damaged").mkdir()
    (root / "damaged" / "config.json").write_text('{"format": 1, "generator": 3}')
    (root / "report").mkdir()
    (root / "report" / "report.json").write_text("[]")
    (root / "deep.json").write_text("[" * 100_000)
    (root / "list.json").write_text('[1, {"a": null}]')
    (root / "deep.toml").write_text("a = " + "[" * 100_000)
    (root / "recipe.toml").write_text(
        '[data]\nname = "folder"\nroot = "data"\nload_size = 36\ncrop_size = 32\n'
        "[generator]\nwidth = 2\nhidden = 4\n[discriminator]\nwidth = 4\nlayers = 3\n"
        "[objective]\nperceptual = 0.0\n"
    )
    (root / "odd.pth").write_bytes(b"PK\x03\x04 and nothing more")
    with zipfile.ZipFile(root / "archive.npz", "w") as archive:
        archive.writestr("mean.npy", b"\x93NUMPY")
    os.mkfifo(root / "pipe")
    (root / "zeros").symlink_to("/dev/zero")
    (root / "broken-link").symlink_to(root / "gone")
    return root


@contextlib.contextmanager
def time_limit(command: list[str]) -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"still running after {SECONDS} seconds: {command}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("verb", PARSERS)
def test_no_command_line_ends_in_a_traceback(verb: str, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(command_lines(verb))
    def attempt(command: list[str]) -> None:
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
