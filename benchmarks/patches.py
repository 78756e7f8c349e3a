"""How many label windows are new, by resolution: the figure that everything quick here rests on.

python benchmarks/patches.py [FOLDER] [--labels siftflow] [--size 256]
"""

import argparse
from pathlib import Path

import torch

from semsynth.hub import PRETRAINED
from semsynth.labels import LabelSpace, read_label_map
from semsynth.ops.pyramid import LabelPyramid, nearest


def shares(path: Path, space: LabelSpace, size: int) -> dict[int, tuple[float, float]]:
    """Distinct 3x3 and 5x5 windows per pixel of one label map, by resolution from 8 to `size`."""
    labels = nearest(torch.from_numpy(read_label_map(path, space).ids)[None], size, size)
    pyramid = LabelPyramid(labels, space.num_classes)
    found = {}
    side = 8
    while side <= size:
        plan = pyramid.at(side, side).plan(3)
        found[side] = (len(plan.patches) / side**2, plan.share)
        side *= 2
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=PRETRAINED / "landscape" / "examples")
    parser.add_argument("--labels", default="siftflow", help="label set of the maps")
    parser.add_argument("--size", type=int, default=256)
    args = parser.parse_args()
    space = LabelSpace.named(args.labels)
    rows = [shares(path, space, args.size) for path in sorted(args.folder.glob("*.png"))]
    if not rows:
        parser.error(f"{args.folder} holds no PNG files")
    print("resolution   distinct 3x3   distinct 5x5 (least .. most)")
    for side in rows[0]:
        small, large = zip(*(row[side] for row in rows), strict=True)
        mean_small, mean_large = (100 * sum(values) / len(values) for values in (small, large))
        spread = f"{100 * min(large):.1f} .. {100 * max(large):.1f}"
        print(f"{side:10} {mean_small:12.1f} % {mean_large:12.1f} % ({spread})")


if __name__ == "__main__":
    main()
