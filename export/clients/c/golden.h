/* The arrays of golden.npz: a ZIP archive of .npy files that are not compressed (docs/bundle.md). */

#ifndef GOLDEN_H
#define GOLDEN_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of an array, flat; NULL where there are none. */
typedef struct {
  double *values;
  size_t count;
} Numbers;

enum { FOUND, ABSENT, BROKEN, NO_ROOM };

static inline uint32_t little(const uint8_t *bytes, int count) {
  uint32_t number = 0;
  for (int i = count - 1; i >= 0; i--) number = number << 8 | bytes[i];
  return number;
}

static inline int has_text(const char *text, size_t length, const char *part) {
  size_t size = strlen(part);
  for (size_t i = 0; i + size <= length; i++)
    if (memcmp(text + i, part, size) == 0) return 1;
  return 0;
}

/* Reads the numbers of an .npy file of float32, int32 or uint8, in C order. */
static inline int read_npy(const uint8_t *bytes, size_t size, Numbers *numbers) {
  if (size < 10 || memcmp(bytes, "\x93NUMPY\x01\x00", 8) != 0) return BROKEN;
  size_t start = 10 + little(bytes + 8, 2), width;
  const char *header = (const char *)bytes + 10;
  if (start > size || !has_text(header, start - 10, "'fortran_order': False")) return BROKEN;
  int real = has_text(header, start - 10, "'<f4'"), whole = has_text(header, start - 10, "'<i4'");
  width = real || whole ? 4 : 1;
  if ((width == 1 && !has_text(header, start - 10, "'|u1'")) || (size - start) % width != 0)
    return BROKEN;
  numbers->count = (size - start) / width;
  numbers->values = malloc((numbers->count + 1) * sizeof(double));
  if (numbers->values == NULL) return NO_ROOM;
  for (size_t i = 0; i < numbers->count; i++) {
    uint32_t word = little(bytes + start + width * i, (int)width);
    float single;
    memcpy(&single, &word, sizeof single);
    numbers->values[i] = real    ? single
                         : whole ? (word > INT32_MAX ? (double)word - 4294967296.0 : word)
                                 : word;
  }
  return FOUND;
}

/* Reads the array of a name, such as "inputs/score/x"; free `numbers->values` afterwards.
 *
 * Returns ABSENT where the archive has none, BROKEN if it is not of the form above, and NO_ROOM if
 * there is not enough memory. */
static inline int read_golden(const uint8_t *bytes, size_t size, const char *name,
                              Numbers *numbers) {
  enum { END = 22, ENTRY = 46, LOCAL = 30 }; /* lengths of what stands before names */
  size_t wanted = strlen(name);
  numbers->values = NULL;
  numbers->count = 0;
  if (size < END || memcmp(bytes + size - END, "PK\5\6", 4) != 0) return BROKEN;
  uint64_t at = little(bytes + size - 6, 4);
  for (uint32_t left = little(bytes + size - 12, 2); left > 0; left--) {
    if (at + ENTRY > size || memcmp(bytes + at, "PK\1\2", 4) != 0) return BROKEN;
    const uint8_t *entry = bytes + at;
    size_t length = little(entry + 28, 2), named = at + ENTRY;
    uint64_t local = little(entry + 42, 4), content = little(entry + 20, 4);
    at = named + length + little(entry + 30, 2) + little(entry + 32, 2);
    if (at > size || little(entry + 10, 2) != 0) return BROKEN;
    if (length != wanted + 4 || memcmp(bytes + named, name, wanted) != 0 ||
        memcmp(bytes + named + wanted, ".npy", 4) != 0)
      continue;
    if (local + LOCAL > size || memcmp(bytes + local, "PK\3\4", 4) != 0) return BROKEN;
    local += LOCAL + little(bytes + local + 26, 2) + little(bytes + local + 28, 2);
    if (local + content > size) return BROKEN;
    return read_npy(bytes + local, content, numbers);
  }
  return ABSENT;
}

#endif
