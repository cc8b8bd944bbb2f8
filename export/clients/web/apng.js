// Animated PNG: the frames of a film in one file, without loss.
//
// https://www.w3.org/TR/png-3/, chunks acTL, fcTL and fdAT.

const SIGNATURE = 8; // bytes before the first chunk
const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

/**
 * Return an animated PNG that plays for ever.
 *
 * @param {Blob[]} pictures PNG files of one size, as a canvas makes them.
 * @param {number} milliseconds That each is shown.
 * @returns {Promise<Blob>}
 */
export async function animation(pictures, milliseconds) {
  const files = await Promise.all(pictures.map((blob) => blob.arrayBuffer()));
  const frames = files.map((file) => chunksOf(new Uint8Array(file)));
  const header = frames[0].find(({ type }) => type === "IHDR").data;
  const [width, height] = [0, 4].map((place) => viewOf(header).getUint32(place));
  const parts = [
    new Uint8Array(files[0].slice(0, SIGNATURE)),
    chunk("IHDR", header),
    chunk("acTL", numbers(frames.length, 0)),
  ];
  let sequence = 0;
  frames.forEach((chunks, place) => {
    const control = new Uint8Array(26); // the offsets are 0, each frame replaces the one before
    [sequence++, width, height].forEach((number, index) =>
      viewOf(control).setUint32(4 * index, number),
    );
    viewOf(control).setUint16(20, milliseconds);
    viewOf(control).setUint16(22, 1000);
    parts.push(chunk("fcTL", control));
    for (const { type, data } of chunks) {
      if (type === "IHDR" && data.some((byte, index) => byte !== header[index])) {
        throw new Error("Expected pictures of one size and one form.");
      }
      if (type !== "IDAT") continue;
      const later = () => new Uint8Array([...numbers(sequence++), ...data]);
      parts.push(place === 0 ? chunk("IDAT", data) : chunk("fdAT", later()));
    }
  });
  return new Blob([...parts, chunk("IEND", new Uint8Array())], { type: "image/png" });
}

function chunksOf(file) {
  const chunks = [];
  let place = SIGNATURE;
  while (place < file.length) {
    const length = viewOf(file).getUint32(place);
    const type = String.fromCharCode(...file.subarray(place + 4, place + 8));
    chunks.push({ type, data: file.subarray(place + 8, place + 8 + length) });
    place += 12 + length;
  }
  return chunks;
}

function chunk(type, data) {
  const bytes = new Uint8Array(12 + data.length);
  viewOf(bytes).setUint32(0, data.length);
  bytes.set(
    [...type].map((letter) => letter.charCodeAt(0)),
    4,
  );
  bytes.set(data, 8);
  const crc = bytes
    .subarray(4, 8 + data.length)
    .reduce((crc, byte) => CRCS[(crc ^ byte) & 255] ^ (crc >>> 8), 0xffffffff);
  viewOf(bytes).setUint32(8 + data.length, ~crc >>> 0);
  return bytes;
}

function numbers(...values) {
  const bytes = new Uint8Array(4 * values.length);
  values.forEach((value, index) => viewOf(bytes).setUint32(4 * index, value));
  return bytes;
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
