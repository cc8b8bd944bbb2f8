/* SHA-256 (FIPS 180-4), and the lines of SHA256SUMS (docs/bundle.md). */

#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST_BYTES = 32, DIGEST_CHARACTERS = 64 };

static inline uint32_t rotate(uint32_t word, int bits) {
  return word >> bits | word << (32 - bits);
}

/* Takes one block of 64 bytes into the state. */
static inline void digest_block(uint32_t state[8], const uint8_t *block) {
  static const uint32_t constants[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 64; i++)
    w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
           (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
  memcpy(s, state, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t sum = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                   ((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[i] + w[i];
    uint32_t other = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                     ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += sum;
    s[0] = sum + other;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

/* A digest of bytes that come in parts. */
typedef struct {
  uint32_t state[8];
  uint64_t length;     /* bytes so far */
  uint8_t block[128]; /* those of them that fill no block yet; room for two, for the last ones */
} Digest;

static inline void digest_start(Digest *digest) {
  static const uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(digest->state, state, sizeof state);
  digest->length = 0;
}

static inline void digest_add(Digest *digest, const void *bytes, size_t count) {
  const uint8_t *next = bytes;
  while (count > 0) {
    size_t held = digest->length % 64, more = 64 - held < count ? 64 - held : count;
    memcpy(digest->block + held, next, more);
    digest->length += more;
    next += more;
    count -= more;
    if (held + more == 64) digest_block(digest->state, digest->block);
  }
}

/* Writes the 32 bytes of the digest. */
static inline void digest_end(Digest *digest, uint8_t bytes[DIGEST_BYTES]) {
  size_t held = digest->length % 64, end = held < 56 ? 64 : 128;
  uint64_t bits = 8 * digest->length;
  memset(digest->block + held, 0, end - held);
  digest->block[held] = 0x80;
  for (int i = 0; i < 8; i++) digest->block[end - 1 - (size_t)i] = (uint8_t)(bits >> (8 * i));
  digest_block(digest->state, digest->block);
  if (end == 128) digest_block(digest->state, digest->block + 64);
  for (int i = 0; i < DIGEST_BYTES; i++)
    bytes[i] = (uint8_t)(digest->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* Writes the digest of a file in hexadecimal digits. Returns whether the file could be read. */
static inline int digest_of(FILE *file, char text[DIGEST_CHARACTERS + 1]) {
  Digest digest;
  uint8_t bytes[4096];
  size_t got;
  digest_start(&digest);
  while ((got = fread(bytes, 1, sizeof bytes, file)) > 0) digest_add(&digest, bytes, got);
  if (ferror(file)) return 0;
  digest_end(&digest, bytes);
  for (int i = 0; i < DIGEST_BYTES; i++) snprintf(text + 2 * i, 3, "%02x", (unsigned)bytes[i]);
  return 1;
}

/* Returns whether the text of SHA256SUMS has the line of a file, with a digest unless that is NULL. */
static inline int has_line(const char *sums, const char *digest, const char *name) {
  size_t length = strlen(name);
  for (const char *line = sums; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strcspn(line, "\n") == DIGEST_CHARACTERS + 2 + length &&
        (digest == NULL || strncmp(line, digest, DIGEST_CHARACTERS) == 0) &&
        strncmp(line + DIGEST_CHARACTERS, "  ", 2) == 0 &&
        strncmp(line + DIGEST_CHARACTERS + 2, name, length) == 0)
      return 1;
  }
  return 0;
}

#endif
