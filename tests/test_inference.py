"""What a fit means, against statsmodels, SciPy and published tables: errors, likelihoods, tests; and what is said where they are not."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import dvar as dv
from dvar.errors import DvarError, UsageError
from dvar.models.inference import inference
from dvar.models.tests_between import lr_test, score_test, wald_test

LOGISTIC = "inputs: b, w, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"
LINEAR = "inputs: b, w, x, y\nz = w @ x + b; L = (z - y)**2"
HALF_SQUARE = "inputs: b, w, x, y\nz = w @ x + b; L = (z - y)**2/2"
POISSON = "inputs: b, w, x, y\nz = w @ x + b; L = exp(z) - y*z"
POISSON_OFFSET = "inputs: b, w, x, y, offset\nz = w @ x + b + offset; L = exp(z) - y*z"
AGAINST_FIRST = "inputs: b, W, x, y\nz = W @ x + b; L = log(1 + sum(exp(z))) - sum(y*z)"
SOFTMAX = "inputs: W, b, x, y\nz = W @ x + b; a = softmax(z); L = -log(a[y])"

# Greene, Econometric Analysis (2003), table 21.1: coefficient and standard error of the logit of Spector & Mazzeo (1980).
GREENE = {"intercept": (-13.021, 4.931), "GPA": (2.826, 1.263), "TUCE": (0.095, 0.142), "PSI": (2.379, 1.065)}

rng = np.random.default_rng(11)
m, n = 400, 3
X = rng.normal(size=(m, n)) * [1.0, 2.0, 0.5] + [0.0, 1.0, -1.0]
Z = X @ [0.5, -0.3, 0.8] + 0.2
YES = (rng.random(m) < 1 / (1 + np.exp(-Z))).astype(float)
COUNT = rng.poisson(np.exp(0.5 * Z)).astype(float)
REAL = Z + rng.normal(size=m) * (1 + np.abs(X[:, 0]))
CLASS = (Z + rng.logistic(size=m) > 1).astype(int) + (Z + rng.logistic(size=m) > 0).astype(int)
GROUPS = rng.integers(0, 25, m)
EXPOSURE = rng.uniform(0.5, 3.0, m)
NAMES = ["intercept", "x0", "x1", "x2"]
WITH_ONE = sm.add_constant(X)


def fitted(formula, family, x=X, y=YES, names=NAMES, weight=None, offset=None, **options):
    data = {"x": x, "y": y} | ({"offset": offset} if offset is not None else {})
    cost = dv.graph(formula).over(**data, **({"weight": weight} if weight is not None else {}))
    start = options.pop("start", None) or {k: np.zeros(s) for k, s in cost.sizes.items()}
    method = "newton-cg" if "W" in start else "auto"
    return inference(cost, cost.minimize(method, start=start, **({"tol": 1e-13} if "W" in start else {})), names, family=family, **options)


def close(ours, theirs, digits=8):
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, rtol=10.0**-digits, atol=1e-12), (ours, theirs)


def column(found, field):
    return [getattr(line, field) for line in found.lines]


def quiet(model, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(**options)


def robust(kind):
    return {"cov_type": "nonrobust"} if kind == "classical" else (
        {"cov_type": "cluster", "cov_kwds": {"groups": GROUPS}} if kind == "cluster" else {"cov_type": kind})


def asked(kind):
    return {"kind": kind} | ({"groups": GROUPS} if kind == "cluster" else {})


TIGHT = {"disp": 0, "method": "newton", "tol": 1e-14, "maxiter": 100}
GLM = {"tol": 1e-14, "maxiter": 200}

ONE_SUM = {
    "logit": (LOGISTIC, "logistic", YES, None, lambda kind: quiet(sm.Logit(YES, WITH_ONE), **TIGHT, **robust(kind)),
              ["classical", "HC0", "cluster"]),
    "logit as a GLM": (LOGISTIC, "logistic", YES, None,
                       lambda kind: quiet(sm.GLM(YES, WITH_ONE, family=sm.families.Binomial()), **GLM, **robust(kind)),
                       ["classical", "HC0", "cluster"]),
    "Poisson": (POISSON, "poisson", COUNT, None,
                lambda kind: quiet(sm.GLM(COUNT, WITH_ONE, family=sm.families.Poisson()), **GLM, **robust(kind)),
                ["classical", "HC0", "cluster"]),
    "Poisson with an offset": (POISSON_OFFSET, "poisson", COUNT, np.log(EXPOSURE),
                               lambda kind: quiet(sm.GLM(COUNT, WITH_ONE, family=sm.families.Poisson(),
                                                         offset=np.log(EXPOSURE)), **GLM, **robust(kind)),
                               ["classical", "HC0", "cluster"]),
    "OLS": (LINEAR, "linear", REAL, None, lambda kind: quiet(sm.OLS(REAL, WITH_ONE), **robust(kind)),
            ["classical", "HC0", "HC1", "HC2", "HC3", "cluster"]),
    "OLS by half the square": (HALF_SQUARE, "linear", REAL, None, lambda kind: quiet(sm.OLS(REAL, WITH_ONE), **robust(kind)),
                               ["classical", "HC3"]),
}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, row in ONE_SUM.items() for kind in row[5]])
def test_errors_tests_and_intervals_are_those_of_statsmodels(name, kind):
    formula, family, y, offset, reference, _ = ONE_SUM[name]
    ours, theirs = fitted(formula, family, y=y, offset=offset, **asked(kind)), reference(kind)
    close(column(ours, "coefficient"), theirs.params)
    close(column(ours, "error"), theirs.bse)
    close(column(ours, "z"), theirs.tvalues)
    close(column(ours, "p"), theirs.pvalues, 7)
    close([column(ours, "low"), column(ours, "high")], theirs.conf_int().T)
    close(ours.covariance, theirs.cov_params(), 7)
    assert (ours.degrees is None) == (kind != "classical" or family != "linear")


@pytest.mark.parametrize("name", ONE_SUM)
def test_the_likelihood_and_what_is_made_of_it_are_those_of_statsmodels(name):
    formula, family, y, offset, reference, _ = ONE_SUM[name]
    ours, theirs = fitted(formula, family, y=y, offset=offset), reference("classical")
    close(ours.log_likelihood, theirs.llf)
    close(ours.aic, theirs.aic)
    close(ours.bic, theirs.bic_llf if hasattr(theirs, "bic_llf") else theirs.bic)
    close(ours.null_log_likelihood, theirs.llnull if not name.startswith("OLS") else quiet(sm.OLS(REAL, np.ones(m))).llf)
    if hasattr(theirs, "null_deviance"):
        close([ours.deviance, ours.null_deviance], [theirs.deviance, theirs.null_deviance])
    if hasattr(theirs, "prsquared"):
        close(ours.pseudo_r2, theirs.prsquared)
    if name.startswith("OLS"):
        close([ours.pseudo_r2, ours.adjusted_r2], [theirs.rsquared, theirs.rsquared_adj])
        close(ours.residual_variance, theirs.mse_resid)


@pytest.mark.parametrize("kind", ["classical", "HC0", "cluster"])
def test_multinomial_logit_is_that_of_statsmodels(kind):
    theirs = quiet(sm.MNLogit(CLASS, WITH_ONE), **TIGHT, **robust(kind))
    ours = fitted(AGAINST_FIRST, "softmax", y=np.eye(3)[CLASS][:, 1:], names=None, start={"b": np.zeros(2), "W": np.zeros((2, n))}, **asked(kind))
    order = [0, 2, 3, 4, 1, 5, 6, 7]  # the intercept of each class first
    for field, reference in (("coefficient", theirs.params), ("error", theirs.bse), ("z", theirs.tvalues)):
        close(np.array(column(ours, field))[order], np.asarray(reference).T.ravel())
    close([ours.log_likelihood, ours.null_log_likelihood, ours.aic, ours.bic], [theirs.llf, theirs.llnull, theirs.aic, theirs.bic])
    assert ours.names[:3] == ("b[0]", "b[1]", "W[0, 0]")


@pytest.mark.parametrize("kind", ["HC1", "HC2", "HC3"])
@pytest.mark.parametrize(("formula", "family", "y", "theirs"), [
    (LOGISTIC, "logistic", YES, sm.families.Binomial()), (POISSON, "poisson", COUNT, sm.families.Poisson())])
def test_corrections_for_few_rows_by_the_leverages_and_scores_of_statsmodels(kind, formula, family, y, theirs):
    model = sm.GLM(y, WITH_ONE, family=theirs)
    fit = quiet(model, **GLM)
    h, s = fit.get_influence().hat_matrix_diag, model.score_obs(fit.params)
    factor = {"HC1": m / (m - 4), "HC2": 1 / (1 - h), "HC3": 1 / (1 - h) ** 2}[kind]
    bread = np.linalg.inv(-model.hessian(fit.params))
    middle = (s * np.broadcast_to(factor, m)[:, None]).T @ s
    close(fitted(formula, family, y=y, kind=kind).covariance, bread @ middle @ bread, 7)


def test_published_the_logit_of_spector_and_mazzeo():
    data = pd.read_csv(Path(__file__).parent / "data" / "spector.csv", comment="#")
    found = fitted(LOGISTIC, "logistic", data[["GPA", "TUCE", "PSI"]].to_numpy(), data.GRADE.to_numpy(), list(GREENE))
    for name, (coefficient, error) in GREENE.items():
        assert round(found[name].coefficient, 3) == coefficient
        assert round(found[name].error, 3) == error
    assert round(found.log_likelihood, 3) == -12.890
    assert round(found.null_log_likelihood, 3) == -20.592  # and the likelihood ratio 15.404, ibid.
    close(np.exp(found["PSI"].coefficient), found["PSI"].odds)


def test_a_table_in_its_own_units_the_logit_of_fair():
    data = sm.datasets.fair.load_pandas().data
    x, y = data.drop(columns="affairs"), (data.affairs > 0).astype(float)
    names = ["intercept", *x.columns]
    for kind in ("classical", "HC0"):
        found = fitted(LOGISTIC, "logistic", x.to_numpy(), y.to_numpy(), names, kind=kind)
        theirs = quiet(sm.Logit(y, sm.add_constant(x)), **TIGHT, **robust(kind))
        close(column(found, "coefficient"), theirs.params)
        close(column(found, "error"), theirs.bse)
        close([found.log_likelihood, found.null_log_likelihood, found.bic], [theirs.llf, theirs.llnull, theirs.bic])


def test_published_least_squares_that_are_hard_longley():
    """NIST, Statistical Reference Datasets: Longley, certified to more digits than are asked here."""
    data = sm.datasets.longley.load_pandas()
    columns = ["GNPDEFL", "GNP", "UNEMP", "ARMED", "POP", "YEAR"]
    found = fitted(LINEAR, "linear", data.exog[columns].to_numpy(), data.endog.to_numpy(), ["intercept", *columns])
    certified = {"intercept": (-3482258.63459582, 890420.383607373), "GNPDEFL": (15.0618722713733, 84.9149257747669),
                 "GNP": (-0.358191792925910e-1, 0.334910077722432e-1), "UNEMP": (-2.02022980381683, 0.488399681651699),
                 "ARMED": (-1.03322686717359, 0.214274163161675), "POP": (-0.511041056535807e-1, 0.226073200069370),
                 "YEAR": (1829.15146461355, 455.478499142212)}
    for name, (coefficient, error) in certified.items():
        close([found[name].coefficient, found[name].error], [coefficient, error], 6)
    close([found.residual_variance**0.5, found.pseudo_r2], [304.854073561965, 0.995479004577296])


def test_three_tests_between_nested_models():
    small, full = (fitted(LOGISTIC, "logistic", X[:, :k], names=NAMES[: k + 1]) for k in (1, 3))
    one, all_ = quiet(sm.Logit(YES, WITH_ONE[:, :2]), **TIGHT), quiet(sm.Logit(YES, WITH_ONE), **TIGHT)
    ratio, score, wald = lr_test(small, full), score_test(small, full), wald_test(full, ["x1", "x2"])
    close(ratio.statistic, 2 * (all_.llf - one.llf))
    smaller = quiet(sm.GLM(YES, WITH_ONE[:, :2], family=sm.families.Binomial()), **GLM)
    close([score.statistic, score.p], [np.squeeze(v) for v in smaller.score_test(exog_extra=X[:, 1:])[:2]])
    reference = all_.wald_test(np.eye(4)[2:], scalar=True)
    close([wald.statistic, wald.p], [reference.statistic, np.squeeze(reference.pvalue)])
    assert ratio.degrees == score.degrees == wald.degrees == (2,)
    assert str(ratio).startswith("likelihood-ratio test: χ²(2) = ")


def test_tests_between_nested_linear_models():
    small, full = (fitted(LINEAR, "linear", X[:, :k], REAL, names=NAMES[: k + 1]) for k in (2, 3))
    one, all_ = quiet(sm.OLS(REAL, WITH_ONE[:, :3])), quiet(sm.OLS(REAL, WITH_ONE))
    ratio, score, wald = lr_test(small, full), score_test(small, full), wald_test(full, "x2")
    close([ratio.statistic, ratio.p], all_.compare_lr_test(one)[:2])
    close([score.statistic, score.p], all_.compare_lm_test(one, use_lr=False)[:2])
    reference = all_.f_test(np.eye(4)[3:])
    close([wald.statistic, wald.p], [np.squeeze(reference.fvalue), reference.pvalue])
    assert wald.degrees == (1, m - 4)


@pytest.mark.parametrize("kind", ["classical", "HC0", "HC1", "HC2", "HC3", "cluster"])
@pytest.mark.parametrize(("formula", "family", "y"), [(LOGISTIC, "logistic", YES), (LINEAR, "linear", REAL), (POISSON, "poisson", COUNT)])
def test_a_weight_is_a_count_of_equal_rows(formula, family, y, kind):
    counts = np.where(GROUPS == 7, 0, np.arange(m) % 3)  # a group and a row far out that do not count
    x = X.copy()
    x[0, 0] = 300.0
    groups = {"groups": GROUPS} if kind == "cluster" else {}
    weighted = fitted(formula, family, x, y, weight=counts, kind=kind, **groups)
    again = {"groups": np.repeat(GROUPS, counts)} if groups else {}
    written_out = fitted(formula, family, np.repeat(x, counts, 0), np.repeat(y, counts), kind=kind, **again)
    close(weighted.covariance, written_out.covariance, 7)
    for name in ("n", "log_likelihood", "null_log_likelihood", "aic", "bic", "deviance", "null_deviance", "pseudo_r2"):
        close(getattr(weighted, name), getattr(written_out, name))
    assert "weights are counts" in weighted.text


@settings(max_examples=15)
@given(scale=st.lists(st.sampled_from([1e-6, 1e-3, 1.0, 1e4, 1e8]), min_size=3, max_size=3), kind=st.sampled_from(["classical", "HC3"]))
def test_units_of_the_columns_change_units_of_the_answer_alone(scale, kind):
    plain, scaled = fitted(LOGISTIC, "logistic", kind=kind), fitted(LOGISTIC, "logistic", X * scale, kind=kind)
    close(column(scaled, "z"), column(plain, "z"), 6)
    close(np.array(column(scaled, "error")) * [1, *scale], column(plain, "error"), 6)


def test_parameters_alone_serve_as_well_as_a_fit():
    cost = dv.graph(LOGISTIC).over(x=X, y=YES)
    fit = cost.minimize()
    close(inference(cost, fit.params, NAMES, family="logistic").covariance, inference(cost, fit, NAMES, family="logistic").covariance)
    off = inference(cost, {"b": 0.0, "w": np.zeros(3)}, NAMES, family="logistic")
    assert column(off, "error") == [None] * 4
    assert "not at the optimum" in off.notes[0]


def test_a_loss_that_is_no_likelihood_has_robust_errors_only():
    huber = "inputs: b, w, x, y\nr = w @ x + b - y; L = sqrt(1 + r**2) - 1"
    plain, robust_ = fitted(huber, "none", y=REAL), fitted(huber, "none", y=REAL, kind="HC0")
    assert column(plain, "error") == [None] * 4
    assert "not known to be a likelihood" in plain.notes[0]
    theta = np.array(column(robust_, "coefficient"))
    r = WITH_ONE @ theta - REAL
    bread = np.linalg.inv((WITH_ONE.T / (1 + r**2) ** 1.5) @ WITH_ONE)
    s = WITH_ONE * (r / np.sqrt(1 + r**2))[:, None]
    close(robust_.covariance, bread @ s.T @ s @ bread)
    assert robust_.log_likelihood is None
    assert "log-likelihood" not in robust_.text


def test_a_likelihood_known_up_to_a_constant_says_so_and_has_no_aic():
    found = fitted(POISSON, "likelihood", y=COUNT)
    assert "up to a constant" in found.text
    assert found.aic is found.bic is found.pseudo_r2 is None
    assert fitted(POISSON, "poisson", y=COUNT).aic is not None


def test_errors_are_not_said_where_the_fit_was_penalised_or_stopped_early():
    cost = dv.graph(LOGISTIC).over(x=X, y=YES)
    early = inference(cost, cost.minimize(method="gradient-descent", rate=0.01, steps=3), NAMES, family="logistic")
    penalised = inference(cost, cost.minimize(l2=0.1), NAMES, family="logistic", l2=0.1)
    for found, said in ((early, "has not reached the optimum"), (penalised, "penalised")):
        assert column(found, "error") == column(found, "p") == [None] * 4
        assert said in found.text


def test_errors_are_not_said_where_bounds_hold_coefficients():
    cost = dv.graph(LOGISTIC).over(x=X, y=YES)
    held = inference(cost, cost.minimize(bounds={"w": (0.0, None)}), NAMES, family="logistic")
    assert held["x1"].coefficient == 0.0
    assert column(held, "error") == [None] * 4
    assert "bounds or a penalty may hold them" in held.text
    assert held.aic is held.bic is None


@pytest.mark.parametrize("options", [{"l2": 0.1}, {"l1": 0.1}, {"steps": 1}])
def test_a_likelihood_below_its_top_has_no_aic(options):
    est = dv.LogisticRegression(**options)
    with warnings.catch_warnings(action="ignore"):
        est.fit(X, YES)
    found = est.summary()
    assert found.aic is found.bic is None
    assert "none: the log-likelihood is not the highest" in found.text
    assert "none: the log-likelihood" not in dv.LogisticRegression().fit(X, YES).summary().text


@pytest.mark.parametrize("y", [X @ [2.0, 1.0, 0.5] + 1, np.zeros(m)])
def test_errors_are_not_said_where_every_row_is_fitted_to_rounding(y):
    found = fitted(LINEAR, "linear", y=y)
    assert column(found, "error") == [None] * 4
    assert "every row is fitted to rounding" in found.text
    assert "χ²" not in found.text


def test_collinear_columns_have_no_errors_and_their_sums_do():
    twice = np.column_stack([X, X[:, 0] + X[:, 1]])
    found = fitted(LINEAR, "linear", twice, REAL, [*NAMES, "sum"])
    plain = fitted(LINEAR, "linear", X, REAL)
    assert [line.name for line in found.lines if line.error is None] == ["x0", "x1", "sum"]
    assert "not told apart by the data" in found.text
    assert "x0, x1, sum" in found.text
    close(found["x2"].error, plain["x2"].error)
    close(found["intercept"].error, plain["intercept"].error)
    assert found.parameters == 4
    close(found.aic, plain.aic)
    small = [fitted(LINEAR, "linear", X[:, :1], REAL, NAMES[:2])] * 2
    assert str(dv.lr_test(small[0], found)) == str(dv.lr_test(small[1], plain))


def test_a_softmax_of_all_classes_is_told_against_the_first():
    cost = dv.graph(SOFTMAX).over(x=X, y=CLASS)
    fit = cost.minimize("newton-cg", start={"W": np.zeros((3, n)), "b": np.zeros(3)})
    turn = np.zeros((8, 12))
    for k in (1, 2):
        for j in range(n):
            turn[4 * k - 3 + j, [k * n + j, j]] = 1.0, -1.0
        turn[4 * k - 4, [9 + k, 9]] = 1.0, -1.0
    found = inference(cost, fit, [f"{k}: {name}" for k in (1, 2) for name in NAMES], family="softmax", turn=turn)
    theirs = quiet(sm.MNLogit(CLASS, WITH_ONE), **TIGHT)
    close(column(found, "coefficient"), theirs.params.T.ravel(), 7)
    close(column(found, "error"), theirs.bse.T.ravel())
    close([found.log_likelihood, found.null_log_likelihood, found.aic], [theirs.llf, theirs.llnull, theirs.aic])
    assert found["1: intercept"].odds is None
    close(found["1: x0"].odds, np.exp(theirs.params[1, 0]), 7)


def test_an_estimator_of_several_classes_is_told_against_the_first():
    clf = dv.LogisticRegression().fit(pd.DataFrame(X, columns=NAMES[1:]), np.array(["a", "b", "c"])[CLASS])
    found, theirs = clf.summary(), quiet(sm.MNLogit(CLASS, WITH_ONE), **TIGHT)
    for k, name in enumerate(("b", "c")):
        for j, column_ in enumerate(NAMES):
            line = found[f"{name}: {column_}"]
            close([line.coefficient, line.error], [theirs.params[j, k], theirs.bse[j, k]])
    assert "told less those of a" in found.text


def test_an_estimator_of_typed_columns_is_told_in_their_own_units():
    frame = pd.DataFrame({"x0": X[:, 0] * 100 + 7, "k": pd.Categorical(np.array(["u", "v", "w"])[GROUPS % 3])})
    expanded = sm.add_constant(pd.get_dummies(frame, drop_first=True, dtype=float))
    for kind in ("classical", "HC0", "cluster"):
        found = dv.LogisticRegression().fit(frame, YES).summary(**asked(kind))
        theirs = quiet(sm.Logit(YES, expanded), **TIGHT, **robust(kind))
        assert found.names == ("intercept", "x0", "k=v", "k=w")
        close(column(found, "error"), theirs.bse)
        close(column(found, "z"), theirs.tvalues, 7)


def test_a_separated_fit_by_gradients_alone_is_seen_too():
    level = (np.arange(m) < 9).astype(float)
    cost = dv.graph(LOGISTIC).over(x=np.column_stack([X, level]), y=np.where(level == 1, 1.0, YES))
    fit = cost.minimize("l-bfgs")
    found = inference(cost, fit, [*NAMES, "level"], family="logistic")
    assert found.separated == ("level",)
    assert found["level"].error is None
    assert found["x0"].error > 0


def test_told_as_text_html_and_a_frame():
    found = fitted(LOGISTIC, "logistic", title="yes & no")
    frame = found.frame()
    assert list(frame.columns) == ["coefficient", "std_error", "z", "p", "low", "high", "odds_ratio", "odds_low", "odds_high"]
    close(frame.loc["x0", "std_error"], found["x0"].error)
    for said in ("McFadden's pseudo-R²", "AIC", "BIC", "likelihood-ratio test", "null log-likelihood", "95 %"):
        assert said in found.text
        assert said.replace("'", "&#x27;") in found._repr_html_()
    assert "yes &amp; no" in found._repr_html_()
    assert max(map(len, found.text.splitlines())) <= 120
    assert str(fitted(LOGISTIC, "logistic", level=0.9)).count("90 %") == 2


COST = dv.graph(LOGISTIC).over(x=X, y=YES)
FIT = COST.minimize()
REFUSED = [
    (lambda: inference(COST, FIT, kind="HC4"), UsageError, "no standard errors of kind 'HC4'"),
    (lambda: inference(COST, FIT, kind="cluster"), UsageError, "needs groups"),
    (lambda: inference(COST, FIT, groups=GROUPS), UsageError, "groups are given"),
    (lambda: inference(COST, FIT, kind="cluster", groups=GROUPS[1:]), UsageError, r"shape \(399,\), the fit has 400 rows"),
    (lambda: inference(COST, FIT, kind="cluster", groups=np.ones(m)), DvarError, "all rows are of one group"),
    (lambda: inference(COST, FIT, kind="cluster", groups=np.where(GROUPS == 0, np.nan, GROUPS)), DvarError, "rows have no group"),
    (lambda: inference(COST, FIT, kind="cluster", groups=[None if g == 0 else f"g{g}" for g in GROUPS]), DvarError, "rows have no group"),
    (lambda: inference(COST, FIT, family="logit"), UsageError, "no family 'logit'"),
    (lambda: inference(COST, FIT, family="linear"), UsageError, "not a multiple of the square"),
    (lambda: inference(COST, FIT, level=95), UsageError, "the level is 95"),
    (lambda: inference(COST, FIT, ["a"]), UsageError, "1 names"),
    (lambda: inference(COST, FIT, NAMES)["x9"], UsageError, "no coefficient 'x9'; known: intercept, x0"),
    (lambda: wald_test(inference(COST, FIT, NAMES), "x9"), UsageError, "no coefficient 'x9'"),
    (lambda: wald_test(inference(COST, FIT, NAMES), [[1.0, 0.0]]), UsageError, r"shape \(1, 2\), there are 4"),
    (lambda: wald_test(inference(COST, FIT, NAMES), [[0, 1, 0, 0], [0, 2, 0, 0]]), UsageError, "not independent"),
    (lambda: lr_test(inference(COST, FIT), inference(COST, FIT)), UsageError, "full model has 4 parameters"),
    (lambda: lr_test(fitted(LOGISTIC, "logistic", X[:9], YES[:9]), inference(COST, FIT, family="logistic")), UsageError, "not of the same rows"),
    (lambda: lr_test(fitted(POISSON_OFFSET, "poisson", X[:, :1], COUNT, NAMES[:2], offset=EXPOSURE), fitted(POISSON, "poisson", y=COUNT)),
     UsageError, "not of the same offset"),
    (lambda: lr_test(fitted(LOGISTIC, "logistic", X[:, :1], 1 - YES, NAMES[:2]), inference(COST, FIT, family="logistic")), UsageError, "not of the same y"),
    (lambda: lr_test(fitted(LINEAR, "linear", X[:, :1], YES, NAMES[:2]), inference(COST, FIT, family="logistic")), UsageError, "same kind of loss"),
    (lambda: score_test(fitted(LOGISTIC, "logistic", X[:, :1], names=["a", "b"]), inference(COST, FIT, NAMES, family="logistic")),
     UsageError, "no coefficient 'a'"),
]


@pytest.mark.parametrize("k", range(len(REFUSED)))
def test_refusals_say_what_and_why(k):
    call, kind, said = REFUSED[k]
    with pytest.raises(kind, match=said) as caught:
        call()
    assert type(caught.value) is kind


def test_a_row_of_leverage_one_has_no_hc3():
    alone = np.column_stack([X, np.arange(m) == 7])
    with pytest.raises(DvarError, match="leverage 1 .the first is row 7."):
        fitted(LINEAR, "linear", alone, REAL, [*NAMES, "alone"], kind="HC3")
    assert fitted(LINEAR, "linear", alone, REAL, [*NAMES, "alone"])["x0"].error > 0


def test_leverage_wants_one_sum_an_example():
    with pytest.raises(UsageError, match="depends on one sum"):
        fitted(AGAINST_FIRST, "softmax", y=np.eye(3)[CLASS][:, 1:], names=None, start={"b": np.zeros(2), "W": np.zeros((2, n))}, kind="HC3")
