"""The weights of a network that belong to single classes, carried over to another label set by their names.

A convolution of a label map has one plane of weights a class, and so have the label inputs of a
discriminator. A network trained on one label set is taken over for another plane by plane: a class of the
same name brings its weights along, the others keep their fresh ones, and everything else is the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from semsynth.models.discriminators import FpseDiscriminator, OasisDiscriminator, PatchDiscriminator
from semsynth.models.discriminators.projected import FeatureHead
from semsynth.ops.blocks import SpectralNorm, spectral_part
from semsynth.ops.spade import LabelConv2d

FAMILIES = ("spade", "oasis", "ccfpse")
"""Generators, as `create_model` calls them, of which all weights of single classes are known here."""

_ITERATIONS = 30
"""Power iterations after planes have changed, until the norm is that of the new weight."""

Take = Callable[[Mapping[str, Tensor]], object]


@dataclass(frozen=True)
class ClassMatch:
    """Which classes, by the names of the ids, weights were trained on before, and are taken over for now."""

    before: tuple[str, ...]
    now: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every id means what it meant."""
        return self.before == self.now

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(id now, id before) of the classes that both have; the first of several equal names counts."""
        ids: dict[str, int] = {}
        for number, name in enumerate(self.before):
            ids.setdefault(_plain(name), number)
        return [(i, ids[_plain(name)]) for i, name in enumerate(self.now) if _plain(name) in ids]

    def __str__(self) -> str:
        """What is kept and what is fresh, as a sentence without its end."""
        kept = {i for i, _ in self.pairs}
        both = ([name for i, name in enumerate(self.now) if (i in kept) == those] for those in (True, False))
        taken, fresh = (
            f"{len(names)}: {', '.join(names[:40]) or 'none'}{' and others' * (len(names) > 40)}"
            for names in both
        )
        return (
            f"its {len(self.before)} classes are not the {len(self.now)} of the data, so the weights of "
            f"single classes were taken over by name ({taken}) or begin fresh ({fresh})"
        )


def carry_over(
    network: nn.Module, state: Mapping[str, Tensor], match: ClassMatch, take: Take | None = None
) -> None:
    """Load a state whose classes are those of another label set into a fresh network of that shape otherwise.

    The planes of classes that are new stay as they are. `take` loads a state, by default `load_state_dict`.

    Raises:
        RuntimeError: The shapes differ in more than the classes.
    """
    fresh = network.state_dict()
    moved = dict(state)
    spectral: list[tuple[SpectralNorm, Tensor]] = []
    for module_name, module in network.named_modules():
        for part, dim, first in _label_weights(module):
            owner = module.get_submodule(part)
            prefix = ".".join(filter(None, (module_name, part)))
            norm = spectral_part(owner)
            names = [f"{prefix}.parametrizations.weight.original"] if norm else [f"{prefix}.weight"]
            if dim == 0:
                names.append(f"{prefix}.bias")
            for name in names:
                if name in state:
                    moved[name] = _planes(fresh[name], state[name], match, dim, first)
            buffer = f"{prefix}.parametrizations.weight.0.v"
            if norm is not None and buffer in state:
                moved[buffer] = fresh[buffer]
                spectral.append((norm, owner.parametrizations.weight.original))
    (take or network.load_state_dict)(moved)
    for norm, weight in spectral:
        norm.iterate(weight, _ITERATIONS)


def _label_weights(module: nn.Module) -> Sequence[tuple[str, int, int]]:
    """The layers of a module that hold weights of single classes: name, axis, and where on it class 0 is."""
    if isinstance(module, LabelConv2d):
        return [("", 1, 0)]
    if isinstance(module, PatchDiscriminator):
        return [("first", 1, 0)]
    if isinstance(module, FeatureHead | FpseDiscriminator):
        return [("embedding", 1, 0)]
    if isinstance(module, OasisDiscriminator):
        return [("logits", 0, 1)]  # behind "fake"
    return []


@torch.no_grad()
def _planes(fresh: Tensor, trained: Tensor, match: ClassMatch, dim: int, first: int) -> Tensor:
    """The fresh weight with the planes of the common classes, and all that are of no class, put in."""
    before, now = len(match.before), len(match.now)
    if fresh.shape[dim] - now != trained.shape[dim] - before:  # another number of other planes: no fit
        return trained
    out, old = fresh.clone().movedim(dim, 0), trained.movedim(dim, 0)
    out[:first], out[first + now :] = old[:first], old[first + before :]
    for i, j in match.pairs:
        out[first + i] = old[first + j]
    return out.movedim(0, dim)


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
