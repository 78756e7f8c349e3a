"""The networks of a recorded SPADE-release run, built from its weights and its flat options."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from semsynth.models import pix2pixhd_published, spade_published
from semsynth.models.discriminators import MultiscaleDiscriminator, patchgan
from semsynth.models.pix2pixhd import Pix2PixHDGenerator
from semsynth.models.spade import SpadeGenerator
from semsynth.models.style_encoder import StyleEncoder
from semsynth.ops.edges import instance_edges
from semsynth.ops.pyramid import LabelPyramid, Mode
from tests.parity.names import Correspondence, Read
from tests.parity.rows import uniform_like

UPSAMPLINGS = {"normal": 5, "more": 6, "most": 7}


class Recorded:
    """A recorded run: its networks in one precision, and its inputs.

    Args:
        golden: the file's content.
        dtype: float32 or float64.
    """

    def __init__(self, golden: Mapping[str, Any], dtype: torch.dtype) -> None:
        self.opt: dict[str, Any] = golden["opt"]
        self.dtype = dtype
        self.uses_instances = not self.opt["no_instance"]
        self.labels: Tensor = golden["label"][:, 0].long()  # (B,H,W)
        self.instances: Tensor | None = golden["instance"][:, 0].long() if self.uses_instances else None
        self.real: Tensor = golden["real_image"].to(dtype)
        self.noise: Tensor = golden["eps"].to(dtype)
        state = golden["state_dict"]
        readers = self.readers()
        self.names = {key: Correspondence(readers[key], state[key]) for key in state}
        self.configs: dict[str, dict[str, Any]] = {}
        networks: dict[str, nn.Module] = {}
        for key, build in (("G", self._generator), ("D", MultiscaleDiscriminator), ("E", StyleEncoder)):
            if key in state:
                config, tensors = readers[key](state[key])
                networks[key] = build(**config).to(dtype)
                networks[key].load_state_dict({k: uniform_like(v, dtype) for k, v in tensors.items()})
                self.configs[key] = config
        self.networks = networks
        self.generator = networks["G"]
        self.discriminator = networks.get("D")
        self.encoder = networks.get("E")

    def readers(self) -> dict[str, Read]:
        """How each network's file is read."""
        opt = self.opt
        generator: Read
        if opt["netG"] == "spade":
            generator = partial(
                spade_published.import_published,
                instances=self.uses_instances,
                upsamplings=UPSAMPLINGS[opt["num_upsampling_layers"]],
                aspect_ratio=opt["aspect_ratio"],
            )
        else:
            generator = partial(pix2pixhd_published.import_published, instances=self.uses_instances)
        return {
            "G": generator,
            "D": partial(patchgan.import_published, instances=self.uses_instances),
            "E": spade_published.import_published_encoder,
        }

    def _generator(self, **config: Any) -> nn.Module:
        return SpadeGenerator(**config) if self.opt["netG"] == "spade" else Pix2PixHDGenerator(**config)

    def train(self, training: bool) -> None:
        """Switch all networks to training or evaluation."""
        for network in self.networks.values():
            network.train(training)

    def encode(self) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the real images' styles."""
        assert self.encoder is not None
        mean, log_variance = self.encoder(self.real)
        return mean, log_variance

    def draw(self, style: Tensor | None = None, mode: Mode = "auto") -> Tensor:
        """The generator's pictures.

        The published size follows from the crop size alone, whatever the label map's; where the two differ
        the blocks are run from that latent size, which no caller of ours would do.
        """
        generator = self.generator
        generator.label_mode = mode  # type: ignore[assignment]
        if not isinstance(generator, SpadeGenerator):
            return generator(self.labels, instances=self.instances)  # type: ignore[no-any-return]
        width = self.opt["crop_size"] // generator.stride
        height = round(width / self.opt["aspect_ratio"])
        if self.labels.shape[1:] == (height * generator.stride, width * generator.stride):
            return generator(self.labels, style=style, instances=self.instances)  # type: ignore[no-any-return]
        edges = None if self.instances is None else instance_edges(self.instances)
        pyramid = LabelPyramid(self.labels, generator.num_classes, edges, mode)
        if generator.stem_labels is not None:
            x = generator.stem_labels(pyramid.at(height, width))
        else:
            assert generator.stem_style is not None
            x = generator.stem_style(style).unflatten(1, (-1, height, width))
        for block, upsample in zip(generator.blocks, generator.upsample, strict=True):
            x = block(x, pyramid, style, upsample=upsample)
        return generator.to_image(nn.functional.leaky_relu(x, 0.2)).tanh()  # type: ignore[no-any-return]
