"""What several processes under `torchrun` need; with one process these functions do nothing."""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from semsynth.errors import SemsynthError

_LOST = re.compile("connection (closed|reset)|broken pipe|gloo|nccl|timed out|process group|socket", re.I)
"""Words in the backends' errors when another process has ended."""


@contextlib.contextmanager
def joined() -> Iterator[tuple[int, int]]:
    """Be in the process group that `torchrun` announces in the environment, if any.

    The backend is nccl where CUDA is present, else gloo.

    Yields:
        Rank and world size; (0, 1) without torchrun.

    Raises:
        SemsynthError: The environment does not describe a group that can be joined, or a process was lost.
    """
    if os.environ.get("WORLD_SIZE", "1") != "1" and not dist.is_initialized():
        try:
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        except (RuntimeError, ValueError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise SemsynthError(
                f"WORLD_SIZE is {os.environ['WORLD_SIZE']!r}, but the processes cannot be joined: {reason}. "
                "Start them with torchrun, or unset WORLD_SIZE."
            ) from error
    try:
        yield rank(), world()
    except RuntimeError as error:
        if world() == 1 or not _LOST.search(str(error)):
            raise
        raise SemsynthError(
            f"Another of the {world()} processes has ended or cannot be reached, so this one (rank {rank()}) "
            "cannot go on; the last checkpoint is intact. What it said stands above or on its machine. Start "
            "the same command again on all machines to go on."
        ) from error
    finally:
        if _joined():
            with contextlib.suppress(RuntimeError):  # others may have ended before
                dist.destroy_process_group()


def rank() -> int:
    """The number of this process, 0 without others."""
    return dist.get_rank() if _joined() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if _joined() else 1


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()


def barrier() -> None:
    """Wait for all processes."""
    if _joined():
        dist.barrier()


def gather(value: Any) -> list[Any]:
    """Everyone's value, in the order of ranks."""
    if not _joined():
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set in any process."""
    if not _joined():
        return flag
    raised = torch.tensor(int(flag), device=device)
    dist.all_reduce(raised, dist.ReduceOp.MAX)
    return bool(raised)


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over processes, in one all-reduce; a missing one counts as 0."""
    if not _joined():
        return
    gradients = []
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
        gradient.copy_(part.view_as(gradient))


@torch.no_grad()
def average_terms(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    """Mean of each scalar over processes, in one all-reduce; all must name the same ones."""
    if not _joined():
        return terms
    packed = torch.stack([value.detach().float() for value in terms.values()])
    dist.all_reduce(packed)
    return dict(zip(terms, packed / dist.get_world_size()))
