"""The normal distribution far out in its tails: the logarithm of Φ, its distribution function, and the derivatives of that.

All of them come from one function, how far beyond a point a normal variable lies on average that lies beyond it: with φ its
density and λ = φ/Φ the inverse Mills ratio, λ(−x) = x + mean(x), Φ(−x) = φ(x)/λ(−x) and λ′(−x) = −λ(−x)·mean(x), where nothing
cancels and nothing leaves the range of floats, however far out. Further derivatives of log Φ are cumulants of that distance.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb, factorial
from typing import Any

import numpy as np

# (2 + x)·mean(x) as a polynomial in (x − 3.5)/(x + 3.5): its Chebyshev series from 80 points in 40 digits, cut where terms fall
# below 1e-17; the variable is that of Shepherd and Laframboise (1981), "Chebyshev approximation of (1 + 2x)exp(x²)erfc x".
MEAN = (
    1.3826519567173485, -0.4321818366210291, -0.05516260400263208, 0.16592423263468994, -0.04625316972751573,
    -0.039024988520855314, 0.023208741636668386, 0.009220803399386343, -0.00888567460875105, -0.002328148482731401,
    0.0030973144715027113, 0.0006682312066347004, -0.001011516738436341, -0.00022027381795915697, 0.0003075727687068749,
    7.720420712099252e-05, -8.525271879579157e-05, -2.5770451792485797e-05, 2.093604950093992e-05, 7.413469015539786e-06,
    -4.439565045098486e-06, -1.6548923238977232e-06, 8.140012201958883e-07, 2.417603776656453e-07, -1.3630912761849088e-07,
    -1.3676741767442703e-08, 2.087032256987975e-08, -1.0166574376453845e-09, -2.0421011431796847e-09,
)
FAR = 2.0**300  # as good as infinity, and 1/FAR is exact
ROOT_2_PI, PEAK = 2.5066282746310007, 0.3989422804014327  # √(2π), φ(0)
SERIES = tuple((-1) ** k / (ROOT_2_PI * 2**k * factorial(k) * (2 * k + 1)) for k in range(14))  # Abramowitz & Stegun 26.2.10
ORDERS = 13  # derivatives that are found, the last to 12 digits; of more, fewer and fewer would be right
MIDDLE = 0.75  # from here on derivatives by their recurrence keep more digits than cumulants do


def tail_mean(x: Any) -> Any:
    """The mean of t > 0 with density ∝ exp(−t²/2 − x·t), for 0 ≤ x < ∞, to 3 ulp; for numbers and arrays, and compiled."""
    t = (x - 3.5) / (x + 3.5)
    u, c = t * t, MEAN
    even = (((((((c[28] * u + c[26]) * u + c[24]) * u + c[22]) * u + c[20]) * u + c[18]) * u + c[16]) * u + c[14]) * u + c[12]
    even = (((((even * u + c[10]) * u + c[8]) * u + c[6]) * u + c[4]) * u + c[2]) * u + c[0]
    odd = ((((((c[27] * u + c[25]) * u + c[23]) * u + c[21]) * u + c[19]) * u + c[17]) * u + c[15]) * u + c[13]
    odd = (((((odd * u + c[11]) * u + c[9]) * u + c[7]) * u + c[5]) * u + c[3]) * u + c[1]
    return (even + t * odd) / (x + 2.0)


def near_middle(x: Any) -> Any:
    """Φ(x) for 0 ≤ x ≤ 1, to its last digit, so that φ(x)/Φ(x) and its square keep theirs."""
    u, c = x * x, SERIES
    high = (((((c[13] * u + c[12]) * u + c[11]) * u + c[10]) * u + c[9]) * u + c[8]) * u + c[7]
    return 0.5 + x * (((((((high * u + c[6]) * u + c[5]) * u + c[4]) * u + c[3]) * u + c[2]) * u + c[1]) * u + c[0])


def log_ndtr(z: Any) -> Any:
    """log Φ(z): Φ is erfc(−z/√2)/2."""
    x = np.abs(z)
    beyond = x + tail_mean(np.minimum(x, FAR))  # λ(−x)
    return np.where(z <= 0.0, -0.5 * x * x - np.log(ROOT_2_PI * beyond), np.log1p(-PEAK * np.exp(-0.5 * x * x) / beyond))


def inverse_mills(a: Any, b: Any) -> Any:
    """The derivative number a of λ(b) = φ(b)/Φ(b), the derivative of log Φ. Numbers from 2 on to some 10 ulp."""
    a, b = np.broadcast_arrays(a, b)
    value = np.full(b.shape, np.nan)
    for n in np.unique(a[(a >= 0) & (a == np.floor(a)) & (a < ORDERS)]):
        of_n = a == n
        value[of_n] = derivative(int(n), b[of_n])
    return value[()]


def derivative(n: int, z: Any) -> Any:
    """λ⁽ⁿ⁾(z)."""
    x = np.abs(z)
    mean = tail_mean(np.minimum(x, FAR))
    density = PEAK * np.exp(-0.5 * x * x)
    below = np.where(x < 1.0, near_middle(np.minimum(x, 1.0)), 1.0 - density / (x + mean))  # Φ(x)
    ratio = np.where(z <= 0.0, x + mean, density / below)
    if n == 0:
        return ratio
    if n > 1:
        return np.where(z < MIDDLE, cumulant(n + 1, np.minimum(z, MIDDLE)), by_recurrence(n, ratio, np.minimum(z, FAR)))
    return -np.where(z <= 0.0, np.minimum(x, FAR) + mean, ratio) * np.where(z <= 0.0, mean, np.minimum(x, FAR) + ratio)


def by_recurrence(n: int, ratio: Any, z: Any) -> Any:
    """λ⁽ⁿ⁾ from λ′ = −λ·(z + λ), by Leibniz's rule."""
    slopes, sums = [ratio], [z + ratio]
    for m in range(n):
        slopes.append(-sum(comb(m, k) * slopes[k] * sums[m - k] for k in range(m + 1)))
        sums.append(slopes[-1] + (m == 0))
    return slopes[n]


def cumulant(n: int, z: Any) -> Any:
    """The cumulant number n ≥ 3 of t > 0 with density ∝ exp(−t²/2 + z·t), from its central moments."""
    s, weights = double_exponential()
    scale = 1.0 / (1.0 + np.maximum(-np.maximum(z, -1.7e308), 0.0))
    t = scale[..., None] * s
    p = weights * np.exp(-0.5 * t * t + np.maximum(z, -1.7e308)[..., None] * t)
    p /= np.sum(p, axis=-1, keepdims=True)
    off = s - np.sum(p * s, axis=-1, keepdims=True)
    moments = [np.sum(p * off**k, axis=-1) for k in range(n + 1)]
    found = [moments[k] for k in range(3)]
    for m in range(3, n + 1):
        found.append(moments[m] - sum(comb(m - 1, k - 1) * found[k] * moments[m - k] for k in range(2, m - 1)))
    return found[n] * scale**n


@lru_cache(maxsize=1)
def double_exponential() -> tuple[Any, Any]:
    """Nodes and weights of ∫₀^∞ for what falls off like exp(−s) or faster: Takahasi and Mori (1974), s = exp(u − exp(−u))."""
    u = np.arange(-4.0, 4.8, 1 / 16)
    s = np.exp(u - np.exp(-u))
    return s, s * (1.0 + np.exp(-u))
