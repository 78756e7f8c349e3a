"""The binary messages: what is written is read back, and nothing else is accepted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsynth.app.limits import Limits
from semsynth.app.protocol import (
    REQUEST,
    Format,
    PaintJob,
    Reply,
    pack_reply,
    unpack_request,
)
from semsynth.app.settings import MixStyle, NamedStyle, SeedStyle, Settings, VectorStyle
from semsynth.errors import SemsynthError
from tests.app.client import pack_request, unpack_reply

LIMITS = Limits(max_side=64)
PLAIN = st.one_of(
    st.builds(SeedStyle, seed=st.integers(0, 2**32 - 1)),
    st.builds(NamedStyle, name=st.text(min_size=1, max_size=20)),
    st.builds(VectorStyle, vector=st.lists(st.floats(-10, 10), min_size=1, max_size=8)),
)
STYLES = st.one_of(PLAIN, st.builds(MixStyle, mix=st.tuples(PLAIN, PLAIN), amount=st.floats(0, 1)))


@given(
    style=STYLES, number=st.integers(0, 2**32 - 1), size=st.tuples(st.integers(16, 64), st.integers(16, 64))
)
def test_a_request_reads_back(style: SeedStyle, number: int, size: tuple[int, int]) -> None:
    labels = np.random.default_rng(number).integers(0, 9, size, np.uint8)
    sent = PaintJob(labels, Settings(style=style, feather=3), Format.WEBP, 2, 50, number=number)
    got = unpack_request(pack_request(sent), LIMITS, 9)
    assert np.array_equal(got.labels, labels)
    assert (got.number, got.settings, got.format, got.scale, got.quality) == (
        number,
        sent.settings,
        Format.WEBP,
        2,
        50,
    )


@given(message=st.binary(max_size=400))
def test_nonsense_is_refused_with_a_sentence(message: bytes) -> None:
    with pytest.raises(SemsynthError, match=r"\.$"):
        unpack_request(message, LIMITS, 9)


@given(place=st.integers(0, 60), value=st.integers(0, 255))
def test_a_damaged_request_is_refused_or_still_a_request(place: int, value: int) -> None:
    message = bytearray(
        pack_request(PaintJob(np.zeros((16, 16), np.uint8), Settings(style=SeedStyle(seed=5)), number=1))
    )
    message[place] = value
    try:
        got = unpack_request(bytes(message), LIMITS, 9)
    except SemsynthError:
        return
    assert got.labels.max() < 9
    assert got.labels.size == got.labels.shape[0] * got.labels.shape[1] <= len(message) - REQUEST.size


@given(kind=st.sampled_from(Reply), number=st.integers(0, 2**32 - 1), payload=st.binary(max_size=50))
def test_a_reply_reads_back(kind: Reply, number: int, payload: bytes) -> None:
    got = unpack_reply(pack_reply(kind, number, payload, form=Format.RGB, size=(3, 4), seconds=0.25))
    assert (got.kind, got.number, got.payload) == (kind, number, payload)
    assert (got.format, got.width, got.height, got.seconds) == (Format.RGB, 3, 4, 0.25)
