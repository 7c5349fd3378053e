"""Probit and complementary log-log losses in the ways people write them: right wherever z is a float, in every program, fitted on rows
far beyond the others."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from reference import error, gumbel_rate, inverse_mills, log_gumbel, log_ndtr

import dvar as dv

PROBIT = ["(1 + erf(z/sqrt(2)))/2", "0.5*(1 + erf(z/sqrt(2)))", "0.5 + 0.5*erf(z/sqrt(2))", "0.5 + erf(z/sqrt(2))/2",
          "erfc(-z/sqrt(2))/2", "0.5*erfc(-z/sqrt(2))", "1 - erfc(z/sqrt(2))/2", "1 - 0.5*erfc(z/2**0.5)", "1 - (1 + erf(-z/sqrt(2)))/2"]  # fmt: skip
CLOGLOG = ["1 - exp(-exp(z))", "-expm1(-exp(z))", "1 - 1/exp(exp(z))"]
LOGS = ["J = log({})", "q = 1 - ({}); J = log(1 - q)", "q = 1 - ({}); J = log1p(-q)", "p = {}; J = log(p)"]
FAR = [0.0, 1e-300, 0.3, -0.7, 1.0, -1.0, 3.0, -3.0, 8.0, -8.0, 37.0, -37.0, 39.0, -39.0, 708.0, -708.0, 800.0, -800.0, 1e8, -1e8]
LOSSES = ["L = -(y*log(p) + (1 - y)*log(1 - p))", "L = -y*log(p) - (1 - y)*log(1 - p)", "L = -(y*log(p) + (1 - y)*log1p(-p))",
          "L = -where(y == 1, log(p), log(1 - p))"]  # fmt: skip


@pytest.mark.parametrize("p", [*PROBIT, *CLOGLOG])
@pytest.mark.parametrize("log", LOGS)
def test_the_logarithm_of_a_probability_and_two_derivatives(p, log):
    graph = dv.graph(log.format(p))
    exactly = (log_ndtr, inverse_mills) if "erf" in p else (log_gumbel, gumbel_rate)
    first, second = graph.d("z"), graph.d("z").d("z")
    for z in FAR:
        with mp.workdps(60):
            exact = [exactly[0](mp.mpf(z)), *(exactly[1](n, mp.mpf(z)) for n in range(3))]
            for found, value, slope in zip((graph(z=z), first(z=z), second(z=z)), exact, exact[1:]):
                assert error(found, value, abs(z * slope / value) if value else 0) <= 8, (z, found, mp.nstr(value, 17))


@pytest.mark.parametrize("z", [-800.0, -1e8, 800.0, 1e8])
def test_the_third_derivative_is_right_too(z):
    third = dv.graph("J = log((1 + erf(z/sqrt(2)))/2)").d("z").d("z").d("z")
    with mp.workdps(60):
        assert third(z=z) == pytest.approx(float(inverse_mills(2, mp.mpf(z))), rel=1e-14, abs=0)
    assert dv.graph("J = log(1 - exp(-exp(z)))").d("z").d("z").d("z")(z=z) == 0


@pytest.mark.parametrize(("name", "exactly"), [("inverse_mills", inverse_mills), ("gumbel_rate", gumbel_rate)])
def test_derivatives_of_an_order_are_right_to_the_last_that_is_found(name, exactly):
    graph = dv.graph(f"{name}(n, z)")
    for n, z in itertools.product([6, 9, 12], [-30.0, -3.0, -0.3, 0.3, 0.7, 0.8, 3.0, 5.0]):
        with mp.workdps(40):
            assert graph(n=n, z=z) == pytest.approx(float(exactly(mp.mpf(n), mp.mpf(z))), rel=1e-12, abs=0), (n, z)
    assert np.isnan([graph(n=n, z=0.3) for n in (13, 5000, 1e18, 0.5, -1)]).all()


@pytest.mark.parametrize("text", ["erfc(x)", "1 - erf(x)", "1 + erf(-x)"])
def test_the_logarithm_of_erfc(text):
    graph = dv.graph(f"J = log({text})")
    second = graph.d("x").d("x")
    for x in (1e-300, -1e-10, 0.3, 0.6, -1.0, 5.0, 26.0, 30.0, 800.0, 1e8, -5.0):
        with mp.workdps(60):
            z = -mp.sqrt(2) * mp.mpf(x)
            value = log_ndtr(z) + mp.log(2) if x > 1 else mp.log1p(-mp.erf(x))
            assert graph(x=x) == pytest.approx(float(value), rel=2e-15, abs=0)
            assert graph.at(x=x).dx == pytest.approx(float(-mp.sqrt(2) * inverse_mills(0, z)), rel=1e-13, abs=0)
            assert second(x=x) == pytest.approx(float(2 * inverse_mills(1, z)), rel=1e-13, abs=0)


@pytest.mark.parametrize("p", [PROBIT[0], PROBIT[5], CLOGLOG[0]])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("target", ["loop", "numpy", "fused"])
def test_every_program_is_right_far_out(p, loss, target):
    cost = dv.graph(f"inputs: w, x, y\nz = w*x; p = {p}; {loss}")
    probit = "erf" in p
    for z, y in itertools.product([-800.0, 800.0], [0.0, 1.0]):
        if not probit and (z, y) == (800.0, 0.0):
            continue  # exp(800)
        right = float(z > 0) == y
        value, slope = (0.0, 0.0) if right else (320007.60355182335, 800.0012499960937) if probit else (800.0, 1.0)
        found = cost.over(x=np.array([z, z]), y=np.array([y, y])).program(target)(w=1.0)
        assert found == pytest.approx((value, slope * 800.0), rel=1e-15)
        curved = cost.over(x=np.array([z]), y=np.array([y])).hessian(w=1.0)
        assert curved.item() == pytest.approx(640000 * 0.9999984375146483 if probit and not right else 0.0, rel=1e-15, abs=1e-300)


# 63 rows, two of them far beyond the others. Probit(y, X).fit(method="newton", tol=1e-14) and GLM(y, X, Binomial(CLogLog())).fit(
# tol=1e-15) of statsmodels 0.15.0: slope, intercept, log-likelihood; standard errors (of cloglog these are not by the Hessian that the
# data make but by the one that is expected, and are left out).
K = np.arange(61.0)
X = np.r_[(K - 30) / 15, 900.0, -900.0]
Y = np.r_[(K - 30) / 15 + 1.7 * np.sin(37 * K) > 0.2, True, False].astype(float)
FITS = {PROBIT[0]: (0.73932834547245, -0.205242259089458, -31.2189140713337), CLOGLOG[0]: (0.851606413976051, -0.717109907028217, -31.5601894499617)}
ERRORS = 0.179174809153, 0.184213354162


@pytest.mark.parametrize("p", FITS)
@pytest.mark.parametrize("start", [0.0, 1.0, -1.0])
def test_a_fit_with_rows_far_out_is_that_of_statsmodels(p, start):
    cost = dv.graph(f"inputs: w, b, x, y\nz = w*x + b; p = {p}; {LOSSES[0]}").over(x=X, y=Y)
    if start < 0 and "erf" not in p:
        with pytest.raises(ValueError, match="cost is inf at the start"):  # exp(900)
            cost.minimize(start={"w": start, "b": 0.0})
        return
    fit = cost.minimize(start={"w": start, "b": 0.0})
    assert fit.converged, fit.message
    w, b, likelihood = FITS[p]
    assert (fit.params["w"], fit.params["b"]) == pytest.approx((w, b), rel=1e-9)
    assert -63 * fit.cost == pytest.approx(likelihood, rel=1e-13)
    if "erf" in p:
        errors = np.sqrt(np.diag(np.linalg.inv(63 * cost.hessian(fit.params))))
        assert sorted(errors) == pytest.approx(sorted(ERRORS), rel=1e-8)
