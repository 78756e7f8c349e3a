"""CRN's feature reconstruction loss: calibrated per tap, weighted by class, and its diverse form.

Chen, Koltun, ICCV 2017: equations 1 and 2 (the loss), equation 3 (per class, the best of k pictures).
"""

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Features = Callable[[Tensor], Sequence[Tensor]]
"""A frozen network: (B, 3, H, W) in [-1, 1] → its taps, shallow to deep."""

LEVELS = 127.5
"""The pixel term is measured in 8-bit levels, as published."""

PUBLISHED_DIVISORS: dict[str, tuple[float, ...]] = {
    "cityscapes-256": (1.0, 1.6, 2.3, 1.8, 2.8, 0.8),
    "gta5-256": (1.0, 1.4, 1.8, 1.3, 2.2, 0.62),
    "cityscapes-512": (1.0, 2.6, 4.8, 3.7, 5.6, 1.5),
}
"""For pixels and conv1_2, 2_2, 3_2, 4_2, 5_2 of the original VGG-19 (average pooling, 8-bit levels) alone."""


class CalibratedPerceptualLoss(nn.Module):
    """Weighted L1 distances of pixels and of feature taps, each divided by its usual size.

    How large a tap's error is depends on the feature network, so the divisors belong to it: call `calibrate`
    on some pairs of pictures before training. They are saved with the loss.

    Args:
        features: the frozen feature network.
        num_taps: how many taps it gives.
        divisors: usual size of each term in units of the pixel term, pixels first: num_taps + 1 numbers.
        deepest: how much more the deepest tap counts than the others.
    """

    divisors: Tensor

    def __init__(
        self,
        features: Features,
        num_taps: int = 5,
        *,
        divisors: Sequence[float] | None = None,
        deepest: float = 10.0,
    ) -> None:
        super().__init__()
        if divisors is not None and len(divisors) != num_taps + 1:
            raise ValueError(
                f"{len(divisors)} divisors for {num_taps} taps and the pixels: give {num_taps + 1}"
            )
        # Held in a tuple: a frozen network is no part of this module's state.
        self._features = (features,)
        self.deepest = deepest
        self.register_buffer(
            "divisors", torch.tensor(divisors or [1.0] * (num_taps + 1), dtype=torch.float32)
        )

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """The plain loss (the 512 and 1024 networks, SIMS): (B, 3, H, W) twice → a scalar."""
        terms = torch.stack([error.mean() for error in self._errors(fake, self._taps(real))])
        return (terms * self._weights()).sum()

    def diverse(self, fakes: Tensor, real: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """0.999 of the best picture per class and 0.001 of the mean, which keeps every head alive.

        The minimum is taken class by class: one picture may win the sky, another the cars.

        Args:
            fakes: (B, k, 3, H, W).
            real: (B, 3, H, W).
            labels: (B, H, W) int64.
            num_classes: K.

        Returns:
            a scalar, the mean over the batch.
        """
        errors = self.per_class(fakes, real, labels, num_classes)  # (B,k,K)
        return (0.999 * errors.amin(1) + 0.001 * errors.mean(1)).sum(1).mean()

    def per_class(self, fakes: Tensor, real: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """The weighted sum of all terms per picture and class: (B, k, K); each the share of that class."""
        images = fakes.shape[1]
        taps = [tap.repeat_interleave(images, 0) for tap in self._taps(real)]
        planes = real.new_zeros(*labels.shape, num_classes).scatter_(3, labels.unsqueeze(3), 1)  # (B,H,W,K)
        planes = planes.movedim(3, 1)  # (B,K,H,W)
        total = real.new_zeros(len(fakes), images, num_classes)
        for weight, error in zip(self._weights(), self._errors(fakes.flatten(0, 1), taps), strict=True):
            shares = F.interpolate(planes, size=error.shape[1:], mode="area").to(error.dtype)
            of_picture = error.unflatten(0, (-1, images))  # (B,k,h,w)
            per_class = torch.einsum("bihw,bchw->bic", of_picture, shares) / error[0].numel()
            total = total + weight * per_class
        return total

    @torch.no_grad()
    def calibrate(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, ...]:
        """Set the divisors so that every term begins as large as the pixel term.

        Args:
            pairs: (fake, real) batches, each (B, 3, H, W): a network's first tries, or, before there is any,
                photographs paired with others.

        Returns:
            the divisors, pixels (1) first.

        Raises:
            ValueError: no pairs, or pairs that do not differ.
        """
        sums = torch.zeros_like(self.divisors)
        for fake, real in pairs:
            sums += torch.stack([error.mean() for error in self._errors(fake, self._taps(real))]).to(sums)
        if not bool((sums > 0).all()):
            raise ValueError("calibration needs at least one pair of pictures that differ in every tap")
        self.divisors.copy_(sums / sums[0])
        return tuple(self.divisors.tolist())

    def _weights(self) -> Tensor:
        weights = 1 / self.divisors
        return torch.cat([weights[:-1], weights[-1:] * self.deepest])

    def _taps(self, real: Tensor) -> list[Tensor]:
        """Pixels and taps of photographs, which need no gradient."""
        with torch.no_grad():
            return [LEVELS * real, *self._features[0](real)]

    def _errors(self, fake: Tensor, real_taps: Sequence[Tensor]) -> list[Tensor]:
        """The channel mean of |real - fake| per tap, each (B, h, w)."""
        taps = [LEVELS * fake, *self._features[0](fake)]
        if not len(taps) == len(real_taps) == len(self.divisors):
            raise ValueError(f"the feature network gives {len(taps) - 1} taps, not {len(self.divisors) - 1}")
        return [(a - b).abs().mean(1) for a, b in zip(taps, real_taps, strict=True)]
