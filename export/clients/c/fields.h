/* The fields of a line of text with tabs between them, as domain.tsv and decision.tsv have them. */

#ifndef FIELDS_H
#define FIELDS_H

#include <string.h>

/* Splits a line into at most `most` fields; returns how many there are. */
static int split(char *line, char **fields, int most) {
  int count = 0;
  line[strcspn(line, "\n")] = '\0';
  for (char *here = line; here != NULL && count < most;) {
    fields[count++] = here;
    here = strchr(here, '\t');
    if (here != NULL) *here++ = '\0';
  }
  return count;
}

#endif
