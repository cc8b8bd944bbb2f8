"""The page in a browser, and what a person does to it."""

import base64
import io
import json

import numpy as np

from kvae.export.web.litert_js import PAGE
from tests.clients.needed import need

__all__ = ["RUN", "Page", "flat"]

WAIT = 60
# Runs rows of a signature through the page's own modules.
RUN = """
const [preset, signature, inputs, bundle, done] = arguments;
(async () => {
  const { openBundle } = await import(new URL("bundle.js", document.baseURI));
  const { Model } = await import(new URL("model.js", document.baseURI));
  const accelerator = new URLSearchParams(location.search).get("accelerator");
  const model = await Model.load(await openBundle(bundle), preset, accelerator);
  const rows = [];
  for (const input of inputs) {
    const outputs = await model.run(signature, input);
    for (const name in outputs) outputs[name] = [...outputs[name]];
    rows.push(outputs);
  }
  model.delete();
  return rows;
})().then(done, (error) => done(String(error)));
"""
PIXELS = """
const canvas = document.querySelector(arguments[0]);
const { width, height } = canvas;
return [[height, width], [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
"""
# What is downloaded is kept instead.
KEEP_DOWNLOADS = """
globalThis.downloads = [];
const blobs = {};
const create = globalThis.createObjectURL ??= URL.createObjectURL;
URL.createObjectURL = (blob) => {
  const address = create.call(URL, blob);
  blobs[address] = blob;
  return address;
};
HTMLAnchorElement.prototype.click = function () {
  globalThis.downloads.push(new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve([this.download, reader.result.split(",")[1]]);
    reader.readAsDataURL(blobs[this.href]);
  }));
};
"""
DOWNLOADED = "const done = arguments[0]; Promise.all(globalThis.downloads).then(done);"
DROP = """
const [name, type, content] = arguments;
const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
const files = new DataTransfer();
files.items.add(new File([bytes], name, { type }));
const drop = document.getElementById("drop");
drop.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
"""


AXE = """
const done = arguments[0];
const words = ({ impact, id, nodes }) => [impact, id, ...nodes.map(({ html }) => html)].join(": ");
axe.run().then(({ violations }) => done(violations.map(words)));
"""


def flat(values):
    """Return the numbers of each row in one line."""
    return values.reshape(len(values), -1)


class Page:
    """The page in the browser.

    Args:
        root: the folder that is served.
        address: its address.
        browser: the driver.
    """

    def __init__(self, root, address, browser):
        self.root, self.address, self.browser = root, address, browser

    def open(self, query=""):
        """Open the page and wait until it shows something or an error."""
        self.browser.get(self.address + query)
        self.wait("return document.getElementById('loading').hidden")
        if self.find("workbench").is_displayed():
            self.settle()

    def wait(self, script, *arguments):
        """Wait until a script returns something true, and return that."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, WAIT, 0.05).until(
            lambda _: self.script(script, *arguments)
        )

    def settle(self):
        """Wait until the drawing shows what the controls say."""
        self.wait("return document.getElementById('view').ariaBusy !== 'true'")

    def settle_axes(self):
        """Wait until the ends of the axes are drawn."""
        self.wait("return document.getElementById('axes').ariaBusy === 'false'")

    def script(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def emulate(self, width, scheme="light", motion="no-preference"):
        """Emulate a screen; a headless window is never narrower than 500 pixels."""
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        media = {"features": [{"name": name, "value": value} for name, value in features.items()]}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def axe(self):
        """Return what axe-core finds wrong with what is shown."""
        axe = PAGE / "node_modules" / "axe-core" / "axe.min.js"
        need(axe.exists(), "axe-core", "Run: npm install --prefix export/clients/web")
        self.script(f"if (!globalThis.axe) {{ {axe.read_text('utf-8')} }}")
        return self.call(AXE)

    def call(self, script, *arguments):
        """Run a script that calls its last argument with a result."""
        return self.browser.execute_async_script(script, *arguments)

    def find(self, identifier):
        return self.browser.find_element("id", identifier)

    def click(self, identifier):
        """Click on an element wherever it is, and wait for what it shows."""
        self.script("document.getElementById(arguments[0]).click()", identifier)
        self.settle()

    def set(self, identifier, value, *events):
        """Give a control a value, as a person does."""
        code = """
        const [control, value, ...events] = arguments;
        control.value = value;
        for (const name of events) control.dispatchEvent(new Event(name, { bubbles: true }));
        """
        self.script(code, self.find(identifier), value, *(events or ("input", "change")))
        self.settle()

    def said(self, identifier="shown"):
        return self.script("return document.getElementById(arguments[0]).textContent", identifier)

    def shown(self):
        """The picture that is shown, (height, width, 4)."""
        return self.pixels("#picture canvas")

    def pixels(self, selector):
        """The pixels of a canvas, (height, width, 4)."""
        size, data = self.script(PIXELS, selector)
        return np.array(data, "uint8").reshape(*size, 4)

    def lines(self, selector, height=100.0):
        """The lines of a series as shares of their lanes from below, (samples, channels)."""
        code = "return [...document.querySelectorAll(arguments[0])].map((p) => p.getAttribute('d'))"
        paths = self.script(code, f"{selector} path.line")
        points = [[part.split(" ")[1] for part in path[1:].split("L")] for path in paths]
        return 1.0 - np.array(points, float).T / height

    def cells(self, selector):
        """The texts of a table's body by its lines."""
        code = """
        return [...document.querySelectorAll(arguments[0] + " tbody tr")].map((line) =>
          [...line.cells].map((cell) => cell.textContent));
        """
        return self.script(code, selector)

    def judge(self, name, content, kind="image/png"):
        """Drop a file and wait until it is judged or refused."""
        self.script("document.getElementById('judged-words').textContent = ''")
        self.script(DROP, name, kind, base64.b64encode(content).decode())
        self.wait_judged()

    def wait_judged(self):
        self.wait("""
          return !document.getElementById("error").hidden ||
            document.getElementById("judged-words").textContent !== "" &&
            document.getElementById("judged").ariaBusy !== "true";
        """)

    def draw(self, selector, *points):
        """Draw a line over an element with the mouse; points are shares of its width and height."""
        from selenium.webdriver.common.action_chains import ActionChains

        drawing = self.browser.find_element("css selector", selector)
        self.script("arguments[0].scrollIntoView({ block: 'center' })", drawing)
        half = [drawing.size[side] / 2 for side in ("width", "height")]
        offsets = [
            [round((2 * share - 1) * length) for share, length in zip(point, half, strict=True)]
            for point in points
        ]
        mouse = ActionChains(self.browser, duration=0)
        mouse.move_to_element_with_offset(drawing, *offsets[0]).click_and_hold()
        for offset in offsets[1:]:
            mouse.move_to_element_with_offset(drawing, *offset)
        self.script("document.getElementById('judged-words').textContent = ''")
        mouse.release().perform()
        self.wait_judged()

    def score(self):
        return float(self.script("return document.getElementById('verdict').dataset.score"))

    def contributions(self):
        """The numbers of the canvas that shows the contributions."""
        code = "return [...document.querySelectorAll('#panels canvas')].at(-1).dataset.values"
        return np.array(json.loads(self.script(code)))

    def downloaded(self, identifier):
        """Click on an element and return name and content of the file that it downloads."""
        self.script(KEEP_DOWNLOADS)
        self.click(identifier)
        self.wait("return globalThis.downloads.length")
        [(name, content)] = self.call(DOWNLOADED)
        return name, base64.b64decode(content)

    def downloaded_picture(self, identifier):
        """Return name and pixels of a picture that is downloaded."""
        from PIL import Image

        name, content = self.downloaded(identifier)
        return name, np.asarray(Image.open(io.BytesIO(content)))

    def error(self):
        return self.find("error").text

    def run(self, preset, signature, inputs, bundle="bundles/digits"):
        """Run a signature on arrays (rows, ...); return arrays (rows, numbers) by output."""
        rows = [
            {name: value.ravel().tolist() for name, value in zip(inputs, row, strict=True)}
            for row in zip(*inputs.values(), strict=True)
        ]
        found = self.call(RUN, preset, signature, rows, bundle)
        assert not isinstance(found, str), found
        return {name: np.array([row[name] for row in found]) for name in found[0]}
