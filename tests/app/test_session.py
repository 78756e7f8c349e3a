"""The painting socket under load: newest wins, and the last one is always painted."""

import threading
from typing import Any

import numpy as np
import pytest

from semsynth.app.protocol import Format, PaintJob, Reason, Reply
from semsynth.app.settings import NamedStyle, SeedStyle, Settings
from tests.app.client import pack_request, unpack_reply
from tests.app.conftest import Served
from tests.app.stand_in import StandIn
from tests.app.test_security import BEARER, connect


def labels(value: int) -> np.ndarray:
    return np.full((64, 64), value, np.uint8)


def until_picture(socket: Any, number: int) -> tuple[Any, set[int]]:
    """The picture of a request, and the numbers of all that were answered before."""
    answered = set()
    while True:
        reply = unpack_reply(socket.recv(timeout=30))
        if reply.number == number and reply.kind is Reply.PICTURE:
            return reply, answered
        assert reply.kind in (Reply.PICTURE, Reply.SUPERSEDED)
        answered.add(reply.number)


def test_every_request_is_answered_and_the_last_one_painted(served: Served) -> None:
    with connect(served, **BEARER) as socket:
        for n in range(1, 41):
            socket.send(pack_request(PaintJob(labels(n % 30), Settings(style=SeedStyle(seed=n)), number=n)))
        reply, answered = until_picture(socket, 40)
        assert answered == set(range(1, 40))
        picture = np.frombuffer(reply.payload, np.uint8).reshape(64, 64, 3)
        assert np.array_equal(picture, StandIn().picture(labels(10), SeedStyle(seed=40)))


@pytest.mark.parametrize("form", list(Format))
def test_formats_and_enlargement(served: Served, form: Format) -> None:
    with connect(served, **BEARER) as socket:
        socket.send(pack_request(PaintJob(labels(28), Settings(), form, 2, number=1)))
        reply, _ = until_picture(socket, 1)
    assert (reply.format, reply.width, reply.height) == (form, 128, 128)
    starts = {Format.PNG: b"\x89PNG", Format.JPEG: b"\xff\xd8", Format.WEBP: b"RIFF", Format.RGB: b""}
    assert reply.payload.startswith(starts[form])


def test_many_clients_lose_no_last_picture(served: Served) -> None:
    problems: list[object] = []

    def client(seed: int) -> None:
        try:
            with connect(served, **BEARER) as socket:
                for n in range(1, 11):
                    request = PaintJob(
                        labels((seed + n) % 30), Settings(style=SeedStyle(seed=seed)), number=n
                    )
                    socket.send(pack_request(request))
                reply, answered = until_picture(socket, 10)
                expected = StandIn().picture(labels((seed + 10) % 30), SeedStyle(seed=seed))
                assert reply.payload == expected.tobytes()
                assert answered == set(range(1, 10))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not problems


def test_one_that_leaves_does_not_disturb_the_others(served: Served) -> None:
    with connect(served, **BEARER) as stays:
        for n in range(10):
            with connect(served, **BEARER) as leaves:
                leaves.send(pack_request(PaintJob(labels(1), Settings(), number=n)))
            stays.send(pack_request(PaintJob(labels(2), Settings(), number=n + 1)))
            assert until_picture(stays, n + 1)[0].width == 64


def test_a_lost_photo_is_told_by_its_reason(served: Served) -> None:
    with connect(served, **BEARER) as socket:
        for number, settings in ((1, Settings(photo="0" * 32)), (2, Settings(style=NamedStyle(name="none")))):
            socket.send(pack_request(PaintJob(labels(1), settings, number=number)))
            reply = unpack_reply(socket.recv(timeout=30))
            assert (reply.kind, reply.number) == (Reply.ERROR, number)
            assert (reply.reason is Reason.PHOTO_LOST) == (number == 1)
