"""Models as graphs: every loss and its gradient against densities of SciPy and scores of statsmodels."""

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

import dvar as dv
from dvar.models.named import MODELS, model, ordered, prediction, start

RNG = np.random.default_rng(7)
X = RNG.normal(size=(40, 3))
W, B = np.array([0.4, -0.7, 0.2]), 0.3
Z = X @ W + B
YES = (RNG.random(40) < 0.4).astype(float)
CLASS = np.arange(40) % 4
COUNT = RNG.poisson(2.0, 40).astype(float)
DISPERSED = RNG.negative_binomial(0.8, 0.3, 40).astype(float)
POSITIVE = RNG.gamma(2.0, size=40)
NUMBER = RNG.normal(size=40) * 3
WS, BS = RNG.normal(size=(4, 3)), RNG.normal(size=4)
CUTS = np.array([-1.0, 0.5, 0.8])
WS5, C5, V5 = RNG.normal(size=(5, 3)), RNG.normal(size=5), RNG.normal(size=5)
NET = np.tanh(X @ WS5.T + C5) @ V5 + B


def at_cuts(k):
    return special.expit(np.concatenate([[-np.inf], CUTS, [np.inf]])[k] - (Z - B))


def by_quadrature(r, level, width):
    """The check loss averaged over a logistic distribution of this scale."""
    logistic = stats.logistic(scale=width)
    parts = [(-np.inf, r, level), (r, np.inf, level - 1)]
    return sum(slope * integrate.quad(lambda u: (r - u) * logistic.pdf(u), lo, hi)[0] for lo, hi, slope in parts)


LINEAR = {"w": W, "b": B}
# model, y, parameters, each example's loss as others compute it, what the predicting node is
CASES = {
    "logistic": (model("logistic"), YES, LINEAR, -stats.bernoulli.logpmf(YES, special.expit(Z)), special.expit(Z)),
    "softmax": (model("softmax"), CLASS, {"W": WS, "b": BS},
                -special.log_softmax(X @ WS.T + BS, axis=1)[np.arange(40), CLASS], special.softmax(X @ WS.T + BS, axis=1)),
    "linear": (model("linear"), NUMBER, LINEAR, -stats.norm.logpdf(NUMBER, Z) - np.log(2 * np.pi) / 2, Z),
    "poisson": (model("poisson"), COUNT, LINEAR, -stats.poisson.logpmf(COUNT, np.exp(Z)) - special.gammaln(COUNT + 1), np.exp(Z)),
    "gamma": (model("gamma"), POSITIVE, LINEAR, -stats.gamma.logpdf(POSITIVE, 1, scale=np.exp(Z)), np.exp(Z)),
    "negative-binomial": (
        model("negative-binomial"), COUNT, {**LINEAR, "s": np.log(0.7)},
        -stats.nbinom.logpmf(COUNT, 1 / 0.7, 1 / (1 + 0.7 * np.exp(Z))) - special.gammaln(COUNT + 1), np.exp(Z)),
    "huber": (model("huber"), NUMBER, LINEAR, special.huber(1.345, NUMBER - Z), Z),
    "huber, delta": (model("huber", delta=0.5), NUMBER, LINEAR, special.huber(0.5, NUMBER - Z), Z),
    "quantile": (model("quantile", level=0.9, width=0.3), NUMBER, LINEAR,
                 [by_quadrature(r, 0.9, 0.3) for r in NUMBER - Z], Z),
    "ordered": (ordered(4), CLASS, {"w": W, "c0": -1.0, "g1": np.log(1.5), "g2": np.log(0.3)},
                -np.log(at_cuts(CLASS + 1) - at_cuts(CLASS)), np.array([at_cuts(k + 1) - at_cuts(k) for k in range(4)]).T),
    "network": (model("network"), YES, {"W": WS5, "c": C5, "w": V5, "b": B},
                -stats.bernoulli.logpmf(YES, special.expit(NET)), special.expit(NET)),
    "network-regression": (model("network-regression"), NUMBER, {"W": WS5, "c": C5, "w": V5, "b": B}, (NET - NUMBER) ** 2 / 2, NET),
}


def cost_of(named, y, params):
    return dv.Graph(named.graph.nodes).over(x=X, y=y).sized(params)


def test_every_model_has_a_case():
    assert set(MODELS) - {"custom"} <= set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_the_negative_log_density(case):
    named, y, params, each, _ = CASES[case]
    cost = cost_of(named, y, params)
    assert cost.per_example(cost.flat(params)) == pytest.approx(each, rel=1e-9, abs=1e-11)
    assert cost.at(params).value == pytest.approx(np.mean(each), rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_that_of_scipy(case):
    named, y, params, _, _ = CASES[case]
    cost = cost_of(named, y, params)
    theta = cost.flat(params)
    slopes = optimize.approx_fprime(theta, lambda t: cost.value_gradient(t)[0], 1e-7)
    assert cost.value_gradient(theta)[1] == pytest.approx(slopes, abs=2e-6)


@pytest.mark.parametrize("case", CASES)
def test_the_predicting_node_is_found_and_told(case):
    from dvar.vectorize.predict import predict

    named, _, params, _, predicted = CASES[case]
    assert named.predicts in [n.name for n in named.graph.nodes]
    assert prediction(named.graph, {"x", "y"})
    assert predict(named.graph, named.predicts, params, {"x": X}) == pytest.approx(predicted, rel=1e-12, abs=1e-12)


def test_scores_of_statsmodels():
    import statsmodels.api as sm

    D = np.column_stack([X, np.ones(40)])
    theta = np.append(W, B)
    references = {
        "logistic": sm.Logit(YES, D).score(theta),
        "poisson": sm.Poisson(COUNT, D).score(theta),
        "gamma": sm.GLM(POSITIVE, D, family=sm.families.Gamma(sm.families.links.Log())).score(theta, scale=1.0),
    }
    for name, score in references.items():
        named, y, params, _, _ = CASES[name]
        assert -40 * cost_of(named, y, params).value_gradient(theta)[1] == pytest.approx(score, rel=1e-9, abs=1e-9), name
    named, y, params, _, _ = CASES["negative-binomial"]  # statsmodels takes the log of the dispersion here, as s is
    slopes = cost_of(named, y, params).at(params).d
    score = sm.NegativeBinomial(y, D).score(np.append(theta, np.log(0.7)))
    assert -40 * np.array([*slopes["w"], slopes["b"], slopes["s"]]) == pytest.approx(score, rel=1e-7)


def test_the_optimum_of_an_ordered_logit_is_that_of_statsmodels():
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 3))
    y = np.digitize(x @ [1.0, -0.5, 0.2] + rng.logistic(size=300), [-1.0, 0.3, 1.5])
    theirs = OrderedModel(y, x, distr="logit").fit(method="bfgs", disp=0, gtol=1e-8)
    fit = dv.Graph(ordered(4).graph.nodes).over(x=x, y=y).minimize()
    assert fit.converged
    ours = [*fit.params["w"], fit.params["c0"], fit.params["g1"], fit.params["g2"]]
    assert ours == pytest.approx(theirs.params, abs=1e-5)


@pytest.mark.parametrize(("name", "y"), [
    ("huber", NUMBER), ("poisson", COUNT), ("gamma", POSITIVE), ("negative-binomial", DISPERSED),
])
def test_an_optimum_has_no_slope(name, y):
    fit = dv.Graph(model(name).graph.nodes).over(x=X, y=y).minimize()
    assert fit.converged, fit.message
    slopes = cost_of(model(name), y, fit.params).at(fit.params).d
    assert max(np.max(np.abs(s)) for s in slopes.values()) < 1e-7


def test_a_negative_binomial_without_dispersion_is_poisson():
    poisson = stats.poisson.logpmf(COUNT, np.exp(Z)) + special.gammaln(COUNT + 1)
    for s, far in ((-6.9, 1e-1), (-7.0, 1e-1), (-15.0, 1e-5), (-30.0, 1e-11), (-200.0, 1e-12)):
        params = {**LINEAR, "s": s}
        cost = cost_of(model("negative-binomial"), COUNT, params)
        each = cost.per_example(cost.flat(params))
        assert each == pytest.approx(-poisson, abs=far), s
        if s > -16:
            theirs = stats.nbinom.logpmf(COUNT, np.exp(-s), 1 / (1 + np.exp(s + Z))) + special.gammaln(COUNT + 1)
            assert each == pytest.approx(-theirs, abs=1e-12 * np.exp(-s) + 1e-11), s


def test_the_loss_is_finite_far_out():
    for case in ("logistic", "softmax", "negative-binomial", "quantile", "ordered"):
        named, y, params, _, _ = CASES[case]
        far = {k: np.asarray(v) * 200 if k in ("w", "W") else v for k, v in params.items()}
        cost = cost_of(named, y, far)
        value, slope = cost.value_gradient(cost.flat(far))
        assert np.isfinite(value), case
        assert np.isfinite(slope).all(), case


def test_an_intercept_can_be_left_out_and_an_offset_added():
    for name in ("logistic", "softmax", "linear", "poisson", "gamma", "negative-binomial", "huber", "quantile", "network"):
        assert model(name).graph_of(intercept=False).inputs == tuple(n for n in model(name).graph.inputs if n != "b")
        both = model(name).graph_of(offset=True)
        assert set(both.inputs) - set(model(name).graph.inputs) == {"offset"}
    offset = RNG.normal(size=40)
    graph = dv.Graph(model("poisson").graph_of(offset=True).nodes)
    cost = graph.over(x=X, y=COUNT, offset=offset)
    assert cost.per_example(cost.flat(LINEAR)) == pytest.approx(
        -stats.poisson.logpmf(COUNT, np.exp(Z + offset)) - special.gammaln(COUNT + 1), rel=1e-12)
    alone = dv.Graph(model("linear").graph_of(intercept=False, offset=True).nodes)
    assert alone(w=[1.0, 2.0], x=[3.0, 4.0], y=1.0, offset=2.0) == 72.0


def test_a_start_of_a_network_is_drawn_and_depends_on_the_seed_alone():
    one, same, other = (start(model("network"), 3, seed, hidden=8) for seed in (1, 1, 2))
    assert {k: np.shape(v) for k, v in one.items()} == {"W": (8, 3), "c": (8,), "w": (8,), "b": ()}
    assert np.array_equal(one["W"], same["W"])
    assert not np.array_equal(one["W"], other["W"])
    assert start(model("logistic"), 3) is None


@pytest.mark.parametrize(("name", "constants", "says"), [
    ("logit", {}, "no model 'logit'"),
    ("huber", {"delay": 2}, "no constant 'delay'; did you mean 'delta'"),
    ("custom", {}, "no model 'custom'"),
    ("ordered", {"classes": 1}, "at least 2 classes"),
])
def test_what_is_not_there_is_refused(name, constants, says):
    with pytest.raises(dv.UsageError, match=says):
        model(name, **constants)


def test_dispersed_counts_near_a_million_are_fitted():
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2))
    a = np.exp(13.8 + x @ [0.3, -0.2])
    y = rng.negative_binomial(2, 2 / (2 + a)).astype(float)
    fit = dv.Graph(model("negative-binomial").graph.nodes).over(x=x, y=y).minimize()
    assert fit.converged, fit.message
    theirs = sm.NegativeBinomial(y, np.column_stack([x, np.ones(2000)]))
    score = theirs.score(np.array([*fit.params["w"], fit.params["b"], fit.params["s"]]))
    np.testing.assert_allclose(score, 0, atol=1e-3)  # of sums of 2,000; at w = 0 it is about 600
