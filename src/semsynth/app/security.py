"""Who may talk to the server: the token, Host and Origin, sizes, and the headers every answer carries."""

import contextlib
import hmac
import html
import ipaddress
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semsynth.app.connections import ADMIT
from semsynth.app.limits import Limits
from semsynth.errors import SemsynthError
from semsynth.files.reading import open_regular
from semsynth.files.writing import write_atomically

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}
_HOST = re.compile(r"^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?$")
OPEN_PATHS = frozenset({"/health"})


def load_token(folder: Path, *, new: bool = False) -> str:
    """Read the access token of this user, or make one.

    It is kept, readable by its owner alone, so that an open page finds its server again after a restart.

    Args:
        folder: Where the application keeps its data; created if missing.
        new: Make one whether or not there is one.

    Raises:
        SemsynthError: The folder cannot be used, or others can read the key that is kept there.
    """
    path = folder / "token"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        token = "" if new else _read_token(path)
    except OSError as error:
        reason = error.strerror or error
        raise SemsynthError(
            f"The access key cannot be kept in {folder}: {reason}. Name another folder with --data."
        ) from None
    if len(token) >= 32 and token.isascii():
        return token
    token = secrets.token_urlsafe(32)
    _write_private(path, token.encode("ascii"))
    return token


def _read_token(path: Path) -> str:
    """The token of a file; empty where there is none.

    Raises:
        SemsynthError: Others than this user can know or choose it.
    """
    if not path.exists():
        return ""
    with open_regular(path) as file:
        facts = os.fstat(file.fileno())
        content = file.read(1000)
    if hasattr(os, "geteuid") and (facts.st_uid != os.geteuid() or facts.st_mode & 0o077):
        mode = stat.S_IMODE(facts.st_mode)
        raise SemsynthError(
            f"The access key {path} is not this user's alone (owner {facts.st_uid}, mode {mode:o}). "
            "Delete it, and a new one is made; or name another folder with --data."
        )
    return content.decode("ascii", "replace").strip()


@contextlib.contextmanager
def redirect_page(folder: Path, address: str) -> Iterator[str]:
    """A page that leads to the application, readable by this user alone; gives its address.

    What a browser is started with can be read by every user of the machine, a file of one's own cannot.

    Args:
        folder: Where to keep the page meanwhile.
        address: Where it leads.
    """
    path = folder / f"open-{secrets.token_hex(4)}.html"
    page = f'<!doctype html><meta http-equiv="refresh" content="0;url={html.escape(address)}">'
    _write_private(path, page.encode())
    try:
        yield path.resolve().as_uri()
    finally:
        path.unlink(missing_ok=True)


def _write_private(path: Path, content: bytes) -> None:
    before = os.umask(0o077)  # from its first byte on, nobody else may read it
    try:
        write_atomically(path, content)
    finally:
        os.umask(before)


class AuthMiddleware:
    """ASGI middleware that lets in only those who hold the token, and only pages of our own.

    A page of another origin fails three times over: its requests carry no cookie (SameSite=Strict), their
    Origin is not ours, and, should its name be re-pointed to this machine, their Host is not ours either.

    Args:
        app: The application behind this middleware.
        token: The secret.
        hosts: Host names this server answers to, without port. Addresses that are bare IP numbers are let
            through as well when ``any_address`` is set, since no foreign name can stand for them.
        any_address: Set when the server listens on more than the loopback interface.
        limits: For the size of request bodies.
    """

    def __init__(
        self, app: ASGIApp, *, token: str, hosts: frozenset[str], any_address: bool, limits: Limits
    ) -> None:
        self.app = app
        self.token = token.encode()
        self.hosts = hosts
        self.any_address = any_address
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        status, sentence = self.refuse(scope)
        if status:
            await _refuse(scope, receive, send, status, sentence)
            return
        if scope["path"] not in OPEN_PATHS:
            scope.get("state", {}).get(ADMIT, lambda: None)()
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
        else:
            await self.app(scope, _Bounded(receive, self.limits.max_body), _with_headers(send))

    def refuse(self, scope: Scope) -> tuple[int, str]:
        """Decide about a request: (0, "") lets it in, otherwise (HTTP status, sentence)."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._known_host(host):
            return 421, "This server answers only to the address it printed when it was started."
        origin = headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] != host.lower():
            return 403, "Pages of other sites may not use this server."
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and scope["path"] != "/":
            return 403, "Pages of other sites may not use this server."
        if not _short_enough(headers.get("content-length", "0"), self.limits.max_body):
            return 413, f"A request may be at most {self.limits.max_body >> 20} MB long."
        if scope["path"] in OPEN_PATHS or self._holds_token(scope, headers):
            return 0, ""
        return 401, "Open the address that 'semsynth app' printed; it carries the key to this page."

    def _known_host(self, host: str) -> bool:
        match = _HOST.match(host.lower())
        if match is None:
            return False
        name = match[1].strip("[]")
        return name in self.hosts or (self.any_address and _is_address(name))

    def _holds_token(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        offered = [value.strip()] if scheme.lower() == "bearer" else []
        offered.append(cookie_parser(headers.get("cookie", "")).get(cookie_name(scope), ""))
        if scope["path"] == "/" and scope["type"] == "http":
            query = scope.get("query_string", b"").decode("latin-1")
            offered.extend(p[6:] for p in query.split("&") if p.startswith("token="))
        return any(hmac.compare_digest(o.encode("utf-8", "replace"), self.token) for o in offered)


def cookie_name(scope: Scope) -> str:
    """Name the cookie after the port: cookies ignore ports, and two servers may run side by side."""
    server = scope.get("server") or ("", 0)
    return f"semsynth_{server[1]}"


def _short_enough(length: str, limit: int) -> bool:
    """Whether a Content-Length is a number, and within a limit; str.isdigit alone lets "¹" through."""
    return length.isascii() and length.isdigit() and len(length) < 20 and int(length) <= limit


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped


class _Bounded:
    """The receiving end of a request, which stops once too many bytes came."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.receive = receive
        self.left = limit

    async def __call__(self) -> Message:
        message = await self.receive()
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            raise HTTPException(413, "The request is too long.")
        return message


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4000 + status % 1000, "reason": sentence})
        return
    wants_page = "text/html" in Headers(scope=scope).get("accept", "")
    answer = PlainTextResponse(sentence, status) if wants_page else JSONResponse({"error": sentence}, status)
    await answer(scope, receive, _with_headers(send))
