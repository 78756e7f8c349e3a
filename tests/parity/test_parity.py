"""Every recorded file beside the checkout, and the checker itself: it must notice what is off."""

from pathlib import Path

import pytest
import torch

from tests.parity.__main__ import main
from tests.parity.check import check_file
from tests.parity.names import Correspondence
from tests.parity.rows import compare

GOLDEN = sorted((Path(__file__).resolve().parents[2].parent / "shared" / "golden").glob("*.pt"))


@pytest.mark.skipif(not GOLDEN, reason="no ../shared/golden beside the checkout")
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_recorded_file(path: Path) -> None:
    rows = check_file(path)
    assert rows
    assert not [str(row) for row in rows if not row.ok]


def test_no_recorded_file_is_needed() -> None:
    """Without the folder the checks are skipped, which this line shows in the report."""
    if not GOLDEN:
        pytest.skip("no ../shared/golden beside the checkout: parity vectors are not here")
    assert len(GOLDEN) >= 10


def test_a_wrong_weight_is_noticed(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = torch.load(shared / "golden" / "pix2pixhd_encoder_64.pt", weights_only=True)
    golden["state_dict"]["model.10.weight"] += 1e-3
    torch.save(golden, tmp_path / "off.pt")
    monkeypatch.setattr("sys.argv", ["parity", str(tmp_path / "off.pt")])
    assert main() == 1
    assert "FAIL" in capsys.readouterr().out


def test_float64_is_held_to_the_float64_record() -> None:
    exact = torch.tensor([1.0], dtype=torch.float64)
    assert compare("x", exact + 1e-10, exact.float(), exact.float(), exact).ok
    assert not compare("x", exact + 1e-8, exact.float(), exact.float(), exact).ok
    assert compare("x", exact + 1e-8, exact.float(), exact.float()).ok
    assert not compare("x", exact, exact.float() + 1e-3, exact.float()).ok
    assert not compare("x", exact, torch.tensor([float("nan")]), exact.float()).ok
    assert not compare("x", exact, torch.ones(2), exact.float()).ok


def test_correspondence_undoes_stacking() -> None:
    def read(state: dict[str, torch.Tensor]) -> tuple[dict[str, int], dict[str, torch.Tensor]]:
        return {}, {"both": torch.cat([state["gamma"], state["beta"]]), "last": state["plain"][:, 1:]}

    state = {"gamma": torch.randn(2, 3), "beta": torch.randn(2, 3), "plain": torch.randn(2, 2)}
    names = Correspondence(read, state)
    ours = read(state)[1]
    assert torch.equal(names.published("beta", ours), state["beta"])
    assert torch.equal(names.published("gamma", ours), state["gamma"])
    assert names.published("plain", ours) is None  # half of it is kept nowhere
