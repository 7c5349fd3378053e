"""Estimators: scikit-learn's own checks, its answers as reference, and what dvar adds: frames, offsets, any graph, what is said."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from scipy import stats
from sklearn import linear_model as peers
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import dvar as dv

RNG = np.random.default_rng(11)
M = 400
X = RNG.normal(size=(M, 4)) @ RNG.normal(size=(4, 4)) + [0, 3, -1, 0]
SCORE = X @ [0.5, -0.3, 0.2, 0.4]
YES = (RNG.random(M) < 1 / (1 + np.exp(-SCORE))).astype(int)
THREE = np.array(["low", "mid", "high"])[np.digitize(SCORE + RNG.logistic(size=M), [-1.0, 1.0])]
COUNT = RNG.poisson(np.exp(0.3 * np.tanh(SCORE)))
NUMBER = SCORE + RNG.normal(size=M)
WEIGHT = RNG.uniform(0.2, 3.0, M)
SQUARE = "z = w @ x + b; L = (z - y)**2"
YES_NO = "z = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"


def frame(m=M, seed=5):
    """Numbers, a yes/no, a category, text and missing values; the target depends on all of them."""
    rng = np.random.default_rng(seed)
    size = rng.normal(50, 20, m)
    size[rng.random(m) < 0.1] = np.nan
    colour = np.array(["red", "green", "blue"])[rng.integers(0, 3, m)].astype(object)
    colour[rng.random(m) < 0.1] = None
    table = pd.DataFrame({"size": size, "member": rng.random(m) < 0.4, "colour": colour,
                          "grade": pd.Categorical(np.array(["c", "a", "b"])[rng.integers(0, 3, m)], ["c", "b", "a"], ordered=True),
                          "age": rng.integers(18, 90, m)})
    z = np.nan_to_num(size - 50) / 20 + table["member"] - (colour == "red") + (table["grade"] == "a") * 0.5
    return table, np.where(rng.random(m) < 1 / (1 + np.exp(-z)), "yes", "no")


# scikit-learn's checks


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([
    dv.LogisticRegression(), dv.LogisticRegression(C=1.0), dv.LinearRegression(), dv.PoissonRegressor(),
    dv.Estimator(SQUARE, predict="z"), dv.Estimator(YES_NO, predict="a", classes="auto"),
])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


# the same answers


@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("y", [YES, THREE], ids=["binary", "multinomial"])
@pytest.mark.parametrize("options", [
    {}, {"class_weight": "balanced"}, {"class_weight": "given"}, {"fit_intercept": False},
], ids=lambda options: "-".join(map(str, options.values())))
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
def test_with_c_the_answer_is_that_of_scikit_learn(C, y, options, weight):
    if options.get("class_weight") == "given":
        options = {"class_weight": dict(zip(np.unique(y).tolist(), (0.5, 2.0, 1.3)))}
    ours = dv.LogisticRegression(C=C, **options).fit(X, y, sample_weight=weight)
    theirs = peers.LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000, **options)
    theirs.fit(X, y, sample_weight=weight)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-6)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-6)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-6)
    assert ours.predict_log_proba(X) == pytest.approx(theirs.predict_log_proba(X), abs=1e-5)
    assert (ours.predict(X) == theirs.predict(X)).all()
    assert ours.score(X, y) == theirs.score(X, y)


@pytest.mark.parametrize("y", [YES, THREE], ids=["binary", "multinomial"])
def test_features_of_any_scale_have_the_same_optimum(y):
    scale, shift = np.array([1e6, 1e-5, 1.0, 30.0]), np.array([2e7, 1e-4, 1000.0, 0.0])
    wild = X * scale + shift
    exact = {"method": "newton-cg", "tol": 1e-10}
    alone, found = dv.LogisticRegression(**exact).fit(X, y), dv.LogisticRegression(**exact).fit(wild, y)
    assert found.coef_ * scale == pytest.approx(alone.coef_, rel=1e-6, abs=1e-8)
    assert found.predict_proba(wild) == pytest.approx(alone.predict_proba(X), abs=1e-8)
    penalised = dv.LogisticRegression(C=1.0, **exact).fit(wild[:, 2:], y)  # the penalty is of the data as given
    theirs = peers.LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(wild[:, 2:], y)
    assert penalised.coef_ == pytest.approx(theirs.coef_, abs=1e-6)


def test_l2_is_on_the_scale_of_the_mean_loss():
    ours = dv.LogisticRegression(l2=1 / (0.5 * WEIGHT.sum())).fit(X, YES, sample_weight=WEIGHT)
    same = dv.LogisticRegression(C=0.5).fit(X, YES, sample_weight=WEIGHT)
    assert ours.coef_ == pytest.approx(same.coef_, rel=1e-12)


def test_l1_gives_exact_zeros_where_scikit_learn_does():
    ours = dv.LogisticRegression(l1=0.05).fit(X, YES)
    theirs = peers.LogisticRegression(l1_ratio=1.0, C=1 / (0.05 * M), solver="saga", tol=1e-10, max_iter=100_000).fit(X, YES)
    assert ((ours.coef_ == 0) == (np.abs(theirs.coef_) < 1e-6)).all()
    assert (ours.coef_ == 0).any()
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-5)


def test_bounds_hold_and_the_optimum_is_that_of_scikit_learn():
    ours = dv.LinearRegression(bounds=(0, None)).fit(X, NUMBER)
    theirs = peers.LinearRegression(positive=True).fit(X, NUMBER)
    assert ours.coef_.min() >= 0
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-7)
    assert dv.LogisticRegression(bounds=(-0.1, 0.1)).fit(X * 7, THREE).coef_.max() <= 0.1 + 1e-12


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
def test_linear_and_poisson_regression_are_those_of_scikit_learn(weight):
    ours, theirs = dv.LinearRegression().fit(X, NUMBER, weight), peers.LinearRegression().fit(X, NUMBER, weight)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-9)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-9)
    assert ours.score(X, NUMBER, weight) == pytest.approx(theirs.score(X, NUMBER, weight), rel=1e-12)
    ours = dv.PoissonRegressor(l2=0.1).fit(X, COUNT, weight)
    theirs = peers.PoissonRegressor(alpha=0.1, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, COUNT, weight)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-8)
    assert ours.predict(X) == pytest.approx(theirs.predict(X), rel=1e-8)
    assert ours.score(X, COUNT, weight) == pytest.approx(theirs.score(X, COUNT, weight), rel=1e-9)


def test_an_offset_is_that_of_statsmodels():
    import statsmodels.api as sm

    exposure = RNG.uniform(0.5, 2.0, M)
    theirs = sm.GLM(COUNT, sm.add_constant(X), family=sm.families.Poisson(), offset=np.log(exposure)).fit(tol=1e-12)
    ours = dv.PoissonRegressor().fit(X, COUNT, offset=np.log(exposure))
    assert [ours.intercept_, *ours.coef_] == pytest.approx(theirs.params, rel=1e-7, abs=1e-9)
    assert ours.predict(X, offset=np.log(exposure)) == pytest.approx(theirs.fittedvalues, rel=1e-8)
    with pytest.raises(dv.UsageError, match="fitted with an offset"):
        ours.predict(X)
    with pytest.raises(dv.UsageError, match="fitted without one"):
        dv.PoissonRegressor().fit(X, COUNT).predict(X, offset=exposure)
    binary = dv.LogisticRegression().fit(X, YES, offset=SCORE)
    theirs = sm.GLM(YES, sm.add_constant(X), family=sm.families.Binomial(), offset=SCORE).fit(tol=1e-12)
    assert [*binary.intercept_, *binary.coef_[0]] == pytest.approx(theirs.params, abs=1e-7)
    with pytest.raises(dv.UsageError, match="two classes"):
        dv.LogisticRegression().fit(X, THREE, offset=SCORE)


def test_the_summary_is_that_of_statsmodels():
    import statsmodels.api as sm

    ours, theirs = dv.LogisticRegression().fit(X, YES).summary(), sm.Logit(YES, sm.add_constant(X)).fit(disp=0, tol=1e-12)
    assert ours.names == ("intercept", "x0", "x1", "x2", "x3")
    assert [line.coefficient for line in ours.lines] == pytest.approx(theirs.params, rel=1e-8)
    assert [line.error for line in ours.lines] == pytest.approx(theirs.bse, rel=1e-8)
    assert ours.log_likelihood == pytest.approx(theirs.llf, rel=1e-10)
    linear = dv.LinearRegression().fit(X, NUMBER).summary()
    assert [line.error for line in linear.lines] == pytest.approx(sm.OLS(NUMBER, sm.add_constant(X)).fit().bse, rel=1e-8)
    poisson = dv.PoissonRegressor().fit(X, COUNT).summary()
    theirs = sm.Poisson(COUNT, sm.add_constant(X)).fit(disp=0, tol=1e-12)
    assert poisson.aic == pytest.approx(theirs.aic, rel=1e-9)
    assert dv.LogisticRegression(C=1.0).fit(X, YES).summary()["x1"].error is None  # penalised: no errors


# frames


def test_a_frame_of_all_kinds_goes_in_directly():
    import statsmodels.formula.api as smf

    table, y = frame()
    ours = dv.LogisticRegression().fit(table, y)
    assert list(ours.feature_names_in_) == list(table.columns)
    assert ours.n_features_in_ == 5
    assert list(ours.coef_names_) == ["size", "size missing", "member", "colour=green", "colour=red", "colour=(missing)",
                                      "grade=b", "grade=a", "age"]
    plain = table.assign(gap=table["size"].isna().astype(float), size=table["size"].fillna(table["size"].mean()),
                         colour=table["colour"].fillna("zz"), member=table["member"].astype(float), y=(y == "yes").astype(float),
                         grade=table["grade"].astype(str).replace("c", "0").replace("a", "9"))
    theirs = smf.logit("y ~ size + gap + member + C(colour) + C(grade) + age", plain).fit(disp=0, tol=1e-12).params
    order = ["size", "gap", "member", "C(colour)[T.green]", "C(colour)[T.red]", "C(colour)[T.zz]", "C(grade)[T.b]",
             "C(grade)[T.9]", "age"]
    assert ours.coef_[0] == pytest.approx(theirs[order].to_numpy(), rel=1e-6, abs=1e-9)
    assert ours.intercept_[0] == pytest.approx(theirs["Intercept"], rel=1e-6)
    assert ours.summary().names == ("intercept", *ours.coef_names_)
    assert set(ours.predict(table)) == {"no", "yes"}


def test_every_kind_of_frame_gives_the_same():
    table, y = frame()

    class Speaks:  # what Polars and others are to Arrow
        columns = list(table.columns)

        def __arrow_c_stream__(self, requested_schema=None):
            return pa.Table.from_pandas(table).__arrow_c_stream__(requested_schema)

        @property
        def shape(self):
            return table.shape

    wanted = dv.LogisticRegression().fit(table, y)
    for other in (pa.Table.from_pandas(table), table.set_index(np.arange(M) + 7), Speaks()):
        found = dv.LogisticRegression().fit(other, y)
        assert found.coef_ == pytest.approx(wanted.coef_, rel=1e-12)
        assert (found.predict(other) == wanted.predict(table)).all()


def test_a_penalised_frame_keeps_all_levels_and_is_scikit_learns_one_hot():
    table, y = frame()
    table = table[["age", "grade", "member"]].assign(age=lambda t: t["age"] / 10.0)
    encode = ColumnTransformer([("grade", OneHotEncoder(categories=[["c", "b", "a"]]), ["grade"])], remainder="passthrough")
    theirs = make_pipeline(encode, peers.LogisticRegression(C=2.0, solver="newton-cholesky", tol=1e-12)).fit(table, y)
    ours = dv.LogisticRegression(C=2.0).fit(table, y)
    assert list(ours.coef_names_) == ["age", "grade=c", "grade=b", "grade=a", "member"]
    coef = theirs[-1].coef_[0]  # c, b, a, age, member
    assert ours.coef_[0] == pytest.approx(coef[[3, 0, 1, 2, 4]], abs=1e-6)
    assert ours.predict_proba(table) == pytest.approx(theirs.predict_proba(table), abs=1e-6)


def test_new_levels_and_missing_values_are_predicted_and_wrong_columns_refused():
    table, y = frame()
    fitted = dv.LogisticRegression().fit(table, y)
    new = table.head(4).assign(colour=["violet", None, "red", "green"], size=[np.nan, 1, 2, 3])
    with pytest.warns(dv.DvarWarning, match="colour: 1 row of a level not seen in training, taken as missing"):
        assert np.isfinite(fitted.predict_proba(new)).all()
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(table.drop(columns="age"))
    with pytest.raises(dv.DvarError, match="of type"):
        fitted.predict(table.assign(age="old"))
    with pytest.raises(dv.DvarError, match="neither number nor category"):
        dv.LogisticRegression().fit(pd.DataFrame({"when": pd.to_datetime(["2020-01-01"] * 4)}), [0, 1, 0, 1])
    with pytest.raises(dv.DvarError, match="cannot be read"):
        dv.LogisticRegression().fit(pd.DataFrame({"odd": [1, "a", (2,), None]}), [0, 1, 0, 1])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        dv.LogisticRegression().fit(table[["age", "size"]], y).predict(np.array([[30.0, 2.0]]))


def test_arrays_are_refused_as_scikit_learn_refuses_them():
    for wrong, says in (([[np.nan, 1], [0, 1]], "NaN"), ([[np.inf, 1], [0, 1]], "infinity"), ([1.0, 2.0], "Expected 2D")):
        with pytest.raises(ValueError, match=says):
            dv.LogisticRegression().fit(wrong, [0, 1])
    with pytest.raises(ValueError, match="could not convert"):
        dv.LogisticRegression().fit(np.array([["a", 1], ["b", 2]], dtype=object), [0, 1])


@pytest.mark.parametrize("y", [YES, THREE], ids=["binary", "multinomial"])
def test_a_sparse_matrix_gives_the_same(y):
    sparse = sp.random_array((M, 30), density=0.2, rng=np.random.default_rng(1), format="csr")
    exact = {"l2": 0.01, "method": "newton-cg", "tol": 1e-10}
    dense, found = dv.LogisticRegression(**exact).fit(sparse.toarray(), y), dv.LogisticRegression(**exact).fit(sparse, y)
    assert found.coef_ == pytest.approx(dense.coef_, abs=1e-8)
    assert found.predict_proba(sparse.tocsc()) == pytest.approx(dense.predict_proba(sparse.toarray()), abs=1e-8)
    assert dv.LinearRegression().fit(sparse, NUMBER).coef_ == pytest.approx(
        peers.LinearRegression().fit(sparse.toarray(), NUMBER).coef_, rel=1e-8)


# in scikit-learn's machinery


def test_pipeline_grid_search_and_calibration():
    table, y = frame()
    found = GridSearchCV(dv.LogisticRegression(C=1.0), {"C": [0.01, 1.0, 100.0]}, cv=3).fit(table, y)
    assert found.best_params_["C"] in (0.01, 1.0, 100.0)
    assert found.best_score_ > 0.6
    piped = make_pipeline(StandardScaler(), dv.LogisticRegression(C=1.0)).fit(X, YES)
    same = make_pipeline(StandardScaler(), peers.LogisticRegression(C=1.0, tol=1e-10)).fit(X, YES)
    assert piped.predict_proba(X) == pytest.approx(same.predict_proba(X), abs=1e-6)
    calibrated = CalibratedClassifierCV(dv.LogisticRegression(), cv=3).fit(X, YES)
    assert calibrated.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(M))
    assert cross_val_predict(dv.LogisticRegression(), X, THREE, method="predict_proba").shape == (M, 3)


def test_set_output_hands_a_frame_over():
    piped = make_pipeline(StandardScaler().set_output(transform="pandas"), dv.LogisticRegression())
    piped.fit(pd.DataFrame(X, columns=list("abcd")), YES)
    assert list(piped[-1].feature_names_in_) == list(piped[-1].coef_names_) == list("abcd")


@pytest.mark.parametrize("estimator", [
    dv.LogisticRegression(l2=0.1, class_weight="balanced"), dv.LinearRegression(), dv.PoissonRegressor(bounds=(0, 1)),
    dv.Estimator(dv.graph(YES_NO), predict="a", classes="auto"), dv.Estimator("huber"),
], ids=lambda e: type(e).__name__)
def test_clone_and_pickle(estimator):
    copy = clone(estimator)
    assert repr(copy) == repr(estimator)
    y = YES if is_classifier(estimator) else COUNT
    assert is_classifier(estimator) != is_regressor(estimator)
    fitted = copy.fit(X, y)
    back = pickle.loads(pickle.dumps(fitted))
    assert (back.predict(X) == fitted.predict(X)).all()
    assert back.coef_ == pytest.approx(fitted.coef_)
    assert len(pickle.dumps(fitted)) < X.nbytes  # the rows stay behind
    with pytest.raises(dv.UsageError, match="neither pickled nor copied"):
        back.summary()
    with pytest.raises(NotFittedError):
        clone(fitted).predict(X)


def test_metadata_routing():
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        routed = dv.LogisticRegression().set_fit_request(sample_weight=True, offset=True).set_predict_request(offset=True)
        routed = routed.set_score_request(sample_weight=True, offset=True)
        found = cross_validate(routed, X, YES, cv=3, params={"sample_weight": WEIGHT, "offset": SCORE}, return_estimator=True)
        half = dv.LogisticRegression()
        assert len(found["estimator"]) == 3
        grid = GridSearchCV(routed, {"l2": [0.1]}, cv=2).fit(X, YES, sample_weight=WEIGHT, offset=SCORE)
        assert grid.best_estimator_.coef_ == pytest.approx(
            clone(half).set_params(l2=0.1).fit(X, YES, sample_weight=WEIGHT, offset=SCORE).coef_)


def test_parameters_by_name():
    estimator = dv.Estimator(SQUARE, predict="z", l2=0.5)
    assert estimator.get_params()["predict"] == "z"
    assert estimator.set_params(predict=None, l2=0.0).get_params()["predict"] is None
    assert callable(estimator.predict)


# any graph


def test_any_graph_is_an_estimator():
    @dv.graph
    def L(w, b, x, y):
        z = w @ x + b
        a = dv.sigmoid(z)
        return -(y * dv.log(a) + (1 - y) * dv.log(1 - a))

    logistic = dv.LogisticRegression().fit(X, YES)
    ours = dv.Estimator(L, predict="a").fit(X, YES)
    assert ours.predict(X) == pytest.approx(logistic.predict_proba(X)[:, 1], abs=1e-9)
    assert ours.coef_ == pytest.approx(logistic.coef_[0], abs=1e-9)
    labelled = dv.Estimator(L, classes=["no", "yes"]).fit(X, np.where(YES, "yes", "no"))
    assert (labelled.predict(X) == np.where(logistic.predict(X), "yes", "no")).all()
    assert labelled.predict_proba(X) == pytest.approx(logistic.predict_proba(X), abs=1e-9)
    many = dv.Estimator("softmax", classes="auto", l2=0.01).fit(X, THREE)
    assert many.predict_proba(X) == pytest.approx(dv.LogisticRegression(l2=0.01).fit(X, THREE).predict_proba(X), abs=1e-6)


def test_features_target_and_columns_by_name():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"dose": rng.uniform(0, 5, M), "age": rng.normal(size=M), "extra": rng.normal(size=M)})
    table["response"] = 3 * np.exp(-0.7 * table["dose"]) + 0.5 * table["age"] + rng.normal(size=M) * 0.01
    estimator = dv.Estimator("z = top*exp(-rate*dose) + w @ x; L = (z - y)**2", predict="z", features=["age"], target="response",
                             start={"top": 1.0, "rate": 0.1, "w": [0.0]})
    fitted = estimator.fit(table)
    assert fitted.fit_.params["top"] == pytest.approx(3, abs=0.01)
    assert fitted.fit_.params["rate"] == pytest.approx(0.7, abs=0.01)
    assert list(fitted.coef_names_) == ["age"]
    assert fitted.score(table) > 0.99
    assert fitted.predict(table.drop(columns="response")).shape == (M,)


def test_a_network_learns_what_no_line_tells():
    x = RNG.normal(size=(500, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    fitted = dv.Estimator("network", classes="auto", l2=1e-4, random_state=1).fit(x, y)
    again = dv.Estimator("network", classes="auto", l2=1e-4, random_state=1).fit(x, y)
    assert fitted.score(x, y) > 0.95
    assert (fitted.predict_proba(x) == again.predict_proba(x)).all()


def test_ordered_classes_and_dispersed_counts():
    fitted = dv.Estimator("ordered", classes=["low", "mid", "high"]).fit(X, THREE)
    assert fitted.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(M))
    assert fitted.score(X, THREE) > 0.5
    told = fitted.summary()  # of cuts there is no unit more
    assert [line.name for line in told.lines if line.odds] == list(fitted.coef_names_)
    assert [t.get_text() for t in told.plot().axes[0].get_yticklabels()] == list(fitted.coef_names_)
    counts = stats.nbinom.rvs(2, 2 / (2 + np.exp(0.3 * np.tanh(SCORE))), random_state=3)
    theirs = __import__("statsmodels.api").api.NegativeBinomial(counts, np.column_stack([X, np.ones(M)])).fit(disp=0, method="newton", tol=1e-12)
    ours = dv.Estimator("negative-binomial").fit(X, counts)
    assert ours.coef_ == pytest.approx(theirs.params[:4], abs=1e-5)
    assert np.exp(ours.fit_.params["s"]) == pytest.approx(theirs.params[5], rel=1e-4)


@pytest.mark.parametrize(("estimator", "y", "says"), [
    (dv.Estimator(SQUARE, predict="L"), NUMBER, "L depends on y"),
    (dv.Estimator(SQUARE, predict="zz"), NUMBER, "no node 'zz' to predict"),
    (dv.Estimator("z = w @ x; L = z**2"), NUMBER, "does not use the target y"),
    (dv.Estimator("L = (w @ x - y)**2"), NUMBER, "no line of the loss predicts"),
    (dv.Estimator(), NUMBER, "needs a loss"),
    (dv.Estimator("hubber"), NUMBER, "no model 'hubber'; did you mean 'huber'"),
    (dv.Estimator(YES_NO, classes=["no", "yes"]), THREE, "not one of the classes"),
    (dv.Estimator(YES_NO, classes="auto"), THREE, "Only binary classification"),
    (dv.Estimator(SQUARE, features=["a"]), NUMBER, "an array without names"),
    (dv.LogisticRegression(C=1.0, l2=1.0), YES, "give one of them"),
    (dv.LogisticRegression(C=-1.0), YES, "C is -1.0"),
    (dv.Estimator("z = sum(w * x); L = (z - y)**2", predict="z"), NUMBER, "shapes of w"),
    (dv.LogisticRegression(), np.zeros(M), "one class only"),
    (dv.LogisticRegression(), NUMBER, "Unknown label type"),
    (dv.PoissonRegressor(), -COUNT, "negative"),
    (dv.LogisticRegression(early_stopping=1.5), YES, "share of rows held out"),
    (dv.LogisticRegression(method="simplex"), YES, "no method 'simplex'"),
    (dv.LogisticRegression(bounds=(1, 0)), YES, "leave no value"),
    (dv.LogisticRegression(method=None), YES, "no method None"),
    (dv.LogisticRegression(l2="a"), YES, "l2 is 'a'"),
    (dv.LogisticRegression(l2=None), YES, "l2 is None"),
    (dv.LogisticRegression(C="1"), YES, "C is '1'"),
    (dv.LogisticRegression(early_stopping="a"), YES, "early_stopping is 'a'"),
    (dv.LogisticRegression(), np.where(YES == 1, "a", None).astype(object), "several kinds, NoneType and str"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_what_cannot_be_meant_is_refused(estimator, y, says):
    with pytest.raises(ValueError, match=says):
        estimator.fit(X, y)


@pytest.mark.parametrize(("features", "says"), [
    (np.full((M, 4), "2020-01-01", dtype="datetime64[D]"), "array of datetime64"),
    (np.ma.masked_greater(X, 1.0), "entries of X are masked"),
], ids=["dates", "masked"])
def test_arrays_that_would_become_other_numbers_are_refused(features, says):
    with pytest.raises(ValueError, match=says):
        dv.LinearRegression().fit(features, NUMBER)
    with pytest.raises(ValueError, match=says):
        dv.LinearRegression().fit(X, NUMBER).predict(features)


def test_weights_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="Negative values"):
        dv.LogisticRegression().fit(X, YES, sample_weight=-WEIGHT)
    with pytest.raises(ValueError, match="zero|all 0"):
        dv.LogisticRegression().fit(X, YES, sample_weight=0 * WEIGHT)
    with pytest.raises(ValueError, match="offset has 3 numbers"):
        dv.LogisticRegression().fit(X, YES, offset=[1.0, 2.0, 3.0])


# said, not hidden


def heard(estimator, *data):
    """The estimator fitted, and all that was said of it."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        estimator.fit(*data)
    assert all(issubclass(w.category, dv.DvarWarning) for w in found)
    assert all(w.filename == __file__ for w in found)
    return estimator, " | ".join(str(w.message) for w in found)


def test_separation_is_said_with_its_columns():
    _, said = heard(dv.LogisticRegression(), np.column_stack([X, YES * 2.0 + X[:, 0] / 100]), YES)
    assert "x4" in said
    assert "400 rows (perfect separation)" in said
    table, y = frame()
    _, said = heard(dv.LogisticRegression(), table[["colour"]].fillna("grey"), np.where(table["colour"] == "red", "no", y))
    assert "colour=red" in said
    assert "quasi-complete separation" in said
    _, said = heard(dv.LogisticRegression(), np.column_stack([X, THREE == "low"]), THREE)
    assert "separation" in said
    assert heard(dv.LogisticRegression(C=1.0), np.column_stack([X, YES * 2.0]), YES)[1] == ""


@pytest.mark.parametrize(("estimator", "y"), [(dv.LogisticRegression(), YES), (dv.PoissonRegressor(), np.arange(M) % 4 * 1.0)])
def test_a_column_that_separates_leaves_the_others_as_its_rows_left_out_would(estimator, y):
    """The intercept among them, though its coordinate, by which columns are measured from their means, has no end either."""
    rare = (y == y.min()) & (np.arange(M) % 5 == 0)
    ours, _ = heard(clone(estimator), np.column_stack([X, rare]), y)
    rest = heard(clone(estimator), X[~rare], y[~rare])[0].summary()
    told = ours.summary()
    assert told.separated == ("x4",)
    assert "1 parameter has no finite optimum" in ours.fit_.message
    for line, other in zip(told.lines, rest.lines):
        assert [line.coefficient, line.error] == pytest.approx([other.coefficient, other.error], rel=1e-6)


def test_of_many_classes_the_rows_that_separate_are_counted_right():
    features, y = load_digits(return_X_y=True)
    _, said = heard(dv.LogisticRegression(method="l-bfgs"), features[:, [7, 15, 31, 20, 36]], y)
    assert "x0 is not 0 (quasi-complete separation)" in said
    assert f"y is never {', '.join(map(str, np.setdiff1d(y, y[features[:, 7] != 0])))} in the 48 rows where x0 is not 0" in said
    assert f"y is 4 in all {np.sum(features[:, 31] != 0)} rows where x2 is 1" in said


def test_many_columns_that_separate_are_told_in_one_sentence_beyond_the_first():
    level = np.arange(M) % 40
    table = pd.DataFrame({"x": X[:, 0], "k": [f"l{v:02}" for v in level]})
    _, said = heard(dv.LogisticRegression(), table, np.where(level < 30, 1.0, YES) * (level != 0))
    assert said.count("quasi-complete separation") <= 10
    assert "more columns alone tell y where they are not 0, and have no finite optimum: k=l" in said


def test_a_class_of_one_row_is_said():
    lonely = np.where(np.arange(M) == 7, 2, YES)
    assert "y is 2 in a single row" in heard(dv.LogisticRegression(l2=0.1), X, lonely)[1]


@pytest.mark.parametrize("y", [[1.0, 0.0, np.nan, 1.0], pd.Series(["a", "b", None, "a"]), pd.array([1, 0, None, 1], dtype="Int64"),
                               pd.Categorical(["a", "b", None, "a"])])
@pytest.mark.parametrize("X", [pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}), [[1.0], [2.0], [3.0], [4.0]]])
def test_rows_without_an_answer_are_refused_as_such(X, y):
    with pytest.raises(dv.DvarError, match="Input y contains NaN: of some rows the answer is missing"):
        dv.LogisticRegression().fit(X, y)


def test_collinear_columns_are_named_and_the_shortest_answer_given():
    twice = np.column_stack([X, X[:, 1] + X[:, 2]])
    with pytest.warns(dv.DvarWarning, match="x1.*x2.*x4"):
        ours = dv.LinearRegression().fit(twice, NUMBER)
    centred = twice - twice.mean(axis=0)
    assert ours.coef_ == pytest.approx(np.linalg.lstsq(centred, NUMBER - NUMBER.mean(), rcond=1e-10)[0], abs=1e-8)
    with pytest.warns(dv.DvarWarning, match="x1.*x2.*x4"):
        logistic = dv.LogisticRegression().fit(twice, YES)
    assert logistic.predict_proba(twice) == pytest.approx(dv.LogisticRegression().fit(X, YES).predict_proba(X), abs=1e-8)
    assert np.dot(logistic.coef_[0], [0, 1, 1, 0, -1]) == pytest.approx(0, abs=1e-9)  # nothing along what changes nothing


def test_more_columns_than_rows_give_the_shortest_answer():
    wide = RNG.normal(size=(10, 30)) * np.geomspace(0.01, 100, 30)
    with pytest.warns(dv.DvarWarning, match="10 rows"):
        ours = dv.LinearRegression().fit(wide, NUMBER[:10])
    theirs = np.linalg.lstsq(wide - wide.mean(axis=0), NUMBER[:10] - NUMBER[:10].mean(), rcond=1e-12)[0]
    assert ours.coef_ == pytest.approx(theirs, abs=1e-8)


def test_columns_that_never_vary_are_said_and_cost_nothing():
    still = np.column_stack([X, np.full(M, 1e7), np.zeros(M)])
    ours, said = heard(dv.LogisticRegression(), still, YES)
    assert "x4 is 1e+07 in every row" in said
    assert "x5" in said
    assert ours.coef_[0] == pytest.approx([*dv.LogisticRegression().fit(X, YES).coef_[0], 0, 0], abs=1e-9)
    with pytest.warns(dv.DvarWarning, match="left out: d: always 3"):
        dv.LogisticRegression().fit(pd.DataFrame(X, columns=list("abce")).assign(d=3), YES)
    alone = dv.LinearRegression(fit_intercept=False).fit(np.column_stack([X, np.ones(M)]), NUMBER)
    assert alone.coef_[-1] == pytest.approx(dv.LinearRegression().fit(X, NUMBER).intercept_, abs=1e-9)


@pytest.mark.parametrize("options", [{}, {"C": 1.0}, {"l1": 0.01}])
def test_what_is_common_to_all_classes_is_taken_out(options):
    x, y = np.tile(X, (500, 1)), np.tile(THREE, 500)  # rows enough for a Hessian of some, by which W and b drift together
    ours = dv.LogisticRegression(**options).fit(x, y)
    assert ours.intercept_.sum() == pytest.approx(0, abs=1e-12)
    assert ours.coef_.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-8) or "l1" in options


def test_a_column_far_from_zero_by_its_spread_is_said():
    far = np.column_stack([X, 1e9 + X[:, 0] * X[:, 1]])
    assert "x4 lies more than 100,000 spreads from 0" in heard(dv.LinearRegression(), far, NUMBER)[1]
    ours, said = heard(dv.LinearRegression(), pd.DataFrame(far, columns=list("abcde")), NUMBER)
    near = dv.LinearRegression().fit(far - [0, 0, 0, 0, 1e9], NUMBER)
    assert ours.coef_ == pytest.approx(near.coef_, rel=1e-9)
    assert ours.summary()["e"].error == pytest.approx(near.summary()["x4"].error, rel=1e-9)
    assert not said


def test_columns_that_are_all_but_collinear_are_said():
    _, said = heard(dv.LogisticRegression(), np.column_stack([X, X[:, 1] + 1e-7 * X[:, 0] * X[:, 2]]), YES)
    assert "x1, x4 are collinear but for rounding" in said


@pytest.mark.parametrize("regressor", [dv.LinearRegression(), dv.PoissonRegressor()])
def test_a_target_that_never_varies_is_said(regressor):
    assert "y is 3 in all" in heard(regressor, X, np.full(M, 3.0))[1]


def test_numbers_far_below_one_are_fitted_without_a_warning_of_numpy():
    ours, said = heard(dv.LogisticRegression(), X * 1e-160, YES)
    assert ours.coef_ * 1e-160 == pytest.approx(dv.LogisticRegression().fit(X, YES).coef_, rel=1e-6)
    assert not said


def test_a_fit_that_did_not_converge_says_so():
    with pytest.warns(ConvergenceWarning, match="did 1 step;"):
        fitted = dv.LogisticRegression(steps=1).fit(X, YES)
    assert not fitted.fit_.converged
    with pytest.warns(ConvergenceWarning, match="rate 1000 is too high"):
        dv.LogisticRegression(method="gradient-descent", rate=1000.0).fit(X, YES)


def test_the_loss_curve_falls_and_watch_is_called_with_it():
    seen = []
    fitted = dv.LogisticRegression(C=1.0, watch=seen.append).fit(X, YES)
    assert fitted.loss_curve_ == [row.cost for row in seen]
    assert fitted.loss_curve_[0] == pytest.approx(np.log(2))
    assert fitted.loss_curve_[-1] == pytest.approx(min(fitted.loss_curve_), rel=1e-14)  # the last passes differ by rounding
    assert fitted.n_iter_ == len(seen)


def test_scikit_learns_callbacks_see_each_pass_and_may_end_the_fit():
    pytest.importorskip("sklearn.callback")

    class Seen:
        def __init__(self, most):
            self.most, self.tasks, self.scores = most, [], []

        def setup(self, estimator, context):
            self.tasks.append("setup")

        def on_fit_task_begin(self, estimator, context):
            self.tasks.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
            if context.task_name == "pass":
                self.scores.append(fitted_estimator.score(X, y))
            return len(self.scores) >= self.most

        def teardown(self, estimator, context):
            self.tasks.append("teardown")

    all_of_it, some = Seen(1000), Seen(2)
    fitted = dv.LogisticRegression(C=1.0).set_callbacks(all_of_it).fit(X, THREE)
    assert all_of_it.tasks == ["setup", "begin fit", *["begin pass"] * len(fitted.loss_curve_), "teardown"]
    assert all_of_it.scores[-1] == fitted.score(X, THREE)
    table, y = frame()
    stopped = dv.LogisticRegression().set_callbacks(some).fit(table, y)
    assert stopped.n_iter_ == 2
    assert stopped.fit_.message == "stopped by a callback"
    assert stopped.score(table, y) == some.scores[-1]
    several = dv.LogisticRegression().set_callbacks(Seen(2)).fit(X, THREE)
    assert (several.n_iter_, several.fit_.message) == (2, "stopped by a callback")


def test_gradient_descent_works_on_the_data_as_given():
    with pytest.warns(ConvergenceWarning):
        ours = dv.LogisticRegression(method="gradient-descent", rate=0.01, steps=3).fit(X, YES)
    w, b = np.zeros(4), 0.0
    for _ in range(3):
        error = 1 / (1 + np.exp(-(X @ w + b))) - YES
        w, b = w - 0.01 * X.T @ error / M, b - 0.01 * error.mean()
    assert ours.coef_[0] == pytest.approx(w, rel=1e-12)
    table = pd.DataFrame(X, columns=list("abcd"))
    with pytest.warns(ConvergenceWarning):
        again = dv.LogisticRegression(method="gradient-descent", rate=0.01, steps=3).fit(table, YES)
    assert again.coef_[0] == pytest.approx(w, rel=1e-12)


def test_a_warm_start_goes_on_where_the_last_fit_ended():
    warm = dv.LogisticRegression(warm_start=True).fit(X, YES)
    first, coef = warm.n_iter_, warm.coef_
    assert warm.fit(X, YES).n_iter_ < first
    assert warm.coef_ == pytest.approx(coef, abs=1e-8)
    assert warm.fit(X, YES).n_iter_ == 2  # what zero costs is asked too; a convex loss has no saddle to look for
    table, y = frame()
    warm = dv.LogisticRegression(warm_start=True).fit(table, y)
    assert warm.fit(table.iloc[:-5], y[:-5]).n_iter_ < dv.LogisticRegression().fit(table.iloc[:-5], y[:-5]).n_iter_ + 1
    assert warm.fit(X, THREE).coef_.shape == (3, 4)  # other shapes: from the beginning


def test_early_stopping_keeps_what_was_best_for_the_rows_held_out():
    x, y = RNG.normal(size=(120, 60)), np.arange(120) % 2
    stopped = dv.LogisticRegression(early_stopping=0.3, method="l-bfgs", random_state=0).fit(x, y)
    again = dv.LogisticRegression(early_stopping=0.3, method="l-bfgs", random_state=0).fit(x, y)
    assert stopped.fit_.message.startswith("stopped early: on the 36 rows held out")
    assert not stopped.fit_.converged
    assert np.linalg.norm(stopped.coef_) < 0.5 * np.linalg.norm(dv.LogisticRegression(l2=1e-6).fit(x, y).coef_)
    assert (again.coef_ == stopped.coef_).all()
    slow = dv.LogisticRegression(early_stopping=0.3, method="gradient-descent", rate=0.5, random_state=0).fit(x, y)
    assert slow.fit_.message.startswith("stopped early")


def test_a_notebook_shows_the_graph_and_the_loss():
    page = dv.LogisticRegression().fit(X, YES)._repr_mimebundle_()["text/html"]
    assert page.count("<svg") >= 2
    assert "J by pass" in page
    assert "<svg xmlns" not in dv.LogisticRegression()._repr_mimebundle_()["text/html"]


def test_dvar_alone_does_not_load_scikit_learn():
    loaded = "import sys, dvar; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0


# coordinates of the solver


@pytest.mark.parametrize("weight", [None, np.arange(40) % 4.0])
def test_centre_and_spread_of_sparse_columns_are_those_of_dense_ones(weight):
    from scipy import sparse

    from dvar.models.spreads import centre_spread

    r = np.random.default_rng(0)
    x = r.normal(size=(40, 7)) * (r.random((40, 7)) < [1, 1, 0.5, 0.2, 0, 0.1, 1])
    x[:, 1], x[:, 5], x[7, 5] = 3.0, 0.0, 2.0
    x[:, 6] = 1e9 + 1e-3 * x[:, 6]
    for found, wanted in zip(centre_spread(sparse.csr_array(x), weight), centre_spread(x, weight)):
        np.testing.assert_allclose(found, wanted, rtol=1e-8)
    assert centre_spread(sparse.csr_array(x[:, :1]))[1][0] > 0


def test_rare_features_are_no_end():
    """Columns with a number in one row or none, some of them tiny: their coefficients are held by the penalty alone."""
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    r = np.random.default_rng(0)
    x = sparse.random_array((2000, 3000), density=1e-3, format="csr", rng=r)
    x.data[:20] *= 1e-5
    y = r.random(2000) < 0.5
    ours = dv.LogisticRegression(C=1.0).fit(x, y)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x, y)
    assert ours.fit_.converged
    assert ours.fit_.passes < 200
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


NUMBERS = [["1", "5"], ["2", "3"], ["4", "4"], ["3", "1"], ["2", "2"], ["5", "6"]]


@pytest.mark.parametrize(("X", "said"), [
    (np.array(NUMBERS), "X is an array of text, and what it holds is read as numbers"),
    (np.array(NUMBERS, dtype=object), "X is an array of text, and what it holds is read as numbers"),
    (NUMBERS, "X is an array of text, and what it holds is read as numbers"),
    (pd.DataFrame(NUMBERS, columns=["a", "b"]), "a: text such as '1' is read as levels, and all of it is numbers"),
    (pd.DataFrame(NUMBERS, columns=["a", "b"]).astype({"a": float}).astype({"b": "category"}), ""),
    (pd.DataFrame({"zip": ["01", "02", "01", "03", "02", "03"]}), ""),
    (pd.DataFrame({"a": [*"ab", "1", "2", "a", "1"]}), ""),
    (np.array(NUMBERS, dtype=float), ""),
])
def test_numbers_written_as_text_are_said(X, said):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        dv.LogisticRegression(l2=1.0).fit(X, [0, 1, 0, 1, 1, 0])
    told = [str(w.message) for w in seen if "text" in str(w.message)]
    assert [m.startswith(said) for m in told[:1]] == [True] * bool(said), told


@pytest.mark.parametrize("shift", [-700.0, -100.0, 30.0, 100.0, 700.0])
@pytest.mark.parametrize("kind", [dv.LogisticRegression, dv.PoissonRegressor, dv.LinearRegression])
def test_what_is_added_to_an_offset_is_taken_from_the_intercept(kind, shift):
    rng = np.random.default_rng(0)
    X, near = rng.normal(size=(300, 2)), rng.normal(size=300)
    z = X @ [0.5, -0.3] + near
    y = (rng.random(300) < 1 / (1 + np.exp(-z))).astype(int) if kind is dv.LogisticRegression else rng.poisson(np.exp(z))
    one, other = (kind().fit(X, y, offset=near + by) for by in (0.0, shift))
    assert other.fit_.converged
    assert other.coef_ == pytest.approx(one.coef_, rel=1e-6)
    assert np.ravel(other.intercept_) == pytest.approx(np.ravel(one.intercept_) - shift, rel=1e-9)
