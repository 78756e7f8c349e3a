"""What a label map and an instance map become before a network sees them."""

import torch
import torch.nn.functional as F
from torch import Tensor


def one_hot(labels: Tensor, num_classes: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Dense one-hot planes of a label map.

    Args:
        labels: (B, H, W) int64 ids in 0..num_classes-1.
        num_classes: K.
        dtype: type of the planes.

    Returns:
        (B, K, H, W) of 0 and 1, channels-last in memory.
    """
    batch, height, width = labels.shape
    planes = torch.zeros(batch, height, width, num_classes, dtype=dtype, device=labels.device)
    planes.scatter_(3, labels.unsqueeze(3), 1)
    return planes.permute(0, 3, 1, 2)  # (B,K,H,W)


def instance_edges(instances: Tensor) -> Tensor:
    """Boundaries between instances: 1 where a 4-neighbour has another id, on both sides of the boundary.

    The border of the picture is no edge (pix2pixHD, section 3.3; SPADE uses the same map).

    Args:
        instances: (B, H, W) integer instance ids; only their differences matter.

    Returns:
        (B, 1, H, W) float32 of 0 and 1.
    """
    across = instances[:, :, 1:] != instances[:, :, :-1]  # (B,H,W-1)
    down = instances[:, 1:] != instances[:, :-1]  # (B,H-1,W)
    edges = (
        F.pad(across, (0, 1)) | F.pad(across, (1, 0)) | F.pad(down, (0, 0, 0, 1)) | F.pad(down, (0, 0, 1, 0))
    )
    return edges.unsqueeze(1).float()
