"""`python -m tests.training.ranks COUNT PROGRAM ARGUMENTS...`: a program in the processes of one training.

They are forks of a process that has imported everything and computed nothing: each begins at once. Their
environment is what `torchrun` gives; the exit code is 1 where one of them fails.
"""

import os
import runpy
import socket
import sys
import traceback

import torch._dynamo  # noqa: F401 (an optimizer imports it, else every child would)

from semsynth.training import loop


def fork(rank: int, world: dict[str, str]) -> None:
    """Run the program in a child."""
    if os.fork():
        return
    os.environ |= world | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    code = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except BaseException:  # the parent must hear of it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


if __name__ == "__main__":
    count = int(sys.argv[1])
    del sys.argv[:2]
    loop.plot_curves = lambda log, path: bool(path.write_bytes(b"curves"))
    world = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    for rank in range(count):
        fork(rank, world)
    codes = [os.wait()[1] for _ in range(count)]
    sys.exit(int(any(codes)))
