"""The logarithm of 1 − exp(−exp(z)), the probability of which z is the complementary log-log, and its derivatives. It is the
distribution function of the smallest of many (Gumbel).

With u = exp(z), the first derivative is the rate u/(exp(u) − 1), the generating function of Bernoulli's numbers: up to u = 1 its
series is summed (Abramowitz & Stegun 23.1.1), term by term for all derivatives, so that none cancels far down; from there on all
are multiples of exp(−u).
"""

from __future__ import annotations

from math import comb, factorial
from typing import Any

import numpy as np

from .normal import ORDERS

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
             854513 / 138, -236364091 / 2730, 8553103 / 6, -23749461029 / 870)  # B₂ … B₂₈
RATE = tuple(b / factorial(2 * k) for k, b in enumerate(BERNOULLI, 1))  # u/(exp(u) − 1) = 1 − u/2 + Σ RATE·u²ᵏ
LOG = tuple(c / (2 * k) for k, c in enumerate(RATE, 1))  # log(1 − exp(−u)) = log(u) − u/2 + Σ LOG·u²ᵏ
MOST = 800.0  # exp(−MOST) is 0


def even_terms(c: Any, u: Any) -> Any:
    """Σ c·u²ᵏ from k = 1 on; for numbers and arrays, and compiled."""
    v = u * u
    high = (((((c[13] * v + c[12]) * v + c[11]) * v + c[10]) * v + c[9]) * v + c[8]) * v + c[7]
    return (((((((high * v + c[6]) * v + c[5]) * v + c[4]) * v + c[3]) * v + c[2]) * v + c[1]) * v + c[0]) * v


def log_gumbel(z: Any) -> Any:
    """log(1 − exp(−exp(z)))."""
    u = np.exp(z)
    small = np.minimum(u, 1.0)
    return np.where(z <= 0.0, z - (0.5 * small - even_terms(LOG, small)), np.log1p(-np.exp(-u)))


def gumbel_rate(a: Any, b: Any) -> Any:
    """The derivative number a of the rate u/(exp(u) − 1), u = exp(b), by b."""
    a, b = np.broadcast_arrays(a, b)
    value = np.full(b.shape, np.nan)
    for n in np.unique(a[(a >= 0) & (a == np.floor(a)) & (a < ORDERS)]):
        of_n = a == n
        value[of_n] = derivative(int(n), b[of_n])
    return value[()]


def derivative(n: int, z: Any) -> Any:
    u = np.minimum(np.exp(z), MOST)
    small, large = np.minimum(u, 1.0), np.maximum(u, 1.0)
    half = np.exp(-0.5 * large)  # exp(−u) in two factors: times powers of u it may be a float where by itself it is none
    over = large / -np.expm1(-large)
    series = even_terms([(2.0 * k) ** n * c for k, c in enumerate(RATE, 1)], small)
    slopes, sums = [1.0], [half * over * half + (large - 1.0)]  # in multiples of the rate; −rate′/rate = rate + u − 1
    for m in range(n):
        slopes.append(-sum(comb(m, k) * slopes[k] * sums[m - k] for k in range(m + 1)))
        sums.append(half * (slopes[-1] * over) * half + large)
    return np.where(z <= 0.0, (n == 0) - 0.5 * small + series, half * (slopes[n] * over) * half)
