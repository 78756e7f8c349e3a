"""The device that somebody names, tried before anything is built on it."""

import torch

from semsynth.errors import SemsynthError


def named_device(name: str | torch.device) -> torch.device:
    """The device of that name, such as cpu, cuda, cuda:1 or mps.

    Raises:
        SemsynthError: there is no such device, or it cannot be used here.
    """
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # the latter where PyTorch was built without it
        reason = str(error).split("\n")[0].rstrip(".")
        raise SemsynthError(f"the device {str(name)!r} cannot be used: {reason}; cpu always can") from None
    return device
