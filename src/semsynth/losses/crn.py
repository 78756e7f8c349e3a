"""CRN's feature reconstruction loss: calibrated per tap, weighted by class, and the diversity loss.

Chen, Koltun, ICCV 2017: equations 1 and 2 (the loss), equation 3 (per class, the best of k images).
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
    """Weighted L1 distances of pixels and of feature layers, each divided by its typical size.

    The typical sizes depend on the feature network. `calibrate` measures them on pairs of images before
    training. They are part of the state of the loss.

    Args:
        features: The frozen feature network.
        num_taps: Number of feature layers it returns.
        divisors: Typical size of each term in units of the pixel term, pixels first: num_taps + 1 numbers.
        deepest: Weight of the deepest layer; the others have weight 1.
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
        """0.999 times the minimum over the images plus 0.001 times the mean.

        The minimum is taken for each class separately. The mean gives each image a gradient.

        Args:
            fakes: (B, k, 3, H, W).
            real: (B, 3, H, W).
            labels: (B, H, W) int64.
            num_classes: K.

        Returns:
            A scalar, the mean over the batch.
        """
        errors = self.per_class(fakes, real, labels, num_classes)  # (B,k,K)
        return (0.999 * errors.amin(1) + 0.001 * errors.mean(1)).sum(1).mean()

    def per_class(self, fakes: Tensor, real: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """The weighted sum of all terms per image and class, (B, k, K), over the pixels of the class."""
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
        """Set the divisors such that each term has the size of the pixel term.

        Args:
            pairs: (fake, real) batches, each (B, 3, H, W): early outputs of a network, or pairs of different
                photographs.

        Returns:
            The divisors, pixels (1) first.

        Raises:
            ValueError: No pairs, or equal images.
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
