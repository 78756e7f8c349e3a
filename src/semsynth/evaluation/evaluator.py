"""The evaluator is the segmenter whose scores are reported: whether one may score a model's pictures."""

from collections.abc import Sequence

from semsynth.errors import SemsynthError
from semsynth.evaluation.segmenters import Segmenter


def check_classes(evaluator: Segmenter, names: Sequence[str]) -> list[str]:
    """Compare an evaluator's classes with the protocol's; the warnings.

    Spelling differs between releases ("windowpane" and "window"), so single differences are warnings; another
    number of classes, or mostly other names, is another evaluator.

    Raises:
        SemsynthError: The evaluator knows other classes.
    """
    if len(evaluator.names) != len(names):
        raise SemsynthError(
            f"The evaluator {evaluator.about['network']} knows {len(evaluator.names)} classes "
            f"({', '.join(evaluator.names[:4])}, ...), but "
            f"the protocol evaluates {len(names)} ({', '.join(names[:4])}, ...). Give an evaluator for this "
            "label set."
        )
    unlike = [(a, b) for a, b in zip(evaluator.names, names) if not _same_name(a, b)]
    if len(unlike) * 2 > len(names):
        theirs, ours = unlike[0]
        raise SemsynthError(
            f"The evaluator {evaluator.about['network']} knows other classes or another order: "
            f"{len(unlike)} of {len(names)} names differ, the first is {theirs!r} where the protocol has "
            f"{ours!r}. Give an evaluator for this label set."
        )
    return [f"The evaluator calls {b!r} {a!r}; taken for the same class." for a, b in unlike]


def _same_name(a: str, b: str) -> bool:
    def words(name: str) -> set[str]:
        plain = name.lower().replace(";", ",").replace("_", " ").replace("-", " ")
        return {part.strip() for part in plain.split(",")}

    return bool(words(a) & words(b))


def check_evaluator(loss_networks: Sequence[str], used: Sequence[str]) -> None:
    """Raise a SemsynthError if a network of the model's training loss is among those that evaluate it."""
    if shared := sorted(set(loss_networks) & set(used)):
        raise SemsynthError(
            f"{shared[0]} was part of this model's training loss, so it cannot evaluate it: the pictures "
            "were optimised for it. Give another evaluator (--evaluator), or leave that distance out."
        )
