"""Old words in saved files, read as those of today; each is understood for one minor version."""

from typing import Any


def project(settings: Any) -> Any:
    """Settings of a picture, in a project, a PNG file or a request: `style` was called `look`."""
    if isinstance(settings, dict) and "look" in settings and "style" not in settings:
        return {"style" if key == "look" else key: value for key, value in settings.items()}
    return settings
