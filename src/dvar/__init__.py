"""dvar: write one example's loss as plain mathematics; the computation graph does the rest.

    J = dv.graph("u = b*c; v = a + u; J = 3*v")      a graph, from text or from a Python function
    p = J.at(a=5, b=3, c=2)                          values left to right, derivatives right to left: p.u, p.du
    fit = L.over(x=X, y=Y).minimize()                the mean over m examples, trained
    clf = dv.LogisticRegression().fit(X, y)          the same as a scikit-learn estimator

Public names are loaded when they are first used, so that `import dvar` costs little more than NumPy. Nothing is imported here:
the command line begins with this module, and hears Ctrl-C as one line only after it.
"""

TYPE_CHECKING = False  # as typing has it, whose import a command that is stopped at once need not wait for
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "api": ("Cost", "Graph", "Pass"),
    "making": ("graph", "slope"),
    "derive.formulary": ("derivatives",),
    "errors": ("DvarError", "DvarWarning", "UsageError"),
    "models.any_graph": ("Estimator",),
    "models.estimators": ("LinearRegression", "LogisticRegression", "PoissonRegressor"),
    "descend.fit": ("Fit",),
    "models.inference": ("inference",),
    "models.diagnostics": ("diagnose",),
    "models.tests_between": ("lr_test", "score_test", "wald_test"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> "Any":
    if name in _HOME:
        from importlib import import_module

        found = getattr(import_module(f".{_HOME[name]}", __name__), name)
    else:
        from .expression.functions import function
        from .expression.ops import CALLS

        if name not in CALLS:
            raise AttributeError(f"module 'dvar' has no attribute {name!r}")
        found = function(CALLS[name])
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    from .expression.ops import CALLS

    return sorted({*_HOME, *CALLS, "__version__"})
