/* The threshold of the most recent normal scores: `RecentThreshold` and `limits` of runtime.py. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

struct kvae_recent {
  double rate;
  int two_sided;
  size_t size, least, held; /* scores that are kept at most, that are needed, and that are kept now */
  size_t next;              /* where the next one goes: the place of the oldest once it is full */
  float *scores;            /* the last ones */
  Decision sorted;          /* of the same scores; count 0 after a push */
};

kvae_status kvae_recent_open(double rate, size_t size, int two_sided, kvae_recent **recent,
                             kvae_error *error) {
  TRY(expect(recent, "a place for the threshold", error));
  *recent = NULL;
  if (!(rate > 0.0 && rate < 1.0))
    return fail(error, KVAE_BAD_ARGUMENT, "expected a rate in (0, 1): %g", rate);
  double least = ceil((two_sided ? 2.0 : 1.0) / rate - 1e-9) - 1.0;
  if (least < 1.0) least = 1.0;
  if ((double)size < least)
    return fail(error, KVAE_BAD_ARGUMENT, "expected a size of at least %.0f, for a rate of %g: %zu",
                least, rate, size);
  if (size > SIZE_MAX / sizeof(float)) return no_memory(error);
  kvae_recent *made = calloc(1, sizeof(kvae_recent));
  if (made == NULL) return no_memory(error);
  made->rate = rate;
  made->two_sided = two_sided != 0;
  made->size = size;
  made->least = (size_t)least;
  made->scores = malloc(size * sizeof(float));
  made->sorted.scores = malloc(size * sizeof(float));
  if (made->scores == NULL || made->sorted.scores == NULL) {
    kvae_recent_close(made);
    return no_memory(error);
  }
  *recent = made;
  return KVAE_OK;
}

kvae_status kvae_recent_push(kvae_recent *recent, const double *scores, size_t count,
                             kvae_error *error) {
  TRY(expect(recent, "a threshold", error));
  if (count > 0) TRY(expect(scores, "scores", error));
  for (size_t i = 0; i < count; i++)
    if (!isfinite((float)scores[i]))
      return fail(error, KVAE_BAD_ARGUMENT, "expected scores to be finite");
  for (size_t i = 0; i < count; i++) {
    recent->scores[recent->next++] = (float)scores[i];
    if (recent->held < recent->next) recent->held = recent->next;
    if (recent->next == recent->size) recent->next = 0;
  }
  recent->sorted.count = 0;
  return KVAE_OK;
}

static int compare(const void *first, const void *second) {
  float a = *(const float *)first, b = *(const float *)second;
  return (a > b) - (a < b);
}

/* Sorts the scores and finds the limits among them. */
static void decide(kvae_recent *recent, size_t count) {
  Decision *sorted = &recent->sorted;
  memcpy(sorted->scores, recent->scores, count * sizeof(float));
  qsort(sorted->scores, count, sizeof(float), compare);
  double share = recent->two_sided ? 0.5 * recent->rate : recent->rate;
  double place = floor(share * ((double)count + 1.0) + 1e-9);
  size_t k = place < 1.0 ? 1 : place > (double)count ? count : (size_t)place;
  sorted->count = count;
  sorted->two_sided = recent->two_sided;
  sorted->low = recent->two_sided ? sorted->scores[k - 1] : -HUGE_VALF;
  sorted->high = sorted->scores[count - k];
}

kvae_status kvae_recent_decide(kvae_recent *recent, const double *scores,
                               kvae_decision *decisions, size_t count, kvae_error *error) {
  TRY(expect(recent, "a threshold", error));
  if (count > 0) TRY(expect(scores, "scores", error));
  if (count > 0) TRY(expect(decisions, "room for the decisions", error));
  if (recent->held < recent->least)
    return fail(error, KVAE_NO_THRESHOLD, "expected at least %zu scores, for a rate of %g: %zu",
                recent->least, recent->rate, recent->held);
  for (size_t i = 0; i < count; i++)
    if (isnan(scores[i])) return fail(error, KVAE_BAD_ARGUMENT, "expected scores to be numbers: NaN");
  if (recent->sorted.count == 0) decide(recent, recent->held);
  for (size_t i = 0; i < count; i++) {
    float score = (float)scores[i];
    decisions[i] = (kvae_decision){score, p_value(&recent->sorted, score),
                                   is_anomaly(&recent->sorted, score)};
  }
  return KVAE_OK;
}

void kvae_recent_close(kvae_recent *recent) {
  if (recent == NULL) return;
  free(recent->scores);
  free(recent->sorted.scores);
  free(recent);
}
