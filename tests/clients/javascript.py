"""The page's modules that need no browser, run by Node.js."""

import json
import shutil
import subprocess

from kvae.export.web.litert_js import PAGE
from tests.clients.needed import need

__all__ = ["javascript"]

SCRIPT = """
import { readFileSync } from "node:fs";
const load = (name) => import(new URL(name, %s));
const run = async (given) => { %s };
console.log(JSON.stringify((await run(JSON.parse(readFileSync(0, "utf-8")))) ?? null));
"""


def javascript(body, given=None):
    """Run the body of an asynchronous function by Node.js and return what it returns, by JSON.

    In the body `given` is the argument, and `load("csv.js")` imports a module of the page. NaN
    comes back as None; an error of the body fails the test.
    """
    node = need(shutil.which("node"), "Node.js", "Run: apt-get install nodejs")
    script = SCRIPT % (json.dumps(f"{PAGE.as_uri()}/"), body)
    command = [node, "--input-type=module", "--eval", script]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
