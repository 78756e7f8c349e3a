"""What reaches the terminal: text, and no commands to it.

Names, cards and messages come from files of strangers. A terminal obeys control characters in them: they move
the cursor, hide lines, and write to the clipboard. So everything that is printed passes through here.
"""

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

_SEQUENCES = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # cursor, colours
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"  # title, clipboard
)
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
_COMMANDS = re.compile(f"{_SEQUENCES}|{_CONTROLS}")
_SURROGATES = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    """The text without control characters (C0 and C1, but newline and tab) and changes of writing direction.

    Bytes of a file name that are no text become replacement characters.
    """
    return _SURROGATES.sub("\ufffd", _COMMANDS.sub("", text))


class _Plain:
    """A standard stream that takes text alone."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        # What rich writes to: it has commands of its own, and cleans its text.
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        lines = "\r".join(map(plain, text.split("\r")))  # progress bars return to the line's start
        encoding = self.stream.encoding or "utf-8"
        return self.stream.write(lines.encode(encoding, "replace").decode(encoding))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def progress(*columns: Any, transient: bool = True, **more: Any) -> "Progress":
    """A progress bar of rich on the standard error; its console prints lines as they are."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    return Progress(*columns, console=console, transient=transient, **more)


@contextlib.contextmanager
def plain_streams() -> Iterator[None]:
    """Pass whatever is printed within through `plain`, tables and progress bars of rich included."""
    from rich import control

    table: dict[int, Any] = control._CONTROL_STRIP_TRANSLATE
    table.update({code: None for code in range(0x2070) if re.fullmatch(_CONTROLS, chr(code))})
    table.update(dict.fromkeys(range(0xD800, 0xE000)))
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Plain(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
