// Fetches files of a bundle and checks their digests before anything of them is parsed.
//
// SHA256SUMS lists every file of the bundle in one canonical form. Only what is needed is fetched: the
// manifest and the file of one preset. A file that is missing or altered is refused; a file that is
// not listed is never fetched. That guards against damage and
// against mixing up files; it is no signature, so take bundles from where you trust.

const SUMS = "SHA256SUMS";
const SCHEMA = 2;
const LINE = /^([0-9a-f]{64}) {2}([A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*)$/;

/** A bundle that is damaged, incomplete or not a bundle at all. */
export class BundleError extends Error {
  name = "BundleError";
}

/** There is no bundle at an address. */
export class NoBundleError extends BundleError {}

/**
 * Open a bundle.
 *
 * @param {string} address Address of its folder, absolute or relative to the page.
 * @returns {Promise<{manifest: object, read: function(string): Promise<Uint8Array>, digests: Map<string, string>}>}
 *     The manifest, parsed, a function that fetches another listed file by its path, and the digest of
 *     each file by its path.
 * @throws {BundleError} If a file is missing or altered, or SHA256SUMS is not in canonical form.
 */
export async function openBundle(address) {
  if (!globalThis.crypto?.subtle) {
    throw new BundleError(
      "This page cannot check digests: open it over https, or from localhost or 127.0.0.1.",
    );
  }
  const folder = new URL(address.endsWith("/") ? address : `${address}/`, document.baseURI);
  const sums = await fetchBytes(folder, SUMS);
  const digests = parseSums(sums);
  const read = async (name) => {
    if (!digests.has(name)) {
      throw new BundleError(`The bundle holds no ${name}.`);
    }
    const content = await fetchBytes(folder, name);
    if ((await digest(content)) !== digests.get(name)) {
      if ((await digest(await fetchBytes(folder, SUMS))) !== (await digest(sums))) {
        throw new BundleError(
          "The bundle was written again since this page was loaded: reload it.",
        );
      }
      throw new BundleError(`Files altered since the bundle was made: ${name}`);
    }
    return content;
  };
  const manifest = JSON.parse(new TextDecoder().decode(await read("manifest.json")));
  if (manifest.schema !== SCHEMA) {
    throw new BundleError(`Expected a manifest of schema ${SCHEMA}. Received: ${manifest.schema}`);
  }
  return { manifest, read, digests };
}

/** Return the digest of each file by its path, in the order of the text. */
export function parseSums(bytes) {
  if (bytes.some((byte) => byte > 127)) {
    throw new BundleError(`${SUMS} is damaged: it is not ASCII text.`);
  }
  const lines = new TextDecoder().decode(bytes).split("\n");
  const last = lines.pop();
  const digests = new Map();
  let before = "";
  for (const line of lines) {
    const [, sum, name] = LINE.exec(line) ?? [];
    if (!name || name.split("/").some((part) => part === "." || part === "..")) {
      throw new BundleError(`${SUMS} is damaged: a line is not of the form 'digest  path'.`);
    }
    if (name <= before || name === SUMS) {
      throw new BundleError(`${SUMS} is damaged: its lines are not sorted, or one stands twice.`);
    }
    digests.set(name, sum);
    before = name;
  }
  if (last) {
    throw new BundleError(`${SUMS} is damaged: its last line is cut off.`);
  }
  return digests;
}

async function fetchBytes(folder, name) {
  const address = new URL(name, folder);
  let response;
  try {
    // A cache must not mix two versions of a bundle.
    response = await fetch(address, { cache: "no-cache" });
  } catch (error) {
    throw new BundleError(`${address} cannot be fetched: ${error.message}`);
  }
  if (!response.ok) {
    const told = response.status === 500 && response.headers.get("Content-Type") === "text/plain";
    if (told) throw new BundleError(await response.text()); // `kvae web` says what is wrong
    if (name === SUMS) {
      throw new NoBundleError(
        `${folder} holds no ${SUMS} (status ${response.status}): it is not a bundle.`,
      );
    }
    throw new BundleError(`Files missing from the bundle: ${name} (status ${response.status})`);
  }
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new BundleError(`${address} did not arrive whole: ${error.message}`);
  }
}

async function digest(content) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
