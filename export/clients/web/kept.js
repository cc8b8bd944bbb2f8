// What the browser keeps of what was learned, by the digest of the model file.

const [STORE, KEYS] = ["kvae-learned", "learned"];

function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(STORE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(KEYS);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function asked(mode, ask) {
  const opened = await database();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = opened.transaction(KEYS, mode);
      const request = ask(transaction.objectStore(KEYS));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    opened.close();
  }
}

/**
 * Keep what was learned.
 *
 * @param {string} digest Of the model file.
 * @param {{learned: Uint8Array, threshold: ?object, date: string}} found
 */
export function keep(digest, found) {
  return asked("readwrite", (store) => store.put(found, digest));
}

/** Return what is kept; undefined where there is nothing, or where the browser keeps nothing. */
export function kept(digest) {
  return asked("readonly", (store) => store.get(digest)).catch(() => undefined);
}

/** Keep nothing any more. */
export function forget(digest) {
  return asked("readwrite", (store) => store.delete(digest)).catch(() => undefined);
}
