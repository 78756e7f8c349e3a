"""OASIS (Schönfeld, Sushko et al. 2021): the discriminator is a segmenter with one more class, "fake".

Of its K+1 logits index 0 is "fake" and index c+1 is class c.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def class_balance(labels: Tensor, num_classes: int, void_id: int | None = None) -> Tensor:
    """Weight of each class, so that every class of the batch weighs the same in all.

    Weight of class c: pixels of the batch / (classes present, void apart, x pixels of c). Without void pixels
    the mean weight of a pixel is 1.

    Args:
        labels: (B,H,W) int64.
        num_classes: K.
        void_id: the class that weighs nothing (0 in the published data), or None.

    Returns:
        (K,) float32; 0 for absent classes.
    """
    counts = _count(labels, num_classes).float()  # (K,)
    if void_id is not None:
        counts[void_id] = 0
    present = counts > 0
    weights = labels.numel() / (present.sum() * counts.clamp_min(1))
    return torch.where(present, weights, 0.0)


def real_loss(logits: Tensor, labels: Tensor, balance: Tensor | None = None) -> Tensor:
    """Cross-entropy of a picture's logits to its label map, mean over all pixels.

    What the discriminator pays on photographs, and what the generator pays on its own pictures.

    Args:
        logits: (B,K+1,H,W).
        labels: (B,H,W) int64 in 0..K-1.
        balance: (K,) weights by `class_balance`, or None for equal ones.
    """
    losses = F.cross_entropy(logits, labels + 1, reduction="none")  # (B,H,W)
    if balance is not None:
        losses = losses * balance[labels]
    return losses.mean()


def fake_loss(logits: Tensor) -> Tensor:
    """Cross-entropy of logits (B,K+1,H,W) to "fake" everywhere: what the discriminator pays on fakes."""
    return -F.log_softmax(logits, dim=1)[:, 0].mean()


def label_mix(
    real: Tensor,
    fake: Tensor,
    labels: Tensor,
    *,
    num_classes: int | None = None,
    generator: torch.Generator | None = None,
    published_flaw: bool = False,
) -> tuple[Tensor, Tensor]:
    """A picture that is real in about half of the batch's classes and fake in the others.

    One coin is flipped for each class of the batch, shared by its images. The published code flips in place
    while it visits the classes, so that a class 0 found real is flipped again with class 1: class 0 is real
    once in four times, and tied to class 1. `published_flaw` repeats that, for parity alone.

    Args:
        real: (B,3,H,W).
        fake: (B,3,H,W).
        labels: (B,H,W) int64.
        num_classes: K; None is the largest id and one, for which the CPU waits.
        generator: a CPU generator for the coins.
        published_flaw: see above.

    Returns:
        mixed (B,3,H,W), mask (B,1,H,W) float: 1 where real.
    """
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    present = _count(labels, num_classes) > 0  # (K,)
    flips = torch.randint(0, 2, (num_classes,), generator=generator).to(labels.device, non_blocking=True)
    if published_flaw and present[:2].tolist() == [True, True] and flips[0] == 1:
        flips[0] = flips[1]
    # The first coin is that of the first class that is present, and so on.
    mask = flips[(present.cumsum(0) - 1)[labels]].unsqueeze(1).to(real.dtype)  # (B,1,H,W)
    return mask * real + (1 - mask) * fake, mask


def _count(labels: Tensor, num_classes: int) -> Tensor:
    """Pixels of each class, (K,) int64; unlike `bincount`, it does not wait for the device."""
    flat = labels.flatten()
    return flat.new_zeros(num_classes).scatter_add_(0, flat, torch.ones_like(flat))


def label_mix_loss(mixed: Tensor, real: Tensor, fake: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference of D(mixed) from the same mixture of D(real) and D(fake).

    Published weight: 10 (ADE20K, COCO-Stuff), 5 (Cityscapes). Gradients pass through all three.

    Args:
        mixed: (B,K+1,H,W) logits of the mixed picture; `real` and `fake` likewise.
        real: logits of the photograph.
        fake: logits of the generated picture.
        mask: (B,1,H,W) by `label_mix`.
    """
    return F.mse_loss(mixed, mask * real + (1 - mask) * fake)
