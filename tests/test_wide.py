"""Many more parameters than rows: what a matrix (P, P) of small rank tells is found from its few directions, and is the same."""

import numpy as np
import pytest

import dvar as dv
from dvar.descend import curvature
from dvar.descend.curvature import Curvature, narrow, vanished
from dvar.models.covariance import inverse
from dvar.models.inference import variances

P = curvature.WIDE + 50
RNG = np.random.default_rng(0)


def of_rank(rank, spread=1.0):
    rows = RNG.normal(size=(rank, P)) * np.geomspace(1.0, spread, rank)[:, None]
    return rows.T @ rows / P


@pytest.fixture
def by_eigenvalues(monkeypatch):
    """What all eigenvalues tell, in place of a factor of few columns."""
    def told(function, *given):
        with monkeypatch.context() as m:
            m.setattr(curvature, "WIDE", P + 1)
            m.setattr(curvature, "FEW", P + 1)
            return function(*given)

    return told


@pytest.mark.parametrize(("rank", "spread"), [(1, 1.0), (40, 1.0), (40, 1e3), (100, 1e-2), (0, 1.0)])
def test_few_directions_have_all_curvature(rank, spread):
    matrix = of_rank(rank, spread)
    values, vectors = narrow(matrix)
    assert len(values) == rank
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(rank), atol=1e-12)
    np.testing.assert_allclose((vectors * values) @ vectors.T, matrix, atol=1e-12 * np.abs(matrix).max(initial=1.0))
    np.testing.assert_allclose(np.sort(values), np.linalg.eigvalsh(matrix)[P - rank :], rtol=1e-9)


@pytest.mark.parametrize("matrix", [
    np.eye(P), of_rank(P), of_rank(P // 2), of_rank(20) - of_rank(1), of_rank(20) - 1e-3 * np.eye(P), np.eye(20), np.full((P, P), np.nan),
], ids=["identity", "full", "half", "indefinite", "lowered", "small", "nan"])  # fmt: skip
def test_elsewhere_there_is_no_such_factor(matrix):
    assert narrow(matrix) is None


@pytest.mark.parametrize("free", [0, 1, 3])
@pytest.mark.parametrize("least", [1e-5, 1e-3, 10.0])
@pytest.mark.parametrize("rank", [3, 60])
def test_what_a_diagonal_holds_up_is_solved_as_by_all_numbers(rank, least, free):
    held = RNG.uniform(least, 2 * least, P)
    held[RNG.permutation(P)[:free]] = 0.0
    hessian, gradient = of_rank(rank) + np.diag(held), RNG.normal(size=P)
    one, other = Curvature(gradient, hessian, held=held), Curvature(gradient, hessian)
    assert isinstance(one.factor, curvature.Held)
    assert isinstance(other.factor, curvature.Factor)
    np.testing.assert_allclose(one.whole().move, other.whole().move, rtol=1e-6, atol=1e-9 * np.abs(other.whole().move).max())
    assert one.whole().promised == pytest.approx(other.whole().promised, rel=1e-9)
    assert vanished(hessian, hessian, held=held)[0].shape == vanished(hessian, hessian)[0].shape == (P, 0)


@pytest.mark.parametrize("spoiled", ["nothing is held", "too many are free", "not of small rank", "negative beside it"])
def test_elsewhere_nothing_is_held_up(spoiled):
    held = np.full(P, 0.0 if spoiled == "nothing is held" else 0.1)
    matrix = of_rank(P if spoiled == "not of small rank" else 5)
    if spoiled == "too many are free":
        held[: curvature.FEW + 1] = 0.0
    matrix += np.diag(held)
    if spoiled == "negative beside it":
        held[0] = 0.0
        matrix[0, 0] = -1.0
    assert curvature.held_up(matrix, held) is None


@pytest.mark.parametrize("loss", ["L = (w @ x + b - y)**2/2", "z = w @ x + b; L = softplus(z) - y*z"])
def test_newton_with_l2_is_the_same_by_either(loss, monkeypatch):
    x = RNG.normal(size=(60, P)) + 1.0
    cost = dv.graph("inputs: w, b, x, y\n" + loss).over(x=x, y=(x[:, 0] > 1.0) * 1.0)
    made = []
    monkeypatch.setattr(curvature, "held_up", lambda *given, held_up=curvature.held_up: made.append(held_up(*given)) or made[-1])
    few = cost.minimize("newton", l2=0.01)
    assert made
    assert all(made)
    monkeypatch.setattr(curvature, "held_up", lambda *given: None)
    full = cost.minimize("newton", l2=0.01)
    assert few.passes == full.passes
    np.testing.assert_allclose(few.params["w"], full.params["w"], rtol=1e-7, atol=1e-12)
    assert few.params["b"] == pytest.approx(full.params["b"], rel=1e-9)


@pytest.mark.parametrize("rank", [3, 60])
def test_the_inverse_and_what_it_knows_are_those_of_the_eigenvalues(rank, by_eigenvalues):
    matrix = of_rank(rank)
    turn = np.vstack([np.eye(P)[:3], matrix[:3]])  # a parameter is not told by so few rows, what a row adds up is
    few, all_of_them = inverse(matrix), by_eigenvalues(inverse, matrix)
    assert few.rank == all_of_them.rank == rank
    np.testing.assert_allclose(few.matrix, all_of_them.matrix, rtol=1e-8, atol=1e-10 * np.abs(few.matrix).max())
    assert few.known(turn).tolist() == all_of_them.known(turn).tolist() == [False] * 3 + [True] * 3
    np.testing.assert_allclose(variances(turn, few.matrix), np.einsum("ij,jk,ik->i", turn, few.matrix, turn), rtol=1e-10)


@pytest.mark.parametrize("rank", [3, 60])
def test_a_step_and_what_has_vanished_are_those_of_the_eigenvalues(rank, by_eigenvalues):
    start = of_rank(rank)
    gradient = start @ RNG.normal(size=P)
    step, other = Curvature(gradient, start).whole(), by_eigenvalues(lambda: Curvature(gradient, start).whole())
    np.testing.assert_allclose(step.move, other.move, rtol=1e-6, atol=1e-8 * np.abs(other.move).max())
    assert not Curvature(gradient, start).indefinite
    values, vectors = narrow(start)
    now = (vectors[:, 1:] * values[1:]) @ vectors[:, 1:].T  # along one direction no curvature is left
    (few, units, alike), (all_of_them, _, others) = vanished(now, start), by_eigenvalues(vanished, now, start)
    assert few.shape == all_of_them.shape == (P, 1)
    assert alike == others == P - rank
    np.testing.assert_allclose(np.abs(few.T @ all_of_them), 1.0, rtol=1e-6)


@pytest.mark.parametrize("y", [lambda z: z, lambda z: z > 0], ids=["linear", "logistic"])
@pytest.mark.filterwarnings("ignore::dvar.DvarWarning")
def test_a_summary_of_many_columns_is_that_of_all_eigenvalues(y, by_eigenvalues):
    x = RNG.normal(size=(30, P))
    z = x[:, :3] @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=30)
    fitted = (dv.LogisticRegression() if y(z).dtype == bool else dv.LinearRegression()).fit(x, y(z))
    assert str(fitted.summary()) == str(by_eigenvalues(fitted.summary))


@pytest.mark.parametrize(("n", "l2", "seed"), [(560, 1e-6, 0), (600, 1e-6, 0), (560, 3e-6, 1), (600, 1e-6, 1), (600, 1e-2, 0)])
def test_columns_of_large_numbers_are_hardly_held(n, l2, seed):
    """Beside their curvature the penalty is rounding, so the Hessian is not solved by parts."""
    rng, m = np.random.default_rng(seed), 40
    x = rng.normal(size=(m, n)) * np.exp(2 * rng.normal(size=n))
    y = x[:, 0] + rng.normal(size=m)
    fit = dv.graph("inputs: w, b, x, y\nL = (w @ x + b - y)**2/2").over(x=x, y=y).minimize("newton", l2=l2)
    x, y = x - x.mean(axis=0), y - y.mean()
    w = x.T @ np.linalg.solve(x @ x.T / m + l2 * np.eye(m), y / m)
    assert fit.converged
    assert fit.passes < 10
    assert fit.cost == pytest.approx(((x @ w - y) ** 2).mean() / 2 + l2 / 2 * w @ w, rel=1e-12)
