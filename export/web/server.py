"""A web server for the page on this machine: on the loopback alone, for the files of one site."""

import gzip
import http.server
import mimetypes
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from .. import runtime
from .site import INDEX, Site

__all__ = ["Server"]

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8642
TYPES = {".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html; charset=utf-8"}
TYPES |= {".css": "text/css", ".json": "application/json", ".tflite": "application/octet-stream"}
COMPRESSED = frozenset({".js", ".html", ".css", ".json"})  # a third of their size
HEADERS = {
    "Cache-Control": "no-cache",  # the next bundle may have the same address
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the rest stands in index.html
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(http.server.ThreadingHTTPServer):
    """Serves a site on 127.0.0.1; `serve_forever` and `shutdown` as in the base class.

    Requests are answered where the header Host names the loopback: a page of another site whose
    name was made to lead here gets nothing. A file is found by its whole address among those of
    the site; no path of this machine is made of an address.

    Args:
        site: what is served.
        port: port, 0 for any free one; by default 8642, or a free one where that is taken.

    Raises:
        ValueError: If the port is taken.
    """

    daemon_threads = True

    def __init__(self, site: Site, port: int | None = None):
        self.site = site
        try:
            super().__init__((LOOPBACK, DEFAULT_PORT if port is None else port), _Handler)
        except OSError as error:
            if port is not None:
                raise ValueError(
                    f"Expected --port to be free. Received: {port} ({error.strerror})"
                ) from None
            super().__init__((LOOPBACK, 0), _Handler)

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What the header Host may say."""
        return tuple(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def handle_one_request(self) -> None:
        """Answer one request; that a browser has gone meanwhile is no error."""
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers of a file."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        address = _address(self.path)
        if self.headers.get("Host") not in self.server.hosts:
            wrong = b"The header Host is not that of this server."
            return self._send(HTTPStatus.FORBIDDEN, wrong, body=body)
        try:
            content = self.server.site.read(address)
        except KeyError:
            return self._send(HTTPStatus.NOT_FOUND, b"There is no such file.", body=body)
        except (runtime.BundleError, OSError) as error:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return self._send(status, str(error).encode(), body=body)
        headers = {"Content-Type": _type(address)}
        if _suffix(address) in COMPRESSED:
            headers["Vary"] = "Accept-Encoding"
            if _takes_gzip(self.headers.get("Accept-Encoding", "")):
                headers["Content-Encoding"] = "gzip"
                content = gzip.compress(content, mtime=0)
        self._send(HTTPStatus.OK, content, headers, body)

    def _send(
        self,
        status: HTTPStatus,
        content: bytes,
        headers: Mapping[str, str] = MappingProxyType({"Content-Type": "text/plain"}),
        body: bool = True,
    ) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def version_string(self) -> str:
        """Tell nothing of the versions of this machine."""
        return "kvae"

    def log_message(self, *_: Any) -> None:
        """Print nothing: the terminal holds the address of the page."""


def _suffix(address: str) -> str:
    return address[address.rfind(".") :] if "." in address else ""


def _type(address: str) -> str:
    suffix = _suffix(address)
    return TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")


def _address(target: str) -> str:
    """Return the address below the page that a request names; one that is none names no file."""
    try:
        return urlsplit(target).path.removeprefix("/") or INDEX
    except ValueError:  # such as http://[/
        return target


def _takes_gzip(accepted: str) -> bool:
    """Return whether a header Accept-Encoding names gzip, or all codings, with a weight above 0."""
    weights = {}
    for part in accepted.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        weights[coding] = weight
    weight = weights.get("gzip", weights.get("*", "0"))
    return weight.strip("0.") != "" or weight == ""
