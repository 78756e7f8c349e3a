"""Protocols: the shipped files, and what a wrong one says."""

from pathlib import Path

import numpy as np
import pytest

from semsynth.errors import SemsynthError
from semsynth.evaluation.protocol import EvaluatedClasses, fit, load_protocol, protocol_names
from semsynth.evaluation.table import published
from semsynth.labels import LabelSpace
from tests.evaluation.scenes import write_protocol


@pytest.mark.parametrize("name", protocol_names())
def test_every_shipped_protocol_fits_its_label_set(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.name == name
    space = LabelSpace.named(protocol.label_set)
    classes = EvaluatedClasses.of(protocol, space)
    k = len(classes.names)
    assert sorted(set(classes.table[classes.table < k])) == list(range(k))
    if space.void_id is not None:
        assert classes.table[space.void_id] == k
    assert protocol.evaluator or protocol.evaluator_source
    if protocol.published:
        assert published(protocol.published)


def test_cityscapes_evaluates_the_nineteen_in_the_order_of_their_train_ids() -> None:
    protocol = load_protocol("cityscapes")
    classes = EvaluatedClasses.of(protocol, LabelSpace.named("cityscapes"))
    assert classes.names == LabelSpace.named("cityscapes-19").names
    assert classes.truth(np.array([[7, 0], [33, 34]])).tolist() == [[0, 19], [18, 19]]


def test_fit_takes_ids_and_never_mixes_them() -> None:
    protocol = load_protocol("cityscapes")
    labels = np.random.default_rng(0).integers(0, 35, (90, 130))
    image, ids = fit(np.zeros((90, 130, 3), np.uint8), labels, protocol)
    assert image.shape == (256, 512, 3)
    assert ids.shape == (256, 512)
    assert ids.dtype == np.int64
    assert set(np.unique(ids)) <= set(np.unique(labels))


def test_what_is_no_protocol_says_so(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match=r"no protocol 'cityscape'; there are .*cityscapes"):
        load_protocol("cityscape")
    with pytest.raises(SemsynthError, match=r"no setting sise; known are .*height"):
        load_protocol(write_protocol(tmp_path / "a.toml", "sise = 3"))
    with pytest.raises(SemsynthError, match="absent is 'never'; allowed are truth, union, zero"):
        load_protocol(write_protocol(tmp_path / "b.toml", 'absent = "never"'))
    with pytest.raises(SemsynthError, match="cannot be read as a TOML file"):
        load_protocol(write_protocol(tmp_path / "c.toml", "= ="))
    (tmp_path / "d.toml").write_text('split = "val"')
    with pytest.raises(SemsynthError, match=r"d\.toml lacks label_set, name\."):
        load_protocol(tmp_path / "d.toml")
    with pytest.raises(SemsynthError, match="for the label set 'siftflow', but the data has 'facades'"):
        EvaluatedClasses.of(load_protocol("siftflow"), LabelSpace.named("facades"))
    odd = load_protocol(write_protocol(tmp_path / "e.toml", "evaluated_ids = [1, 99]"))
    space = LabelSpace.from_dict({"name": "scenes", "classes": ["a", "b"]})
    with pytest.raises(SemsynthError, match="evaluates the label id 99"):
        EvaluatedClasses.of(odd, space)
