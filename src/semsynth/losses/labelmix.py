"""OASIS (Schönfeld, Sushko et al. 2021): the discriminator is a segmenter with one more class, "fake".

Of its K+1 logits index 0 is "fake" and index c+1 is class c.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def class_balance(labels: Tensor, num_classes: int, void_id: int | None = None) -> Tensor:
    """Class weights that give each class of the batch the same total weight.

    The weight of class c is pixels of the batch / (number of present classes without void x pixels of c).
    Without void pixels, the mean weight of a pixel is 1.

    Args:
        labels: (B,H,W) int64.
        num_classes: K.
        void_id: The class with weight 0 (class 0 in the published data), or None.

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
    """Cross-entropy of the logits of an image to its label map, mean over all pixels.

    This is the discriminator's loss on photographs, and the generator's loss on generated images.

    Args:
        logits: (B,K+1,H,W).
        labels: (B,H,W) int64 in 0..K-1.
        balance: (K,) weights from `class_balance`, or None for equal weights.
    """
    losses = F.cross_entropy(logits, labels + 1, reduction="none")  # (B,H,W)
    if balance is not None:
        losses = losses * balance[labels]
    return losses.mean()


def fake_loss(logits: Tensor) -> Tensor:
    """Cross-entropy of logits (B,K+1,H,W) to "fake" at each pixel: the discriminator's loss on fakes."""
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
    """Mix images: real in about half of the batch's classes, and fake in the others.

    Each class of the batch is real with probability 1/2, in all images alike. The published code overwrites
    the mask while it visits the classes, so a class 0 that is real is decided again with class 1: class 0 is
    real with probability 1/4, and depends on class 1. `published_flaw` repeats this, for parity tests only.

    Args:
        real: (B,3,H,W).
        fake: (B,3,H,W).
        labels: (B,H,W) int64.
        num_classes: K; None is the largest id plus one, for which the CPU waits.
        generator: A CPU generator.
        published_flaw: See above.

    Returns:
        Mixed images (B,3,H,W), and the mask (B,1,H,W) float: 1 where real.
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
        mixed: (B,K+1,H,W) logits of the mixed image; `real` and `fake` likewise.
        real: Logits of the photograph.
        fake: Logits of the generated image.
        mask: (B,1,H,W) from `label_mix`.
    """
    return F.mse_loss(mixed, mask * real + (1 - mask) * fake)
