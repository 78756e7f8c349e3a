"""The command line as a whole: quick help, exit codes, sentences instead of tracebacks."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import semsynth
from semsynth.cli import VERBS, build_parser, main
from semsynth.errors import SemsynthError


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from semsynth.cli import build_parser\n"
        "text = build_parser().format_help()\n"
        "heavy = {'torch', 'numpy', 'PIL', 'rich', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert 'synthesize' in text\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module(VERBS[verb][0])
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    assert f"semsynth {verb}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"semsynth {semsynth.__version__}\n"


@pytest.mark.parametrize("arguments", [["paint"], ["info", "--colour"], ["info", "extra"], ["synthesize"]])
def test_wrong_arguments_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: semsynth" in capsys.readouterr().err


def test_no_verb_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "verbs" in capsys.readouterr().out


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A verb that raises what the test puts into the list."""
    errors: list[BaseException] = []
    info = importlib.import_module("semsynth.cli.info")

    def run(_: object) -> int:
        raise errors[0]

    monkeypatch.setattr(info, "run", run)
    return errors


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (SemsynthError("the map is empty"), 2, "semsynth: the map is empty\n"),
        (
            PermissionError(13, "Permission denied", "secret.png"),
            2,
            "semsynth: secret.png: Permission denied\n",
        ),
        (OSError(28, "No space left on device"), 2, "semsynth: No space left on device\n"),
        (KeyboardInterrupt(), 130, "semsynth: interrupted\n"),
    ],
)
def test_errors_are_sentences(
    failing: list[BaseException],
    error: BaseException,
    code: int,
    shown: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing.append(error)
    assert main(["info"]) == code
    assert capsys.readouterr().err == shown


def test_a_bug_is_not_hidden(failing: list[BaseException]) -> None:
    failing.append(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["info"])


def test_a_reader_that_has_seen_enough() -> None:
    """`semsynth info | head -1` ends quietly."""
    command = f"{sys.executable} -m semsynth info | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["semsynth"] == semsynth.__version__
    assert {"torch", "device", "cpu", "native kernels", "extra app"} <= set(facts)
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == list(facts)


def test_only_the_verb_in_use_is_imported() -> None:
    parser = build_parser("info")
    assert parser.parse_args(["info"]).verb == "info"
    with pytest.raises(SystemExit):  # the others are names only
        parser.parse_args(["synthesize", "map.png", "-o", "out"])


def test_the_value_of_a_setting_is_no_recipe() -> None:
    """argparse of newer Pythons fills a positional that may be empty with what follows an unknown option."""
    args, settings = build_parser("train").parse_known_args(["train", "a.toml", "--data.root", "photos"])
    assert (args.recipes, settings) == ([Path("a.toml")], ["--data.root", "photos"])
    args, _ = build_parser("train").parse_known_args(["train", "a.toml", "b.toml", "--data.root", "photos"])
    assert args.recipes == [Path("a.toml"), Path("b.toml")]


def test_public_names() -> None:
    for name in semsynth.__all__:
        assert getattr(semsynth, name) is not None
    assert set(dir(semsynth)) == set(semsynth.__all__)
    with pytest.raises(AttributeError, match="paint"):
        _ = semsynth.paint
