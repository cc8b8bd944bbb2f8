"""What the page says of a bundle that cannot be opened, without a browser."""

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
