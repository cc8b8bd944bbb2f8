"""Parts of the page that have a state, without a browser."""

from tests.clients.dom import with_elements

OVERVIEW = """
const { Overview } = await load("overview.js");
const overview = new Overview({ choose() {}, others: () => ({}) });
const example = (row) => {
  if (row === 2) throw new Error("Expected one of a, b in the column z. Received: q");
  return [row];
};
const model = { has: () => true, calibration: null, score: async ([row]) => row };
await overview.use({ count: 6, example }, "row", model);
return [elements["overview-words"].textContent, elements.overview.ariaBusy];
"""


def test_a_row_that_cannot_be_read_does_not_end_the_overview():
    assert with_elements(OVERVIEW) == [
        "6 rows, scores from 0 to 5 nats, 1 cannot be judged",
        "false",
    ]
