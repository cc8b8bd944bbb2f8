"""Take the pictures of docs/clients.md: the page of `kvae web` with three bundles in Chromium.

    python benchmarks/page_pictures.py PICTURES TABLE SENSOR --output docs/pictures

PICTURES is a bundle of a model of pictures, exported with data and therefore with codes, such as
one of `kvae.data.faces`; TABLE is one of a table with `missing=True`, a schema and a threshold;
SENSOR is that of docs/on_device_learning.md, with all signatures. `--width 360` and `--scheme dark`
take others to look at.
"""

import argparse
import contextlib
import tempfile
import threading
from pathlib import Path

from selenium.webdriver.support.ui import WebDriverWait

from kvae.export.web.litert_js import installed
from kvae.export.web.server import Server
from kvae.export.web.site import Site
from tests.clients.browser import chromium

HEIGHT = 960
AT_REST = """
const busy = [...document.querySelectorAll("[aria-busy=true]")].length > 0;
return document.getElementById("loading").hidden && !busy;
"""
WALK = """
document.getElementById("walk").open = true;
for (const [id, value] of [["way", "examples"], ["share", 0.4]]) {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event(id === "way" ? "change" : "input"));
}
"""
JUDGE = """
document.getElementById("tab-judge").click();
document.getElementById("judge-shown").click();
"""
ERASE = """
const boxes = [...document.querySelectorAll("#gap-choices input")];
for (const box of boxes.slice(2, 4)) box.click();
"""
# Windows of a machine that is a little louder and warmer, as the documentation makes them.
LEARN = """
const lines = [];
for (let window = 0; window < 450; window++) {
  const phase = 2 * Math.PI * ((window * 0.618034) % 1);
  for (let sample = 0; sample < 64; sample++) {
    const t = phase + 0.3 * sample;
    const clean = [Math.sin(t), Math.cos(t), 0.5 * Math.sin(2 * t)];
    const angle = () => 2 * Math.PI * Math.random();
    const noise = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(angle());
    lines.push(clean.map((value) => (1.1 * value + 0.1 + 0.1 * noise()).toFixed(4)).join(","));
  }
}
const files = new DataTransfer();
files.items.add(new File([lines.join("\\n")], "normal.csv"));
const field = document.getElementById("learn-file");
field.files = files.files;
field.dispatchEvent(new Event("change"));
document.getElementById("tab-learn").click();
"""
START = """
document.getElementById("learn-rate").value = 0.003;
document.getElementById("learn-guard").value = 1000;
document.getElementById("learn-start").click();
"""
SHOTS = {
    "page-pictures": (0, "light", [WALK]),
    "page-table": (1, "dark", [JUDGE, ERASE]),
    "page-learn": (2, "light", [LEARN, START]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, help="bundle of a model of pictures")
    parser.add_argument("table", type=Path, help="bundle of a model of a table")
    parser.add_argument("sensor", type=Path, help="bundle of a sensor whose file trains")
    parser.add_argument("--only", nargs="+", choices=SHOTS, default=list(SHOTS), help="pictures")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--width", type=int, default=1140, help="of the screen, in pixels")
    parser.add_argument("--scheme", choices=["light", "dark"], help="by default one of each")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    parser.add_argument("--driver", default="/usr/bin/chromedriver", help="its driver")
    arguments = parser.parse_args()

    bundles = [arguments.pictures, arguments.table, arguments.sensor]
    site = Site(bundles, installed(print))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(site, 0))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        profile = stack.enter_context(tempfile.TemporaryDirectory())
        programs = arguments.chromium, arguments.driver
        browser = stack.enter_context(chromium(*programs, profile))
        phone = arguments.width < 500
        screen = {"width": arguments.width, "height": HEIGHT, "deviceScaleFactor": 1}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**screen, "mobile": phone})
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        for name in arguments.only:
            bundle, scheme, actions = SHOTS[name]
            scheme = {"name": "prefers-color-scheme", "value": arguments.scheme or scheme}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            browser.get(f"{server.address}?bundle=bundles/{site.names[bundle]}/&seed=3")
            for action in ["", *actions]:
                browser.execute_script(action)
                browser.execute_async_script("setTimeout(arguments[0], 500)")
                WebDriverWait(browser, 60).until(lambda each: each.execute_script(AT_REST))
            error = browser.find_element("id", "error").text
            if error:
                raise RuntimeError(error)
            browser.save_screenshot(str(arguments.output / f"{name}.png"))


if __name__ == "__main__":
    main()
