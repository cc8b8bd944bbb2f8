/* Runs any function of a bundle's .tflite file from a command line, by the library of kvae.h.
 *
 *   decode MODEL [SIGNATURE [NAME=VALUES ...]]
 *
 * VALUES are numbers with commas or spaces between them, or @FILE for numbers in a text file. An empty
 * cell, as in "1,,2", is refused. Several rows may stand one after the other. An input that is not named
 * is all zeros; "score" and "detect" need all of theirs. Every output is printed as its name and its
 * numbers, one line for each row:
 *
 *   decode model-float32.tflite
 *   decode model-float32.tflite decode z=@points.txt
 *   decode model-float32.tflite sample seed=0,7
 *
 * "detect" in the place of a signature runs "score" and decides by the thresholds of a bundle that was
 * written with calibration rows: it prints score, p_value and is_anomaly, 1 or 0.
 *
 *   decode model-float32.tflite detect x=@rows.txt
 *
 * "list" prints the signatures, with the names of their inputs and outputs and how many numbers a row
 * of each has, as in "decode: z 8 -> mean 192":
 *
 *   decode model-float32.tflite list
 *
 * Where SHA256SUMS lies beside MODEL, as in a bundle, the files that are read are compared with it.
 * Where domain.tsv lies there, the inputs that it describes (x, condition, ...) are checked against it;
 * NAN is a missing number where it says that numbers may be missing.
 */

#define _POSIX_C_SOURCE 200809L /* dup, dup2, fcntl, fileno */

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvae.h"

/* LiteRT writes what it does to the standard error stream. It goes to a file that nobody sees, unless
 * the program fails. */
static int standard_error = -1;
static FILE *told = NULL;

static void keep_quiet(void) {
  told = tmpfile();
  standard_error = dup(STDERR_FILENO);
  if (told != NULL && standard_error >= 0) dup2(fileno(told), STDERR_FILENO);
}

static void speak_again(void) {
  char text[4096];
  size_t got;
  if (told == NULL || standard_error < 0) return;
  fflush(stderr);
  dup2(standard_error, STDERR_FILENO);
  rewind(told);
  while ((got = fread(text, 1, sizeof text, told)) > 0) fwrite(text, 1, got, stderr);
}

/* What is in use, freed before the program ends. */
typedef struct {
  kvae_model *model;
  kvae_input *inputs;
  kvae_output *outputs;
  size_t input_count, output_count;
  kvae_decision *decisions;
  char *text; /* of the input that is parsed */
} Work;

static Work work;

static void finish(void) {
  for (size_t i = 0; i < work.input_count; i++) free((double *)work.inputs[i].values);
  for (size_t i = 0; i < work.output_count; i++) free(work.outputs[i].values);
  free(work.inputs);
  free(work.outputs);
  free(work.decisions);
  free(work.text);
  kvae_close(work.model);
}

/* Reports an error and ends. `detail` may be a name that the model holds, or NULL. */
static void fail(const char *message, const char *detail) {
  char text[8192];
  snprintf(text, sizeof text, "Error: %s%s%s\n", message, detail ? ": " : "", detail ? detail : "");
  finish();
  speak_again();
  fputs(text, stderr);
  exit(1);
}

static void check(kvae_status status, const kvae_error *error) {
  if (status != KVAE_OK) fail(error->message, NULL);
}

static void *allocate(void *block, size_t count, size_t bytes) {
  void *larger = count <= SIZE_MAX / bytes ? realloc(block, count * bytes) : NULL;
  if (larger == NULL) fail("there is not enough memory", NULL);
  return larger;
}

/* Returns the text that VALUES stands for: itself, or the content of the file after an @. */
static char *text_of(const char *values) {
  size_t length = 0, space = strlen(values) + 1;
  char *text = allocate(NULL, space, 1);
  if (values[0] != '@') return strcpy(text, values);
  FILE *file = fopen(values + 1, "rb");
  if (file == NULL) fail("a file cannot be opened", values + 1);
  for (;;) {
    if (length + 4096 > space) text = allocate(text, space = 2 * space + 4096, 1);
    size_t got = fread(text + length, 1, 4095, file);
    if (got == 0) break;
    length += got;
  }
  if (ferror(file)) fail("a file cannot be read", values + 1);
  fclose(file);
  text[length] = '\0';
  if (strlen(text) != length) {
    free(text);
    fail("a file is no text, it holds a byte of 0", values + 1);
  }
  return text;
}

static int separates(char character) {
  return character == ',' || isspace((unsigned char)character);
}

/* Writes in which line of a file something stands; nothing of what is no file. */
static void place_of(const char *text, const char *here, int of_file, char *place, size_t room) {
  size_t line = 1;
  for (const char *at = text; at < here; at++) line += *at == '\n';
  place[0] = '\0';
  if (of_file) snprintf(place, room, " in line %zu", line);
}

/* Reports the first thing in a text that is no number; of a file with its line. */
static void refuse(const kvae_input *input, const char *text, const char *here, int of_file) {
  char message[256], place[32];
  int length = 0;
  while (length < 40 && here[length] != '\0' && !separates(here[length])) length++;
  place_of(text, here, of_file, place, sizeof place);
  snprintf(message, sizeof message, "%.80s: '%.*s'%s is no number", input->name, length, here,
           place);
  fail(message, NULL);
}

/* Reports a comma beside which a number is missing. */
static void refuse_empty(const kvae_input *input, const char *text, const char *comma, int of_file) {
  char message[256], place[32];
  place_of(text, comma, of_file, place, sizeof place);
  snprintf(message, sizeof message,
           "%.80s: an empty cell%s is no number; write nan where a value is missing", input->name,
           place);
  fail(message, NULL);
}

/* Returns where the next number begins, or the end of the text: behind spaces, ends of lines, and one
 * comma if it stands between two numbers of a line. */
static char *next_number(const kvae_input *input, const char *text, char *here, int of_file) {
  const char *comma = NULL;
  int starts = here == text; /* whether nothing stands before this on its line */
  for (; separates(*here); here++) {
    if (*here == ',' && (starts || comma != NULL)) refuse_empty(input, text, here, of_file);
    if (*here == '\n' && comma != NULL) break;
    if (*here == '\n') starts = 1;
    if (*here == ',') comma = here;
  }
  if (comma != NULL && (*here == '\n' || *here == '\0'))
    refuse_empty(input, text, comma, of_file);
  return here;
}

static void parse(kvae_input *input, const char *values) {
  char *text = text_of(values), *here = work.text = text;
  double *numbers = NULL;
  size_t space = 0;
  for (;;) {
    here = next_number(input, text, here, values[0] == '@');
    if (*here == '\0') break;
    char *end;
    double value = strtod(here, &end);
    if (end == here || (*end != '\0' && !separates(*end)))
      refuse(input, text, here, values[0] == '@');
    if (input->count == space) {
      space = 2 * space + 64;
      input->values = numbers = allocate(numbers, space, sizeof(double));
    }
    numbers[input->count++] = value;
    here = end;
  }
  free(text);
  work.text = NULL;
  if (input->count == 0) fail("expected a whole number of rows of numbers", input->name);
}

/* Parses the NAME=VALUES arguments; returns how many rows they hold, one if there are none. Inputs
 * without one are zeros, or an error where rows are judged. */
static size_t read_arguments(int count, char **arguments, const kvae_signature *signature,
                             int judging) {
  size_t rows = 1;
  for (int i = 0; i < count; i++) {
    const char *equals = strchr(arguments[i], '=');
    if (equals == NULL) fail("expected NAME=VALUES", arguments[i]);
    size_t length = (size_t)(equals - arguments[i]), j = 0;
    while (j < signature->input_count &&
           (strlen(signature->inputs[j].name) != length ||
            strncmp(signature->inputs[j].name, arguments[i], length) != 0))
      j++;
    if (j == signature->input_count) fail("the signature has no such input", arguments[i]);
    if (work.inputs[j].values != NULL) fail("an input is named twice", work.inputs[j].name);
    parse(&work.inputs[j], equals + 1);
    if (work.inputs[j].count >= signature->inputs[j].size)
      rows = work.inputs[j].count / signature->inputs[j].size;
  }
  for (size_t j = 0; j < signature->input_count; j++) {
    if (work.inputs[j].values != NULL) continue;
    if (judging)
      fail("an input is missing, and a row of zeros would be judged", work.inputs[j].name);
    size_t numbers = rows * signature->inputs[j].size;
    double *zeros = allocate(NULL, numbers, sizeof(double));
    for (size_t i = 0; i < numbers; i++) zeros[i] = 0.0;
    work.inputs[j].values = zeros;
    work.inputs[j].count = numbers;
  }
  return rows;
}

static void run(const char *name, const kvae_signature *signature, size_t rows) {
  kvae_error error;
  work.outputs = allocate(NULL, signature->output_count, sizeof(kvae_output));
  for (size_t i = 0; i < signature->output_count; i++) {
    size_t count = rows * signature->outputs[i].size;
    double *values = allocate(NULL, count, sizeof(double));
    work.outputs[work.output_count++] = (kvae_output){signature->outputs[i].name, values, count};
  }
  check(kvae_run(work.model, name, work.inputs, work.input_count, work.outputs, work.output_count,
                 &error),
        &error);
  for (size_t row = 0; row < rows; row++)
    for (size_t i = 0; i < work.output_count; i++) {
      size_t size = signature->outputs[i].size;
      printf("%s", work.outputs[i].name);
      for (size_t j = row * size; j < (row + 1) * size; j++) /* ten digits: an int32, any float32 */
        printf(" %.*g", signature->outputs[i].type == KVAE_FLOAT32 ? 9 : 10,
               work.outputs[i].values[j]);
      printf("\n");
    }
}

/* Prints the fewest digits, from 15 on, that read back as the same number. */
static void print_shortest(double number) {
  char text[32];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, number);
    if (strtod(text, NULL) == number) break;
  }
  printf("%s", text);
}

static void detect(size_t rows) {
  kvae_error error;
  work.decisions = allocate(NULL, rows, sizeof(kvae_decision));
  check(kvae_detect(work.model, work.inputs, work.input_count, work.decisions, rows, &error),
        &error);
  for (size_t row = 0; row < rows; row++) {
    printf("score %.9g\np_value ", (double)work.decisions[row].score);
    print_shortest(work.decisions[row].p_value);
    printf("\nis_anomaly %d\n", work.decisions[row].is_anomaly);
  }
}

static void print_ports(const kvae_port *ports, size_t count) {
  for (size_t i = 0; i < count; i++)
    printf("%s %s %zu", i > 0 ? "," : "", ports[i].name, ports[i].size);
}

static void list(void) {
  kvae_error error;
  kvae_signature signature;
  const char *name;
  for (size_t i = 0; (name = kvae_signature_name(work.model, i)) != NULL; i++) {
    check(kvae_describe(work.model, name, &signature, &error), &error);
    printf("%s:", name);
    print_ports(signature.inputs, signature.input_count);
    printf(" ->");
    print_ports(signature.outputs, signature.output_count);
    printf("\n");
  }
}

/* Runs a signature, or detects, on the rows of the arguments. */
static void call(const char *wanted, int count, char **arguments) {
  int deciding = strcmp(wanted, "detect") == 0, judging = deciding || strcmp(wanted, "score") == 0;
  kvae_error error;
  kvae_signature signature;
  check(kvae_describe(work.model, deciding ? "score" : wanted, &signature, &error), &error);
  work.inputs = allocate(NULL, signature.input_count + 1, sizeof(kvae_input));
  for (size_t i = 0; i < signature.input_count; i++)
    work.inputs[work.input_count++] = (kvae_input){signature.inputs[i].name, NULL, 0};
  size_t rows = read_arguments(count, arguments, &signature, judging);
  if (deciding)
    detect(rows);
  else
    run(wanted, &signature, rows);
}

int main(int count, char **arguments) {
  if (count < 2 || strcmp(arguments[1], "--help") == 0)
    fail("usage: decode MODEL [SIGNATURE [NAME=VALUES ...]], SIGNATURE also detect or list", NULL);
  const char *wanted = count > 2 ? arguments[2] : "decode";
  int listing = strcmp(wanted, "list") == 0;
  kvae_error error;
  if (listing && count > 3) fail("list takes no inputs", arguments[3]);
  if (fcntl(STDOUT_FILENO, F_GETFD) < 0) /* the next file that is opened would take its place */
    fail("the standard output is closed", NULL);
  keep_quiet();
  check(kvae_open(arguments[1], &work.model, &error), &error);
  if (listing)
    list();
  else
    call(wanted, count - 3, arguments + 3);
  if (fflush(stdout) != 0 || ferror(stdout)) fail("the output cannot be written", NULL);
  finish();
  return 0;
}
