/* From an anomaly score to a p-value and a decision, by the decision.tsv of a bundle: the formulas of
 * `p_values` and `detect` in export/runtime.py, which docs/anomaly.md explains.
 *
 * The file has a line for each model file, in fields with tabs between them (docs/bundle.md): the name
 * of the file, 1 if a score that is too low is an anomaly too, the lowest score that is none ("-"
 * unless two-sided), the highest one, and the scores of the calibration rows, sorted, with spaces
 * between them.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"

enum { FILE_NAME, TWO_SIDED, LOWEST, HIGHEST, SCORES, DECISION_FIELDS };
enum { NO_DECISION, DECISION, DAMAGED };

/* All numbers are float32, as the model computes them. */
typedef struct {
  int two_sided;
  float low, high;
  float *scores;
  size_t count;
} Decision;

/* Reads the scores of a line, which have to be sorted; returns whether they are. */
static int read_scores(char *text, Decision *decision) {
  size_t most = strlen(text) / 2 + 1; /* each has a digit and a space after it */
  decision->scores = malloc(most * sizeof(float));
  decision->count = 0;
  if (decision->scores == NULL) return 0;
  for (char *end; *text != '\0'; text = end) {
    float score = strtof(text, &end);
    if (end == text || !isfinite(score)) return 0;
    if (decision->count > 0 && score < decision->scores[decision->count - 1]) return 0;
    decision->scores[decision->count++] = score;
  }
  return decision->count > 0;
}

/* Reads what a decision.tsv says of a model file into `decision`.
 *
 * Returns NO_DECISION if it does not name the file, and DAMAGED if it is not of the form above. */
static int read_decision(FILE *file, const char *model, Decision *decision) {
  char *line = NULL, *field[DECISION_FIELDS];
  size_t space = 0;
  int found = NO_DECISION;
  memset(decision, 0, sizeof *decision);
  while (found == NO_DECISION && getline(&line, &space, file) > 0) {
    if (split(line, field, DECISION_FIELDS) != DECISION_FIELDS)
      found = DAMAGED;
    else if (strcmp(field[FILE_NAME], model) == 0) {
      char *end_of_low, *end_of_high;
      decision->two_sided = field[TWO_SIDED][0] == '1';
      decision->low = strtof(field[LOWEST], &end_of_low);
      decision->high = strtof(field[HIGHEST], &end_of_high);
      if (!decision->two_sided && strcmp(field[LOWEST], "-") == 0) {
        decision->low = -HUGE_VALF;
        end_of_low = field[LOWEST] + 1;
      }
      int numbers = end_of_low > field[LOWEST] && *end_of_low == '\0' &&
                    end_of_high > field[HIGHEST] && *end_of_high == '\0';
      found = numbers && read_scores(field[SCORES], decision) ? DECISION : DAMAGED;
    }
  }
  free(line);
  return found;
}

/* Returns the conformal p-value of a score. */
static double p_value(const Decision *decision, float score) {
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
static int is_anomaly(const Decision *decision, float score) {
  return score < decision->low || score > decision->high;
}
