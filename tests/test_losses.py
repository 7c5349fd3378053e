"""Losses as a statistician writes them, fitted as they come: the likelihood is SciPy's, and SciPy's minimiser, from there and from
elsewhere, finds nothing below the optimum."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from scipy import optimize, special, stats

import dvar as dv

rng = np.random.default_rng(1)
M = 300
X = rng.normal(size=(M, 2))
Z = X @ [0.5, -0.3] + 0.4
FREE = {"w": np.zeros(2), "b": 0.0}
COUNTS = rng.poisson(np.exp(Z)).astype(float)
MANY_ZEROS = COUNTS * (rng.random(M) < 0.7)
WIDE = rng.negative_binomial(2, 2 / (2 + np.exp(Z))).astype(float)
REAL = Z + 0.7 * rng.normal(size=M)
TAILED = Z + rng.standard_t(3, size=M)
POSITIVE = rng.gamma(2.0, np.exp(Z) / 2)
SHARES = rng.beta(8 * special.expit(Z), 8 * special.expit(-Z))
YES = (rng.random(M) < special.expit(Z)).astype(float)
OF_TEN = stats.betabinom.rvs(10, 3 * special.expit(Z), 3 * special.expit(-Z), random_state=rng).astype(float)
LEVELS = np.digitize(Z + rng.logistic(size=M), [-0.8, 0.5, 1.7])
SPENT, CENSOR = rng.weibull(1.5, M) * np.exp(Z), rng.exponential(3, M)
TIME, EVENT = np.minimum(SPENT, CENSOR), (SPENT <= CENSOR) * 1.0
FAR_OUT = np.r_[REAL[:280], REAL[280:] + 20]
TWO = np.where(rng.random(M) < 0.4, rng.normal(-2, 0.6, M), rng.normal(1.5, 1.0, M))
ANGLE = (Z + rng.vonmises(0, 3, M) + np.pi) % (2 * np.pi) - np.pi
CLAIMS = np.array([rng.gamma(1.5 * n, np.exp(z) / 2) if n else 0.0 for n, z in zip(rng.poisson(np.exp(Z) / 2), Z)])


class Case(NamedTuple):
    loss: str
    data: dict
    theirs: Callable  # the mean loss, by NumPy and SciPy, of the parameters by name
    start: dict | None = None
    shapes: dict = FREE


def lin(p):
    return X @ p["w"] + p["b"]


def with_(**more):
    return FREE | more


def nll(logpdf):
    return -np.mean(logpdf)


CASES = {
    "negative binomial": Case(
        "mu = exp(w @ x + b); r = exp(s); L = lgamma(r) + lgamma(y + 1) - lgamma(y + r) + r*log1p(mu/r) + y*log1p(r/mu)",
        {"x": X, "y": WIDE}, lambda p: nll(stats.nbinom.logpmf(WIDE, np.exp(p["s"]), 1 / (1 + np.exp(lin(p) - p["s"])))),
        shapes=with_(s=0.0)),
    "zero-inflated Poisson": Case(
        "z = w @ x + b; p = sigmoid(g); L = where(y == 0, -log(p + (1-p)*exp(-exp(z))), -log(1-p) - y*z + exp(z) + lgamma(y+1))",
        {"x": X, "y": MANY_ZEROS}, lambda p: nll(np.log(special.expit(p["g"]) * (MANY_ZEROS == 0) + special.expit(-p["g"])
                                                        * stats.poisson.pmf(MANY_ZEROS, np.exp(lin(p))))), shapes=with_(g=0.0)),
    "hurdle Poisson": Case(
        "z = w @ x + b; L = where(y == 0, softplus(g), softplus(-g) + log(expm1(exp(z))) - y*z + lgamma(y+1))",
        {"x": X, "y": MANY_ZEROS}, lambda p: nll(np.where(
            MANY_ZEROS == 0, np.log(special.expit(-p["g"])), np.log(special.expit(p["g"])) + stats.poisson.logpmf(MANY_ZEROS, np.exp(lin(p)))
            - np.log(-np.expm1(-np.exp(lin(p)))))), shapes=with_(g=0.0)),
    "ordinal logit": Case(
        "z = w @ x; p = concatenate([0], sigmoid(c - z), [1]); L = -log(p[y + 1] - p[y])", {"x": X, "y": LEVELS},
        lambda p: nll(np.log(np.diff(np.c_[np.zeros(M), special.expit(p["c"] - (X @ p["w"])[:, None]), np.ones(M)])[np.arange(M), LEVELS])),
        {"w": np.zeros(2), "c": np.array([-1.0, 0.0, 1.0])}, {"w": np.zeros(2), "c": np.array([-0.5, 0.5, 2.0])}),
    "Student's t": Case(
        "q = (y - (w @ x + b))/exp(s); n = exp(k); L = lgamma(n/2) - lgamma((n + 1)/2) + log(pi*n)/2 + s + (n + 1)/2*log1p(q**2/n)",
        {"x": X, "y": TAILED}, lambda p: nll(stats.t.logpdf(TAILED, np.exp(p["k"]), lin(p), np.exp(p["s"]))), shapes=with_(s=0.0, k=0.0)),
    "beta regression": Case(
        "a = sigmoid(w @ x + b); f = exp(s); p = a*f; q = (1-a)*f; L = lgamma(p) + lgamma(q) - lgamma(f) - (p-1)*log(y) - (q-1)*log1p(-y)",
        {"x": X, "y": SHARES}, lambda p: nll(stats.beta.logpdf(SHARES, special.expit(lin(p)) * np.exp(p["s"]),
                                                               special.expit(-lin(p)) * np.exp(p["s"]))), shapes=with_(s=0.0)),
    "beta-binomial": Case(
        "a = sigmoid(w @ x + b); f = exp(s); p = a*f; q = (1-a)*f; "
        "L = lgamma(p) + lgamma(q) - lgamma(f) - lgamma(y + p) - lgamma(10 - y + q) + lgamma(10 + f) "
        "- lgamma(11) + lgamma(y + 1) + lgamma(11 - y)",
        {"x": X, "y": OF_TEN}, lambda p: nll(stats.betabinom.logpmf(OF_TEN, 10, special.expit(lin(p)) * np.exp(p["s"]),
                                                                    special.expit(-lin(p)) * np.exp(p["s"]))), shapes=with_(s=0.0)),
    "gamma, its shape free": Case(
        "k = exp(s); z = w @ x + b; L = lgamma(k) - k*s + k*z - (k - 1)*log(y) + k*y*exp(-z)", {"x": X, "y": POSITIVE},
        lambda p: nll(stats.gamma.logpdf(POSITIVE, np.exp(p["s"]), scale=np.exp(lin(p) - p["s"]))), shapes=with_(s=0.0)),
    "inverse Gaussian": Case(
        "mu = exp(w @ x + b); L = (y - mu)**2/(2*mu**2*y)*exp(s) + log(2*pi*y**3)/2 - s/2", {"x": X, "y": POSITIVE},
        lambda p: nll(stats.invgauss.logpdf(POSITIVE, np.exp(lin(p) - p["s"]), scale=np.exp(p["s"]))), shapes=with_(s=0.0)),
    "log-normal": Case(
        "L = g + log(y) + log(2*pi)/2 + (log(y) - w @ x - b)**2*exp(-2*g)/2", {"x": X, "y": POSITIVE},
        lambda p: nll(stats.lognorm.logpdf(POSITIVE, np.exp(p["g"]), scale=np.exp(lin(p)))), shapes=with_(g=0.0)),
    "Tweedie's deviance": Case(
        "z = w @ x + b; L = 2*y*exp(-z/2) + 2*exp(z/2)", {"x": X, "y": CLAIMS},
        lambda p: np.mean(2 * CLAIMS / np.sqrt(np.exp(lin(p))) + 2 * np.sqrt(np.exp(lin(p))))),
    "Weibull with censoring": Case(
        "k = exp(s); q = k*(log(t) - (w @ x + b)); L = exp(q) - e*(s + q - log(t))", {"x": X, "t": TIME, "e": EVENT},
        lambda p: nll(np.where(EVENT == 1, stats.weibull_min.logpdf(TIME, np.exp(p["s"]), scale=np.exp(lin(p))),
                               stats.weibull_min.logsf(TIME, np.exp(p["s"]), scale=np.exp(lin(p))))), shapes=with_(s=0.0)),
    "Tobit": Case(
        "z = w @ x + b; s = exp(g); L = where(y > 0, ((y - z)/s)**2/2 + g + log(2*pi)/2, -log((1 + erf(-z/s/sqrt(2)))/2))",
        {"x": X, "y": np.maximum(REAL, 0.0)}, lambda p: nll(np.where(
            REAL > 0, stats.norm.logpdf(REAL, lin(p), np.exp(p["g"])), stats.norm.logcdf(0, lin(p), np.exp(p["g"])))), shapes=with_(g=0.0)),
    "probit": Case(
        "z = w @ x + b; p = (1 + erf(z/sqrt(2)))/2; L = -(y*log(p) + (1 - y)*log(1 - p))", {"x": X, "y": YES},
        lambda p: nll(stats.norm.logcdf(np.where(YES == 1, 1, -1) * lin(p)))),
    "complementary log-log": Case(
        "z = w @ x + b; p = 1 - exp(-exp(z)); L = -(y*log(p) + (1 - y)*log(1 - p))", {"x": X, "y": YES},
        lambda p: nll(np.where(YES == 1, np.log(-np.expm1(-np.exp(lin(p)))), -np.exp(lin(p))))),
    "spread of its own": Case(
        "s = v @ x + c; L = s + ((y - (w @ x + b))/exp(s))**2/2 + log(2*pi)/2", {"x": X, "y": REAL},
        lambda p: nll(stats.norm.logpdf(REAL, lin(p), np.exp(X @ p["v"] + p["c"]))), shapes=with_(v=np.zeros(2), c=0.0)),
    "Tukey's biweight": Case(
        "u = (y - (w @ x + b))/4.685; L = where(abs(u) < 1, (1 - (1 - u**2)**3)/6, 1/6)", {"x": X, "y": FAR_OUT},
        lambda p: np.mean((1 - np.maximum(1 - ((FAR_OUT - lin(p)) / 4.685) ** 2, 0) ** 3) / 6)),
    "Huber": Case(
        "r = w @ x + b - y; L = where(abs(r) < 1.345, r**2/2, 1.345*abs(r) - 1.345**2/2)", {"x": X, "y": FAR_OUT},
        lambda p: np.mean(special.huber(1.345, lin(p) - FAR_OUT))),
    "expectile": Case(
        "r = y - (w @ x + b); L = where(r > 0, 0.8, 0.2)*r**2", {"x": X, "y": REAL},
        lambda p: np.mean(np.where(lin(p) < REAL, 0.8, 0.2) * (REAL - lin(p)) ** 2)),
    "Cauchy": Case(
        "q = (y - (w @ x + b))/exp(s); L = log1p(q**2) + s + log(pi)", {"x": X, "y": TAILED},
        lambda p: nll(stats.cauchy.logpdf(TAILED, lin(p), np.exp(p["s"]))), shapes=with_(s=0.0)),
    "mixture of two": Case(
        "L = -logaddexp(-softplus(-g) - s - ((y - a)/exp(s))**2/2, -softplus(g) - t - ((y - c)/exp(t))**2/2) + log(2*pi)/2", {"y": TWO},
        lambda p: nll(np.log(special.expit(p["g"]) * stats.norm.pdf(TWO, p["a"], np.exp(p["s"]))
                             + special.expit(-p["g"]) * stats.norm.pdf(TWO, p["c"], np.exp(p["t"])))),
        {"g": 0.0, "a": -1.0, "s": 0.0, "c": 1.0, "t": 0.0}, {"g": 0.5, "a": -1.5, "s": 0.0, "c": 1.0, "t": 0.0}),
    "directions": Case(
        "L = 1 - cos(y - (w @ x + b))", {"x": X, "y": ANGLE}, lambda p: np.mean(1 - np.cos(ANGLE - lin(p)))),
    "growth to a limit": Case(
        "L = (y - a/(1 + exp(-(k*x - c))))**2", {"x": X[:, 0], "y": 5 / (1 + np.exp(0.5 - 2 * X[:, 0])) + REAL / 10},
        lambda p: np.mean((5 / (1 + np.exp(0.5 - 2 * X[:, 0])) + REAL / 10 - p["a"] * special.expit(p["k"] * X[:, 0] - p["c"])) ** 2),
        {"a": 1.0, "k": 1.0, "c": 0.0}, {"a": 2.0, "k": 2.0, "c": 1.0}),
}  # fmt: skip


def flat(params):
    return np.concatenate([np.ravel(v) for v in params.values()])


def named(theta, like):
    ends = np.cumsum([np.size(v) for v in like.values()])
    return {n: part.reshape(np.shape(v)) if np.ndim(v) else part[0] for (n, v), part in zip(like.items(), np.split(theta, ends[:-1]))}


@pytest.mark.parametrize("name", CASES)
def test_the_optimum_is_scipys(name):
    case = CASES[name]
    cost = dv.graph(f"inputs: {', '.join([*case.shapes, *case.data])}\n" + case.loss).over(case.data)
    fit = cost.minimize(start=case.start)
    assert fit.converged, fit.message
    assert fit.passes < 40
    assert fit.cost == pytest.approx(case.theirs(fit.params), rel=1e-11)
    best = flat(fit.params)
    for start in (best, flat(case.shapes)):
        theirs = optimize.minimize(lambda t: case.theirs(named(t, fit.params)), start, method="BFGS")
        assert fit.cost <= theirs.fun + 1e-12 * abs(theirs.fun)
    assert theirs.fun == pytest.approx(fit.cost, rel=1e-6)  # begun elsewhere it comes to the same place
    if name != "mixture of two":
        np.testing.assert_allclose(theirs.x, best, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_quantiles_are_those_of_the_linear_program(share):
    fit = dv.graph(f"inputs: w, b, x, y\nr = y - (w @ x + b); L = maximum({share}*r, {share - 1}*r)").over(x=X, y=REAL).minimize()
    costs = np.r_[np.zeros(3), np.full(M, share) / M, np.full(M, 1 - share) / M]  # of w, b, what is above, what is below
    limits = [(None, None)] * 3 + [(0, None)] * (2 * M)
    best = optimize.linprog(costs, A_eq=np.c_[X, np.ones(M), np.eye(M), -np.eye(M)], b_eq=REAL, bounds=limits)
    assert (fit.method, fit.converged) == ("smoothed-newton", True)
    assert fit.cost == pytest.approx(best.fun, rel=1e-11)


def test_laplaces_scale_beside_least_deviations_is_that_of_the_linear_program():
    fit = dv.graph("L = abs(y - (w @ x + b))*exp(-s) + s").over(x=X, y=TAILED).minimize()
    costs, limits = np.r_[np.zeros(3), np.full(2 * M, 1 / M)], [(None, None)] * 3 + [(0, None)] * (2 * M)
    best = optimize.linprog(costs, A_eq=np.c_[X, np.ones(M), np.eye(M), -np.eye(M)], b_eq=TAILED, bounds=limits)
    assert fit.method == "l-bfgs"  # Newton's steps end at a kink before
    assert fit.cost == pytest.approx(1 + np.log(best.fun), rel=1e-5)
    assert fit.params["s"] == pytest.approx(np.log(best.fun), rel=1e-3)


def test_factors_by_codes_fit_as_well_as_alternating_least_squares():
    r = np.random.default_rng(0)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(20), np.arange(15), indexing="ij"))
    y = (r.normal(size=(20, 2)) @ r.normal(size=(2, 15))).ravel() + 0.1 * r.normal(size=300)
    fit = dv.graph("L = (U[i] @ V[j] - y)**2").over(i=i, j=j, y=y).minimize(start={"U": r.normal(size=(20, 2)), "V": r.normal(size=(15, 2))})
    assert fit.converged, fit.message
    left = np.linalg.svd(y.reshape(20, 15), compute_uv=False)[2:]  # Eckart & Young: the best of rank two
    assert fit.cost == pytest.approx(np.sum(left**2) / 300, rel=1e-9)
