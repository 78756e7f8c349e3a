"""The networks in their published form, the benchmarks' baseline: dense planes, float32, step by step.

It draws with the very modules and weights of `semsynth`, and computes as the paper describes: every layer
resizes the full one-hot map, every picture is doubled before it is normalised, gamma and beta are two
convolutions, and the discriminator sees the planes stacked with the picture.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.models.discriminators.patchgan import Prediction
from semsynth.models.spade import SpadeGenerator
from semsynth.ops.edges import instance_edges, one_hot
from semsynth.ops.norm import EPSILON, MOMENTUM
from semsynth.ops.spade import SLOPE, Spade, SpadeResBlock


def label_planes(labels: Tensor, num_classes: int, instances: Tensor | None) -> Tensor:
    """(B,H,W) ids → (B,S,H,W) float32, in the usual memory order."""
    planes = one_hot(labels, num_classes).contiguous()
    return planes if instances is None else torch.cat([planes, instance_edges(instances)], 1)


def draw(network: SpadeGenerator, planes: Tensor) -> Tensor:
    """(B,S,H,W) planes → (B,3,H,W), by a generator with the stem "labels" and batch norm."""
    assert network.stem_labels is not None
    latent = F.interpolate(planes, size=[side // network.stride for side in planes.shape[2:]])
    x = F.conv2d(latent, network.stem_labels.weight, network.stem_labels.bias, padding=1)
    for block, upsample in zip(network.blocks, network.upsample, strict=True):
        x = _block(block, F.interpolate(x, scale_factor=2) if upsample else x, planes)  # type: ignore[arg-type]
    return torch.tanh(network.to_image(F.leaky_relu(x, SLOPE)))


def _block(block: SpadeResBlock, x: Tensor, planes: Tensor) -> Tensor:
    shortcut = x
    if block.spade_s is not None and block.conv_s is not None:
        shortcut = _convolve(block.conv_s, _spade(block.spade_s, x, planes))  # type: ignore[arg-type]
    y = _convolve(block.conv_0, F.leaky_relu(_spade(block.spade_0, x, planes), SLOPE))  # type: ignore[arg-type]
    y = _convolve(block.conv_1, F.leaky_relu(_spade(block.spade_1, y, planes), SLOPE))  # type: ignore[arg-type]
    return shortcut + y


def _convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """By PyTorch, not by the kernels of `semsynth`."""
    return F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding)  # type: ignore[arg-type]


def _spade(layer: Spade, x: Tensor, planes: Tensor) -> Tensor:
    norm, shared, modulation = layer.norm, layer.shared, layer.modulation
    normalized = F.batch_norm(
        x, norm.running_mean, norm.running_var, None, None, norm.training, MOMENTUM, EPSILON  # type: ignore[arg-type]
    )  # fmt: skip
    planes = F.interpolate(planes, size=x.shape[2:])
    hidden = F.relu(F.conv2d(planes, shared.weight, shared.bias, padding=1))
    (weight_gamma, weight_beta), (bias_gamma, bias_beta) = (
        modulation.weight.chunk(2),
        modulation.bias.chunk(2),
    )  # type: ignore[union-attr]
    gamma = F.conv2d(hidden, weight_gamma, bias_gamma, padding=1)
    beta = F.conv2d(hidden, weight_beta, bias_beta, padding=1)
    return normalized * (1 + gamma) + beta


def discriminate(network: MultiscaleDiscriminator, planes: Tensor, fake: Tensor, real: Tensor) -> Prediction:
    """[scale][layer] features of the fakes and photographs, stacked along the batch: (2B,...) each."""
    x = torch.cat([torch.cat([planes, fake], 1), torch.cat([planes, real], 1)])
    prediction: Prediction = []
    for scale in network.scales:
        if prediction:
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        features = [F.leaky_relu(scale.first(x), SLOPE)]
        for layer in scale.hidden:
            features.append(F.leaky_relu(layer.norm(_convolve(layer.conv, features[-1])), SLOPE))
        prediction.append([*features, scale.score(features[-1])])
    return prediction
