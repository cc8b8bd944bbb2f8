/* What was learned, as a file: the line "kvae learned 1 DIGEST" with the digest of the model file, the
 * state in float32, the least byte of each number first, and the 32 bytes of their SHA-256. */

#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L /* fdopen, fileno, fsync, lstat, readlink */
#define _DARWIN_C_SOURCE        /* flock, which POSIX does not have */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#define POSIX 1
#endif

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { HEADER = 15 + DIGEST_CHARACTERS + 1 }; /* "kvae learned 1 ", the digest, and the end of line */

kvae_status kvae_trains_(const kvae_model *model, kvae_error *error) {
  TRY(expect(model, "a model", error));
  if (kvae_has_(model, "train") && kvae_has_(model, "save")) return KVAE_OK;
  return fail(error, KVAE_BAD_ARGUMENT,
              "expected a file that trains its weights, exported with trainable=...");
}

/* Writes the first line of what belongs to this model file. */
static void header_of(const kvae_model *model, char header[HEADER + 1]) {
  snprintf(header, HEADER + 1, "kvae learned 1 %s\n", model->digest);
}

static kvae_status state_size(kvae_model *model, size_t *size, kvae_error *error) {
  kvae_signature save;
  TRY(kvae_trains_(model, error));
  TRY(kvae_describe(model, "save", &save, error));
  *size = save.outputs[0].size;
  return KVAE_OK;
}

/* -- writing ------------------------------------------------------------------------------------- */

#ifdef POSIX

/* Creates a file that its owner alone can read. One that is there is removed, not emptied: it may be a
 * link, or readable by others. */
static FILE *create(const char *path) {
  if (unlink(path) != 0 && errno != ENOENT) return NULL;
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return NULL;
  FILE *file = fdopen(descriptor, "wb");
  if (file == NULL) {
    close(descriptor);
    unlink(path);
  }
  return file;
}

static int to_disk(FILE *file) { return fflush(file) == 0 && fsync(fileno(file)) == 0; }

/* Sets `*found` to the path that a link leads to, NULL where it cannot be read. */
static kvae_status linked(const char *path, char **found, kvae_error *error) {
  enum { ROOM = 4096 };
  const char *slash = strrchr(path, '/');
  size_t folder = slash == NULL ? 0 : (size_t)(slash - path) + 1;
  char *target = malloc(folder + ROOM);
  *found = NULL;
  if (target == NULL) return no_memory(error);
  memcpy(target, path, folder);
  ssize_t length = readlink(path, target + folder, ROOM);
  if (length <= 0 || length == ROOM) {
    free(target);
    return KVAE_OK;
  }
  target[folder + (size_t)length] = '\0';
  if (target[folder] == '/') memmove(target, target + folder, (size_t)length + 1);
  *found = target;
  return KVAE_OK;
}

/* Follows symbolic links, so that they stay. Sets `*file` to a path at which a regular file or nothing
 * stands; free it, after an error too. */
static kvae_status resolve(const char *path, char **file, kvae_error *error) {
  enum { MOST_LINKS = 40 };
  struct stat entry;
  *file = malloc(strlen(path) + 1);
  if (*file == NULL) return no_memory(error);
  strcpy(*file, path);
  for (int i = 0; lstat(*file, &entry) == 0; i++) {
    char *target = NULL;
    if (S_ISREG(entry.st_mode)) return KVAE_OK;
    if (S_ISLNK(entry.st_mode) && i < MOST_LINKS) TRY(linked(*file, &target, error));
    if (target == NULL)
      return fail(error, KVAE_BAD_FILE, "%s cannot be written: %s", path,
                  S_ISLNK(entry.st_mode)   ? "its links lead nowhere"
                  : S_ISDIR(entry.st_mode) ? "it is a folder"
                                           : "it is no regular file");
    free(*file);
    *file = target;
  }
  return KVAE_OK;
}

/* Refuses the file of the model itself, by whatever name or link. */
static kvae_status spare_model(const kvae_model *model, const char *file, const char *path,
                               kvae_error *error) {
  struct stat own, other;
  if (stat(model->path, &own) != 0 || stat(file, &other) != 0) return KVAE_OK;
  if (own.st_dev != other.st_dev || own.st_ino != other.st_ino) return KVAE_OK;
  return fail(error, KVAE_BAD_ARGUMENT, "%s is the file of the model itself", path);
}

/* Lets one thread of one process at a time write to the folder of a file, where the system locks
 * folders. Sets `*locked` to what `unlock` takes. */
static kvae_status lock(const char *path, int *locked, kvae_error *error) {
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
  char *folder = malloc(length + 2);
  if (folder == NULL) return no_memory(error);
  memcpy(folder, path, length);
  strcpy(folder + length, ".");
  *locked = open(folder, O_RDONLY | O_CLOEXEC);
  free(folder);
  while (*locked >= 0 && flock(*locked, LOCK_EX) != 0 && errno == EINTR) continue;
  return KVAE_OK;
}

/* Lets the next one write; what was renamed is on the disk before. */
static void unlock(int descriptor) {
  if (descriptor < 0) return;
  (void)fsync(descriptor);
  flock(descriptor, LOCK_UN); /* closing leaves it locked for what was forked meanwhile */
  close(descriptor);
}

#else

static FILE *create(const char *path) { return fopen(path, "wb"); }
static int to_disk(FILE *file) { return fflush(file) == 0; }
static kvae_status resolve(const char *path, char **file, kvae_error *error) {
  *file = malloc(strlen(path) + 1);
  if (*file == NULL) return no_memory(error);
  strcpy(*file, path);
  return KVAE_OK;
}
static kvae_status spare_model(const kvae_model *model, const char *file, const char *path,
                               kvae_error *error) {
  if (strcmp(model->path, file) != 0) return KVAE_OK;
  return fail(error, KVAE_BAD_ARGUMENT, "%s is the file of the model itself", path);
}
static kvae_status lock(const char *path, int *locked, kvae_error *error) {
  (void)path, (void)error, *locked = -1;
  return KVAE_OK;
}
static void unlock(int descriptor) { (void)descriptor; }

#endif

static int write_all(FILE *file, const char *header, const double *state, size_t size) {
  Digest digest;
  uint8_t bytes[DIGEST_BYTES];
  int written = fwrite(header, 1, HEADER, file) == HEADER;
  digest_start(&digest);
  digest_add(&digest, header, HEADER);
  for (size_t i = 0; i < size && written; i++) {
    float single = (float)state[i];
    uint32_t word;
    memcpy(&word, &single, sizeof word);
    for (int j = 0; j < 4; j++) bytes[j] = (uint8_t)(word >> 8 * j);
    digest_add(&digest, bytes, 4);
    written = fwrite(bytes, 1, 4, file) == 4;
  }
  digest_end(&digest, bytes);
  written = written && fwrite(bytes, 1, DIGEST_BYTES, file) == DIGEST_BYTES;
  return written && to_disk(file);
}

/* Writes a file beside the wanted one, and gives it the name of that. */
static kvae_status write_file(const char *path, const char *header, const double *state,
                              size_t size, kvae_error *error) {
  static const char ending[] = ".part";
  char *beside = malloc(strlen(path) + sizeof ending);
  if (beside == NULL) return no_memory(error);
  strcpy(beside, path);
  strcat(beside, ending);
  int locked = -1;
  kvae_status status = lock(path, &locked, error);
  if (status != KVAE_OK) {
    free(beside);
    return status;
  }
  FILE *file = create(beside);
  int written = file != NULL && write_all(file, header, state, size);
  if (file != NULL) written = fclose(file) == 0 && written;
  written = written && rename(beside, path) == 0;
  if (!written && file != NULL) remove(beside);
  unlock(locked);
  free(beside);
  return written ? KVAE_OK : fail(error, KVAE_BAD_FILE, "%s cannot be written", path);
}

kvae_status kvae_save(kvae_model *model, const char *path, kvae_error *error) {
  char header[HEADER + 1], *file = NULL;
  size_t size;
  TRY(expect(path, "the path of a file", error));
  TRY(state_size(model, &size, error));
  header_of(model, header);
  double *state = malloc(size * sizeof(double));
  if (state == NULL) return no_memory(error);
  kvae_output output = {"state", state, size};
  kvae_status status = kvae_run(model, "save", NULL, 0, &output, 1, error);
  if (status == KVAE_OK) status = resolve(path, &file, error);
  if (status == KVAE_OK) status = spare_model(model, file, path, error);
  if (status == KVAE_OK) status = write_file(file, header, state, size, error);
  free(file);
  free(state);
  return status;
}

/* -- reading ------------------------------------------------------------------------------------- */

/* Checks the bytes of a file and takes the state out of them. */
static kvae_status read_state(const uint8_t *bytes, size_t length, const char *header, size_t size,
                              const char *path, double *state, kvae_error *error) {
  Digest digest;
  uint8_t expected[DIGEST_BYTES];
  size_t body = length < DIGEST_BYTES ? 0 : length - DIGEST_BYTES;
  digest_start(&digest);
  digest_add(&digest, bytes, body);
  digest_end(&digest, expected);
  if (body == 0 || memcmp(expected, bytes + body, DIGEST_BYTES) != 0)
    return fail(error, KVAE_BAD_FILE, "%s is damaged, or is not what kvae_save wrote for this model",
                path);
  if (body != HEADER + 4 * size || memcmp(bytes, header, HEADER) != 0)
    return fail(error, KVAE_BAD_FILE, "%s belongs to another model file", path);
  for (size_t i = 0; i < size; i++) {
    uint32_t word = 0;
    float single;
    for (int j = 3; j >= 0; j--) word = word << 8 | bytes[HEADER + 4 * i + (size_t)j];
    memcpy(&single, &word, sizeof single);
    if (!isfinite(single)) return fail(error, KVAE_BAD_FILE, "%s holds NaN or infinity", path);
    state[i] = single;
  }
  return KVAE_OK;
}

kvae_status kvae_restore(kvae_model *model, const char *path, kvae_error *error) {
  char header[HEADER + 1];
  size_t size;
  TRY(expect(path, "the path of a file", error));
  TRY(state_size(model, &size, error));
  header_of(model, header);
  FILE *file;
  TRY(kvae_regular_(path, &file, error));
  size_t space = HEADER + 4 * size + DIGEST_BYTES + 1; /* one more than there should be */
  uint8_t *bytes = malloc(space);
  double *state = malloc(size * sizeof(double));
  kvae_status status = no_memory(error);
  if (bytes != NULL && state != NULL) {
    size_t length = fread(bytes, 1, space, file);
    status = read_state(bytes, length, header, size, path, state, error);
  }
  fclose(file);
  if (status == KVAE_OK) {
    kvae_input input = {"state", state, size};
    status = kvae_run(model, "restore", &input, 1, NULL, 0, error);
  }
  free(bytes);
  free(state);
  return status;
}

kvae_status kvae_reset(kvae_model *model, kvae_error *error) {
  TRY(kvae_trains_(model, error));
  return kvae_run(model, "reset", NULL, 0, NULL, 0, error);
}
