/* The domains of a model's inputs, as domain.tsv of its bundle describes them, and their check.
 *
 * Each line of the file is a part of the row that the last axis of an input makes, in fields with
 * tabs between them (docs/bundle.md): the name of the input, where the part starts, how many numbers
 * it spans, the length of the row, the least and the greatest value ("-" where there is none), 1 for
 * whole numbers, 1 for one-hot vectors, 1 where NaN stands for a missing number, what a message calls
 * the part, which values it takes, and what to do with others.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"

enum { NAME, START, SPAN, ROW, LOW, HIGH, WHOLE, ONE_HOT, MISSING, LABEL, TEXT, HINT, FIELDS };
enum { MESSAGE = 4096 };

/* Writes into `message` what is wrong with the numbers of one part, or leaves it empty. */
static void check_part(char **part, const double *values, size_t count, char *message) {
  size_t start = strtoul(part[START], NULL, 10), span = strtoul(part[SPAN], NULL, 10);
  size_t row = strtoul(part[ROW], NULL, 10);
  double least = HUGE_VAL, greatest = -HUGE_VAL;
  int whole = 1, single = 1;
  for (size_t first = start; first + span <= count; first += row) {
    double sum = 0.0;
    size_t unknown = 0;
    for (size_t i = first; i < first + span; i++) {
      double value = (float)values[i]; /* what the model reads */
      sum += value;
      unknown += isnan(value) != 0;
      if (isnan(value)) continue;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
      if (value != floor(value)) whole = 0;
    }
    if (sum != 1.0 && unknown < span) single = 0; /* all of a vector are missing, or none is */
  }
  if (part[WHOLE][0] != '1') whole = 1;
  if (part[ONE_HOT][0] != '1') single = 1;
  int low = strcmp(part[LOW], "-") == 0 || least >= strtod(part[LOW], NULL);
  int high = strcmp(part[HIGH], "-") == 0 || greatest <= strtod(part[HIGH], NULL);
  if (low && high && whole && single) return;
  snprintf(message, MESSAGE, "Expected %s%s to hold %s. Received: values in [%g, %g]%s.%s%s",
           part[NAME], part[LABEL], part[TEXT], least, greatest,
           !single ? ", not one-hot" : whole ? "" : ", not all whole", part[HINT][0] ? " " : "",
           part[HINT]);
}

/* Checks rows of an input against a domain.tsv, which need not name it.
 *
 * Returns 0 if the file describes no domains (then `message` says so), 2 if NaN may stand for a
 * missing number of this input, else 1; `message` is empty where the numbers (NaN aside) are in the
 * domain, and otherwise the sentence of the Python clients. */
static int check_domain(FILE *file, const char *name, const double *values, size_t count,
                        char *message) {
  char *line = NULL, *part[FIELDS];
  size_t space = 0;
  int valid = 1, missing = 0;
  message[0] = '\0';
  while (valid && message[0] == '\0' && getline(&line, &space, file) > 0) {
    valid = split(line, part, FIELDS) == FIELDS && strtoul(part[SPAN], NULL, 10) > 0 &&
            strtoul(part[ROW], NULL, 10) > 0;
    if (!valid || strcmp(part[NAME], name) != 0) continue;
    missing = part[MISSING][0] == '1';
    check_part(part, values, count, message);
  }
  if (!valid) snprintf(message, MESSAGE, "domain.tsv is damaged");
  free(line);
  return valid && missing ? 2 : valid;
}
