"""Rules as data: a pattern, what replaces it, a name and a reason, both formulas in the language of `formula.py`.

Two kinds. *Stability* rules change a value by rounding only, over the whole domain, and keep it finite and exact where the
formula as written overflows or cancels. *Exact* rules tidy: what they replace has the same value bit for bit or, for like
terms, up to rounding without any new cancellation. Both are what runs. The algebra that is only told stands in `algebra.py`.
An index [0] in a pattern stands for any index.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    name: str
    before: str
    after: str
    why: str
    only: str = ""  # a condition on those of the pattern's variables that must be numbers: "c > 0"


SAME = "same value"
PICKED = "one exponential rather than one for each element; the others count as 0"
LARGE = "inf/inf where an element of z is > 709"
ABOVE = "the difference loses every digit for z 37 above the rest"
BESIDE = "where one of softmax is nearly 1 the difference loses the digits of the others"
AT_0 = "0·(-inf) is nan where a power of 0 is 0, and the limit is 0"
NO_SLOPE = "exp(z) is 0 for z < -745 and its logarithm -inf; for z > 709 it is inf, and the slope nan"
NONE_LEFT = "erfc(x) is 0 for x > 27 and its logarithm -inf"
LOST = "the difference loses the digits of a small z"


def of_softmax(axis: int | None) -> tuple[Rule, ...]:
    """The rules of softmax that are the same along every axis."""
    at, told = ("", "") if axis is None else (f", axis={axis}", f" along axis {axis}")
    best = f"where(z == spread(max(z{at}), z{at}), 1, 0)"
    h = f"(g - spread(sum(g*{best}{at})/sum({best}{at}), z{at}))"  # softmax does not change where all of z do
    back = f"(softmax(z{at})*{h} - softmax(z{at})*spread(sum({h}*softmax(z{at}){at}), z{at}))"
    total = "sum(exp(z))" if axis is None else f"spread(sum(exp(z){at}), v{at})"
    return (
        Rule("softmax spelt out" + told, f"exp(z)/{total}", f"softmax(z{at})", LARGE),
        Rule("log of a sum of exp" + told, f"log(sum(exp(z){at}))", f"logsumexp(z{at})", "exp(z) overflows for z > 709"),
        Rule("log of one of softmax by its index" + told, f"log(softmax(z{at})[0])", f"logsoftmax(z{at})[0]",
             "softmax(z) is 0 for z 745 below the largest"),
        Rule("1 - one of softmax by its index" + told, f"1 - softmax(z{at})[0]", f"-expm1(logsoftmax(z{at})[0])",
             ABOVE),
        Rule("one of softmax by its index - 1" + told, f"softmax(z{at})[0] - 1", f"expm1(logsoftmax(z{at})[0])",
             ABOVE),
        Rule("derivative of softmax" + told, f"softmax(z{at})*(g - spread(sum(g*softmax(z{at}){at}), z{at}))", back, BESIDE),
        Rule("derivative of -softmax" + told, f"softmax(z{at})*(g + spread(sum(-(g*softmax(z{at})){at}), z{at}))", back, BESIDE),
        Rule("log softmax" + told, f"log(softmax(z{at}))", f"logsoftmax(z{at})", "softmax(z) is 0 for z 745 below the largest"),
    )


# Of two rules that match the first is taken: those of a special form stand before those of a general one.
STABILITY = (
    Rule("minus minus", "-(-x)", "x", "lets the other rules see x"),
    Rule("minus out of a quotient", "(-x)/y", "-(x/y)", SAME),
    Rule("minus in a length", "hypot(-x, y)", "hypot(x, y)", SAME),
    Rule("exp is positive", "abs(exp(x))", "exp(x)", SAME),
    Rule("sigmoid is positive", "abs(sigmoid(x))", "sigmoid(x)", SAME),
    Rule("cosh is positive", "abs(cosh(x))", "cosh(x)", SAME),
    # sigmoid, softplus, tanh
    Rule("sigmoid spelt out", "1/(1 + exp(u))", "sigmoid(-u)", "exp(u) overflows for u > 709"),
    Rule("sigmoid with exp above", "exp(z)/(1 + exp(z))", "sigmoid(z)", "inf/inf for z > 709"),
    Rule("sigmoid′ spelt out", "exp(u)/(1 + exp(u))**2", "sigmoid(u)*sigmoid(-u)", "inf/inf for u > 355"),
    Rule("sigmoid′ spelt out, a product", "exp(u)/((1 + exp(u))*(1 + exp(u)))", "sigmoid(u)*sigmoid(-u)", "inf/inf for u > 355"),
    Rule("times sigmoid′ spelt out", "x*exp(u)/(1 + exp(u))**2", "x*(sigmoid(u)*sigmoid(-u))", "inf/inf for u > 355"),
    Rule("tanh of exp(2x)", "expm1(u)/(1 + exp(u))", "tanh(u/2)", "inf/inf for u > 709"),
    Rule("times exp, over 1 + exp", "x*exp(u)/(1 + exp(u))", "x*sigmoid(u)", "inf/inf for u > 709"),
    Rule("sigmoid of a difference", "exp(a)/(exp(a) + exp(b))", "sigmoid(a - b)", "inf/inf for a > 709"),
    Rule("1 - sigmoid", "1 - sigmoid(z)", "sigmoid(-z)", "the difference loses every digit for z > 37"),
    Rule("sigmoid - 1", "sigmoid(z) - 1", "-sigmoid(-z)", "the difference loses every digit for z > 37"),
    Rule("sigmoid - sigmoid", "sigmoid(z) - sigmoid(-z)", "tanh(z/2)", LOST),
    Rule("sigmoid - sigmoid, from the other side", "sigmoid(-z) - sigmoid(z)", "-tanh(z/2)", LOST),
    Rule("times sigmoid - times sigmoid", "s*sigmoid(z) - s*sigmoid(-z)", "s*tanh(z/2)", LOST),
    Rule("times sigmoid - times sigmoid, from the other side", "s*sigmoid(-z) - s*sigmoid(z)", "-(s*tanh(z/2))", LOST),
    Rule("sigmoid″", "sigmoid(z)*sigmoid(-z)**2 - sigmoid(z)**2*sigmoid(-z)", "-(sigmoid(z)*sigmoid(-z)*tanh(z/2))", LOST),
    Rule("-sigmoid″", "sigmoid(z)**2*sigmoid(-z) - sigmoid(z)*sigmoid(-z)**2", "sigmoid(z)*sigmoid(-z)*tanh(z/2)", LOST),
    Rule("2·sigmoid - 1", "2*sigmoid(z) - 1", "tanh(z/2)", LOST),
    Rule("1 - 2·sigmoid", "1 - 2*sigmoid(z)", "-tanh(z/2)", LOST),
    Rule("log of a product with a sigmoid", "log(x*sigmoid(z))", "log(x) - softplus(-z)", "sigmoid(z) is 0 for z < -745"),
    Rule("log of a difference of sigmoids", "log(sigmoid(u) - sigmoid(v))", "log(-expm1(v - u)) - softplus(-u) - softplus(v)",
         "the difference is 0 where both are 0, or 1"),
    Rule("log sigmoid", "log(sigmoid(z))", "-softplus(-z)", "sigmoid(z) is 0 for z < -745 and its logarithm -inf"),
    Rule("log(1 + exp)", "log(1 + exp(z))", "softplus(z)", "exp(z) overflows for z > 709 and is lost beside 1 for z < -37"),
    Rule("log1p(exp)", "log1p(exp(z))", "softplus(z)", "exp(z) overflows for z > 709"),
    Rule("log(exp + exp)", "log(exp(a) + exp(b))", "logaddexp(a, b)", "exp(a) overflows for a > 709"),
    Rule("log(exp)", "log(exp(z))", "z", "exp(z) overflows for z > 709 and is 0 for z < -745"),
    Rule("1 - tanh²", "1 - tanh(z)**2", "sech(z)**2", "the difference loses every digit for |z| > 19"),
    Rule("1 - tanh·tanh", "1 - tanh(z)*tanh(z)", "sech(z)**2", "the difference loses every digit for |z| > 19"),
    Rule("1 - tanh", "1 - tanh(z)", "2*sigmoid(-(2*z))", "the difference loses every digit for z > 19"),
    Rule("1 + tanh", "1 + tanh(z)", "2*sigmoid(2*z)", "the sum loses every digit for z < -19"),
    Rule("half of 1 + tanh", "0.5 + 0.5*tanh(z)", "sigmoid(2*z)", "the sum loses every digit for z < -19"),
    Rule("half of 1 - tanh", "0.5 - 0.5*tanh(z)", "sigmoid(-(2*z))", "the difference loses every digit for z > 19"),
    Rule("twice, over 2", "2*x/2", "x", SAME),
    Rule("half of twice", "0.5*(2*x)", "x", SAME),
    Rule("twice a half", "2*(x/2)", "x", SAME),
    Rule("tanh spelt out", "sinh(x)/cosh(x)", "tanh(x)", "inf/inf for |x| > 710"),
    Rule("1/tanh spelt out", "cosh(x)/sinh(x)", "1/tanh(x)", "inf/inf for |x| > 710"),
    Rule("sinh spelt out", "exp(x) - exp(-x)", "2*sinh(x)", "the difference loses the digits of a small x"),
    Rule("-sinh spelt out", "exp(-x) - exp(x)", "-(2*sinh(x))", "the difference loses the digits of a small x"),
    # by now exp(x) - exp(-x) is 2*sinh(x)
    Rule("tanh of exp", "2*sinh(x)/(exp(x) + exp(-x))", "tanh(x)", "inf/inf for |x| > 709"),
    Rule("log(cosh)", "log(cosh(x))", "logcosh(x)", "cosh(x) overflows for |x| > 710, and is 1 for |x| < 1e-8"),
    Rule("log(sech)", "log(sech(x))", "-logcosh(x)", "sech(x) is 0 for |x| > 745, and 1 for |x| < 1e-8"),
    Rule("log of a product with sech²", "log(x*sech(y)**2)", "log(x) - 2*logcosh(y)", "sech(y)**2 is 0 for |y| > 373"),
    Rule("log(sinh)", "log(sinh(x))", "x + log(-expm1(-2*x)) - 0.6931471805599453", "sinh(x) overflows for x > 710"),
    # softmax
    *of_softmax(None),
    *of_softmax(0),
    *of_softmax(1),
    Rule("one of softmax spelt out", "take(exp(z), k)/sum(exp(z))", "take(softmax(z), k)", LARGE),
    Rule("exp of one over the sum of exp", "exp(take(z, k))/sum(exp(z))", "take(softmax(z), k)", LARGE),
    Rule("one of softmax spelt out, by its index", "exp(z)[0]/sum(exp(z))", "softmax(z)[0]", LARGE),
    Rule("exp of one over the sum of exp, by its index", "exp(z[0])/sum(exp(z))", "softmax(z)[0]", LARGE),
    Rule("softmax less the largest", "softmax(z - max(z))", "softmax(z)", "softmax takes the largest out itself"),
    Rule("logsoftmax less the largest", "logsoftmax(z - max(z))", "logsoftmax(z)", "logsoftmax takes the largest out itself"),
    Rule("logsumexp and the largest", "max(z) + logsumexp(z - max(z))", "logsumexp(z)", "logsumexp takes the largest out itself"),
    Rule("log of one of softmax", "log(take(softmax(z), k))", "take(logsoftmax(z), k)",
         "softmax(z) is 0 for z 745 below the largest"),
    Rule("z - logsumexp", "z - logsumexp(z)", "logsoftmax(z)", "the difference loses the digits of z far above the rest"),
    Rule("one of z - logsumexp", "take(z, k) - logsumexp(z)", "take(logsoftmax(z), k)",
         "the difference loses the digits of z far above the rest"),
    Rule("logsumexp - one of z", "logsumexp(z) - take(z, k)", "-take(logsoftmax(z), k)",
         "the difference loses the digits of z far above the rest"),
    Rule("one of z by its index - logsumexp", "z[0] - logsumexp(z)", "logsoftmax(z)[0]",
         "the difference loses the digits of z far above the rest"),
    Rule("logsumexp - one of z by its index", "logsumexp(z) - z[0]", "-logsoftmax(z)[0]",
         "the difference loses the digits of z far above the rest"),
    Rule("1 - softmax", "1 - softmax(z)", "-expm1(logsoftmax(z))", ABOVE),
    Rule("1 - one of softmax", "1 - take(softmax(z), k)", "-expm1(take(logsoftmax(z), k))",
         ABOVE),
    Rule("softmax - 1", "softmax(z) - 1", "expm1(logsoftmax(z))", ABOVE),
    Rule("one of softmax - 1", "take(softmax(z), k) - 1", "expm1(take(logsoftmax(z), k))",
         ABOVE),
    Rule("exp(logsoftmax)", "exp(logsoftmax(z))", "softmax(z)", "exp magnifies the rounding of its operand"),
    # exp and log
    Rule("exp over exp", "exp(a)/exp(b)", "exp(a - b)", "inf/inf for a, b > 709"),
    Rule("1 over exp", "1/exp(x)", "exp(-x)", "exp(x) overflows for x > 709, where exp(-x) does not vanish yet"),
    Rule("exp - 1", "exp(x) - 1", "expm1(x)", "the difference loses the digits of a small x"),
    Rule("1 - exp", "1 - exp(x)", "-expm1(x)", "the difference loses the digits of a small x"),
    Rule("1 - (1 - exp)", "1 - (-expm1(x))", "exp(x)", "the difference loses every digit for x < -37"),
    Rule("log1p(expm1)", "log1p(expm1(x))", "x", "expm1(x) is -1 for x < -37, and overflows for x > 709"),
    Rule("log(1 - exp(-exp))", "log(-expm1(-exp(z)))", "log_gumbel(z)", NO_SLOPE),
    Rule("log1p(-exp(-exp))", "log1p(-exp(-exp(z)))", "log_gumbel(z)", NO_SLOPE),
    Rule("(1 - y)·(-exp)", "(1 - y)*(-exp(z))", "(y - 1)*exp(where(y == 1, minimum(z, 709.782712893384), z))",
         "0·inf is nan at y = 1 for z > 709, where the product is 0"),
    # Mächler (2012), "Accurately computing log(1 − exp(−|a|))"; by now 1 − exp(x) is −expm1(x)
    Rule("log(1 - exp)", "log(-expm1(x))", "where(x > -0.6931471805599453, x + log(expm1(-x)), log1p(-exp(x)))",
         "1 - exp(x) is 1 for x < -37, and its logarithm 0"),
    Rule("log of a product with exp", "log(x*exp(a))", "log(x) + a", "exp(a) overflows for a > 709 and is 0 for a < -745"),
    Rule("log of exp over x", "log(exp(a)/x)", "a - log(x)", "exp(a) overflows for a > 709 and is 0 for a < -745"),
    Rule("log of x over exp", "log(x/exp(a))", "log(x) - a", "exp(a) overflows for a > 709 and is 0 for a < -745"),
    Rule("log of a square", "log(x*x)", "2*log(abs(x))", "the square leaves the range of floats for |x| < 1e-154 and > 1e154"),
    Rule("log of an even power", "log(x**n)", "n*log(abs(x))", "the power leaves the range of floats before x does",
         "floor(n/2) == n/2"),
    Rule("log of a power", "log(x**n)", "n*log(x)", "the power leaves the range of floats before x does", "floor(n/2) < n/2"),
    Rule("log of a number's power", "log(c**x)", "x*log(c)", "the power overflows, and is 0 for a small c**x", "c > 0"),
    Rule("log(1 + x)", "log(1 + x)", "log1p(x)", "1 + x loses the digits of a small x"),
    Rule("log(1 - x)", "log(1 - x)", "log1p(-x)", "1 - x loses the digits of a small x"),
    Rule("x·log(x)", "x*log(x)", "xlogy(x, x)", "0·(-inf) is nan at x = 0, where the limit is 0"),
    Rule("-x·log(x)", "(-x)*log(x)", "-xlogy(x, x)", "0·(-inf) is nan at x = 0, where the limit is 0"),
    Rule("(1 - x)·log(1 - x)", "(1 - x)*log1p(-x)", "xlog1py(1 - x, -x)", "0·(-inf) is nan at x = 1, where the limit is 0"),
    Rule("x·log(x/y)", "x*log(x/y)", "xlogy(x, x/y)", "0·(-inf) is nan at x = 0, where the limit is 0"),
    # powers and roots
    Rule("derivative of a power", "b*x**(b - 1)",
         "where(b < 0.5, where(x == 0, where(b == 0, 0, b/x), b*x**b/x), b*x**(b + (-1)))",
         "b - 1 loses the digits of a small b; 0·inf is nan at b = x = 0"),
    # of the logarithm of what is not 0 the next derivative, x**y*log(x)*log(x), is 0 as well; by now log(1 + x) is log1p(x)
    Rule("derivative of a power by its exponent", "x**y*log(x)", "x**y*log(where((x == 0)*(y > 0), 1, x))", AT_0),
    Rule("derivative of a power of 1 + x by its exponent", "(1 + x)**y*log1p(x)",
         "(1 + x)**y*log1p(where((x == -1)*(y > 0), 0, x))", AT_0),
    Rule("derivative of a power of 1 - x by its exponent", "(1 - x)**y*log1p(-x)",
         "(1 - x)**y*log1p(-where((x == 1)*(y > 0), 0, x))", AT_0),
    Rule("power 0", "x**0", "1", "its derivative 0·x**(-1) is nan at x = 0"),
    Rule("root of a square", "sqrt(x**2)", "abs(x)", "the square leaves the range of floats for |x| > 1e154"),
    Rule("root of x·x", "sqrt(x*x)", "abs(x)", "the square leaves the range of floats for |x| > 1e154"),
    Rule("root of two squares", "sqrt(x**2 + y**2)", "hypot(x, y)", "a square leaves the range of floats for |x| > 1e154"),
    Rule("root of a square and a number", "sqrt(x**2 + c)", "hypot(x, sqrt(c))",
         "the square leaves the range of floats for |x| > 1e154", "c > 0"),
    Rule("root of x·x and a number", "sqrt(x*x + c)", "hypot(x, sqrt(c))",
         "the square leaves the range of floats for |x| > 1e154", "c > 0"),
    Rule("root of x·x + y·y", "sqrt(x*x + y*y)", "hypot(x, y)", "a square leaves the range of floats for |x| > 1e154"),
    Rule("over a square", "x/y**2", "x/y/y", "the square leaves the range of floats before the quotient does"),
    # what is left where most of 1 is taken away
    Rule("1 - erf", "1 - erf(x)", "erfc(x)", "the difference loses every digit for x > 6"),
    Rule("1 + erf", "1 + erf(x)", "erfc(-x)", "the sum loses every digit for x < -6"),
    Rule("erf - 1", "erf(x) - 1", "-erfc(x)", "the difference loses every digit for x > 6"),
    Rule("1 - erfc", "1 - erfc(x)", "erf(x)", "the difference loses the digits of a small x"),
    Rule("half of 1 + erf", "0.5 + 0.5*erf(x)", "0.5*erfc(-x)", "the sum loses every digit for x < -6"),
    Rule("half of 1 - erf", "0.5 - 0.5*erf(x)", "0.5*erfc(x)", "the difference loses every digit for x > 6"),
    Rule("1/2 + erf/2", "0.5 + erf(x)/2", "erfc(-x)/2", "the sum loses every digit for x < -6"),
    Rule("1/2 - erf/2", "0.5 - erf(x)/2", "erfc(x)/2", "the difference loses every digit for x > 6"),
    Rule("1 - half of erfc", "1 - 0.5*erfc(x)", "0.5*erfc(-x)", "the difference loses every digit for x < -6"),
    Rule("1 - erfc/2", "1 - erfc(x)/2", "erfc(-x)/2", "the difference loses every digit for x < -6"),
    # Φ(z) = erfc(-z/√2)/2; log Φ, and not that of erfc, keeps its digits where nearly all of Φ is there
    Rule("log(Φ), half of", "log(0.5*erfc(-x))", "log_ndtr(1.4142135623730951*x)", NONE_LEFT),
    Rule("log(1 - Φ), half of", "log(0.5*erfc(x))", "log_ndtr(-(1.4142135623730951*x))", NONE_LEFT),
    Rule("log(Φ)", "log(erfc(-x)/2)", "log_ndtr(1.4142135623730951*x)", NONE_LEFT),
    Rule("log(1 - Φ)", "log(erfc(x)/2)", "log_ndtr(-(1.4142135623730951*x))", NONE_LEFT),
    Rule("log1p(-Φ), half of", "log1p(-(0.5*erfc(x)))", "log(0.5*erfc(-x))", NONE_LEFT),
    Rule("log1p(-Φ)", "log1p(-(erfc(x)/2))", "log(erfc(-x)/2)", NONE_LEFT),
    Rule("√2 of x/√2", "1.4142135623730951*(x/1.4142135623730951)", "x", "two roundings fewer"),
    Rule("log(erfc)", "log(erfc(x))",
         "where(x > 0.5, log_ndtr(-(1.4142135623730951*x)) + 0.6931471805599453, log1p(-erf(x)))", NONE_LEFT),
    Rule("log of a product with erfc", "log(x*erfc(y))", "log(x) + log(erfc(y))", NONE_LEFT),
    Rule("log of erfc over x", "log(erfc(y)/x)", "log(erfc(y)) - log(x)", NONE_LEFT),
    Rule("1 - cos", "1 - cos(x)", "2*sin(x/2)**2", "the difference loses every digit for |x| < 1e-8"),
    Rule("cos - 1", "cos(x) - 1", "-2*sin(x/2)**2", "the difference loses every digit for |x| < 1e-8"),
    Rule("cosh - 1", "cosh(x) - 1", "2*sinh(x/2)**2", "the difference loses every digit for |x| < 1e-8"),
    # so that the side of a where that is not taken does no harm, and the other rules see what they are about
    Rule("where, then times", "where(c, p, 0)*v", "where(c, p*v, 0)", "0·inf is nan on the side that is not taken"),
    Rule("where not, then times", "where(c, 0, p)*v", "where(c, 0, p*v)", "0·inf is nan on the side that is not taken"),
)

EXACT = (
    Rule("times 1", "x*1", "x", SAME),
    Rule("over 1", "x/1", "x", SAME),
    Rule("power 1", "x**1", "x", SAME),
    Rule("plus 0", "x + 0", "x", SAME),
    Rule("minus 0", "x - 0", "x", SAME),
    Rule("0 minus", "0 - x", "-x", SAME),
    Rule("times -1", "x*(-1)", "-x", SAME),
    Rule("minus out of a product", "x*(-y)", "-(x*y)", SAME),
    Rule("minus out of a divisor", "x/(-y)", "-(x/y)", SAME),
    Rule("plus a minus", "x + (-y)", "x - y", SAME),
    Rule("minus a minus", "x - (-y)", "x + y", SAME),
    Rule("two minuses", "(-x) - y", "-(x + y)", SAME),
    Rule("minus a difference", "-(x - y)", "y - x", SAME),
    Rule("none of what is equal", "0*(p == q)", "0", SAME),
    Rule("where, always", "where(1, p, q)", "p", SAME),
    Rule("where, never", "where(0, p, q)", "q", SAME),
    Rule("times a spread scalar", "spread(g, v)*x", "g*x", SAME),
    Rule("transposed twice", "transpose(transpose(x))", "x", SAME),
    Rule("like terms", "b*x + c*x", "(b + c)*x", "one product rather than two; of one sign, nothing cancels", "b*c > 0"),
    Rule("like terms, one bare", "x + c*x", "(c + 1)*x", "one product rather than two; of one sign, nothing cancels", "c > 0"),
    Rule("1 - softmax where one of it is picked", "onehot(k, v)*expm1(logsoftmax(z))",
         "onehot(k, v)*expm1(take(logsoftmax(z), k))", PICKED),
    Rule("1 - softmax where one of it is picked and weighed", "x*onehot(k, v)*expm1(logsoftmax(z))",
         "x*onehot(k, v)*expm1(take(logsoftmax(z), k))", PICKED),
    Rule("a share and the rest", "y*p + (1 - y)*p", "p", "the two shares of p add up to p"),
)

# In a graph that is differentiated, before the chain rule. A product of σ(z) and σ(−z) has a derivative of two terms that cancel
# where z is small; that of sech is one term. The value itself runs as it was: σ(z) is mostly there already. So it is with the
# derivative of hypot where one operand is much the larger.
DIFFERENTIATED = (
    Rule("sigmoid′", "sigmoid(z)*sigmoid(-z)", "0.25*sech(z/2)**2", LOST),
    Rule("times sigmoid, times the rest", "(x*sigmoid(z))*sigmoid(-z)", "x*(0.25*sech(z/2)**2)", LOST),
    Rule("times the rest, times sigmoid", "(x*sigmoid(-z))*sigmoid(z)", "x*(0.25*sech(z/2)**2)", LOST),
    Rule("hypot′", "x/hypot(x, y)", "direction(x, y)", "1/h - x²/h³ loses every digit where x is 1e8 times as large as y"),
)

# For the derivative with respect to a node that other rules look through: a, inside log(a). It is not 0 there, floats only cannot
# hold it, so that what weighs it with 0 sends nothing back; 0·(1/a) would be nan.
WEIGHED = (
    Rule("weighed logarithm", "w*log(v)", "xlogy(w, v)", "0·inf is nan where w = 0 and a float is too coarse for v"),
    Rule("weighed logarithm of 1 + v", "w*log1p(v)", "xlog1py(w, v)", "0·inf is nan where w = 0 and a float is too coarse for v"),
)

EVERY = (*STABILITY, *EXACT, *DIFFERENTIATED, *WEIGHED)
