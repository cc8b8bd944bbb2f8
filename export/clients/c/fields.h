/* Lines of fields with tabs between them, as domain.tsv and decision.tsv have them. */

#ifndef FIELDS_H
#define FIELDS_H

#include <stdlib.h>
#include <string.h>

/* Cuts the first line off a text and returns it, NULL after the last one. The text is changed. */
static inline char *next_line(char **text) {
  char *line = *text, *end;
  if (line == NULL || *line == '\0') return NULL;
  end = strchr(line, '\n');
  *text = end == NULL ? NULL : end + 1;
  if (end != NULL) *end = '\0';
  return line;
}

/* Splits a line into its fields. Returns whether there are `count`. The line is changed. */
static inline int split(char *line, char **fields, int count) {
  for (int i = 0; i < count; i++) {
    if (line == NULL) return 0;
    fields[i] = line;
    line = strchr(line, '\t');
    if (line != NULL) *line++ = '\0';
  }
  return line == NULL;
}

/* Returns whether a field is 1 or 0, and which. */
static inline int read_flag(const char *field, int *flag) {
  *flag = field[0] == '1';
  return (field[0] == '0' || field[0] == '1') && field[1] == '\0';
}

#endif
