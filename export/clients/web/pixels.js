// Reads a file with a picture as the numbers that a model takes.

/**
 * Return the numbers of a picture, and what was done to it.
 *
 * The middle of another format is cut out, and the picture is resized, as `kvae.data.images` does.
 *
 * @param {Blob} file
 * @param {Kind} kind
 * @returns {Promise<{values: Float32Array, words: string}>}
 */
export async function pixelsOf(file, { grid: [height, width, channels], domain }) {
  const { low, high, missing } = domain;
  if (low === null || high === null) {
    throw new Error("Expected a model of pixels with a known range. Received: one of any numbers");
  }
  let picture;
  try {
    picture = await createImageBitmap(file, {
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new Error(
      `Expected a picture that the browser can read. Received: ${file.name ?? "a file"}`,
    );
  }
  const part = Math.min(picture.width / width, picture.height / height);
  const [cutWidth, cutHeight] = [part * width, part * height];
  const [left, top] = [(picture.width - cutWidth) / 2, (picture.height - cutHeight) / 2];
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(context, { imageSmoothingEnabled: part !== 1, imageSmoothingQuality: "high" });
  context.drawImage(picture, left, top, cutWidth, cutHeight, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Float32Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [red, green, blue, alpha] = data.subarray(4 * pixel, 4 * pixel + 4);
    // ITU-R 601, as Pillow makes grey of colours.
    const grey = Math.floor((19595 * red + 38470 * green + 7471 * blue + 32768) / 65536);
    const found = {
      1: [grey],
      2: [grey, alpha],
      3: [red, green, blue],
      4: [red, green, blue, alpha],
    };
    // What nothing was painted on is missing, where a model takes that.
    const absent = missing && channels % 2 === 1 && alpha < 128;
    found[channels].forEach((value, channel) => {
      values[pixel * channels + channel] = absent ? NaN : low + ((high - low) * value) / 255;
    });
  }
  const words =
    part === 1 && picture.width === width && picture.height === height
      ? ""
      : `resized from ${picture.width} × ${picture.height} to ${width} × ${height}`;
  return { values, words };
}
