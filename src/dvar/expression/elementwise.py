"""The rows of the table that work on numbers, and on vectors and matrices number by number."""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any

import numpy as np

from .gumbel import gumbel_rate, log_gumbel
from .normal import inverse_mills, log_ndtr
from .op import (
    ATOM,
    BY_OTHER,
    COMPARE,
    CONCAVE,
    CONVEX,
    FALLING,
    FROM_0,
    LINEAR,
    MINUS,
    OTHER,
    POWER,
    PRODUCT,
    RISING,
    SUM,
    Bend,
    Form,
    Op,
    call,
    infix,
    latex_own,
)

LOG_2 = 0.6931471805599453
POWERS = {2.0: Form("{0} * {0}", (ATOM, 0), PRODUCT), 3.0: Form("{0} * {0} * {0}", (ATOM, 0), PRODUCT)}


def sigmoid(z: Any) -> Any:
    """1/(1 + exp(−z)) without overflow: only exp of a negative number is taken, so both tails keep their digits."""
    if np.iscomplexobj(z):
        return 1.0 / (1.0 + np.exp(-z))
    e = np.exp(-np.abs(z))
    return np.where(np.signbit(z), e, 1.0) / (1.0 + e)


def softplus(z: Any) -> Any:
    """log(1 + exp(z)) = max(z, 0) + log1p(exp(−|z|)), Mächler (2012), "Accurately computing log(1 − exp(−|a|))"."""
    if np.iscomplexobj(z):
        return np.log1p(np.exp(z))
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def sech(a: Any) -> Any:
    """1/cosh(a), without overflow."""
    if np.iscomplexobj(a):
        return 1.0 / np.cosh(a)
    e = np.exp(-np.abs(a))
    return 2.0 * e / (1.0 + e * e)


def logcosh(a: Any) -> Any:
    """log(cosh(a)): near 0 from cosh(a) = 1 + 2·sinh²(a/2), elsewhere |a| + log1p(exp(−2|a|)) − log 2, which cannot overflow."""
    if np.iscomplexobj(a):
        return np.log1p(2.0 * np.sinh(a / 2.0) ** 2)
    size = np.abs(a)
    near = np.log1p(2.0 * np.sinh(np.minimum(size, 1.0) / 2.0) ** 2)
    return np.where(size < 0.9, near, size + (np.log1p(np.exp(-2.0 * size)) - LOG_2))


def direction(a: Any, b: Any) -> Any:
    """a/hypot(a, b), the cosine of the angle between (a, b) and the axis of a; 0 at (0, 0)."""
    h = np.hypot(a, b)
    return np.where(h == 0.0, 0.0, a / np.where(h == 0.0, 1.0, h))


def relu(a: Any) -> Any:
    return np.maximum(a, 0.0)


def xlogy(a: Any, b: Any) -> Any:
    """a·log(b), 0 where a = 0, as the limit of a·log(a) is."""
    return np.where((a == 0) & ~np.isnan(b), 0.0, a * np.log(b))


def xlog1py(a: Any, b: Any) -> Any:
    """a·log(1 + b), 0 where a = 0."""
    return np.where((a == 0) & ~np.isnan(b), 0.0, a * np.log1p(b))


@lru_cache(maxsize=1)
def special() -> Any:
    """scipy.special, imported when it is first needed."""
    import scipy.special

    return scipy.special


def erf(a: Any) -> Any:
    return special().erf(a)


def erfc(a: Any) -> Any:
    """1 − erf(a). SciPy's is 0 from a = 26.55 on; floats reach to 27.2."""
    value = special().erfc(a)
    if not np.iscomplexobj(a) and np.any(np.greater(a, 26.0)):
        value = np.where(np.greater(a, 26.0), special().erfcx(a) * np.exp(-np.square(a)), value)
    return value


def lgamma(a: Any) -> Any:
    """log|Γ(a)|. SciPy's is off by thousands of ulp towards its zeros 1 and 2; about these the series of log Γ(2 + z) is summed
    (Abramowitz & Stegun 6.1.33), with log Γ(1 + z) = log Γ(2 + z) − log(1 + z)."""
    if np.iscomplexobj(a):
        return special().loggamma(a)
    near_0, near_1, near_2 = np.abs(a) < 1e-300, (a > 0.4) & (a < 1.25), (a >= 1.25) & (a < 2.5)
    value = np.where(near_0, -np.log(np.abs(a)), special().gammaln(a))
    if np.any(near_1 | near_2):
        z = np.where(near_1, a - 1.0, np.where(near_2, a - 2.0, 0.0))
        series = z * np.polyval(gamma_series(), z)
        value = np.where(near_1, series - np.log1p(z), np.where(near_2, series, value))
    return value


@lru_cache(maxsize=1)
def gamma_series() -> Any:
    """The coefficients of log Γ(2 + z)/z, highest power first: (−1)^k (ζ(k) − 1)/k for z^(k − 1), and 1 − γ."""
    k = np.arange(48, 1, -1)
    return np.append((-1.0) ** k * special().zetac(k) / k, 1.0 - np.euler_gamma)


def digamma(a: Any) -> Any:
    return special().digamma(a)


def polygamma(a: Any, b: Any) -> Any:
    """The derivative number a of digamma. Left of 0 by reflection (DLMF 5.15.6): SciPy sums up as many terms as −b is large."""
    if not np.any(np.less(b, 0.0)):
        return special().polygamma(a, b)
    a, b = np.broadcast_arrays(a, b)
    value = special().polygamma(a, np.where(b < 0, 1.0 - b, b))
    cot = np.nan_to_num(1.0 / np.tan(np.pi * (b - np.rint(b))))  # large rather than inf: a polynomial of inf is nan
    for n in np.unique(a[b < 0]):
        derivative = np.polynomial.Polynomial([0.0, 1.0])  # of cot(πb) by b, over π^n, in c = cot(πb); c′ = −π(1 + c²)
        for _ in range(int(n)):
            derivative = derivative.deriv() * np.polynomial.Polynomial([-1.0, 0.0, -1.0])
        value = np.where((b < 0) & (a == n), (-1.0) ** n * value - np.pi ** (n + 1) * derivative(cot), value)
    return value


def power_bends(low: float, exponent: float) -> Bend | None:
    if exponent in (0.0, 1.0):
        return LINEAR
    if exponent > 0 and exponent % 2 == 0:
        return FROM_0
    return Bend(-1 if 0 < exponent < 1 else 1, (1 if exponent > 0 else -1,)) if low >= 0 else None


def compare(name: str, sign: str, asked: Any, latex: str) -> Op:
    """A comparison is a number, 1 or 0: of NumPy's True and False the sum is True, and there is no difference."""
    def compute(a: Any, b: Any) -> Any:
        return asked(a, b) + 0.0

    kink = "jumps where a = b; no derivative flows"
    return infix(name, sign, compute, (None, None), COMPARE, name, latex=f"{{}} {latex} {{}}", kink=kink)


def step(name: str, compute: Any, **more: Any) -> Op:
    """Constant between jumps."""
    return call(name, compute, "0", **more)


ROWS = [
    infix("plus", "+", np.add, ("1", "1"), SUM, "plus", commutes=True, exact=operator.add, analytic=True, positive=2,
          bends=LINEAR),
    infix("minus", "-", np.subtract, ("1", "-1"), SUM, "minus", exact=operator.sub, analytic=True, bends=Bend(0, (1, -1))),
    infix("times", "*", np.multiply, ("b", "a"), PRODUCT, "times", latex=r"{} \cdot {}", latex_arrays=r"{} \odot {}",
          commutes=True, exact=operator.mul, linear=(0, 1), analytic=True, positive=2, bends=BY_OTHER, bends_twice=FROM_0),
    infix("over", "/", np.divide, ("1/b", "-a/b**2"), PRODUCT, "over", latex=r"\frac{{{}}}{{{}}}", latex_sides=(0, 0),
          domain="b ≠ 0", linear=(0,), analytic=True, positive=2, bends=Bend(0, (OTHER, None))),
    infix("power", "**", np.power, ("b*a**(b - 1)", "a**b*log(a)"), POWER, "to", latex="{}^{{{}}}",
          latex_sides=(ATOM, 0), domain="a > 0, or b a whole number", kink="by b at a = 0 < b: 0", analytic=True,
          floats="pow({}, {})", by_last=POWERS, positive=1, bends_to=power_bends),
    Op("neg", np.negative, ("-1",), text="-{}", latex="-{}", binds=MINUS, sides=(POWER,), word="neg", analytic=True,
       linear=(0,), bends=Bend(0, (-1,))),
    call("exp", np.exp, "exp(a)", latex="e^{{{}}}", latex_binds=POWER, analytic=True, positive=0, bends=CONVEX),
    call("expm1", np.expm1, "exp(a)", analytic=True, bends=CONVEX),
    call("log", np.log, "1/a", domain="a > 0", latex=latex_own("log"), analytic=True, bends=CONCAVE),
    call("log1p", np.log1p, "1/(1 + a)", domain="a > -1", analytic=True, bends=CONCAVE),
    call("log2", np.log2, "1/log(2)/a", domain="a > 0", latex=r"\log_2\left({}\right)", analytic=True, bends=CONCAVE),
    call("log10", np.log10, "1/log(10)/a", domain="a > 0", latex=r"\log_{{10}}\left({}\right)", analytic=True, bends=CONCAVE),
    call("sqrt", np.sqrt, "1/(2*sqrt(a))", domain="a > 0 (value: a ≥ 0)", latex=r"\sqrt{{{}}}", analytic=True, positive=1,
         bends=CONCAVE),
    call("sin", np.sin, "cos(a)", latex=latex_own("sin"), analytic=True, reflected="-sin(a)"),
    call("cos", np.cos, "-sin(a)", latex=latex_own("cos"), analytic=True, reflected="cos(a)"),
    call("tan", np.tan, "1 + tan(a)**2", domain="a ≠ π/2 + kπ", latex=latex_own("tan"), analytic=True),
    call("arcsin", np.arcsin, "1/sqrt(1 - a**2)", domain="-1 < a < 1 (value: ±1 too)", latex=latex_own("arcsin"),
         floats="asin({})"),
    call("arccos", np.arccos, "-1/sqrt(1 - a**2)", domain="-1 < a < 1 (value: ±1 too)", latex=latex_own("arccos"),
         floats="acos({})"),
    call("arctan", np.arctan, "1/(1 + a**2)", latex=latex_own("arctan"), floats="atan({})",
         note="derivative 0 for |a| > 1.3e154, where it is below 1e-308", bends=RISING),
    call("arctan2", np.arctan2, "b/hypot(a, b)/hypot(a, b)", "-a/hypot(a, b)/hypot(a, b)", domain="not a = b = 0",
         kink="jumps by 2π where a = 0, b < 0", floats="atan2({}, {})"),
    call("hypot", np.hypot, "where(hypot(a, b) > 0, a/hypot(a, b), 0)", "where(hypot(a, b) > 0, b/hypot(a, b), 0)",
         kink="at a = b = 0: 0", latex=r"\sqrt{{{}^2 + {}^2}}", latex_sides=(ATOM, ATOM), commutes=True, bends=FROM_0,
         rounded="hypot(hypot(a, b), t)"),
    call("direction", direction, "direction(b, a)/hypot(a, b)*direction(b, a)", "-direction(a, b)*(direction(b, a)/hypot(a, b))",
         domain="not a = b = 0 (value there: 0)", latex=r"\frac{{{0}}}{{\sqrt{{{0}^2 + {1}^2}}}}", latex_sides=(ATOM, ATOM),
         floats="0.0 if {0} == 0.0 and {1} == 0.0 else {0} / hypot({0}, {1})"),
    call("sinh", np.sinh, "cosh(a)", latex=latex_own("sinh"), analytic=True, bends=RISING),
    call("cosh", np.cosh, "sinh(a)", latex=latex_own("cosh"), analytic=True, positive=0, bends=FROM_0),
    call("tanh", np.tanh, "1 - tanh(a)**2", latex=latex_own("tanh"), analytic=True, reflected="-tanh(a)", bends=RISING),
    call("sech", sech, "-sech(a)*tanh(a)", analytic=True,
         floats="1.0 / cosh({0}) if -700.0 < {0} < 700.0 else 2.0 * exp(-abs({0}))"),
    call("logcosh", logcosh, "tanh(a)", analytic=True,
         floats="log1p(2.0 * sinh(0.5 * {0}) ** 2) if -0.9 < {0} < 0.9 else "
                f"abs({{0}}) + (log1p(exp(-2.0 * abs({{0}}))) - {LOG_2})", bends=FROM_0),
    call("sigmoid", sigmoid, "sigmoid(a)*(1 - sigmoid(a))", latex=r"\sigma\left({}\right)", analytic=True,
         floats="1.0 / (1.0 + exp(-{0})) if {0} > -700.0 else exp({0})", reflected="1 - sigmoid(a)", positive=0,
         bends=RISING),
    call("softplus", softplus, "sigmoid(a)", analytic=True, floats="({0} if {0} > 0.0 else 0.0) + log1p(exp(-abs({0})))",
         reflected="softplus(a) - a", positive=0, bends=CONVEX),
    call("logaddexp", np.logaddexp, "sigmoid(a - b)", "sigmoid(b - a)", commutes=True,
         floats=f"{{0}} + {LOG_2} if {{0}} == {{1}} else "
                "({0} if {0} > {1} else {1}) + log1p(exp(-abs({0} - {1})))", bends=CONVEX),
    call("xlogy", xlogy, "log(b)", "a/where((a == 0)*(b == 0), 1, b)", domain="b > 0, or a = 0",
         latex=r"{} \, \log\left({}\right)", latex_sides=(PRODUCT, 0),
         floats="0.0 if {0} == 0.0 and {1} == {1} else {0} * log({1})"),
    call("xlog1py", xlog1py, "log1p(b)", "a/where((a == 0)*(b == -1), 1, 1 + b)", domain="b > -1, or a = 0",
         latex=r"{} \, \log\left(1 + {}\right)", latex_sides=(PRODUCT, SUM),
         floats="0.0 if {0} == 0.0 and {1} == {1} else {0} * log1p({1})"),
    call("erf", erf, "2/sqrt(pi)*exp(-a**2)", analytic=True, bends=RISING),
    call("erfc", erfc, "-2/sqrt(pi)*exp(-a**2)", analytic=True, bends=FALLING),
    call("log_ndtr", log_ndtr, "inverse_mills(0, a)", latex=r"\log \Phi\left({}\right)", bends=CONCAVE),
    call("inverse_mills", inverse_mills, None, "inverse_mills(a + 1, b)", domain="a: 0, 1, 2, …",
         note="to 5e-15 rather than 4 ulp for a from 2 to 5; nan from a = 13 on", latex=r"\lambda^{{({})}}\left({}\right)"),
    call("log_gumbel", log_gumbel, "gumbel_rate(0, a)", latex=r"\log\left(1 - e^{{-e^{{{}}}}}\right)", bends=CONCAVE),
    call("gumbel_rate", gumbel_rate, None, "gumbel_rate(a + 1, b)", domain="a: 0, 1, 2, …",
         note="to 5e-15 rather than 4 ulp for a from 2 to 5; nan from a = 13 on", latex=r"r^{{({})}}\left({}\right)"),
    call("lgamma", lgamma, "digamma(a)", domain="a ≠ 0, -1, -2, …", floats="",
         note="to 2e-16 rather than 4 ulp for -2.75 < a < -2.45, between two zeros",
         latex=r"\log\left|\Gamma\left({}\right)\right|"),
    call("digamma", digamma, "polygamma(1, a)", domain="a ≠ 0, -1, -2, …", latex=r"\psi\left({}\right)"),
    call("polygamma", polygamma, None, "polygamma(a + 1, b)", domain="a: 0, 1, 2, …; b ≠ 0, -1, -2, …",
         latex=r"\psi^{{({})}}\left({}\right)"),
    call("relu", relu, "where(a > 0, 1, 0)", kink="at a = 0: 0", floats="{0} if {0} > 0.0 or {0} != {0} else 0.0", bends=CONVEX,
         rounded="(a + hypot(a, t))/2"),
    call("abs", np.abs, "where(a > 0, 1, where(a < 0, -1, 0))", kink="at a = 0: 0", latex=r"\left|{}\right|", floats="abs({})",
         bends=FROM_0, rounded="hypot(a, t)"),
    call("maximum", np.maximum, "where(a > b, 1, where(a < b, 0, 0.5))", "where(b > a, 1, where(b < a, 0, 0.5))",
         kink="at a = b: 1/2 each", latex=r"\max\left({}, {}\right)", commutes=True,
         floats="{0} if {0} >= {1} or {0} != {0} else {1}", bends=CONVEX, rounded="(a + b + hypot(a - b, t))/2"),
    call("minimum", np.minimum, "where(a < b, 1, where(a > b, 0, 0.5))", "where(b < a, 1, where(b > a, 0, 0.5))",
         kink="at a = b: 1/2 each", latex=r"\min\left({}, {}\right)", commutes=True,
         floats="{0} if {0} <= {1} or {0} != {0} else {1}", bends=CONCAVE, rounded="(a + b - hypot(a - b, t))/2"),
    call("clip", np.clip,
         "where(b < c, where(a > b, where(a < c, 1, where(a > c, 0, 0.5)), where(a < b, 0, 0.5)), 0)",
         "where(b < c, where(a < b, 1, where(a > b, 0, 0.5)), 0)",
         "where(b < c, where(a > c, 1, where(a < c, 0, 0.5)), 1)",
         kink="at a = b and a = c: 1/2 each", domain="b < c"),
    step("sign", np.sign, floats="1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0 if {0} == 0.0 else {0}",
         kink="at a = 0: 0, as everywhere: it is constant but for a jump"),
    step("floor", np.floor, floats="", kink="jumps at whole numbers; 0 there too", latex=r"\left\lfloor {} \right\rfloor"),
    step("ceil", np.ceil, floats="", kink="jumps at whole numbers; 0 there too", latex=r"\left\lceil {} \right\rceil"),
    step("round", np.rint, kink="jumps half-way between whole numbers, where the even one is taken; 0 there too"),
    call("where", np.where, None, "where(a, 1, 0)", "where(a, 0, 1)", domain="a: a comparison",
         loop="({1} if {0} else {2})", bends=Bend(0, (None, 1))),
    compare("greater", ">", np.greater, ">"),
    compare("at_least", ">=", np.greater_equal, r"\ge"),
    compare("less", "<", np.less, "<"),
    compare("at_most", "<=", np.less_equal, r"\le"),
    compare("equal", "==", np.equal, "="),
    compare("differs", "!=", np.not_equal, r"\ne"),
    Op("same", np.positive, ("1",), text="{}", latex="{}", binds=ATOM, sides=(0,), word="same", analytic=True),
]
