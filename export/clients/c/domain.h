/* The domains of a model's inputs, as domain.tsv of its bundle describes them, and their check.
 *
 * Each line of the file is a part of the row that the last axis of an input makes, in fields with
 * tabs between them (docs/bundle.md): the name of the input, where the part starts, how many numbers
 * it spans, the length of the row, the least and the greatest value ("-" where there is none), 1 for
 * whole numbers, 1 for one-hot vectors, 1 where NaN stands for a missing number, what a message calls
 * the part, which values it takes, and what to do with others.
 */

#ifndef DOMAIN_H
#define DOMAIN_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"

enum { NAME, START, SPAN, ROW, LOW, HIGH, WHOLE, ONE_HOT, MISSING, LABEL, TEXT, HINT, FIELDS };

typedef struct {
  const char *name, *label, *text, *hint;
  size_t start, span, row;
  double low, high;
  int whole, one_hot, missing;
} Part;

/* The names and texts of the parts point into the text that was read. */
typedef struct {
  Part *parts;
  size_t count;
} Domain;

/* Reads a number of numbers, below 2^31. */
static inline int read_length(const char *field, size_t *length) {
  *length = 0;
  if (*field == '\0' || strlen(field) > 10) return 0;
  for (; *field != '\0'; field++) {
    if (*field < '0' || *field > '9') return 0;
    *length = 10 * *length + (size_t)(*field - '0');
  }
  return *length < 2147483648u;
}

/* Reads a bound; "-" is none. */
static inline int read_bound(const char *field, double none, double *bound) {
  char *end;
  *bound = none;
  if (strcmp(field, "-") == 0) return 1;
  *bound = strtod(field, &end);
  return end > field && *end == '\0' && isfinite(*bound);
}

static inline int read_part(char *line, Part *part) {
  char *field[FIELDS];
  if (!split(line, field, FIELDS)) return 0;
  part->name = field[NAME];
  part->label = field[LABEL];
  part->text = field[TEXT];
  part->hint = field[HINT];
  return read_length(field[START], &part->start) && read_length(field[SPAN], &part->span) &&
         read_length(field[ROW], &part->row) && part->span > 0 &&
         part->start + part->span <= part->row && read_bound(field[LOW], -HUGE_VAL, &part->low) &&
         read_bound(field[HIGH], HUGE_VAL, &part->high) && read_flag(field[WHOLE], &part->whole) &&
         read_flag(field[ONE_HOT], &part->one_hot) && read_flag(field[MISSING], &part->missing);
}

/* Reads the text of a domain.tsv, which is changed and has to live as long as the domain.
 *
 * Returns 1; 0 if it is damaged, -1 if there is not enough memory. */
static inline int read_domain(char *text, Domain *domain) {
  size_t lines = 1;
  char *line;
  for (const char *here = text; *here != '\0'; here++) lines += *here == '\n';
  domain->count = 0;
  domain->parts = calloc(lines, sizeof(Part));
  if (domain->parts == NULL) return -1;
  while ((line = next_line(&text)) != NULL)
    if (!read_part(line, &domain->parts[domain->count++])) return 0;
  return 1;
}

/* Writes into `message` what is wrong with the numbers of one part; returns whether they are valid. */
static inline int check_part(const Part *part, const double *values, size_t count, char *message,
                      size_t size) {
  double least = HUGE_VAL, greatest = -HUGE_VAL;
  int whole = 1, single = 1;
  for (size_t first = part->start; first + part->span <= count; first += part->row) {
    double sum = 0.0;
    size_t unknown = 0;
    for (size_t i = first; i < first + part->span; i++) {
      double value = (float)values[i]; /* what the model reads */
      sum += value;
      unknown += isnan(value) != 0;
      if (isnan(value)) continue;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
      if (value != floor(value)) whole = 0;
    }
    if (sum != 1.0 && unknown < part->span) single = 0; /* all of a vector are missing, or none is */
  }
  whole = whole || !part->whole;
  single = single || !part->one_hot;
  int inside = least >= (float)part->low && greatest <= (float)part->high;
  if (inside && whole && single) return 1;
  snprintf(message, size, "Expected %s%s to hold %s. Received: values in [%g, %g]%s.%s%s",
           part->name, part->label, part->text, least, greatest,
           !single ? ", not one-hot" : whole ? "" : ", not all whole", part->hint[0] ? " " : "",
           part->hint);
  return 0;
}

/* Checks rows of an input, NaN aside; inputs that the domain does not name are valid.
 *
 * Returns 0 and writes the sentence of the Python clients if they are outside the domain. */
static inline int check_domain(const Domain *domain, const char *name, const double *values, size_t count,
                        char *message, size_t size) {
  for (size_t i = 0; i < domain->count; i++) {
    const Part *part = &domain->parts[i];
    if (strcmp(part->name, name) == 0 && !check_part(part, values, count, message, size)) return 0;
  }
  return 1;
}

/* Returns whether NaN may stand for a missing number of an input. */
static inline int may_miss(const Domain *domain, const char *name) {
  for (size_t i = 0; i < domain->count; i++)
    if (strcmp(domain->parts[i].name, name) == 0) return domain->parts[i].missing;
  return 0;
}

#endif
