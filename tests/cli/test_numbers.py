"""Numbers on the command line: what is none is a sentence that names the argument as it was given."""

import pytest

from semsynth.cli import main


@pytest.mark.parametrize("text", ["²x²", "３x３", "9" * 5000 + "x8", "8x", "x", "-1x5", "8x8x8", ""])
@pytest.mark.parametrize(
    "command", [["synthesize", "a.png", "-o", "out"], ["model", "export", "m", "-o", "m.onnx"]]
)
def test_what_is_no_size_is_said(command: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command, f"--size={text}"])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert "is no size; give HEIGHTxWIDTH" in said
    assert len(said) < 4000


@pytest.mark.parametrize("text", ["²", "３", "9" * 5000, "-1", "1.5", "1e3", ""])
@pytest.mark.parametrize("flag", ["--seed", "--num"])
def test_what_is_no_natural_number_is_said(flag: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["synthesize", "a.png", "-o", "out", f"{flag}={text}"])
    assert "is no whole number from 0 up" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["²", "nan", "x", "0", "1e300", ""])
def test_what_is_no_ratio_is_said(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["model", "import", "G.pth", "--from", "spade", "-o", "out", f"--aspect-ratio={text}"])
    assert "is no width / height" in capsys.readouterr().err
