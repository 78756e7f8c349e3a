"""What the example label maps are drawn with: rough lines, ground in perspective, trees, houses, boats.

Everything is a polygon of class ids in a 256x256 picture, x to the right and y down, because that is how
people annotate photographs: straight short segments, one class a polygon, far things first. Roughness comes
from one numpy generator per picture, so a seed draws the same picture again.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Point = tuple[float, float]
Line = list[Point]

SIZE = 256
EDGE = 40  # lines begin and end this far outside the picture, where nobody sees their ends


def smooth(points: Sequence[Point], rounds: int = 3) -> Line:
    """Cut the corners of an open line (Chaikin), keeping its ends."""
    line = list(points)
    for _ in range(rounds):
        cut = [line[0]]
        for (x0, y0), (x1, y1) in itertools.pairwise(line):
            cut += [(0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1)]
            cut += [(0.25 * x0 + 0.75 * x1, 0.25 * y0 + 0.75 * y1)]
        line = [*cut, line[-1]]
    return line


def height_at(line: Sequence[Point], x: float) -> float:
    """The y of a line that runs from left to right, at x."""
    xs, ys = zip(*line, strict=True)
    return float(np.interp(x, xs, ys))


class Drawing:
    """One label map and the generator that roughens it.

    Args:
        ids: class id by class name.
        seed: of the roughness.
        ground: class the picture is filled with at first.
    """

    def __init__(self, ids: dict[str, int], seed: int, ground: str = "sky") -> None:
        self.ids = ids
        self.rng = np.random.default_rng(seed)
        self.image = Image.new("L", (SIZE, SIZE), ids[ground])
        self.pen = ImageDraw.Draw(self.image)

    def labels(self) -> NDArray[np.int64]:
        """(256, 256) int64 class ids."""
        return np.asarray(self.image).astype(np.int64)

    # Lines and areas

    def rough(self, points: Sequence[Point], amount: float, step: float = 5.0, squash: float = 1.0) -> Line:
        """Displace midpoints until no segment is longer than `step` pixels.

        Args:
            points: the line to start from; its points stay.
            amount: displacement in units of the segment's length; 0.05 a meadow, 0.2 a crag.
            step: length of the last segments.
            squash: share of the displacement that goes up and down; small for shores seen from the side.
        """
        line = [points[0]]
        for a, b in itertools.pairwise(points):
            line += self._displaced(a, b, amount, step, squash)
        return line

    def _displaced(self, a: Point, b: Point, amount: float, step: float, squash: float) -> Line:
        dx, dy = b[0] - a[0], b[1] - a[1]
        if np.hypot(dx, dy) <= step:
            return [b]
        shift = amount * float(np.clip(self.rng.normal(), -1.7, 1.7))
        middle = (a[0] + dx / 2 - shift * dy, a[1] + dy / 2 + shift * dx * squash)
        before = self._displaced(a, middle, amount, step, squash)
        return before + self._displaced(middle, b, amount, step, squash)

    def area(self, name: str, points: Iterable[Point]) -> None:
        """Fill a polygon."""
        self.pen.polygon([(float(x), float(y)) for x, y in points], fill=self.ids[name])

    def below(self, name: str, line: Sequence[Point], bottom: float = SIZE + EDGE) -> None:
        """Fill from a line that runs from left to right down to `bottom`."""
        self.area(name, [*line, (line[-1][0], bottom), (line[0][0], bottom)])

    def ridge(self, name: str, points: Sequence[Point], amount: float = 0.12, step: float = 5.0) -> Line:
        """A skyline through `points` and all below it."""
        line = self.rough(points, amount, step)
        self.below(name, line)
        return line

    def hill(self, name: str, points: Sequence[Point], amount: float = 0.03) -> Line:
        """A soft skyline through `points` and all below it."""
        line = self.rough(smooth(points), amount, step=7)
        self.below(name, line)
        return line

    def blob(self, name: str, x: float, y: float, rx: float, ry: float, rough: float = 0.15) -> None:
        """A round area with a few lobes."""
        turn = np.linspace(0, 2 * np.pi, max(9, int(rx + ry)), endpoint=False)
        radius = np.ones_like(turn)
        for lobes in (2, 3, 5, 8):
            radius += (
                rough * self.rng.normal() / np.sqrt(lobes) * np.cos(lobes * turn + self.rng.uniform(0, 7))
            )
        self.area(name, zip(x + rx * radius * np.cos(turn), y + ry * radius * np.sin(turn), strict=True))

    def rock(self, x: float, base: float, width: float, height: float, name: str = "rock") -> None:
        """A boulder: nearly flat below, a few angles above."""
        shares = ((-0.5, 0.0), (-0.36, 0.62), (-0.08, 0.95), (0.2, 0.8), (0.38, 0.4), (0.5, 0.0))
        top: Line = []
        for across, up in shares:
            across, up = across + self.rng.uniform(-0.07, 0.07), up * self.rng.uniform(0.75, 1.15)
            top.append((x + across * width, base - up * height))
        bottom = [(x + width / 4, base + height * 0.2), (x - width / 4, base + height * 0.14)]
        self.area(name, self.rough(top, 0.1, step=max(3.0, width / 10)) + bottom)

    def path(
        self,
        name: str,
        horizon: float,
        vanish: float,
        near: float,
        half_width: float,
        end: float,
        bend: float = 0.0,
        phase: float = 0.0,
        turns: float = 2.2,
        rough: float = 0.0,
    ) -> None:
        """A road or river on level ground, in perspective.

        Args:
            name: class.
            horizon: y of the horizon.
            vanish: x where it meets the horizon.
            near: x of its middle at the lower edge of the picture.
            half_width: half its width at the lower edge.
            end: y where it is lost to sight, below the horizon.
            bend: how far it swings at the lower edge, in pixels.
            phase: of the swinging.
            turns: how quickly it swings with the logarithm of the distance.
            rough: of its banks.
        """
        ys = np.concatenate([np.linspace(SIZE + EDGE, end + 20, 24), np.linspace(end + 18, end, 12)])
        nearness = (ys - horizon) / (SIZE - horizon)  # 1 at the lower edge, 0 at the horizon
        swing = bend * nearness**0.35 * np.sin(phase - turns * np.log(nearness))
        middle = vanish + (near - vanish) * nearness + swing
        left = list(zip(middle - half_width * nearness, ys, strict=True))
        right = list(zip(middle + half_width * nearness, ys, strict=True))[::-1]
        if rough:
            left, right = self.rough(left, rough, 4, 0.4), self.rough(right, rough, 4, 0.4)
        self.area(name, left + right)

    # Things

    def tree(self, x: float, base: float, height: float, spread: float = 0.8, name: str = "tree") -> None:
        """A broad-leaved tree: a trunk that widens at the foot, a crown of lobes round a middle one."""
        tall = height * 0.8
        wide = tall * spread
        foot, neck = max(1.2, height * 0.045), max(0.8, height * 0.022)
        trunk = [(-foot, 0.0), (-neck, height * 0.06), (-neck, height / 2)]
        self.area(
            name, [(x + px, base - up) for px, up in trunk] + [(x - px, base - up) for px, up in trunk[::-1]]
        )
        middle = base - height + tall / 2
        self.blob(name, x, middle, wide * 0.34, tall * 0.36, 0.1)
        for lobe in range(9):
            turn = 2 * np.pi * (lobe + self.rng.uniform(-0.3, 0.3)) / 9
            lift = 0.8 if np.sin(turn) > 0.3 else 1.0  # the lower edge of a crown is flatter
            ax, ay = wide * 0.33 * np.cos(turn), tall * 0.31 * lift * np.sin(turn)
            size = self.rng.uniform(0.14, 0.2)
            self.blob(name, x + ax, middle + ay, wide * size, tall * size * 0.9, 0.12)

    def conifer(self, x: float, base: float, height: float, spread: float = 0.34) -> None:
        """A fir: tiers of branches that widen downwards."""
        tiers = max(3, int(height / 9))
        left: Line = []
        right: Line = []
        for tier in range(1, tiers + 1):
            reach = height * spread / 2 * tier / tiers
            y = base - height * (1 - 0.94 * tier / tiers)
            for side, edge in ((-1, left), (1, right)):
                tip = reach * self.rng.uniform(0.8, 1.15)
                edge += [(x + side * tip, y + self.rng.uniform(-1, 1)), (x + side * tip * 0.55, y - 0.5)]
        trunk = max(0.8, height * 0.025)
        foot = [(x + trunk, base), (x - trunk, base)]
        self.area("tree", [(x, base - height), *right, *foot, *reversed(left)])

    def wood(
        self,
        line: Sequence[Point],
        height: float,
        depth: float = 12.0,
        name: str = "tree",
        kind: Callable[["Drawing", float, float, float], None] | None = None,
        start: float = -EDGE,
        stop: float = SIZE + EDGE,
    ) -> None:
        """The edge of a wood along `line`: a closed body with crowns above it.

        Args:
            line: the foot of the wood, left to right.
            height: of its trees, in pixels.
            depth: how far the closed body reaches below the line.
            name: class.
            kind: draws one tree at (x, base, height); crowns of leaves when None.
            start: x where it begins.
            stop: x where it ends.
        """
        inside = [(x, y) for x, y in line if start < x < stop]
        feet = [(start, height_at(line, start)), *inside, (stop, height_at(line, stop))]

        def size(x: float) -> float:  # lower towards both ends
            return height * float(np.clip(min(x - start, stop - x) / (1.5 * height) + 0.35, 0, 1))

        body = [(x, y - size(x) * 0.45) for x, y in self.rough(feet, 0.05)]
        self.area(name, body + [(x, y + depth) for x, y in reversed(feet)])
        x = start
        while x < stop:
            tall = size(x) * self.rng.uniform(0.75, 1.2)
            base = height_at(line, x)
            if kind is None:
                self.blob(name, x, base - tall * 0.55, tall * 0.42, tall * 0.45, 0.16)
            else:
                kind(self, x, base, tall)
            x += height * self.rng.uniform(0.22, 0.5)

    def house(self, x: float, base: float, width: float, height: float, windows: bool = True) -> None:
        """A house with a pitched roof, seen a little from the side."""
        eaves = base - height * 0.6
        ridge = base - height
        self.area("building", [(x, base), (x, eaves), (x + width * 0.16, ridge), (x + width * 0.8, ridge),
                               (x + width, eaves), (x + width, base)])  # fmt: skip
        if windows and width > 16:
            for share in (0.22, 0.46, 0.7):
                left, top = x + width * share, eaves + height * 0.14
                self.area("window", [(left, top), (left + 2, top), (left + 2, top + 3), (left, top + 3)])

    def box(self, name: str, left: float, top: float, right: float, bottom: float) -> None:
        """An upright rectangle."""
        self.area(name, [(left, top), (right, top), (right, bottom), (left, bottom)])

    def boat(self, x: float, water: float, length: float) -> None:
        """A sailing boat: a hull, a tall sail and a small one."""
        deck = water - length * 0.18
        hull = [(-0.52, deck), (0.56, deck), (0.4, water), (-0.44, water)]
        self.area("boat", [(x + px * length, y) for px, y in hull])
        mast, top = x - length * 0.02, water - length * 1.3
        self.area("boat", [(mast, deck), (mast, top), (mast + length * 0.12, top + length * 0.5),
                           (x + length * 0.3, deck - length * 0.06)])  # fmt: skip
        self.area("boat", [(mast - 1, deck), (mast - 1, top + length * 0.3), (x - length * 0.3, deck)])

    def car(self, x: float, base: float, width: float) -> None:
        """A car seen from behind or in front."""
        height = width * 0.72
        outline = [(-0.5, -0.08), (-0.5, -0.5), (-0.36, -0.58), (-0.27, -1.0), (0.27, -1.0), (0.36, -0.58),
                   (0.5, -0.5), (0.5, -0.08), (0.42, 0), (0.3, 0), (0.28, -0.12), (-0.28, -0.12), (-0.3, 0),
                   (-0.42, 0)]  # fmt: skip
        self.area("car", [(x + px * width, base + py * height) for px, py in outline])

    def person(self, x: float, base: float, height: float) -> None:
        """Somebody standing."""
        outline = [(-0.1, 0), (-0.13, -0.45), (-0.17, -0.5), (-0.15, -0.8), (-0.06, -0.85), (-0.07, -0.97),
                   (0, -1.0), (0.07, -0.97), (0.06, -0.85), (0.15, -0.8), (0.17, -0.5), (0.13, -0.45),
                   (0.1, 0), (0.03, 0), (0, -0.4), (-0.03, 0)]  # fmt: skip
        self.area("person", [(x + px * height, base + py * height) for px, py in outline])
