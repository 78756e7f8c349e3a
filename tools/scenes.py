"""The scenes of the example label maps: coasts, mountains, open country, woods, and three with houses.

Coordinates are pixels of a 256x256 map; what lies outside is there so that no line ends in sight.
"""

from drawing import Drawing, height_at, smooth


def bay(d: Drawing) -> None:
    """A sandy bay that curves away to a headland."""
    d.below("sea", [(-40, 112), (300, 112)])
    d.area("mountain", [*d.rough([(110, 113), (150, 96), (190, 84), (225, 66), (300, 52)], 0.1), (300, 113)])
    shore = [(300, 117), (232, 120), (196, 128), (176, 141), (150, 163), (104, 190), (50, 208), (-40, 222)]
    d.area("sand", [*d.rough(shore, 0.05, 6, 0.5), (-40, 300), (300, 300)])
    d.area(
        "plant", [*d.rough([(300, 150), (262, 158), (232, 178), (214, 206), (206, 300)], 0.14, 6), (300, 300)]
    )
    for x, base, width in ((88, 193, 26), (68, 204, 16), (116, 180, 12)):
        d.rock(x, base, width, width * 0.45)


def alpine_lake(d: Drawing) -> None:
    """A lake under a high range, firs on its shores."""
    d.ridge(
        "mountain", [(-40, 96), (20, 62), (62, 84), (118, 24), (150, 54), (186, 40), (240, 86), (300, 70)]
    )
    far = [(-40, 128), (60, 136), (150, 140), (300, 130)]
    d.wood(far, 24, 16, kind=Drawing.conifer)
    d.below("river", d.rough([(-40, 143), (120, 148), (300, 142)], 0.02, 9, 0.3))
    d.hill("grass", [(-40, 232), (60, 226), (140, 244), (210, 232), (300, 214)])
    for x, base, height in ((18, 246, 118), (44, 240, 92), (66, 246, 66), (232, 240, 84), (252, 236, 112)):
        d.conifer(x, base, height)
    d.rock(128, 246, 34, 14)
    d.rock(156, 249, 20, 9)


def river_valley(d: Drawing) -> None:
    """A river winds through meadows towards the hills."""
    d.ridge("mountain", [(-40, 74), (46, 92), (110, 70), (178, 96), (300, 60)], 0.07)
    d.hill("tree", [(-40, 108), (60, 102), (150, 112), (300, 100)], 0.06)
    d.below("grass", d.rough([(-40, 118), (300, 117)], 0.02))
    d.path("river", 106, 150, 90, 74, 119, bend=70, phase=0.4, rough=0.05)
    d.wood([(-40, 142), (20, 146), (58, 138)], 22, 6, stop=52)
    d.wood([(196, 134), (256, 140), (300, 136)], 20, 6, start=204)
    d.tree(226, 206, 84, 0.9)
    d.blob("plant", 30, 240, 44, 24)
    d.blob("plant", 72, 254, 28, 14)


def country_road(d: Drawing) -> None:
    """A road between fields, trees beside it, blue hills behind."""
    d.hill("mountain", [(-40, 118), (40, 104), (130, 114), (210, 98), (300, 110)])
    d.below("field", d.rough([(-40, 132), (300, 129)], 0.01, 12))
    d.area("grass", d.rough([(300, 129), (170, 131), (150, 134), (300, 190)], 0.02))
    d.wood([(-40, 133), (110, 133)], 14, 3, stop=96)
    d.path("road", 122, 142, 150, 62, 132, bend=10, phase=2.0, turns=1.3)
    d.tree(46, 168, 78, 0.95)
    d.tree(92, 148, 40, 0.9)
    d.tree(216, 162, 62, 0.9)
    d.area("plant", [*d.rough([(300, 208), (262, 212), (236, 232), (228, 300)], 0.15), (300, 300)])


def forest_stream(d: Drawing) -> None:
    """A stream among boulders inside a wood."""
    d.area("tree", [(-40, -40), (300, -40), (300, 300), (-40, 300)])
    d.area(
        "sky", d.rough([(84, -40), (92, 18), (118, 62), (140, 40), (160, 52), (182, 10), (192, -40)], 0.22, 4)
    )
    d.area(
        "grass",
        [*d.rough([(-40, 184), (66, 172), (124, 146), (168, 158), (300, 200)], 0.1), (300, 300), (-40, 300)],
    )
    d.path("river", 130, 138, 116, 84, 138, bend=40, phase=0.9, turns=1.9, rough=0.1)
    d.blob("plant", 232, 200, 46, 30, 0.12)
    d.blob("plant", 16, 196, 38, 20, 0.12)
    d.blob("plant", 92, 160, 20, 10, 0.12)
    for x, base, width in ((58, 208, 44), (196, 238, 60), (26, 246, 66), (176, 188, 28), (104, 178, 20),
                           (124, 236, 30), (158, 160, 16)):  # fmt: skip
        d.rock(x, base, width, width * 0.5)


def dunes(d: Drawing) -> None:
    """A great dune with a sharp crest, a bare range far away, dry shrubs."""
    d.ridge("mountain", [(-40, 118), (24, 104), (70, 112), (120, 122), (300, 118)], 0.08)
    d.below("desert", d.rough([(-40, 130), (300, 126)], 0.01, 12))
    crest = d.rough(smooth([(60, 136), (112, 118), (150, 96), (182, 66)]), 0.02, 7)
    d.below("desert", crest + d.rough(smooth([(182, 66), (206, 88), (250, 104), (300, 112)]), 0.02, 7))
    for x, base, size in (
        (24, 150, 9),
        (62, 146, 7),
        (112, 158, 8),
        (190, 176, 9),
        (150, 150, 6),
        (232, 160, 8),
    ):
        d.blob("plant", x, base, size * 1.5, size * 0.6)
    d.blob("plant", 214, 228, 34, 15, 0.2)
    d.blob("plant", 48, 214, 28, 12, 0.2)
    d.rock(112, 238, 40, 14)


def cliffs(d: Drawing) -> None:
    """High cliffs with grass on their backs, surf rocks at their foot."""
    d.below("sea", [(-40, 128), (300, 127)])
    d.area("mountain", [*d.rough([(70, 129), (96, 116), (128, 112), (160, 100), (300, 90)], 0.1), (300, 129)])
    brow = d.rough([(88, 68), (52, 60), (10, 44), (-40, 36)], 0.06)
    foot = d.rough([(-40, 226), (40, 206), (84, 182), (112, 160), (106, 128), (94, 100), (88, 68)], 0.12)
    d.area("rock", foot + brow)
    d.area("grass", brow + d.rough([(-40, 78), (14, 70), (56, 76), (88, 70)], 0.08))
    for x, base, width, height in (
        (142, 172, 26, 26),
        (168, 184, 14, 12),
        (118, 190, 30, 12),
        (196, 206, 22, 9),
    ):
        d.rock(x, base, width, height)
    d.area("plant", [*d.rough([(300, 226), (262, 226), (222, 240), (176, 300)], 0.15), (300, 300)])


def island(d: Drawing) -> None:
    """A wooded island in a calm sea, a sail beside it."""
    d.below("sea", [(-40, 136), (300, 136)])
    d.area("mountain", [*d.rough([(-40, 122), (10, 118), (60, 128), (98, 136)], 0.1), (-40, 136)])
    top = d.rough([(82, 150), (104, 122), (140, 94), (166, 100), (204, 128), (236, 150)], 0.12)
    d.area("mountain", top)
    d.wood([(86, 149), (150, 147), (232, 149)], 26, 3, start=92, stop=226)
    d.area(
        "sand", d.rough([(72, 152), (110, 147), (204, 147), (246, 152), (190, 158), (120, 157)], 0.05, 6, 0.4)
    )
    d.boat(44, 182, 22)
    d.rock(60, 236, 60, 22)
    d.rock(100, 248, 36, 12)


def lone_tree(d: Drawing) -> None:
    """One old tree on a rise in the fields."""
    d.hill("mountain", [(-40, 150), (60, 138), (140, 148), (300, 134)])
    d.hill("tree", [(-40, 166), (50, 158), (130, 164), (220, 156), (300, 160)], 0.08)
    rise = d.hill("field", [(-40, 190), (60, 186), (160, 164), (300, 182)])
    d.tree(164, height_at(rise, 164) + 3, 120, 1.1)
    d.hill("grass", [(-40, 230), (90, 222), (190, 236), (300, 226)])


def peaks(d: Drawing) -> None:
    """A high peak and its shoulder, a dark wood at their feet."""
    d.ridge(
        "mountain",
        [(-40, 120), (20, 92), (52, 98), (104, 26), (136, 66), (160, 58), (206, 96), (300, 82)],
        0.09,
    )
    slope = d.rough([(-40, 176), (40, 194), (118, 212), (190, 200), (300, 168)], 0.08)
    d.wood(slope, 24, 160, kind=Drawing.conifer)
    for x, base, height in ((12, 240, 108), (36, 240, 80), (56, 240, 54), (246, 240, 124), (222, 240, 82)):
        d.conifer(x, base, height)


def village(d: Drawing) -> None:
    """A few houses and a church between woods and fields."""
    d.ridge("mountain", [(-40, 84), (50, 60), (120, 82), (196, 52), (300, 78)], 0.08)
    d.wood([(-40, 128), (100, 124), (300, 128)], 22, 10)
    d.below("grass", d.rough([(-40, 134), (140, 130), (300, 135)], 0.02))
    d.box("building", 120, 92, 134, 140)
    d.area("building", [(118, 93), (127, 62), (136, 93)])
    for x, base, width, height in (
        (66, 144, 34, 26),
        (134, 146, 44, 30),
        (192, 142, 30, 22),
        (30, 140, 24, 18),
    ):
        d.house(x, base, width, height)
    d.tree(112, 150, 30)
    d.tree(184, 150, 34)
    d.tree(236, 156, 48)
    d.below("field", d.rough([(-40, 176), (70, 168), (160, 176), (300, 166)], 0.02, 9))
    d.path("road", 128, 176, 96, 34, 150, bend=26, phase=0.2, turns=1.8)
    d.blob("plant", 226, 248, 46, 22)


def harbour(d: Drawing) -> None:
    """Houses along the water, boats before them, hills behind."""
    d.ridge("mountain", [(-40, 84), (40, 92), (100, 64), (168, 80), (300, 46)], 0.09)
    left = -20.0
    while left < 270:
        width, height = d.rng.uniform(18, 34), d.rng.uniform(18, 40)
        d.house(left, 134, width, height)
        left += width * d.rng.uniform(0.8, 1.0)
    for x in (34, 92, 176, 240):
        d.tree(x, 136, 24, 1.0)
    d.below("sea", [(-40, 136), (300, 135)])
    for x, water, length in ((70, 166, 26), (196, 182, 36)):
        d.boat(x, water, length)
    d.area("rock", [*d.rough([(-40, 222), (40, 218), (84, 236), (120, 300)], 0.14), (-40, 300)])
    d.rock(140, 250, 30, 10)


def skyline(d: Drawing) -> None:
    """A city across the water."""
    lefts = (0, 20, 38, 56, 82, 96, 124, 142, 164, 184, 210, 226, -20)
    tops = (106, 84, 112, 62, 96, 40, 84, 58, 100, 72, 108, 88, 124)
    widths = (24, 20, 22, 22, 18, 24, 22, 18, 24, 22, 20, 30, 300)
    for left, top, width in zip(lefts, tops, widths, strict=True):
        d.box("building", left, top, left + width, 180)
    d.area("building", [(96, 41), (104, 28), (108, 8), (112, 28), (120, 41)])
    d.area("building", [(56, 63), (67, 50), (78, 63)])
    d.wood([(-40, 176), (300, 175)], 15, 3)
    d.below("river", [(-40, 178), (300, 177)])
    d.below("grass", d.rough([(-40, 244), (90, 238), (170, 246), (300, 236)], 0.04))
    d.tree(238, 252, 76, 0.95)


def street(d: Drawing) -> None:
    """A street between old houses, cars at the kerb; everything runs to a point at (124, 140)."""
    d.area("building", [(-40, -40), (52, 61), (52, 78), (88, 109), (92, 109), (96, 150), (-40, 300)])
    d.area("building", [(300, -60), (210, 42), (210, 60), (166, 101), (158, 101), (152, 150), (300, 300)])
    d.box("building", 92, 118, 156, 150)
    d.tree(124, 146, 26, 1.0)
    d.area("sidewalk", [(112, 142), (136, 142), (340, 262), (340, 300), (-80, 300), (-80, 252)])
    d.area("road", [(117, 142), (131, 142), (252, 256), (280, 300), (-40, 300), (0, 256)])
    for left, top in ((2, 62), (26, 80), (2, 106), (26, 114), (60, 108), (60, 130)):
        d.area("window", [(left, top), (left + 12, top + 8), (left + 12, top + 26), (left, top + 24)])
    for left, top in ((240, 56), (216, 76), (240, 104), (216, 112), (184, 110)):
        d.area("window", [(left, top + 8), (left + 12, top), (left + 12, top + 24), (left, top + 26)])
    for x, base, width in (
        (92, 166, 16),
        (80, 180, 24),
        (58, 198, 34),
        (154, 166, 17),
        (172, 182, 27),
        (126, 154, 9),
    ):
        d.car(x, base, width)
    d.tree(224, 214, 104, 0.75)
    for x, base, height in ((22, 220, 46), (206, 196, 30), (244, 226, 44)):
        d.person(x, base, height)


def sunset(d: Drawing) -> None:
    """The sun over an open sea, black rocks before it."""
    d.blob("sun", 164, 104, 9, 9, 0.02)
    d.below("sea", [(-40, 126), (300, 126)])
    d.area("mountain", [*d.rough([(-40, 108), (12, 112), (44, 104), (84, 120), (108, 126)], 0.1), (-40, 126)])
    d.boat(206, 148, 14)
    for x, base, width, height in (
        (44, 206, 74, 36),
        (98, 222, 54, 20),
        (14, 236, 90, 34),
        (140, 236, 30, 10),
    ):
        d.rock(x, base, width, height)
    d.below("sand", d.rough([(-40, 230), (70, 238), (170, 240), (300, 226)], 0.04, 6, 0.4))


def fjord(d: Drawing) -> None:
    """Steep walls on either side of still water."""
    d.ridge("mountain", [(-40, 110), (70, 116), (112, 92), (140, 84), (176, 110), (300, 100)], 0.08)
    d.below("sea", [(-40, 146), (300, 146)])
    left = d.rough([(-40, 0), (26, 34), (50, 72), (86, 112), (124, 147)], 0.08)
    right = d.rough([(150, 147), (178, 112), (206, 96), (236, 44), (300, 8)], 0.08)
    d.area(
        "mountain",
        left + d.rough([(124, 147), (88, 150), (98, 155), (52, 162), (58, 169), (-40, 184)], 0.05, 6, 0.4),
    )
    d.area(
        "mountain",
        d.rough([(300, 178), (216, 164), (222, 158), (178, 153), (186, 149), (150, 147)], 0.05, 6, 0.4)
        + right,
    )
    d.wood([(-40, 178), (56, 164)], 15, 4, kind=Drawing.conifer, stop=52)
    d.wood([(210, 160), (300, 173)], 13, 4, kind=Drawing.conifer, start=218)
    near = d.rough([(-40, 218), (60, 228), (130, 244), (300, 252)], 0.05)
    d.below("grass", near)
    d.house(36, 236, 40, 28)
    d.tree(92, 246, 46)
    d.rock(180, 252, 40, 14)


def highway(d: Drawing) -> None:
    """A wide road runs straight at the mountains."""
    d.ridge("mountain", [(-40, 108), (30, 92), (88, 74), (128, 96), (190, 66), (300, 98)], 0.1)
    d.below("field", d.rough([(-40, 134), (300, 134)], 0.01, 12))
    d.wood([(-40, 137), (86, 136)], 15, 3, stop=72)
    d.wood([(170, 136), (300, 138)], 13, 3, start=186)
    d.path("road", 128, 130, 124, 126, 135)
    for x, base, width in ((116, 152, 10), (152, 166, 18), (84, 190, 32)):
        d.car(x, base, width)
    d.area("sign", [(212, 104), (236, 104), (236, 120), (212, 120)])
    d.area("pole", [(223, 120), (225, 120), (225, 160), (223, 160)])
    d.area("plant", [*d.rough([(300, 176), (266, 186), (250, 214), (262, 300)], 0.15), (300, 300)])


def meadow(d: Drawing) -> None:
    """A flowering meadow at the edge of a wood."""
    d.hill("mountain", [(-40, 88), (70, 74), (150, 86), (300, 62)])
    d.hill("field", [(-40, 118), (90, 112), (180, 120), (300, 108)])
    d.wood([(-40, 150), (40, 146), (110, 136)], 44, 8, stop=104)
    d.wood([(190, 138), (300, 144)], 28, 6, start=198)
    d.below("grass", d.rough([(-40, 152), (60, 148), (150, 142), (300, 150)], 0.03))
    d.path("river", 128, 170, 214, 30, 152, bend=24, phase=1.0, rough=0.06)
    d.blob("plant", 66, 196, 22, 8)
    d.blob("plant", 118, 214, 28, 10)
    d.blob("plant", 44, 236, 54, 18)
    d.tree(150, 164, 54, 0.95)
