"""Rounding errors against float64, map by map: the engine's, and those of the dense network in float32.

    python benchmarks/errors.py [--model landscape] [--maps N] [--json]

The model is the bundled one, or a published network of `inference.py` (coco-stuff, ade20k, cityscapes). The
maps are the examples of the package and, where they lie beside the checkout, the samples of the data set.
An error is the largest absolute difference of an image in [-1, 1] from that of the dense network in float64.
"""

import argparse
import copy
import json
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from inference import DATA, EXAMPLES
from inference_cases import Draw, dense, engine, exact, from_scratch
from inference_networks import NETWORKS, LabelMap, network, read_maps
from semsynth.hub import load_model
from semsynth.labels import read_label_map
from semsynth.ops import processor
from semsynth.ops.blocks import fold_spectral_norm
from semsynth.ops.pyramid import nearest

BUNDLED = "landscape"


def bundled_maps() -> tuple[list[LabelMap], list[str]]:
    """The examples of the package, and the data set's validation maps where they are here."""
    space = load_model(BUNDLED).label_space
    files = sorted(EXAMPLES.glob("*.png")) + sorted((DATA / "siftflow" / "val" / "labels").glob("*.png"))
    ids = (torch.from_numpy(read_label_map(path, space).ids)[None].long() for path in files)
    return [LabelMap(nearest(labels, 256, 256), None) for labels in ids], [path.stem for path in files]


def bundled() -> tuple[Draw, Draw, Draw]:
    """The bundled model in float64, dense in float32, and by the engine, all in one style."""
    generator = load_model(BUNDLED).generator
    style = torch.randn(1, generator.style_dim, generator=torch.Generator().manual_seed(0))
    plain = fold_spectral_norm(copy.deepcopy(generator)).eval().requires_grad_(False)
    plain.label_mode = "dense"
    twin, ours = copy.deepcopy(plain).double(), engine(generator, "float32")

    def drawn(generator: Any, style: Tensor) -> Draw:
        return torch.inference_mode()(lambda here: generator(here.labels, style=style))  # type: ignore[no-any-return]

    return drawn(twin, style.double()), drawn(plain, style), lambda here: from_scratch(ours, here, style)


def published(name: str, maps: list[LabelMap]) -> tuple[Draw, Draw, Draw]:
    """A published network in float64, dense in float32, and by the engine."""
    generator = network(name, maps)
    ours = engine(generator, "float32")
    return exact(generator), dense(generator), lambda here: from_scratch(ours, here)


def errors(draws: tuple[Draw, Draw, Draw], maps: list[LabelMap]) -> Iterator[tuple[float, float]]:
    """The dense network's error and the engine's, map by map."""
    reference, *others = draws
    for here in maps:
        expected = reference(here)
        plain, ours = (float((run(here).double() - expected).abs().max()) for run in others)
        yield plain, ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", choices=[BUNDLED, *NETWORKS], default=BUNDLED)
    parser.add_argument("--maps", type=int, help="at most so many")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.model == BUNDLED:
        maps, names = bundled_maps()
        draws = bundled()
    else:
        folders = (DATA / NETWORKS[args.model].sample, EXAMPLES)
        parts = {folder.name: read_maps(folder, args.model) for folder in folders}
        maps = [here for part in parts.values() for here in part]
        names = [f"{folder} {index + 1}" for folder, part in parts.items() for index in range(len(part))]
        draws = published(args.model, maps)
    maps = maps[: args.maps]
    found: dict[str, tuple[float, float]] = {}
    for name, (plain, ours) in zip(names, errors(draws, maps), strict=False):
        found[name] = plain, ours
        if not args.json:
            print(f"{name:40} dense {plain:.2e}   engine {ours:.2e}", flush=True)
    report = summary(found) | {"cpu": processor.level(), "model": args.model}
    print(json.dumps(report | {"errors": found}, indent=1) if args.json else verdict(report))


def summary(found: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """The largest errors over the maps, and on how many the engine is at most as far off."""
    plain, ours = (max(pair[side] for pair in found.values()) for side in (0, 1))
    nearer = sum(ours <= plain for plain, ours in found.values())
    return {"maps": len(found), "dense_error_float64": plain, "error_float64": ours, "nearer": nearer}


def verdict(report: dict[str, Any]) -> str:
    """Two sentences."""
    ours, plain = report["error_float64"], report["dense_error_float64"]
    how = "at most" if ours <= plain else "larger than"
    return (
        f"{report['model']}, {report['maps']} maps, level {report['cpu']}: the engine's largest error, "
        f"{ours:.2e}, is {how} that of the dense network in float32, {plain:.2e}. "
        f"Map by map it is at most as large on {report['nearer']}."
    )


if __name__ == "__main__":
    main()
