"""The server answers on the loopback alone, with the files of the site alone."""

import gzip
import http.client
import shutil
import socket
import struct
import sys
import threading

import pytest

from kvae.export import runtime
from kvae.export.web.server import Server
from kvae.export.web.site import Site


@pytest.fixture(scope="module")
def server(site):
    with Server(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, target, method="GET", **headers):
    """Return status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    try:
        connection.putrequest(
            method,
            target,
            skip_host="Host" in headers,
            skip_accept_encoding="Accept-Encoding" in headers,
        )
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_every_file_is_served_with_its_type(server, site):
    for address in site:
        status, headers, body = ask(server, f"/{address}?preset=int8")
        assert (status, body) == (200, site.read(address)), address
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert ask(server, "/")[2] == site.read("index.html")
    types = {"app.js": "text/javascript", "style.css": "text/css"}
    types["node_modules/@litertjs/core/wasm/litert_wasm_internal.wasm"] = "application/wasm"
    for address, kind in types.items():
        assert ask(server, f"/{address}")[1]["Content-Type"] == kind


def test_text_is_compressed_for_who_takes_it(server, site):
    accepts = {"Accept-Encoding": "gzip, deflate, br"}
    for address in ("app.js", "style.css", "index.html"):
        _, headers, body = ask(server, f"/{address}", **accepts)
        assert headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(body) == site.read(address)
        assert len(body) < 0.5 * len(site.read(address))
        assert int(headers["Content-Length"]) == len(body)
        assert "Content-Encoding" not in ask(server, f"/{address}")[1]
    model = next(address for address in site if address.endswith(".tflite"))
    assert ask(server, f"/{model}", **accepts)[2] == site.read(model)


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip", True),
        ("br;q=1.0, GZIP;q=0.8, *;q=0.1", True),
        ("*", True),
        ("gzip;q=0, identity", False),
        ("gzip; q=0.0", False),
        ("*;q=0", False),
        ("identity, br", False),
        ("x-gzip-like", False),
        ("", False),
    ],
)
def test_who_refuses_gzip_gets_plain_text(server, site, accepted, taken):
    _, headers, body = ask(server, "/app.js", **{"Accept-Encoding": accepted})
    assert (headers.get("Content-Encoding") == "gzip") == taken
    assert (gzip.decompress(body) if taken else body) == site.read("app.js")


def test_an_address_that_is_none_names_no_file(server):
    assert ask(server, "//[")[0] == 404


def test_head_has_no_body_and_nothing_can_be_sent(server):
    status, headers, body = ask(server, "/app.js", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0
    assert ask(server, "/app.js", "POST")[0] == 501


def test_a_browser_that_goes_away_in_a_download_is_no_error(server, site, monkeypatch):
    errors, done = [], threading.Event()
    shutdown = server.shutdown_request

    def ended(request):
        shutdown(request)
        done.set()

    monkeypatch.setattr(server, "handle_error", lambda *_: errors.append(sys.exc_info()[1]))
    monkeypatch.setattr(server, "shutdown_request", ended)
    monkeypatch.setattr(site, "read", lambda _: bytes(50_000_000))  # more than buffers hold
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(f"GET /app.js HTTP/1.1\r\nHost: {server.hosts[0]}\r\n\r\n".encode())
        connection.recv(1000)
        # Closed with a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert done.wait(30)
    assert errors == []


@pytest.mark.parametrize(
    "target",
    [
        "/../pyproject.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/bundles/bundle/../bundle/manifest.json",
        "/bundles/bundle/..%2f..%2f..%2fmake.py",
        "//etc/passwd",
        "/bundles",
        "/bundles/bundle/",
        "/package.json",
        "/node_modules/@litertjs/core/dist/index.js.map",
        "/app.js%00.html",
        "/\\app.js",
    ],
)
def test_no_other_file_is_served(server, target):
    assert ask(server, target)[0] == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "[::1]:{port}", ""]
)
def test_a_name_that_was_made_to_lead_here_gets_nothing(server, host):
    status, _, body = ask(server, "/", Host=host.format(port=server.server_port))
    assert status == 403
    assert b"<" not in body
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0] == 200


def test_it_listens_on_the_loopback_alone(server):
    assert server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_an_error_and_the_usual_one_is_replaced(site, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=rf"Expected --port to be free. Received: {port}"):
            Server(site, port)
        monkeypatch.setattr("kvae.export.web.server.DEFAULT_PORT", port)
        with Server(site) as other:
            assert other.server_port not in (0, port)


@pytest.fixture
def copy_served(bundles, modules, tmp_path):
    """The folder of a bundle, and a server that shows it."""
    copy = tmp_path / "copy"
    shutil.copytree(bundles[0], copy)
    with Server(Site([copy], modules), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield copy, server
        server.shutdown()
        thread.join()


def test_an_altered_bundle_is_not_served(copy_served):
    copy, server = copy_served
    (copy / "README.md").write_text("something else")
    status, _, body = ask(server, "/bundles/copy/README.md")
    assert status == 500
    assert b"altered" in body


def test_a_bundle_that_is_exported_again_is_served(copy_served, bundles):
    copy, server = copy_served
    assert ask(server, "/bundles/copy/manifest.json")[0] == 200
    shutil.rmtree(copy)
    status, _, body = ask(server, "/bundles/copy/manifest.json")
    assert status == 500
    assert b"Expected a folder that holds a bundle" in body
    shutil.copytree(bundles[1], copy)
    opened = runtime.Bundle(bundles[1])
    for file in opened.names:
        status, _, body = ask(server, f"/bundles/copy/{file}")
        assert (status, body) == (200, (bundles[1] / file).read_bytes())
    gone = sorted(set(runtime.Bundle(bundles[0]).names) - set(opened.names))
    assert [ask(server, f"/bundles/copy/{file}")[0] for file in gone] == [404] * len(gone)
