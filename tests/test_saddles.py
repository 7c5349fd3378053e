"""Saddles and maxima: where the slope is nothing and a cost is lower beside, a fit goes on to a minimum, or says that there is none."""

import numpy as np
import pytest

import dvar as dv

X = np.linspace(-1.0, 1.0, 40)
SECOND = ["newton", "proximal-newton"]
FIRST = ["newton-cg", "l-bfgs", "gradient-descent", "fista", "subsampled-newton"]
FOURTH = "L = a**2 - b**4 + b**6 + 0*x"  # minima of -4/27 at b = ±sqrt(2/3); at b = 0 the fourth derivative is the first that tells
QUARTIC = "L = a**2 - b**2 + b**4 + 0*x"  # minima of -1/4 at b = ±sqrt(1/2)


def fitted(loss, start, method="newton", **options):
    graph = dv.graph(f"L = {loss}" if "L =" not in loss else loss)
    data = {"x": X, "y": 3 * X}
    return graph.over(**{n: v for n, v in data.items() if n in graph.inputs}).minimize(method, start=start, **options)


@pytest.mark.parametrize("method", SECOND + FIRST)
@pytest.mark.parametrize(("loss", "start", "least", "where"), [
    ("(a*b*x - y)**2", {"a": 0.0, "b": 0.0}, 0.0, lambda a, b: (a * b, 3.0)),
    ("(a*b*x + y)**2", {"a": 0.0, "b": 0.0}, 0.0, lambda a, b: (a * b, -3.0)),
    (QUARTIC, {"a": 1.0, "b": 0.0}, -0.25, lambda a, b: (b * b, 0.5)),
    ("cos(a)*x**2 + b**2", {"a": 0.0, "b": 1.0}, -np.mean(X**2), lambda a, b: (np.cos(a), -1.0)),
    ("cos(a)*cos(b)*x**2", {"a": 0.0, "b": 0.0}, -np.mean(X**2), lambda a, b: (np.cos(a) * np.cos(b), -1.0)),
    ("a**3 - 3*a*b**2 + (a**2 + b**2)**2 + 0*x", {"a": 0.0, "b": 0.0}, -27 / 256, lambda a, b: (a * a + b * b, 9 / 16)),  # three valleys meet
])  # fmt: skip
def test_a_saddle_is_left_for_a_minimum(loss, start, least, where, method):
    fit = fitted(loss, start, method)
    assert fit.converged or method == "gradient-descent", fit.message  # whose pace may be too slow for all digits
    assert fit.cost == pytest.approx(least, abs=1e-8)
    found, wanted = where(**fit.params)
    assert found == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(("loss", "start", "least"), [
    ("(a*b*x - y)**2", {"a": 1e-3, "b": -1e-3}, 0.0),  # Newton's steps lead to the saddle at zero
    ("(a*b*c*x - y)**2", {"a": 0.0, "b": 0.0, "c": 0.0}, 0.0),  # the third derivative is the first that is not zero
    ("(a*b*c*x - y)**2", {"a": 0.0, "b": 1.0, "c": 0.0}, 0.0),
    ("u**4/4 - u**2/2 + 0*x", {"u": 0.0}, -0.25),
    ("1e-8*(u**4/4 - u**2/2) + 0*x", {"u": 0.0}, -0.25e-8),
    ("1e8*(u**4/4 - u**2/2) + 0*x", {"u": 0.0}, -0.25e8),
    (FOURTH, {"a": 1.0, "b": 0.0}, -4 / 27),
    (FOURTH, {"a": 0.0, "b": 0.0}, -4 / 27),
    ("(u/1e6)**4/4 - (u/1e6)**2/2 + 0*x", {"u": 0.0}, -0.25),
    ("20 + a**2 + b**2 - 10*cos(2*pi*a) - 10*cos(2*pi*b) + 0*x", {"a": 0.5, "b": 0.5}, 0.0),  # Rastrigin's
    ("(a**2 + b - 11)**2 + (a + b**2 - 7)**2 + 0*x", {"a": -0.270844590667, "b": -0.923038522287}, 0.0),  # the maximum of Himmelblau's
])  # fmt: skip
def test_newton_leaves_saddles_of_any_scale(loss, start, least):
    fit = fitted(loss, start)
    assert fit.converged, fit.message
    assert fit.cost == pytest.approx(least, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-8, 0.5])
@pytest.mark.parametrize("loss", [
    "h1 = tanh(u1 @ x + c1); h2 = tanh(u2 @ x + c2); L = (v1*h1 + v2*h2 + b - y)**2", "h = tanh(U @ x + c); L = (v @ h + b - y)**2",
], ids=["newton", "l-bfgs"])  # fmt: skip
def test_a_network_whose_units_begin_alike_learns(loss, scale):
    x = np.random.default_rng(0).normal(size=(100, 3))
    y = np.tanh(2 * x[:, 0]) - np.tanh(x[:, 1] + 1)  # which two units tell exactly
    shapes = {"u1": 3, "u2": 3, "U": (2, 3), "c": 2, "v": 2}
    cost = dv.graph(loss).over(x=x, y=y)
    alike = cost.minimize(start={n: np.full(shapes.get(n, ()), 0.0 if n == "b" else scale) for n in cost.inputs}, steps=3000)
    assert alike.converged, alike.message
    assert alike.cost < 1e-8


@pytest.mark.parametrize("method", FIRST)
def test_a_saddle_that_gradients_do_not_leave_is_told(method):
    fit = fitted(FOURTH, {"a": 1.0, "b": 0.0}, method)
    assert not fit.converged
    assert "beside it the cost is lower (a saddle" in fit.message


@pytest.mark.parametrize("method", SECOND + FIRST)
@pytest.mark.parametrize("loss", ["a**2 - b**2 + 0*x", "a**2 - b**4 + 0*x"])
def test_where_there_is_no_minimum_none_is_told(loss, method):
    try:
        fit = fitted(loss, {"a": 1.0, "b": 0.0}, method)
    except dv.DvarError as error:
        assert "falls without bound" in str(error)
    else:
        assert not fit.converged


@pytest.mark.parametrize(("loss", "start", "options", "where"), [
    (QUARTIC, {"a": 1.0, "b": 0.0}, {"bounds": {"b": (-0.1, 0.1)}}, {"a": 0.0, "b": 0.1}),
    (QUARTIC, {"a": 1.0, "b": 0.0}, {"bounds": {"b": (0.0, 2.0)}}, {"a": 0.0, "b": np.sqrt(0.5)}),
    (QUARTIC, {"a": 1.0, "b": 0.0}, {"bounds": {"b": (-2.0, 0.0)}}, {"a": 0.0, "b": np.sqrt(0.5)}),
    (QUARTIC, {"a": 1.0, "b": 0.0}, {"bounds": {"b": (0.0, 0.0)}}, {"a": 0.0, "b": 0.0}),
    (QUARTIC, {"a": 1.0, "b": 0.0}, {"bounds": {"a": (0.6, 2.0)}}, {"a": 0.6, "b": np.sqrt(0.5)}),
    (FOURTH, {"a": 1.0, "b": 0.0}, {"bounds": {"b": (0.0, 2.0)}}, {"a": 0.0, "b": np.sqrt(2 / 3)}),
    (FOURTH, {"a": 1.0, "b": 0.0}, {"bounds": {"a": (0.5, 2.0)}}, {"a": 0.5, "b": np.sqrt(2 / 3)}),
    (FOURTH, {"a": 1.0, "b": 0.0}, {"bounds": {"b": (-0.1, 0.1)}}, {"a": 0.0, "b": 0.1}),
    (QUARTIC, {"a": 1.0, "b": 0.0}, {"l1": 0.1, "penalize": ["a"]}, {"a": 0.0, "b": np.sqrt(0.5)}),
    (QUARTIC, {"a": 1.0, "b": 0.0}, {"l1": 0.1, "penalize": ["b"]}, {"a": 0.0, "b": 0.0}),  # the kink at zero holds b there
])  # fmt: skip
def test_saddles_within_bounds_and_beside_kinks(loss, start, options, where):
    fit = fitted(loss, start, "auto", **options)
    assert fit.converged, fit.message
    assert {n: abs(v) for n, v in fit.params.items()} == pytest.approx(where, abs=1e-6)


@pytest.mark.parametrize("method", [*SECOND, *FIRST, "auto"])
@pytest.mark.parametrize("loss", [
    "u = (a + b*x - 100)/4.685; L = where(abs(u) < 1, (1 - (1 - u**2)**3)/6, 1/6)",  # Tukey's, out of reach of every example
    "L = relu(a - 10)*x",
])  # fmt: skip
def test_a_plateau_is_told(loss, method):
    fit = fitted(loss, {n: 0.0 for n in dv.graph(loss).inputs if n in "ab"}, method)
    assert not fit.converged
    assert "on a plateau: around the start no parameter changes the cost" in fit.message


def test_the_bottom_of_a_power_is_no_plateau():
    for method in (*SECOND, *FIRST):
        assert fitted("(a*a)**2*(2 + sin(a)) + 0*x", {"a": 0.0}, method).converged


def test_dispersion_without_end_is_no_saddle():
    r = np.random.default_rng(5)
    x = r.normal(size=(230, 7))
    y = r.poisson(np.exp(x @ r.normal(size=7) / 3))
    with pytest.warns(UserWarning, match="falls for ever as s falls"):
        assert dv.Estimator("negative-binomial").fit(x, np.minimum(y, 3)).fit_.converged
