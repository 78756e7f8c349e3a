"""What the model process of the page holds, part by part: resident and proportional memory, and time.

python benchmarks/memory.py [MODEL]
"""

import io
import sys
import time
from pathlib import Path

START = time.perf_counter()


def held() -> dict[str, int]:
    """Memory of this process in MB, as Linux counts it: Rss, Pss, Anonymous."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text("ascii").splitlines())
    return {row[0][:-1]: int(row[1]) // 1024 for row in lines if row[-1] == "kB"}


def report(part: str) -> None:
    """Print the totals after a part."""
    now = held()
    seconds = time.perf_counter() - START
    print(f"{part:18} {seconds:7.2f} s {now['Rss']:6} {now['Pss']:6} {now['Anonymous']:6} MB", flush=True)


def main() -> None:
    """Do what the process does, in its order."""
    print(f"{'after':18} {'time':>9} {'RSS':>6} {'PSS':>6} {'own':>6}")
    report("start")
    import torch  # noqa: F401

    report("import torch")
    import numpy as np
    from PIL import Image

    from semsynth.app.settings import SeedStyle
    from semsynth.app.synthesizer_painter import load_painter

    report("import semsynth")
    painter = load_painter(sys.argv[1] if len(sys.argv) > 1 else None)
    description = painter.describe()
    report("model")
    size, style = description.image_size, SeedStyle(seed=1)
    ids = np.zeros(size, np.uint8)
    if description.examples:
        ids = np.array(Image.open(io.BytesIO(description.examples[0].picture)), np.uint8)
    picture, _ = painter.paint(ids, style)
    report("first picture")
    rng, classes = np.random.default_rng(0), np.unique(ids)
    for _ in range(50):
        y, x = (int(rng.integers(0, side - 12)) for side in ids.shape)
        ids[y : y + 12, x : x + 12] = rng.choice(classes)
        picture, _ = painter.paint(ids, style)
    report("50 strokes")
    if description.encodes:
        painter.encode(picture)
        report("style of a photo")
    if description.segments:
        painter.segment(picture)
        report("labels of a photo")
    unneeded = {"matplotlib", "scipy", "torch._dynamo", "torchvision", "transformers"} & sys.modules.keys()
    print("Imported without need:", ", ".join(sorted(unneeded)) or "nothing")


if __name__ == "__main__":
    main()
