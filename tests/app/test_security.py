"""Who is let in, and what is refused."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semsynth.app.limits import Limits
from semsynth.app.protocol import PaintJob
from semsynth.app.security import AuthMiddleware, load_token, redirect_page
from semsynth.app.settings import Settings
from semsynth.errors import SemsynthError
from tests.app.client import pack_request
from tests.app.conftest import ROOT, TOKEN, Served

httpx = pytest.importorskip("httpx")
STATIC = ROOT / "src/semsynth/app/static"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Any]:
    with httpx.Client(base_url=served.url, timeout=30, trust_env=False) as found:
        yield found


def test_nothing_without_the_token(client: Any) -> None:
    for path in ("/", "/static/main.js", "/api/model", "/api", "/api/openapi.json", "/nothing"):
        answer = client.get(path)
        assert answer.status_code == 401, path
        assert "semsynth app" in answer.text
    assert client.get("/api/model", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/?token=wrong").status_code == 401
    assert client.get("/health").status_code == 200


def test_the_address_lets_in_and_hides_its_token(served: Served) -> None:
    with httpx.Client(base_url=served.url, trust_env=False) as fresh:
        answer = fresh.get(f"/?token={TOKEN}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert fresh.get("/").status_code == 200
        assert fresh.get("/api/model").status_code == 200
        main = re.search(r'src="(/files/\w+/main\.js)"', fresh.get("/").text)
        assert main is not None
        files = fresh.get(main[1])  # the page's files need not be asked for again
        assert files.text == (STATIC / "main.js").read_text()
        assert "immutable" in files.headers["cache-control"]


def test_an_old_address_does_not_lock_out_who_has_the_key(served: Served) -> None:
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        client.get(f"/?token={TOKEN}")
        answer = client.get("/?token=old")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "set-cookie" not in answer.headers
        assert client.get("/api/model").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "127.0.0.1:80:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_other_sites_are_refused(client: Any, headers: dict[str, str], status: int) -> None:
    assert client.get("/api/model", headers=BEARER | headers).status_code == status


@pytest.mark.parametrize("length", [b"99999999999", b"x", b"-1", b"1e3", b"", b"\xb9", b"9" * 5000])
def test_long_bodies_are_refused_by_their_length(length: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("reached")

    middleware = AuthMiddleware(
        app, token=TOKEN, hosts=frozenset({"localhost"}), any_address=False, limits=Limits()
    )
    headers = [
        (b"host", b"localhost"),
        (b"authorization", b"Bearer " + TOKEN.encode()),
        (b"content-length", length),
    ]
    assert (
        middleware.refuse({"type": "http", "path": "/api/model", "headers": headers, "query_string": b""})[0]
        == 413
    )


def test_bodies_without_a_length_are_bounded(client: Any) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(72):
            yield b"x" * (1 << 20)

    try:
        answer = client.post("/api/projects/write", content=endless(), headers=BEARER)
    except httpx.HTTPError:
        return  # the server hung up in the middle of it
    assert answer.status_code == 413


def test_every_answer_carries_the_policy(client: Any) -> None:
    for path in ("/", "/static/main.js", "/api/model", "/nothing", "/api/styles/99/thumbnail"):
        for headers in ({}, BEARER):
            found = client.get(path, headers=headers).headers
            policy = found["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert found["x-content-type-options"] == "nosniff"


def test_static_files_stay_in_their_folder(client: Any) -> None:
    for path in (
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static//etc/passwd",
    ):
        answer = client.get(path, headers=BEARER)
        assert answer.status_code == 404, path
        assert "import" not in answer.text


def test_pages_load_nothing_from_outside_and_hold_no_script() -> None:
    for path in STATIC.rglob("*.*"):
        text = path.read_text()
        assert set(re.findall(r"(?:https?:)?//[a-z][\w.-]*\.[\w./-]+", text)) <= {
            "http://www.w3.org/2000/svg"
        }, path
        if path.suffix == ".html":
            assert "style=" not in text
            assert not re.search(r"\son[a-z]+=", text)
            assert "</script>" not in text.replace('"></script>', "")


def test_the_token_is_the_owners_alone(tmp_path: Path) -> None:
    token = load_token(tmp_path / "new")
    assert len(token) >= 40
    assert load_token(tmp_path / "new") == token
    assert stat.S_IMODE((tmp_path / "new" / "token").stat().st_mode) == 0o600
    assert load_token(tmp_path / "other") != token
    assert load_token(tmp_path / "new", new=True) != token
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["token"]


def test_a_folder_that_cannot_hold_the_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SemsynthError, match="--data"):
            load_token(folder, new=True)


HEADER = st.tuples(
    st.sampled_from([b"host", b"origin", b"cookie", b"authorization", b"content-length", b"sec-fetch-site"]),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"\xb9", b"127.0.0.1:1", b"localhost", b"Bearer ", b"semsynth_1=\xff"]),
    ),
)


@given(
    headers=st.lists(HEADER, max_size=6),
    path=st.text(max_size=10),
    kind=st.sampled_from(["http", "websocket"]),
)
def test_no_headers_let_a_stranger_in(headers: list[tuple[bytes, bytes]], path: str, kind: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("reached")

    middleware = AuthMiddleware(
        app, token=TOKEN, hosts=frozenset({"127.0.0.1", "localhost"}), any_address=True, limits=Limits()
    )
    scope = {
        "type": kind,
        "path": "/" + path,
        "headers": headers,
        "query_string": b"token=x",
        "server": ("h", 1),
    }
    status, sentence = middleware.refuse(scope)
    assert status >= 400 or path == "health"
    assert sentence.endswith(".") or path == "health"


# The painting socket


def connect(served: Served, **headers: str) -> Any:
    client = pytest.importorskip("websockets.sync.client")
    address = served.url.replace("http", "ws") + "/api/paint"
    return client.connect(address, additional_headers=headers, proxy=None, max_size=None)


def test_the_socket_is_closed_to_strangers(served: Served) -> None:
    from websockets.exceptions import InvalidStatus

    for headers in ({}, BEARER | {"Origin": "http://evil.example"}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(InvalidStatus), connect(served, **headers):
            pass


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(junk=st.lists(st.binary(max_size=300) | st.text(max_size=20), min_size=1, max_size=5))
def test_the_socket_survives_nonsense(served: Served, junk: list[bytes | str]) -> None:
    with connect(served, **BEARER) as socket:
        for message in junk:
            socket.send(message)
            assert socket.recv(timeout=20)[1] == 3
        socket.send(pack_request(PaintJob(np.ones((32, 32), np.uint8), Settings(), number=7)))
        assert socket.recv(timeout=20)[1] == 1


def test_too_long_messages_end_the_connection(served: Served) -> None:
    from websockets.exceptions import ConnectionClosed

    with connect(served, **BEARER) as socket:
        with contextlib.suppress(ConnectionClosed):  # it may hang up in the middle of it
            socket.send(b"x" * (3 << 20))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no owners of files")
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    token = load_token(tmp_path)
    path = tmp_path / "token"
    assert path.stat().st_mode & 0o077 == 0
    assert load_token(tmp_path) == token
    path.chmod(0o644)
    with pytest.raises(SemsynthError, match=r"not this user's alone.*Delete it"):
        load_token(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SemsynthError, match="a pipe"):
        load_token(tmp_path)


def test_the_key_reaches_the_browser_by_a_private_file(tmp_path: Path) -> None:
    address = "http://127.0.0.1:7860/?token=secret"
    with redirect_page(tmp_path, address) as shown:
        assert "secret" not in shown
        path = next(tmp_path.glob("open-*.html"))
        assert shown == path.as_uri()
        assert address in path.read_text()
        if os.name == "posix":
            assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()
