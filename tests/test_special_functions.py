"""Special functions in float32 against SciPy in float64, in TensorFlow, under XLA and in LiteRT."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from scipy import special, stats

from kvae import special_functions as functions

ERROR = 1e-6  # of the largest summand
RNG = np.random.default_rng(0)


def spread(low, high, count=20_000):
    """Positive numbers over orders of magnitude, from exp(low) to exp(high)."""
    return np.exp(RNG.uniform(low, high, count)).astype("float32")


def exact_excess(x, n):
    """lgamma(x + n) - lgamma(x) - n log x, by its expansion where the difference has no digits."""
    difference = special.gammaln(x + n) - special.gammaln(x) - n * np.log(x)

    def corrected(y):
        return 1 / (12 * y) - 1 / (360 * y**3)

    expansion = (x + n - 0.5) * np.log1p(n / x) - n + corrected(x + n) - corrected(x)
    return np.where(x > 1e3, expansion, difference)


def excess_summand(x, n):
    return np.maximum(1.0, np.maximum(n, np.abs(exact_excess(x, n))))


def exact_digamma_difference(x, n):
    difference = special.digamma(x + n) - special.digamma(x)
    expansion = np.log1p(n / x) + n / (2 * x * (x + n)) + 1 / (12 * x**2) - 1 / (12 * (x + n) ** 2)
    return np.where(x > 1e3, expansion, difference)


def lbeta_summand(a, b):
    """log B(a, b) passes through zero; what it is a difference of does not."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.maximum(np.abs(special.betaln(a, b)), np.minimum(low, 1.0) * np.log(high + 2.0))


WIDE = np.concatenate([spread(-20, 20), np.linspace(0.01, 20, 10_001, dtype="float32")])
SIGNED = np.concatenate([spread(-40, 4), -spread(-40, 4)])
ABOVE_MINUS_ONE = np.concatenate([spread(-40, 40), -spread(-40, -1e-6)])
A, B, SHARE = spread(-5, 12), spread(-5, 12), RNG.uniform(0, 1, 20_000).astype("float32")
RAW = np.linspace(-85, 1000, 50_001, dtype="float32")
WIDE_SIGNED = np.concatenate([spread(-30, 40), -spread(-30, 40)])
CASES = {  # name: (arguments, float64, largest summand or None for the value itself)
    "arcsinh": ((WIDE_SIGNED,), np.arcsinh, None),
    "lgamma": ((WIDE,), special.gammaln, None),
    "lbeta": ((A, B), special.betaln, lbeta_summand),
    "lgamma_excess": ((A, A * SHARE), exact_excess, excess_summand),
    "digamma_difference": ((A, A * SHARE), exact_digamma_difference, None),
    "log1p": ((ABOVE_MINUS_ONE,), np.log1p, None),
    "log1psquare": ((spread(-30, 40),), lambda x: np.log1p(x * x), None),
    "expm1": ((SIGNED,), np.expm1, None),
    "softplus": ((RAW,), lambda x: np.logaddexp(0.0, x), None),
    "log_sigmoid": ((-RAW,), lambda x: -np.logaddexp(0.0, -x), None),
}
# LiteRT's exp, whose relative error grows as 4e-8 |x|, is the limit of these.
EXPONENTIAL = {"expm1": SIGNED, "softplus": RAW, "log_sigmoid": -RAW}


def errors(name, found):
    """Return |found - float64| / the largest summand, elementwise."""
    arguments, exact, summand = CASES[name]
    doubles = [argument.astype("float64") for argument in arguments]
    expected = exact(*doubles)
    scale = np.abs(expected) if summand is None else summand(*doubles)
    return np.abs(np.asarray(found, "float64") - expected) / scale


def assert_exact(name, found):
    error = errors(name, found)
    worst = int(np.argmax(error))
    at = [float(argument[worst]) for argument in CASES[name][0]]
    assert error[worst] <= ERROR, f"{name} at {at}: {error[worst]:.1e}"


def by_builtins(name):
    def function(*args):
        with functions.builtin_only():
            return getattr(functions, name)(*args)

    return function


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
def test_the_formula_keeps_its_digits(name, how):
    """Graphs and XLA may reorder sums: 1 + x - 1 in place of a series loses all digits of x."""
    function = by_builtins(name)
    if how != "eager":
        function = tf.function(function, jit_compile=how == "xla")
    assert_exact(name, function(*map(tf.constant, CASES[name][0])))


@pytest.mark.parametrize("name", [name for name in CASES if name != "lbeta"])  # TFP's: 1.5e-6
def test_the_kernel_has_the_same_value(name):
    function = getattr(functions, name)
    assert_exact(name, function(*map(tf.constant, CASES[name][0])))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The functions in one `.tflite` file of builtin operations."""
    folder = str(tmp_path_factory.mktemp("special"))
    signatures = {}
    for name, (arguments, *_) in CASES.items():
        specs = [
            tf.TensorSpec(argument.shape, tf.float32, name=f"x{i}")
            for i, argument in enumerate(arguments)
        ]
        traced = tf.function(by_builtins(name), specs, autograph=False)
        signatures[name] = traced.get_concrete_function()
    tf.saved_model.save(tf.Module(), folder, signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return Interpreter(model_content=converter.convert())


@pytest.mark.parametrize("name", CASES)
def test_litert_keeps_its_digits(name, exported):
    run = exported.get_signature_runner(name)
    (found,) = run(**{f"x{i}": value for i, value in enumerate(CASES[name][0])}).values()
    error = errors(name, found)
    if name in EXPONENTIAL:
        near = np.abs(EXPONENTIAL[name]) <= 20.0
        assert np.max(error[~near]) <= 5e-6
        error = error[near]
    assert np.max(error) <= ERROR


def test_the_zeros_of_log_gamma_are_exact():
    with functions.builtin_only():
        assert functions.lgamma(tf.constant([1.0, 2.0])).numpy().tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["lgamma_excess", "digamma_difference"])
def test_differences_have_the_gradient_of_float64(name):
    """TensorFlow's own differences lose it for large x."""
    gradients = []
    for dtype in (tf.float32, tf.float64):
        x, n = tf.constant([0.5, 7.0, 20.0, 1e4], dtype), tf.constant([0.5, 3.0, 20.0, 2.5], dtype)
        with tf.GradientTape() as tape:
            tape.watch((x, n))
            value = getattr(functions, name)(x, n)
        gradients.append(tf.stack(tape.gradient(value, (x, n))).numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "x", "derivative"),
    [
        ("softplus", np.linspace(-80, 80, 2_001), special.expit),
        ("log1p", np.concatenate([-spread(-30, -0.1), spread(-30, 30)]), lambda x: 1 / (1 + x)),
        ("expm1", np.linspace(-80, 80, 2_001), np.exp),
    ],
)
def test_the_builtin_form_has_the_derivative_of_the_function(name, x, derivative):
    x = tf.constant(x.astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = by_builtins(name)(x)
    expected = derivative(x.numpy().astype("float64"))
    np.testing.assert_allclose(tape.gradient(value, x), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["softplus", "log1p", "expm1"])
@pytest.mark.parametrize("how", ["eager", "graph"])
def test_the_builtin_form_takes_a_weight(name, how):
    """As a mixture of Gaussians does, whose scale is the softplus of a weight."""
    weight = keras.Variable([0.5, -0.25])

    def derivative():
        with tf.GradientTape() as tape:
            value = by_builtins(name)(weight)
        return tape.gradient(value, weight.value)

    function = derivative if how == "eager" else tf.function(derivative, autograph=False)
    x = tf.constant([0.5, -0.25])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = by_builtins(name)(x)
    np.testing.assert_allclose(function(), tape.gradient(value, x), rtol=1e-6)


def test_forward_substitution_solves_the_triangular_system(rng):
    matrix = np.tril(rng.normal(size=(5, 6, 6))) + 3.0 * np.eye(6)
    vector = rng.normal(size=(4, 5, 6))
    found = functions.lower_triangular_solve(tf.constant(matrix), vector)
    np.testing.assert_allclose(np.einsum("bij,kbj->kbi", matrix, found), vector, atol=1e-12)


def test_digits_of_differences_do_not_fade_for_large_arguments():
    """A Student t with 1e8 degrees of freedom is a normal; lgamma in float32 is off by 50."""
    half_df = tf.constant(5e7)
    excess = float(functions.lgamma_excess(half_df, tf.constant(0.5)))
    direct = stats.t.logpdf(0.0, 1e8) + 0.5 * math.log(2 * math.pi)
    assert abs(excess - direct) < 1e-7
