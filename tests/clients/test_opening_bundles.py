"""What the page says of a bundle that cannot be opened, without a browser."""

import hashlib
import json

import pytest

from tests.clients.javascript import javascript

OPENED = """
globalThis.document = { baseURI: "http://127.0.0.1/" };
const headers = { "Content-Type": given.type };
globalThis.fetch = async () => new Response(given.body, { status: given.status, headers });
const { openBundle } = await load("bundle.js");
try {
  await openBundle("bundles/a/");
} catch (error) {
  return [error.name, error.message];
}
"""
NO_BUNDLE = "http://127.0.0.1/bundles/a/ holds no SHA256SUMS (status {status}): it is not a bundle."


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (500, "text/plain", "Files altered since the bundle was made: README.md"),
        (500, "text/html", NO_BUNDLE),  # another server's page of an error
        (404, "text/plain", NO_BUNDLE),
    ],
)
def test_the_words_of_kvae_web_are_shown(status, kind, words):
    body = "Files altered since the bundle was made: README.md"
    said = javascript(OPENED, {"status": status, "type": kind, "body": body})
    assert said == ["BundleError", words.format(status=status)]


WRITTEN_AGAIN = """
globalThis.document = { baseURI: "http://127.0.0.1/" };
let files = given.first;
globalThis.fetch = async (address) => new Response(files[address.pathname.split("/").pop()]);
const { openBundle } = await load("bundle.js");
const bundle = await openBundle("bundles/a/");
files = given.then;
try {
  await bundle.read("model.tflite");
} catch (error) {
  return [error.name, error.message];
}
"""


@pytest.mark.parametrize(
    ("again", "words"),
    [
        (True, "The bundle was written again since this page was loaded: reload it."),
        (False, "Files altered since the bundle was made: model.tflite"),
    ],
)
def test_a_bundle_that_was_written_again_is_no_altered_one(again, words):
    def files(model):
        made = {"manifest.json": json.dumps({"schema": 2}), "model.tflite": model}
        sums = [
            f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in made.items()
        ]
        return {**made, "SHA256SUMS": "".join(sums)}

    first, then = files("one"), files("two")
    if not again:
        then["SHA256SUMS"] = first["SHA256SUMS"]
    said = javascript(WRITTEN_AGAIN, {"first": first, "then": then})
    assert said == ["BundleError", words]
