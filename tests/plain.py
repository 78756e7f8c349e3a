"""SPADE once more, as literally as its paper (Park et al. 2019) and pix2pixHD (Wang et al. 2018) say it.

Planes of zeros and ones at every size, one convolution after another, a dictionary of weights by the names
that published files use, and nothing of `semsynth`: what any other implementation can be held to. Weights and
inputs are integers' digits, so that they are the same everywhere.

    python -m tests.plain      records what it computes, in float64, in tests/goldens/spade.safetensors
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

RECORDED = Path(__file__).parent / "goldens" / "spade.safetensors"
Weights = dict[str, Tensor]

CLASSES, WIDTH, HIDDEN, SIDE = 5, 2, 4, 32
STYLE = 256
"""Numbers of a style: the published encoder gives no other."""
BLOCKS = {
    "head_0": (16, 16),
    "G_middle_0": (16, 16),
    "G_middle_1": (16, 16),
    "up_0": (16, 8),
    "up_1": (8, 4),
    "up_2": (4, 2),
    "up_3": (2, 1),
}
"""Residual block → channels in and out, in units of the base width (appendix A, figure 13)."""
DOUBLED = ("G_middle_0", "up_0", "up_1", "up_2", "up_3")
"""Blocks in front of which the picture is doubled, at five upsamplings."""
LAYERS, SCALES = 4, 2
"""Of the discriminator: hidden layers of a scale, and scales."""


def digits(seed: int, *shape: int) -> Tensor:
    """Numbers in [-1, 1), float64, that look random: each is a hash of its place and the seed."""
    count = int(torch.Size(shape).numel())
    x = (torch.arange(count, dtype=torch.int64) + 1_000_003 * seed + 1) & 0xFFFFFFFF
    for factor in (0x045D9F3B, 0x045D9F3B):
        x = ((x ^ (x >> 16)) * factor) & 0xFFFFFFFF
    return ((x ^ (x >> 16)).double() / 2**31 - 1).reshape(shape)


# ---- weights


def spectral_vectors(weights: Weights, name: str, seed: int) -> None:
    """Add u and v of a weight, after some power iterations (Miyato et al. 2018, algorithm 1)."""
    matrix = weights[f"{name}.weight_orig"].flatten(1)
    u = digits(seed, len(matrix))
    for _ in range(3):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    weights[f"{name}.weight_u"], weights[f"{name}.weight_v"] = u, v


def filled(shapes: dict[str, tuple[int, ...]]) -> Weights:
    """Weights of these shapes, each of a size that keeps what passes through at its own."""
    weights: Weights = {}
    for seed, (name, shape) in enumerate(shapes.items()):
        if name.endswith("running_var"):
            weights[name] = 1 + digits(seed, *shape) / 2
        elif len(shape) == 1:
            weights[name] = digits(seed, *shape) / 4
        else:
            weights[name] = digits(seed, *shape) * (3 / torch.Size(shape[1:]).numel()) ** 0.5
        if name.endswith("weight_orig"):
            spectral_vectors(weights, name.removesuffix(".weight_orig"), seed)
    return weights


def spade_shapes(name: str, channels: int, planes: int) -> dict[str, tuple[int, ...]]:
    """Of one SPADE layer."""
    return {
        f"{name}.param_free_norm.running_mean": (channels,),
        f"{name}.param_free_norm.running_var": (channels,),
        f"{name}.mlp_shared.0.weight": (HIDDEN, planes, 3, 3),
        f"{name}.mlp_shared.0.bias": (HIDDEN,),
        f"{name}.mlp_gamma.weight": (channels, HIDDEN, 3, 3),
        f"{name}.mlp_gamma.bias": (channels,),
        f"{name}.mlp_beta.weight": (channels, HIDDEN, 3, 3),
        f"{name}.mlp_beta.bias": (channels,),
    }


def generator_weights(planes: int, *, styled: bool = False) -> Weights:
    """Of a generator that sees so many planes, and with `styled` begins with a style instead of them."""
    first, (latent, last) = 16 * WIDTH, (SIDE // 32, WIDTH)
    shape = (first * latent**2, STYLE) if styled else (first, planes, 3, 3)
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": shape, "fc.bias": shape[:1]}
    for name, (before, after) in BLOCKS.items():
        before, after = before * WIDTH, after * WIDTH
        middle = min(before, after)
        convs = {"0": (before, middle, 3), "1": (middle, after, 3)}
        if before != after:
            convs["s"] = (before, after, 1)
        for part, (inner, outer, kernel) in convs.items():
            if part != "s":
                shapes[f"{name}.conv_{part}.bias"] = (outer,)
            shapes[f"{name}.conv_{part}.weight_orig"] = (outer, inner, kernel, kernel)
            shapes |= spade_shapes(f"{name}.norm_{part}", inner, planes)
    return filled(shapes | {"conv_img.weight": (3, last, 3, 3), "conv_img.bias": (3,)})


def discriminator_weights(planes: int) -> Weights:
    """Of a discriminator that sees so many planes of labels beside a picture."""
    shapes: dict[str, tuple[int, ...]] = {}
    for scale in range(SCALES):
        name, widths = f"discriminator_{scale}.model", [WIDTH * 2**i for i in range(LAYERS)]
        shapes |= {f"{name}0.0.weight": (widths[0], planes + 3, 4, 4), f"{name}0.0.bias": (widths[0],)}
        for i in range(1, LAYERS):
            shapes[f"{name}{i}.0.0.weight_orig"] = (widths[i], widths[i - 1], 4, 4)
        shapes |= {f"{name}{LAYERS}.0.weight": (1, widths[-1], 4, 4), f"{name}{LAYERS}.0.bias": (1,)}
    return filled(shapes)


def encoder_weights() -> Weights:
    """Of a style encoder, for pictures of 256 pixels."""
    widths = [3, *(WIDTH * min(2**i, 8) for i in range(6))]
    shapes: dict[str, tuple[int, ...]] = {
        f"layer{i}.0.weight_orig": (widths[i], widths[i - 1], 3, 3) for i in range(1, 7)
    }
    for part in ("fc_mu", "fc_var"):
        shapes |= {f"{part}.weight": (STYLE, widths[-1] * 16), f"{part}.bias": (STYLE,)}
    return filled(shapes)


# ---- networks


def planes_of(labels: Tensor, instances: Tensor | None = None) -> Tensor:
    """Labels (B,H,W) → (B,K,H,W) of 0 and 1; with instances one plane more, 1 beside another instance."""
    planes = [(labels == k).double() for k in range(CLASSES)]
    if instances is not None:
        edges = torch.zeros_like(planes[0])
        across = instances[:, :, 1:] != instances[:, :, :-1]
        down = instances[:, 1:] != instances[:, :-1]
        for part, found in (
            (edges[:, :, 1:], across),
            (edges[:, :, :-1], across),
            (edges[:, 1:], down),
            (edges[:, :-1], down),
        ):
            part[found] = 1
        planes.append(edges)
    return torch.stack(planes, 1)


def conv(weights: Weights, name: str, x: Tensor, *, stride: int = 1, padding: int = 1) -> Tensor:
    """A convolution; its weight is divided by its spectral norm where the file has the vectors for it."""
    weight = weights.get(f"{name}.weight")
    if weight is None:
        weight = weights[f"{name}.weight_orig"]
        sigma = weights[f"{name}.weight_u"] @ weight.flatten(1) @ weights[f"{name}.weight_v"]
        weight = weight / sigma
    return F.conv2d(x, weight, weights.get(f"{name}.bias"), stride, padding)


def spade(weights: Weights, name: str, x: Tensor, planes: Tensor, train: bool) -> Tensor:
    """Equation 1: what batch norm leaves, scaled and shifted at each pixel by what the labels there say."""
    mean, var = (weights[f"{name}.param_free_norm.running_{part}"] for part in ("mean", "var"))
    if train:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    normed = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    step = planes.shape[-1] // x.shape[-1]
    hidden = F.relu(conv(weights, f"{name}.mlp_shared.0", planes[:, :, ::step, ::step]))
    gamma, beta = (conv(weights, f"{name}.mlp_{part}", hidden) for part in ("gamma", "beta"))
    return normed * (1 + gamma) + beta


def block(weights: Weights, name: str, x: Tensor, planes: Tensor, train: bool) -> Tensor:
    """Figure 4 (left): two convolutions, and around them one of a single pixel where the width changes."""
    y = x
    for part in "01":
        y = spade(weights, f"{name}.norm_{part}", y, planes, train)
        y = conv(weights, f"{name}.conv_{part}", F.leaky_relu(y, 0.2))
    if f"{name}.conv_s.weight_orig" in weights:
        x = spade(weights, f"{name}.norm_s", x, planes, train)
        x = conv(weights, f"{name}.conv_s", x, padding=0)
    return x + y


def generator(
    weights: Weights, planes: Tensor, style: Tensor | None = None, *, train: bool = False
) -> Tensor:
    """Planes (B,S,H,W), and a style (B,Z) where the network begins with one → picture (B,3,H,W)."""
    height, width = planes.shape[2] // 32, planes.shape[3] // 32
    if style is None:
        x = conv(weights, "fc", planes[:, :, ::32, ::32])
    else:
        x = F.linear(style, weights["fc.weight"], weights["fc.bias"]).view(len(style), -1, height, width)
    for name in BLOCKS:
        if name in DOUBLED:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = block(weights, name, x, planes, train)
    return conv(weights, "conv_img", F.leaky_relu(x, 0.2)).tanh()


def instance_norm(x: Tensor) -> Tensor:
    """Each plane without its mean and deviation."""
    return (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()


def discriminator(weights: Weights, planes: Tensor, image: Tensor) -> list[list[Tensor]]:
    """[scale][layer]: features, the scores last (pix2pixHD, section 3.2; SPADE, figure 15)."""
    x, found = torch.cat([planes, image], 1), []
    for scale in range(SCALES):
        if scale:
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        name, y = f"discriminator_{scale}.model", x
        features = [y := F.leaky_relu(conv(weights, f"{name}0.0", y, stride=2, padding=2), 0.2)]
        for i in range(1, LAYERS):
            y = conv(weights, f"{name}{i}.0.0", y, stride=1 if i == LAYERS - 1 else 2, padding=2)
            features.append(y := F.leaky_relu(instance_norm(y), 0.2))
        found.append([*features, conv(weights, f"{name}{LAYERS}.0", y, padding=2)])
    return found


def encoder(weights: Weights, image: Tensor) -> tuple[Tensor, Tensor]:
    """Picture (B,3,256,256) → mean and log-variance of its style (B,Z) (figure 14)."""
    x = image
    for i in range(1, 7):
        x = F.leaky_relu(instance_norm(conv(weights, f"layer{i}.0", x, stride=2)), 0.2)
    mean, log_variance = (
        F.linear(x.flatten(1), weights[f"{part}.weight"], weights[f"{part}.bias"])
        for part in ("fc_mu", "fc_var")
    )
    return mean, log_variance


# ---- losses


def losses(fake: list[list[Tensor]], real: list[list[Tensor]]) -> dict[str, Tensor]:
    """The hinge losses of both sides, means over scales, and feature matching with its weight of 10."""
    count = len(fake)
    matching = sum(
        (ours - theirs.detach()).abs().mean()
        for a, b in zip(fake, real, strict=True)
        for ours, theirs in zip(a[:-1], b[:-1], strict=True)
    )
    return {
        "generator": -sum(scale[-1].mean() for scale in fake) / count,
        "feature_matching": torch.as_tensor(10 * matching / count),
        "on_fake": torch.as_tensor(sum((1 + scale[-1]).clamp(min=0).mean() for scale in fake) / count),
        "on_real": torch.as_tensor(sum((1 - scale[-1]).clamp(min=0).mean() for scale in real) / count),
    }


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Section 3, of the encoder: a sum over the style and over the batch."""
    return -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()


# ---- what is recorded


def inputs() -> dict[str, Tensor]:
    """Two maps, their instances, styles and photographs."""
    cells = ((digits(1, 2, 8, 8) + 1) / 2 * CLASSES).long()
    things = ((digits(2, 2, 16, 16) + 1) * 4).long()
    return {
        "labels": cells.repeat_interleave(SIDE // 8, 1).repeat_interleave(SIDE // 8, 2),
        "instances": things.repeat_interleave(SIDE // 16, 1).repeat_interleave(SIDE // 16, 2),
        "style": digits(3, 2, STYLE),
        "photos": digits(4, 2, 3, SIDE, SIDE),
        "large": digits(5, 1, 3, 256, 256),
    }


def computed() -> dict[str, Tensor]:
    """Everything, by name; of pictures every fourth pixel of a row and column, which takes less room."""
    given = inputs()
    planes, edged = planes_of(given["labels"]), planes_of(given["labels"], given["instances"])
    image = generator(generator_weights(CLASSES + 1), edged)
    weights = discriminator_weights(CLASSES + 1)
    fake, real = (discriminator(weights, edged, x) for x in (image, given["photos"]))
    mean, log_variance = encoder(encoder_weights(), given["large"])
    found = {
        "image": image,
        "image in training": generator(generator_weights(CLASSES), planes, train=True),
        "image of a style": generator(generator_weights(CLASSES, styled=True), planes, given["style"]),
        "scores, fine": fake[0][-1],
        "scores, coarse": fake[1][-1],
        "mean": mean,
        "log-variance": log_variance,
        "kl": kl(mean, log_variance),
    }
    found = {name: x[..., ::4, ::4] if x.shape[-1:] == (SIDE,) else x for name, x in found.items()}
    return {name: x.contiguous() for name, x in (found | losses(fake, real)).items()}


if __name__ == "__main__":
    RECORDED.parent.mkdir(exist_ok=True)
    save_file(computed(), RECORDED)
