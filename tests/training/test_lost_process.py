"""Two processes of one run, one of which ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from semsynth.training.checkpoints import load_newest
from tests.training.ranks import free_port
from tests.training.tiny import as_toml, paint, tiny_recipe

PROGRAM = """
    import os, signal, sys
    from semsynth.cli import main
    from semsynth.training import loop

    steps, rank = int(sys.argv.pop(1)), int(os.environ["RANK"])
    real = loop.train

    def train(*arguments, report, **more):
        def die(seen, *rest):
            if rank == int(os.environ["LOST"]) and seen >= steps:
                os.kill(os.getpid(), signal.SIGKILL)
            report(seen, *rest)

        return real(*arguments, report=die, **more)

    loop.train, loop.plot_curves = train, lambda log, path: path.write_bytes(b"curves")
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a process is killed")
@pytest.mark.parametrize("lost", [0, 1])
def test_the_other_process_ends_in_a_sentence_within_seconds(tmp_path: Path, lost: int) -> None:
    data, recipe, run = paint(tmp_path / "data"), tmp_path / "tiny.toml", tmp_path / "run"
    changes = {"data__crop_size": 64, "data__load_size": 64, "objective__augment": []}
    recipe.write_text(as_toml(tiny_recipe(data, **changes)))
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    root = Path(__file__).parents[2]
    shared = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)]),
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "2",
        "LOST": str(lost),
    }
    command = [sys.executable, str(program), "12", "train", str(recipe), "-o", str(run), "--device", "cpu"]
    processes = [
        subprocess.Popen(command, env=shared | {"RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    assert processes[lost].wait(300) == -signal.SIGKILL
    began = time.monotonic()
    messages = processes[1 - lost].communicate(timeout=60)[1]
    assert time.monotonic() - began < 30
    assert processes[1 - lost].returncode == 2, messages
    assert "Another of the 2 processes has ended" in messages
    assert "Traceback" not in messages
    state = load_newest(run / "checkpoints", pytest.fail)
    assert state is not None
    assert state["images_seen"] >= 8


def test_a_group_that_cannot_be_joined_is_refused(tmp_path: Path) -> None:
    data, recipe = paint(tmp_path / "data"), tmp_path / "tiny.toml"
    recipe.write_text(as_toml(tiny_recipe(data)))
    environment = os.environ | {"WORLD_SIZE": "2", "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-m", "semsynth", "train", str(recipe), "-o", str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "WORLD_SIZE is '2', but the processes cannot be joined" in done.stderr
