"""Whatever a user holds can be pickled and copied, and is the same afterwards."""

import copy
import pickle

import numpy as np
import pytest

import dvar as dv

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
Y = (X @ [1.0, -2.0] + RNG.logistic(size=80) > 0).astype(float)
J = dv.graph("u = b*c; v = a + u; J = 3*v")
L = dv.graph("inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1-y)*log(1-a))")
PICKED = dv.graph("inputs: W, x, y\nL = -log(softmax(W @ x)[y])")
PASSED = J.at(a=5, b=3, c=2)
COST = L.over(x=X, y=Y)
FITTED = dv.LogisticRegression().fit(X, Y)
SMALLER = dv.LogisticRegression().fit(X[:, :1], Y)

HELD = {
    "graph": J,
    "derivative of a graph": J.d("b"),
    "simplified graph": L.shaped(w=2, x=2).simplified(),
    "pass": PASSED,
    "pass of vectors": L.at(w=[1, 2], b=0, x=[3, 4], y=1),
    "steps": PASSED.steps(),
    "steps in parts, in Korean": PASSED.steps("ko").unfold(),
    "step": PASSED.steps().backward[1],
    "check": PASSED.check(),
    "slope": dv.slope("a**2", a=2),
    "table": dv.derivatives(),
    "row of the table": dv.derivatives("log"),
    "one derivative": dv.derivatives("log")[0],
    "cost": COST,
    "pass of a cost": COST.at(w=[0, 0], b=0),
    "first examples": COST.unrolled(3),
    "fit": COST.minimize(),
    "fit by gradient descent": COST.minimize(method="gradient-descent", rate=0.1, steps=10),
    "regression": FITTED,
    "summary": FITTED.summary(),
    "estimator": dv.Estimator(L, predict="a").fit(X, Y),
    "inference": dv.inference(COST, COST.minimize()),
    "robust inference": dv.inference(COST, COST.minimize(), kind="HC1"),
    "likelihood ratio": dv.lr_test(SMALLER.summary(), FITTED.summary()),
    "diagnosis": dv.diagnose(COST, COST.minimize()),
}
PROGRAMS = {
    "loop": (J.program("loop"), {"a": 5, "b": 3, "c": 2}),
    "numpy": (J.program("numpy"), {"a": 5, "b": 3, "c": 2}),
    "of shapes": (PICKED.shaped(W=(3, 2), x=2).program("numpy"), {"W": np.eye(3, 2), "x": [1, 2], "y": 1}),
    "fused": (J.program("fused"), {"a": 5, "b": 3, "c": 2}),
    **{f"{target} over examples": (COST.program(target), {"w": [0.5, 1], "b": 2}) for target in ("loop", "numpy", "fused")},
}
WAYS = {"pickle": lambda held: pickle.loads(pickle.dumps(held)), "deepcopy": copy.deepcopy, "copy": copy.copy}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", HELD)
def test_what_is_held_is_the_same_after(name, way):
    again = WAYS[way](HELD[name])
    assert type(again) is type(HELD[name])
    assert repr(again) == repr(HELD[name])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_run_after(name, way):
    program, given = PROGRAMS[name]
    again = WAYS[way](program)
    assert str(again) == str(program)
    assert again.target == program.target
    for a, b in zip(again(**given), program(**given), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_bare_function_comes_back():
    assert pickle.loads(pickle.dumps(J.program("loop"))).function(5.0, 3.0, 2.0) == J.program("loop").function(5.0, 3.0, 2.0)


def test_a_pass_draws_and_tells_the_same_after():
    again = pickle.loads(pickle.dumps(PASSED))
    assert (again.svg(), again.html(), again.steps().latex) == (PASSED.svg(), PASSED.html(), PASSED.steps().latex)
    assert again.du == PASSED.du
