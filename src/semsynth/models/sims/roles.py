"""What classes mean to SIMS's rules, read from the painter's groups of a label set."""

from dataclasses import dataclass
from functools import cache

from semsynth.labels import LabelSpace


@dataclass(frozen=True)
class ClassRoles:
    """Sets of class ids.

    Attributes:
        context: surfaces without a shape of their own. Where the canvas stays empty they keep their label
            (published for road, sidewalk, wall, fence, vegetation, terrain and sky).
        objects: things that stand somewhere and throw a shadow.
        ground: what they stand on.
        vehicles: whose surroundings are cut out of the ground.
        plants: whose surroundings are cut out of everything.
    """

    context: frozenset[int]
    objects: frozenset[int]
    ground: frozenset[int]
    vehicles: frozenset[int]
    plants: frozenset[int]


@cache
def roles_of(space: LabelSpace) -> ClassRoles:
    """The roles of a label set's classes: by group, and walls and fences by name."""

    def members(*groups: str) -> frozenset[int]:
        return frozenset(entry.id for entry in space.classes if entry.group in groups)

    barriers = frozenset(entry.id for entry in space.classes if entry.name in ("wall", "fence"))
    return ClassRoles(
        context=members("sky", "water", "land", "plants", "roads") | barriers,
        objects=members("vehicles", "people", "animals", "things"),
        ground=members("roads", "land"),
        vehicles=members("vehicles"),
        plants=members("plants"),
    )
