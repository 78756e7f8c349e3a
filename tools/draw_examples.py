"""Draw the example label maps that come with the landscape model.

    python tools/draw_examples.py [FOLDER]

Every map is drawn from the words in scenes.py and a seed: no photograph and no label map of any data set is
behind them. They keep the habits of people who annotate photographs, which is what a network has learned
from: one class an area, straight short segments, far things first, no pixel void.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import scenes
from drawing import Drawing

from semsynth.labels import LabelSpace, write_label_map

FOLDER = Path(__file__).resolve().parents[1] / "src/semsynth/pretrained/landscape/examples"

# Every scene and the seed it is drawn with; files are numbered in this order.
SCENES: dict[str, tuple[Callable[[Drawing], None], int]] = {
    "bay": (scenes.bay, 1),
    "alpine-lake": (scenes.alpine_lake, 2),
    "lone-tree": (scenes.lone_tree, 3),
    "cliffs": (scenes.cliffs, 4),
    "river-valley": (scenes.river_valley, 5),
    "forest-stream": (scenes.forest_stream, 6),
    "sunset": (scenes.sunset, 7),
    "peaks": (scenes.peaks, 8),
    "country-road": (scenes.country_road, 9),
    "island": (scenes.island, 10),
    "village": (scenes.village, 11),
    "dunes": (scenes.dunes, 12),
    "fjord": (scenes.fjord, 13),
    "harbour": (scenes.harbour, 14),
    "meadow": (scenes.meadow, 15),
    "skyline": (scenes.skyline, 16),
    "street": (scenes.street, 17),
    "highway": (scenes.highway, 18),
}


def main(folder: Path) -> None:
    """Draw all scenes into `folder` as NN-name.png."""
    space = LabelSpace.named("siftflow")
    ids = {one.name: one.id for one in space.classes}
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, (scene, seed)) in enumerate(SCENES.items(), 1):
        drawing = Drawing(ids, seed)
        scene(drawing)
        write_label_map(folder / f"{number:02d}-{name}.png", drawing.labels(), space)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
