/* From an anomaly score to a p-value and a decision, by the decision.tsv of a bundle: the formulas of
 * `p_values` and `detect` in export/runtime.py, which docs/anomaly.md explains.
 *
 * The file has a line for each model file, in fields with tabs between them (docs/bundle.md): the name
 * of the file, 1 if a score that is too low is an anomaly too, the lowest score that is none ("-"
 * unless two-sided), the highest one, and the scores of the calibration rows, sorted, with spaces
 * between them.
 */

#ifndef DECISION_H
#define DECISION_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"

enum { FILE_NAME, TWO_SIDED, LOWEST, HIGHEST, SCORES, DECISION_FIELDS };
enum { NO_DECISION, DECISION, DAMAGED, NO_SPACE };

/* All numbers are float32, as the model computes them. */
typedef struct {
  int two_sided;
  float low, high;
  float *scores;
  size_t count;
} Decision;

/* Reads the scores of a line, which have to be sorted. */
static inline int read_scores(char *text, Decision *decision) {
  size_t most = strlen(text) / 2 + 1; /* each has a digit and a space after it */
  decision->scores = malloc(most * sizeof(float));
  if (decision->scores == NULL) return NO_SPACE;
  for (char *end; *text != '\0'; text = end) {
    float score = strtof(text, &end);
    if (end == text || (*end != ' ' && *end != '\0') || !isfinite(score)) return DAMAGED;
    if (decision->count > 0 && score < decision->scores[decision->count - 1]) return DAMAGED;
    decision->scores[decision->count++] = score;
  }
  return decision->count > 0 ? DECISION : DAMAGED;
}

static inline int read_limit(const char *field, float *limit) {
  char *end;
  *limit = strtof(field, &end);
  return end > field && *end == '\0' && !isnan(*limit);
}

/* Reads what the text of a decision.tsv says of a model file; free `decision->scores` in any case.
 *
 * Returns NO_DECISION if it does not name the file, DAMAGED if it is not of the form above, and
 * NO_SPACE if there is not enough memory. The text is changed. */
static inline int read_decision(char *text, const char *model, Decision *decision) {
  char *line, *field[DECISION_FIELDS];
  memset(decision, 0, sizeof *decision);
  while ((line = next_line(&text)) != NULL) {
    if (!split(line, field, DECISION_FIELDS)) return DAMAGED;
    if (strcmp(field[FILE_NAME], model) != 0) continue;
    if (!read_flag(field[TWO_SIDED], &decision->two_sided)) return DAMAGED;
    decision->low = -HUGE_VALF;
    int low = decision->two_sided ? read_limit(field[LOWEST], &decision->low)
                                  : strcmp(field[LOWEST], "-") == 0;
    if (!low || !read_limit(field[HIGHEST], &decision->high)) return DAMAGED;
    return read_scores(field[SCORES], decision);
  }
  return NO_DECISION;
}

/* Returns the conformal p-value of a score. */
static inline double p_value(const Decision *decision, float score) {
  size_t above = 1, below = 1;
  for (size_t i = 0; i < decision->count; i++) {
    above += decision->scores[i] >= score;
    below += decision->scores[i] <= score;
  }
  double n = (double)decision->count + 1.0;
  if (!decision->two_sided) return (double)above / n;
  double p = 2.0 * (double)(above < below ? above : below) / n;
  return p < 1.0 ? p : 1.0;
}

/* Returns 1 if the score is outside the limits, else 0. */
static inline int is_anomaly(const Decision *decision, float score) {
  return score < decision->low || score > decision->high;
}

#endif
