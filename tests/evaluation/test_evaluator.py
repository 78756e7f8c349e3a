"""Which segmenter may be the evaluator."""

import pytest

from semsynth.errors import SemsynthError
from semsynth.evaluation.evaluator import check_classes, check_evaluator
from semsynth.evaluation.segmenters import LogitSegmenter

NAMES = ("sky", "grass", "sand")


def test_other_classes_are_refused_and_spellings_are_not() -> None:
    def segmenter(*names: str) -> LogitSegmenter:
        return LogitSegmenter(names, {"network": "n"}, lambda x: x)

    assert check_classes(segmenter("sky", "grass", "sand"), NAMES) == []
    assert check_classes(segmenter("Sky;heavens", "grass, lawn", "beach"), NAMES) == [
        "The evaluator calls 'sand' 'beach'; taken for the same class."
    ]
    with pytest.raises(SemsynthError, match=r"knows 2 classes .* but the protocol evaluates 3"):
        check_classes(segmenter("sky", "grass"), NAMES)
    with pytest.raises(SemsynthError, match="3 of 3 names differ, the first is 'sand'"):
        check_classes(segmenter("sand", "sky", "grass"), NAMES)


def test_a_network_of_the_loss_is_never_the_evaluator() -> None:
    check_evaluator(["efficientnet-lite0"], ["efficientnet-lite2", "inception-2015-12-05"])
    with pytest.raises(SemsynthError, match="efficientnet-lite2 was part of this model's training loss"):
        check_evaluator(["efficientnet-lite2"], ["efficientnet-lite2"])
