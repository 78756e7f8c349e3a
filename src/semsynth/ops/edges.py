"""What a label map and an instance map become before a network sees them."""

import torch
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
    first, last = instances[:, :1], instances[:, -1:]
    left, right = instances[:, :, :1], instances[:, :, -1:]
    edges = instances != torch.cat([first, instances[:, :-1]], 1)  # beyond the border a pixel meets itself
    edges = edges | (instances != torch.cat([instances[:, 1:], last], 1))
    edges = edges | (instances != torch.cat([left, instances[:, :, :-1]], 2))
    edges = edges | (instances != torch.cat([instances[:, :, 1:], right], 2))
    return edges.unsqueeze(1).float()
