"""Where a user's own files are kept."""

import os
import sys
from pathlib import Path

from semsynth.errors import SemsynthError


def data_folder() -> Path:
    """The folder of this user's application data; it need not exist yet.

    Raises:
        SemsynthError: The user has no home directory, and no variable names another place.
    """
    if sys.platform == "win32":
        variable, below = "LOCALAPPDATA", "AppData/Local"
    elif sys.platform == "darwin":
        variable, below = "", "Library/Application Support"
    else:
        variable, below = "XDG_DATA_HOME", ".local/share"
    named = os.environ.get(variable, "")
    if Path(
        named
    ).is_absolute():  # as the XDG specification demands; an empty or relative one counts as unset
        return Path(named) / "semsynth"
    try:
        home = Path.home()
    except RuntimeError:
        other = f", or set {variable}" if variable else ""
        raise SemsynthError(
            f"This user has no home directory to keep projects in; name a folder with --data{other}."
        ) from None
    return home / below / "semsynth"
