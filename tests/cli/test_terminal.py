"""What strangers write into names and cards reaches the terminal as text alone."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from semsynth.cli import main
from semsynth.cli.terminal import plain, plain_streams
from tests.small import small_folder

CLIPBOARD = "\x1b]52;c;cm0gLXJm\x07"
COMMANDS = [CLIPBOARD, "\x9d0;title\x9c", "\x1b[2J", "\x1b[1A\x1b[2K", "\x9b31m", "\x07", "\x08\x08", "\x7f",
            "\x1bc", "\u202etxt.exe", "\x1bP+q\x1b\\", "\x85"]  # fmt: skip


def _is_clean(text: str) -> bool:
    return not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in text)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_taken_out_and_text_stays(command: str) -> None:
    assert _is_clean(plain(f"sky{command}line"))
    assert plain(f"sky{command}line").startswith("sky")
    assert plain(f"sky{command}line").endswith("line")


def test_text_of_any_script_is_kept() -> None:
    text = "Himmel äöü\n\tनीला 空 ☁️ ‏שלום"
    assert plain(text) == text
    assert plain("a\udcff.png") == "a\ufffd.png"


@pytest.mark.parametrize("command", COMMANDS)
def test_prints_and_tables_pass_through_it(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with plain_streams():
        print("sky", command, "line", sep="")
        table = Table(show_header=False, box=None)
        table.add_row(f"sky{command}line")
        Console(force_terminal=False).print(table)
    assert sys.stdout is out
    assert _is_clean(out.getvalue())


def test_colours_of_our_own_tables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with plain_streams():
        Console(force_terminal=True, color_system="standard").print("[bold]sky[/]")
    assert "\x1b[1m" in out.getvalue()


def test_a_terminal_of_few_letters_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with plain_streams():
        print("空")
    sys.stdout.flush()
    assert raw.getvalue().strip() == b"?"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_model_of_a_stranger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    folder = small_folder(tmp_path / "park")
    evil = "".join(COMMANDS)
    (folder / "README.md").write_text(f"# card{evil}")
    styles = folder / "styles" / "styles.json"
    table = json.loads(styles.read_text())
    table["styles"][0]["name"] = f"noon{evil}"
    styles.write_text(json.dumps(table))
    assert main(["model", "info", str(folder), *options]) == 0
    shown = capsys.readouterr().out
    assert _is_clean(shown)
    assert "noon" in shown
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"generator": {"name": f"x{evil}"}}))
    assert main(["model", "info", str(folder)]) == 2
    assert _is_clean(capsys.readouterr().err)
