"""A headless Chromium on a folder that this process serves on the loopback."""

import contextlib
import functools
import http.server
import threading

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

__all__ = ["SOFTWARE_WEBGPU", "chromium", "served"]

OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # Chromium's sandbox does not start for root, and only our own page runs here
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--window-size=1100,900",
)

# WebGPU on the CPU, by the SwiftShader that Chromium brings.
SOFTWARE_WEBGPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012 (the base class has it so)
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self):
        self.send_header("Cache-Control", "no-store")  # the tests change what is served
        super().end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder):
    """Serve a folder on 127.0.0.1 for a block, and give its address."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def chromium(binary, driver, profile, more=()):
    """Start Chromium with a profile and more options for a block, and give the driver."""
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in (*OPTIONS, *more, f"--user-data-dir={profile}"):
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    try:
        browser.set_script_timeout(120)
        yield browser
    finally:
        browser.quit()
