"""Put on the path of a Python process, this takes away from semsynth what other platforms and users lack.

SEMSYNTH_TEST_WITHOUT names what: "unix" is what Windows does not have, "home" a home directory.
"""

import builtins
import contextlib
import importlib
import os
import signal
import sys

UNIX_MODULES = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "readline", "syslog", "curses"}
# Names that PyTorch and others use on Linux without asking stay.
UNIX_NAMES = {
    os: ("fork", "O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY"),
    signal: ("SIGHUP", "SIGUSR1", "pthread_sigmask"),
}
WITHOUT = os.environ.get("SEMSYNTH_TEST_WITHOUT", "").split(",")


def _refuse(name, importer):
    if name.partition(".")[0] in UNIX_MODULES and importer.startswith("semsynth"):
        raise ImportError(f"there is no module {name} on this platform")


def _without_unix():
    import_, import_module = builtins.__import__, importlib.import_module

    def checked_import(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0:
            _refuse(name, (globals or {}).get("__name__", ""))
        return import_(name, globals, locals, fromlist, level)

    def checked_import_module(name, package=None):
        _refuse(name, sys._getframe(1).f_globals.get("__name__", ""))
        return import_module(name, package)

    builtins.__import__, importlib.import_module = checked_import, checked_import_module
    for module, names in UNIX_NAMES.items():
        for name in names:
            with contextlib.suppress(AttributeError):
                delattr(module, name)


def _without_home():
    import pwd

    def unknown(*_):
        raise KeyError("getpwuid(): uid not found: 54321")

    pwd.getpwuid = unknown
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "MPLCONFIGDIR", "TORCH_HOME"):
        os.environ.pop(name, None)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        if name not in os.environ.get("SEMSYNTH_TEST_KEEP", ""):
            del os.environ[name]


if "unix" in WITHOUT:
    _without_unix()
if "home" in WITHOUT:
    _without_home()
