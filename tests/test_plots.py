"""Pictures of a fit and the numbers in them, against scikit-learn and statsmodels."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score, roc_auc_score, roc_curve
from statsmodels.stats.proportion import proportion_confint

import dvar as dv
from dvar.errors import UsageError
from dvar.models.inference import inference
from dvar.models.plots import calibrated, log_ticks, plot, roc, thresholds

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

LOGISTIC = "inputs: b, w, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"
LINEAR = "inputs: b, w, x, y\nz = w @ x + b; L = (z - y)**2"
rng = np.random.default_rng(8)
m = 1000
X = rng.normal(size=(m, 3))
GUESS = 1 / (1 + np.exp(-X @ [1.0, -0.5, 0.0]))
TRUTH = (rng.random(m) < GUESS).astype(float)
NAMES = ["intercept", "up", "down", "none"]


@pytest.fixture(autouse=True)
def closed():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def fitted(formula=LOGISTIC, y=TRUTH, x=X, names=NAMES, **options):
    cost = dv.graph(formula).over(x=x, y=y)
    return inference(cost, cost.minimize(), names, family="logistic" if formula is LOGISTIC else "linear", **options)


@settings(max_examples=60)
@given(rows=st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0])), min_size=2, max_size=60))
def test_the_roc_curve_is_scikit_learns(rows):
    y, p = np.array(rows, dtype=float).T
    if len(set(y)) < 2:
        return
    ours = roc(y, p)
    false, true, at = roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(ours.false, false, atol=1e-15)
    np.testing.assert_allclose(ours.true, true, atol=1e-15)
    np.testing.assert_array_equal(ours.threshold, at)
    np.testing.assert_allclose(ours.area, roc_auc_score(y, p), atol=1e-14)


def test_thresholds_are_those_of_scikit_learn():
    table = thresholds(TRUTH, GUESS, [0.0, 0.3, 0.5, float(GUESS[0]), 0.9])
    for t in table:
        told = t.threshold <= GUESS
        assert [[t.true_no, t.false_yes], [t.false_no, t.true_yes]] == confusion_matrix(TRUTH, told).tolist()
        np.testing.assert_allclose([t.precision, t.recall, t.accuracy],
                                   [precision_score(TRUTH, told), recall_score(TRUTH, told), accuracy_score(TRUTH, told)])
    assert np.isnan(thresholds(TRUTH, GUESS, [1.5])[0].precision)


def test_calibration_is_that_of_scikit_learn_with_intervals_of_statsmodels():
    found = calibrated(TRUTH, GUESS)
    _, told = calibration_curve(TRUTH, GUESS, n_bins=10, strategy="quantile")
    assert [b.rows for b in found] == [100] * 10
    np.testing.assert_allclose([b.told for b in found], told, rtol=0.02)
    for b in found:
        np.testing.assert_allclose([b.low, b.high], proportion_confint(round(b.so * b.rows), b.rows, method="wilson"), rtol=1e-12)
    assert [b.rows for b in calibrated([0, 1, 1], [0.5, 0.5, 0.5])] == [3]


def test_an_estimator_draws_itself_and_what_it_is_worth_on_rows_held_out():
    late = np.where(TRUTH == 1, "late", "in time")
    clf = dv.LogisticRegression().fit(X[:600], late[:600])
    assert len(clf.plot().axes) == 1
    figure = clf.plot(X[600:], late[600:])
    assert "late" in figure.axes[2].get_ylabel()
    area = roc_auc_score(TRUTH[600:], clf.predict_proba(X[600:])[:, 1 if clf.classes_[1] == "late" else 0])
    assert f"AUC {area:.4f}" in [t.get_text() for t in figure.axes[1].get_legend().get_texts()]
    with pytest.raises(UsageError, match="no y was given"):
        clf.plot(X[600:])
    with pytest.raises(UsageError, match="there are 0 classes"):
        dv.LinearRegression().fit(X, TRUTH).plot(X, TRUTH)


REFUSED = [
    ((np.array([0.0, 1.0]), np.array([0.5])), r"shape \(2,\), the guesses \(1,\)"),
    ((np.array([0.0, 2.0]), np.array([0.5, 0.1])), "values 0, 2, not 0 and 1"),
    ((np.array([1.0, 1.0]), np.array([0.5, 0.1])), "values 1, not 0 and 1"),
    ((np.array([1.0, 0.0]), np.array([0.5, np.nan])), "1 of 2 guesses are nan or inf"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED)
@pytest.mark.parametrize("function", [roc, calibrated, lambda *given: thresholds(*given, [0.5])])
def test_what_is_no_yes_or_no_is_refused(function, given, said):
    with pytest.raises(UsageError, match=said):
        function(*given)


def test_coefficients_are_drawn_with_their_intervals():
    found = fitted(LINEAR, X @ [1.0, -2.0, 0.0] + rng.normal(size=m))
    ax = plot(found).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == NAMES[1:]
    drawn = [line.get_xdata().tolist() for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2]
    assert drawn == [[line.low, line.high] for line in found.lines[1:]]
    assert "coefficient" in ax.get_xlabel()
    assert "95 %" in ax.get_xlabel()


def test_odds_ratios_are_drawn_on_a_log_axis_with_round_numbers():
    ax = plot(fitted(level=0.9)).axes[0]
    assert ax.get_xscale() == "log"
    assert "odds ratio" in ax.get_xlabel()
    assert "90 %" in ax.get_xlabel()
    assert all("10^" not in t.get_text() and float(t.get_text()) > 0 for t in ax.get_xticklabels())


@pytest.mark.parametrize(("low", "high"), [(0.4, 1.3), (0.9, 1.1), (0.01, 300.0), (1e-8, 1e9), (1.0, 1.0001)])
def test_log_ticks_are_few(low, high):
    at, text = log_ticks(low, high)
    assert len(at) == len(text) <= 7
    assert all(low <= v <= high for v in at)


def test_what_has_no_error_is_named_and_of_many_the_surest_are_drawn():
    twice = np.column_stack([X, X[:, 0]])
    ax = plot(fitted(x=twice, names=[*NAMES, "again"])).axes[0]
    assert "without standard error: up, again" in ax.get_title(loc="left")
    wide = rng.normal(size=(m, 60))
    wide[:, 7] += 5 * TRUTH
    ax = plot(fitted(LINEAR, TRUTH, wide, ["intercept", *(f"x{k}" for k in range(60))])).axes[0]
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert len(names) == 40
    assert "x7" in names
    assert "20 more, of smaller |z|, not shown" in ax.get_title(loc="left")


def test_the_whole_picture_is_drawn_without_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fitted()
        found.plot().savefig(tmp_path / "a.png")
        figure = plot(found, TRUTH, GUESS, positive="late")
        figure.savefig(tmp_path / "b.png")
    assert len(figure.axes) == 4
    assert any("AUC" in t.get_text() for t in figure.axes[1].get_legend().get_texts())
    assert "late" in figure.axes[2].get_ylabel()
