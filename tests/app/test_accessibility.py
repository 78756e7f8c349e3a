"""axe-core finds nothing to complain of, in any panel, dialog or theme."""

from typing import Any

import pytest

from tests.app.conftest import shoot
from tests.app.node import package

pytestmark = pytest.mark.browser


def violations(page: Any) -> list[str]:
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{v['id']}: {n['target']} {n['failureSummary']}" for v in found["violations"] for n in v["nodes"]
    ]


def test_axe_finds_no_violation(page: Any) -> None:
    page.evaluate((package("axe-core") / "axe.min.js").read_text())
    problems: list[tuple[str, str, str]] = []
    for theme in ("dark", "light"):
        for tab in ("layers", "pictures", "style", "palette"):
            page.click(f"#tab-{tab}")
            if tab == "pictures":
                page.click("#keep")
            problems += [(theme, tab, v) for v in violations(page)]
        for name in (
            "new",
            "open",
            "save",
            "export",
            "help",
            "drop",
            "frame",
            "stamps",
            "whatif",
            "class-style",
            "photo",
        ):
            page.evaluate("name => document.getElementById(`dialog-${name}`).showModal()", name)
            problems += [(theme, name, v) for v in violations(page)]
            shoot(page, f"dialog-{name}-{theme}")
            page.keyboard.press("Escape")
        page.click("#theme")
    assert not problems
