"""The referee: what mpmath has to say of every elementwise row, of the operations on vectors that rules are about, and of how far
from the truth a float may be."""

import math
from contextlib import suppress

import mpmath as mp
import numpy as np

from dvar.expression.op import elementwise
from dvar.expression.ops import OPS

EPS = 2.0**-52
NORMAL = 2.0**-1022  # what is smaller keeps an absolute distance from its neighbours


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


def softplus(z):
    return mp.log1p(mp.exp(-abs(z))) + max(z, 0)


def sech(z):
    return 2 * mp.exp(-abs(z)) / (1 + mp.exp(-2 * abs(z)))


def sigmoid_slope(z):
    return mp.exp(-abs(z)) / (1 + mp.exp(-abs(z))) ** 2


def one(*_):
    return mp.mpf(1)


def zero(*_):
    return mp.mpf(0)


def step(yes):
    return mp.mpf(1) if yes else mp.mpf(0)


def share(a, b):
    """1 where a is beyond b, 1/2 where they are equal: what is agreed where two are equally large."""
    return (1 + mp.sign(a - b)) / 2


def power_slope(a, b):
    return b * a ** (b - 1) if b else mp.mpf(0)


def lgamma(a):
    if a > 0:
        return mp.loggamma(a)
    return mp.log(mp.pi / abs(mp.sinpi(a))) - mp.loggamma(1 - a)


def psi(n, a):
    """The n-th derivative of digamma; left of 0 by reflection, which is quick however far left (n = 0, 1)."""
    if a > 0 or n > 1:
        return mp.psi(n, a)
    if n == 0:
        return mp.digamma(1 - a) - mp.pi * mp.cospi(a) / mp.sinpi(a)
    return (mp.pi / mp.sinpi(a)) ** 2 - mp.psi(1, 1 - a)


def exp_of(a):
    return mp.exp(a) if a > -1e9 else mp.mpf(0)  # of exp(-exp(1e5)) the digits alone take minutes


def expm1(a):
    return mp.expm1(a) if a > -1e9 else mp.mpf(-1)


def erfc(a):
    return mp.erfc(a) if a < 1e4 else mp.mpf(0)  # exp(-1e8)


def log_ndtr(a):
    return mp.log1p(-density(a) / beyond(a)) if a > 0 else -(a**2) / 2 - mp.log(mp.sqrt(2 * mp.pi) * beyond(-a))


def gumbel_rate(a, b):
    """The derivative number a of u/(exp(u) − 1), u = exp(b), by Leibniz's rule from r′ = −r·(r + u − 1), with the digits that cancel."""
    if b > 20:
        return mp.mpf(0)  # exp(-exp(20))
    if b < -1000:
        return step(a == 0) - mp.exp(b) / 2  # the next term is 1e-434 of it
    with mp.workdps(mp.mp.dps + 20 + int(max(0, -b) * (a + 1))):
        u = mp.exp(b)
        slopes = [u / mp.expm1(u)]
        sums = [slopes[0] + u - 1]
        for m in range(int(a)):
            slopes.append(-mp.fsum(mp.binomial(m, k) * slopes[k] * sums[m - k] for k in range(m + 1)))
            sums.append(slopes[-1] + u)
        return slopes[-1]


def log_gumbel(a):
    return mp.mpf(0) if a > 20 else a if a < -1e4 else mp.log(-mp.expm1(-mp.exp(a))) if a < 3 else mp.log1p(-mp.exp(-mp.exp(a)))


def density(x):
    return mp.npdf(x) if abs(x) < 1e4 else mp.mpf(0)  # exp(-5e7)


def beyond(x):
    """φ(x)/Φ(−x) for x ≥ 0; far out by Laplace's continued fraction, whose 200 terms are right to 120 digits from 60 on."""
    if x < 60:
        return mp.npdf(x) / (mp.erfc(x / mp.sqrt(2)) / 2)
    q = x
    for k in range(200, 0, -1):
        q = x + k / q
    return q


def inverse_mills(a, b):
    """The derivative number a of φ(b)/Φ(b), by Leibniz's rule from λ′ = −λ·(b + λ), with the digits that cancel."""
    with mp.workdps(mp.mp.dps + 20 + int(2 * (a + 1) * max(0, mp.log10(abs(b) + 1)))):
        slopes = [beyond(-b) if b <= 0 else density(b) / (1 - density(b) / beyond(b))]
        sums = [b + slopes[0]]
        for m in range(int(a)):
            slopes.append(-mp.fsum(mp.binomial(m, k) * slopes[k] * sums[m - k] for k in range(m + 1)))
            sums.append(slopes[-1] + step(m == 0))
        return slopes[-1]


def clip(a, b, c):
    return min(max(a, b), c)


def rounded(a):
    whole, rest = mp.floor(a), a - mp.floor(a)
    return whole + step(rest > 0.5 or (rest == 0.5 and whole % 2))


# Value, then the derivative by each operand.
MP = {
    "plus": (lambda a, b: a + b, one, one),
    "minus": (lambda a, b: a - b, one, lambda a, b: -one()),
    "times": (lambda a, b: a * b, lambda a, b: b, lambda a, b: a),
    "over": (lambda a, b: a / b, lambda a, b: 1 / b, lambda a, b: -a / b**2),
    "power": (lambda a, b: a**b, power_slope, lambda a, b: a**b * mp.log(a) if a else mp.mpf(0)),
    "neg": (lambda a: -a, lambda a: -one()),
    "exp": (exp_of, exp_of),
    "expm1": (expm1, exp_of),
    "log": (mp.log, lambda a: 1 / a),
    "log1p": (mp.log1p, lambda a: 1 / (1 + a)),
    "log2": (lambda a: mp.log(a) / mp.log(2), lambda a: 1 / (a * mp.log(2))),
    "log10": (lambda a: mp.log(a) / mp.log(10), lambda a: 1 / (a * mp.log(10))),
    "sqrt": (mp.sqrt, lambda a: 1 / (2 * mp.sqrt(a))),
    "sin": (mp.sin, mp.cos),
    "cos": (mp.cos, lambda a: -mp.sin(a)),
    "tan": (mp.tan, lambda a: mp.sec(a) ** 2),
    "arcsin": (mp.asin, lambda a: 1 / mp.sqrt((1 - a) * (1 + a))),
    "arccos": (mp.acos, lambda a: -1 / mp.sqrt((1 - a) * (1 + a))),
    "arctan": (mp.atan, lambda a: 1 / (1 + a**2)),
    "arctan2": (mp.atan2, lambda a, b: b / (a**2 + b**2), lambda a, b: -a / (a**2 + b**2)),
    "hypot": (mp.hypot, lambda a, b: a / mp.hypot(a, b), lambda a, b: b / mp.hypot(a, b)),
    "direction": (lambda a, b: a / mp.hypot(a, b), lambda a, b: b**2 / mp.hypot(a, b) ** 3, lambda a, b: -a * b / mp.hypot(a, b) ** 3),
    "sinh": (mp.sinh, mp.cosh),
    "cosh": (mp.cosh, mp.sinh),
    "tanh": (mp.tanh, lambda a: mp.sech(a) ** 2),
    "sech": (sech, lambda a: -sech(a) * mp.tanh(a)),
    "logcosh": (lambda a: mp.log1p(2 * mp.sinh(a / 2) ** 2) if abs(a) < 1 else abs(a) + mp.log1p(mp.exp(-2 * abs(a))) - mp.log(2), mp.tanh),
    "sigmoid": (sigmoid, sigmoid_slope),
    "softplus": (softplus, sigmoid),
    "logaddexp": (lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))), lambda a, b: sigmoid(a - b), lambda a, b: sigmoid(b - a)),
    "xlogy": (lambda a, b: a * mp.log(b) if a else mp.mpf(0), lambda a, b: mp.log(b), lambda a, b: a / b if a else mp.mpf(0)),
    "xlog1py": (lambda a, b: a * mp.log1p(b) if a else mp.mpf(0), lambda a, b: mp.log1p(b), lambda a, b: a / (1 + b) if a else mp.mpf(0)),
    "erf": (mp.erf, lambda a: 2 / mp.sqrt(mp.pi) * mp.exp(-(a**2))),
    "erfc": (erfc, lambda a: -2 / mp.sqrt(mp.pi) * mp.exp(-(a**2))),
    "log_ndtr": (log_ndtr, lambda a: inverse_mills(0, a)),
    "inverse_mills": (inverse_mills, zero, lambda a, b: inverse_mills(a + 1, b)),
    "log_gumbel": (log_gumbel, lambda a: gumbel_rate(0, a)),
    "gumbel_rate": (gumbel_rate, zero, lambda a, b: gumbel_rate(a + 1, b)),
    "lgamma": (lgamma, lambda a: psi(0, a)),
    "digamma": (lambda a: psi(0, a), lambda a: psi(1, a)),
    "polygamma": (lambda a, b: psi(int(a), b), zero, lambda a, b: psi(int(a) + 1, b)),
    "relu": (lambda a: max(a, mp.mpf(0)), lambda a: step(a > 0)),
    "abs": (abs, mp.sign),
    "maximum": (max, share, lambda a, b: share(b, a)),
    "minimum": (min, lambda a, b: share(b, a), share),
    "clip": (clip, lambda a, b, c: share(a, b) * share(c, a) if b < c else zero(), lambda a, b, c: share(b, a) * step(b < c),
             lambda a, b, c: share(a, c) if b < c else one()),
    "sign": (mp.sign, zero),
    "floor": (mp.floor, zero),
    "ceil": (mp.ceil, zero),
    "round": (rounded, zero),
    "where": (lambda a, b, c: b if a else c, zero, lambda a, b, c: step(a), lambda a, b, c: 1 - step(a)),
    "greater": (lambda a, b: step(a > b), zero, zero),
    "at_least": (lambda a, b: step(a >= b), zero, zero),
    "less": (lambda a, b: step(a < b), zero, zero),
    "at_most": (lambda a, b: step(a <= b), zero, zero),
    "equal": (lambda a, b: step(a == b), zero, zero),
    "differs": (lambda a, b: step(a != b), zero, zero),
    "same": (lambda a: a, one),
}  # fmt: skip

# The operations on vectors, from their definitions: with digits enough nothing overflows and nothing cancels.
ELEMENTS = {name: np.frompyfunc(value, OPS[name].arity, 1) for name, (value, *_) in MP.items()}


def exp(a):
    return ELEMENTS["exp"](a)


def log(a):
    return ELEMENTS["log"](a)


def total(a, axis=None):
    return np.sum(a, axis=axis, keepdims=True)


MP_ARRAYS = {
    "sum": lambda a, axis: np.sum(a, axis=axis),
    "max": lambda a, axis: np.max(a, axis=axis),
    "spread": lambda a, like, axis: np.broadcast_to(a if axis is None else np.expand_dims(a, axis), np.shape(like)),
    "transpose": np.transpose,
    "index": lambda a, at: np.array(a, dtype=object)[at],
    "take": lambda a, k: a[int(k)],
    "onehot": lambda k, like: np.array([step(j == k) for j in range(len(like))], dtype=object),
    "softmax": lambda a, axis: exp(a) / total(exp(a), axis),
    "logsumexp": lambda a, axis: np.squeeze(log(total(exp(a), axis)), axis=axis),
    "logsoftmax": lambda a, axis: log(exp(a) / total(exp(a), axis)),
}


def values(graph, given):
    """The value of every node, of the inputs given as mpf or arrays of mpf."""
    found = []
    for node in graph.nodes:
        if node.op == "input":
            found.append(given[node.name])
        elif node.op == "const":
            found.append(mp.mpf(node.value))
        else:
            operands = [found[k] for k in node.operands]
            if OPS[node.op].shape is elementwise:
                found.append(ELEMENTS[node.op](*operands))
            else:
                found.append(MP_ARRAYS[node.op](*operands, **OPS[node.op].named(node.options)))
    return found


# How far from the truth: so many ulp, and as many times more as f itself magnifies a rounding of its operands.


def nudge(v):
    """So small that differences by it are derivatives to 50 digits and more."""
    return (abs(v) or mp.mpf(10) ** -300) * mp.mpf(10) ** -60


def partial(f, x, j):
    """∂f/∂x_j of a function of a list, which answers a list."""
    h = nudge(x[j])
    up, down = (f([*x[:j], x[j] + s * h, *x[j + 1 :]]) for s in (1, -1))
    return [(p - q) / (2 * h) for p, q in zip(up, down)]


def conditions(f, x):
    """Σ_j |x_j · ∂f/∂x_j / f| for each of the numbers that f answers; ValueError in f is the end of its domain."""
    found = f(x)
    sums = [mp.mpf(0)] * len(found)
    for j, v in enumerate(x):
        with suppress(ValueError):
            if v:
                sums = [s + abs(d) * max(abs(v), mp.mpf(NORMAL)) for s, d in zip(sums, partial(f, x, j))]
    return [s / abs(v) if v else mp.mpf(0) for s, v in zip(sums, found)]


def is_real(v):
    return isinstance(v, (mp.mpf, int, float)) and mp.isfinite(v)


def error(found, exact, condition=0):
    """How far a float is from the truth, in ulp times max(1, condition); beyond the range of floats it must be infinite."""
    exact, end = mp.mpf(exact), mp.mpf(2) ** 1024
    if not math.isfinite(found):
        return 0.0 if abs(exact) > end * (1 - 8 * EPS * max(1, condition)) and found == math.copysign(math.inf, exact) else math.inf
    if abs(exact) >= end * (1 - EPS / 4):
        exact = mp.sign(exact) * end
    return float(abs(mp.mpf(found) - exact) / (math.ulp(min(float(abs(exact)), 1.7e308)) * max(1, condition)))
