"""A script of assignments is printed as the Python that it stands for."""

import numpy as np

from kvae.choices.script import Line, Name, call, evaluate, text_of

LINES = [
    Line("x", call("np.full", (2, 3), 0.5)),
    Line("", call("seen.append", Name("x.shape"))),
    Line("low, high", call("np.split", Name("x"), 2)),
    Line("stacked", call("np.concatenate", [Name("low"), call("np.zeros", (40, 3))], axis=0)),
    Line("order", call("x.copy", order="C")),
]


def test_the_printed_script_computes_what_the_evaluated_one_does():
    seen, by_hand = [], []
    found = evaluate(LINES, {"np": np, "seen": seen})
    written = {"np": np, "seen": by_hand}
    exec(text_of(LINES), written)
    assert seen == by_hand == [(2, 3)]
    for name in ("x", "low", "high", "stacked", "order"):
        np.testing.assert_array_equal(found[name], written[name])


def test_long_lines_are_broken_as_ruff_does():
    inner = call("package.module.Function", "a" * 18, 12, name="b" * 18)
    assert text_of([Line("value", call("package.Outer", inner))]).splitlines() == [
        "value = package.Outer(",
        f'    package.module.Function("{"a" * 18}", 12, name="{"b" * 18}")',
        ")",
    ]
    lines = text_of([Line("value", call("package.Outer", inner, [inner, inner]))]).splitlines()
    assert lines[0] == "value = package.Outer("
    assert lines[2:4] == [
        "    [",
        f'        package.module.Function("{"a" * 18}", 12, name="{"b" * 18}"),',
    ]
    assert max(map(len, lines)) <= 88


def test_text_with_quotes_is_kept():
    for text in ("it's", 'say "x"', "a\\b\n", "🐟"):
        assert eval(text_of([Line("", text)])) == text
