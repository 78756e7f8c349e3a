"""Annotations of other tools that are no label maps: whose they are, and what turns them into label maps."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError
from semsynth.files.reading import read_bytes
from semsynth.files.walking import walk

LOOKED_AT = 5
"""How many files of an ending are opened."""
LARGEST = 1 << 28
"""Largest annotation file that is opened, in bytes."""

DATUMARO = "`datum convert -if coco -i {0} -f voc_segmentation -o OUT -- --save-media` of Datumaro"
ADVICE = {
    "labelme": "They are polygons of labelme: its example script `labelme2voc.py {0} OUT --labels labels.txt "
    "--noobject` draws label maps of them, whose layout (voc) is read.",
    "coco": f"They are annotations in COCO's JSON: {DATUMARO} draws label maps, whose layout (voc) is read.",
    "yolo polygons": "They are polygons of YOLO: import them into CVAT (Ultralytics YOLO Segmentation), and "
    'export the task as "Segmentation mask 1.1", which is read.',
    "yolo boxes": "They are boxes of YOLO, which say nothing of outlines: label maps have to be drawn.",
    "cvat": 'It is CVAT\'s XML: export the task as "Segmentation mask 1.1" instead, which is read.',
    "voc boxes": "They are boxes in VOC's XML, which say nothing of outlines: label maps in "
    "SegmentationClass/ are needed.",
    "supervisely": "They are annotations of Supervisely: export them there in the VOC format, which is read, "
    "or as masks.",
    "label studio": "It is Label Studio's JSON: export brush labels as PNG, or polygons in the COCO format: "
    f"{DATUMARO} draws label maps, whose layout (voc) is read.",
    "via": "They are regions of the VGG Image Annotator: export them in the COCO format, and "
    f"{DATUMARO} draws label maps, whose layout (voc) is read.",
}
"""What to do, by kind; {0} is the folder."""


def describe_foreign(folder: Path) -> str:
    """Whose annotations lie in a folder and how they become label maps; empty where nothing is recognised."""
    if not folder.is_dir():
        return ""
    kind = next(filter(None, map(_kind, _first_files(folder))), "")
    return ADVICE[kind].format(folder) if kind else ""


def _first_files(folder: Path) -> Iterator[Path]:
    """A few files of each ending that annotations have."""
    files = list(islice(walk(folder), 20_000))
    for ending in (".json", ".xml", ".txt"):
        yield from [path for path in files if path.suffix.lower() == ending][:LOOKED_AT]


def _kind(path: Path) -> str:
    try:
        content = read_bytes(path, LARGEST)
    except SemsynthError:
        return ""
    if path.suffix.lower() == ".json":
        try:
            return _kind_of_json(json.loads(content))
        except (ValueError, RecursionError):
            return ""
    text = content[: 1 << 16].decode("utf-8", "replace")
    if path.suffix.lower() == ".xml":
        if re.search(r"<annotations>", text) and re.search(r"<(image|track|meta)\b", text):
            return "cvat"
        return "voc boxes" if "<annotation" in text and "<bndbox" in text else ""
    return _kind_of_lines(text)


def _kind_of_json(content: Any) -> str:
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(first, dict) and {"annotations", "completions"} & first.keys() and "data" in first:
        return "label studio"
    if not isinstance(content, dict):
        return ""
    if "shapes" in content and "imagePath" in content:
        return "labelme"
    if "annotations" in content and ("images" in content or "categories" in content):
        return "coco"
    if "objects" in content and "size" in content:
        return "supervisely"
    if "_via_img_metadata" in content or any(
        isinstance(entry, dict) and "regions" in entry for entry in islice(content.values(), 3)
    ):
        return "via"
    return ""


def _kind_of_lines(text: str) -> str:
    """YOLO's lines: a class, and coordinates that are shares of the sides."""
    rows = [line.split() for line in text.splitlines()[:20] if line.strip()]
    try:
        numbers = [[float(word) for word in row] for row in rows]
    except ValueError:
        return ""
    right = numbers and all(
        row[0] == int(row[0]) and len(row) >= 5 and all(0 <= value <= 1 for value in row[1:])
        for row in numbers
    )
    if not right:
        return ""
    return "yolo boxes" if all(len(row) == 5 for row in numbers) else "yolo polygons"
