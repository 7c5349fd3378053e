"""Coordinates for a solver: features as if standardised, though the data stay as they are and the objective does too.

w @ x + b = (w·s) @ ((x − c)/s) + (b + w @ c): a solver that works on w·s and b + w @ c sees standardised features, and the
parameters that it answers are those of the data as given. Shapes and sums are asked of the cost underneath.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np

from ..data.columns import Columns
from ..descend.curvature import directions_of, vanished
from ..descend.endings import without_optimum
from ..descend.fit import End, Fit
from ..descend.methods import MANY
from ..descend.minimize import minimize
from ..descend.objective import Point
from ..vectorize.cost import Cost
from .named import by_rows, is_turned, linear_maps, results_of
from .spreads import centre_spread, widened

HIDES = 1e5  # spreads from zero: the curvature of a column as given has six digits then
FAR, UNLIKE = 10.0, 100.0  # spreads from zero, and of each other: features that suit no solver as they are
AS_GIVEN, AS_TOLD = ("gradient-descent", "sgd", "adam"), {"rate", "momentum", "nesterov", "batch"}  # which "auto" takes those for
KNOWN: WeakKeyDictionary[Cost, tuple[Any, Any]] = WeakKeyDictionary()  # by cost, centre and spread of its columns


class Map(NamedTuple):
    """Where the weights (K rows of n; turned: n rows of K) and the intercepts (K; none: empty) of a linear map stand, and its
    columns' c and s (n,).

    A column that never varies has s = 0: beside an intercept it has nothing to say, and its weight stays 0.
    """

    weights: slice
    free: slice
    centre: Any
    spread: Any
    turned: bool = False

    @property
    def shrink(self) -> Any:
        """1/s, 0 where s is 0."""
        return np.divide(1.0, self.spread, out=np.zeros(len(self.spread)), where=self.spread != 0)

    def blocks(self, v: Any) -> tuple[Any, Any]:
        """The weights' part of v (P, …) as (K, n, …) and the intercepts' as (K, 1, …): views."""
        n, more = len(self.centre), v.shape[1:]
        w, b = v[self.weights], v[self.free].reshape(-1, 1, *more)
        rows = len(w) // n if n else len(b)  # no weight is left of a working set where all are 0
        return w.reshape(n, rows, *more).swapaxes(0, 1) if self.turned else w.reshape(rows, n, *more), b


def is_far(one: Map) -> Any:
    """Which columns (n,) lie so far from zero, by their spreads, that their squares hold few digits of these."""
    return (one.spread > 0) & (np.abs(one.centre) > HIDES * one.spread)


class Standardised:
    """A cost in coordinates θ′, as `minimize` sees it; `named` answers the parameters of the data as given.

    `units` (P,): a parameter that is penalised or bounded is its coordinate times this.
    """

    def __init__(self, cost: Cost, maps: tuple[Map, ...], units: Any) -> None:
        self.cost, self.maps, self.units = cost, maps, units
        self.inputs, self.sizes, self.places, self.size, self.m = cost.inputs, cost.sizes, cost.places, cost.size, cost.m
        self.seen: Any = None  # the coordinates asked of last

    @property
    def ran(self) -> str:
        return self.cost.ran

    def sized(self, parameters: Mapping[str, Any]) -> Standardised:
        cost = self.cost.sized(parameters)
        return self if cost is self.cost else Standardised(cost, self.maps, self.units)

    @property
    def convex(self) -> bool:
        return self.cost.convex

    @cached_property
    def rounded(self) -> Standardised | None:
        cost = self.cost.rounded
        return None if cost is None else Standardised(cost, self.maps, np.append(self.units, 1.0))

    @property
    def met(self) -> dict[str, str]:
        return self.cost.met

    def among(self, kept: Any) -> Standardised | None:
        cost = self.cost.among(kept)
        if cost is None:
            return None
        names = {(p.start, p.stop): n for n, p in self.places.items()}
        maps = []
        for one in self.maps:
            at = kept[one.weights]
            free = names.get((one.free.start, one.free.stop))
            weights = cost.places[names[one.weights.start, one.weights.stop]]
            maps.append(Map(weights, cost.places[free] if free else slice(0, 0), one.centre[at], one.spread[at]))
        return Standardised(cost, tuple(maps), self.units[kept])

    def has_hessian(self) -> bool:
        return self.cost.has_hessian()

    def bends(self) -> bool:
        return self.cost.bends()

    def has_curves(self) -> bool:
        return self.cost.has_curves()

    def has_products(self) -> bool:
        return self.cost.has_products()

    def zero_is_saddle(self) -> str:
        return self.cost.zero_is_saddle()

    def bad_rows(self) -> str:
        return self.cost.bad_rows()

    def kinks(self) -> tuple[str, ...]:
        return self.cost.kinks()

    def flat(self, parameters: Mapping[str, Any]) -> Any:
        """The coordinates (P,) of parameters of the data as given."""
        theta = self.cost.flat(parameters)
        for one in self.maps:
            w, b = one.blocks(theta)
            if b.size:
                b += (w @ one.centre)[:, None]
            w *= one.spread
        return theta

    def given(self, theta: Any) -> Any:
        """The parameters (P,) of the data as given at coordinates (P,)."""
        theta = theta.copy()
        for one in self.maps:
            w, b = one.blocks(theta)
            w *= one.shrink
            if b.size:
                b -= (w @ one.centre)[:, None]
        return theta

    def named(self, theta: Any) -> dict[str, Any]:
        return self.cost.named(self.given(theta))

    def pulled(self, slope: Any) -> Any:
        """Derivatives (P, …) by the parameters → by the coordinates."""
        slope = slope.copy()
        for one in self.maps:
            w, b = one.blocks(slope)
            across = (-1, *[1] * (slope.ndim - 1))
            if b.size:
                w -= b * one.centre.reshape(across)
            w *= one.shrink.reshape(across)
        return slope

    def pushed(self, slope: Any) -> Any:
        """Derivatives (P, …) by the coordinates → by the parameters."""
        slope = slope.copy()
        for one in self.maps:
            w, b = one.blocks(slope)
            across = (-1, *[1] * (slope.ndim - 1))
            w *= one.spread.reshape(across)
            if b.size:
                w += b * one.centre.reshape(across)
        return slope

    def as_given(self, fit: Fit) -> Fit:
        """A fit in these coordinates with the Hessian by the parameters, as its end is."""
        if not self.maps:
            return fit
        if fit.end is not None:
            theta, cost, slope, hessian = fit.end.place
            end = End(ref(self.cost), Point(self.given(theta), cost, self.pushed(slope), twice(self.pushed, hessian)))
            fit = replace(fit, end=end)
        if fit.flat and fit.curvature is not None and any(one.free != slice(0, 0) for one in self.maps):
            flat = self.flat_given(fit) or fit.flat
            fit = replace(fit, flat=flat, message=fit.message.replace(without_optimum(fit.flat), without_optimum(flat)))
        return fit if fit.curvature is None else replace(fit, curvature=lambda: twice(self.pushed, fit.hessian))

    def flat_given(self, fit: Fit) -> tuple[int, ...]:
        """Which parameters of the data as given have no finite optimum: an intercept's coordinate goes where a feature's does
        that is not measured from its mean, the intercept itself need not."""
        first = self.cost.value_gradient_hessian(np.zeros(self.size))[2]
        return directions_of(vanished(twice(self.pushed, fit.hessian), first)[0])

    def started(self, fit: Fit) -> Fit:
        """A fit of the cost underneath, as one in these coordinates."""
        if fit.end is None or fit.end.cost() is not self.cost:
            return fit
        _, cost, slope, hessian = fit.end.place
        place = Point(self.flat(fit.params), cost, self.pulled(slope), twice(self.pulled, hessian))
        return replace(fit, end=End(ref(self), place))

    def value_gradient(self, theta: Any, rows: Any = None) -> tuple[float, Any]:
        self.seen = theta
        value, gradient = self.cost.value_gradient(self.given(theta), rows)
        return value, self.pulled(gradient)

    def value_gradient_hessian(self, theta: Any, rows: Any = None) -> tuple[float, Any, Any]:
        self.seen = theta
        value, gradient, hessian = self.cost.value_gradient_hessian(self.given(theta), rows)
        return value, self.pulled(gradient), twice(self.pulled, hessian)

    def hessian_times(self, theta: Any, v: Any, rows: Any = None) -> Any:
        return self.pulled(self.cost.hessian_times(self.given(theta), self.given(v), rows))

    def gauss_newton(self, theta: Any) -> Any:
        found = self.cost.gauss_newton(self.given(theta))
        return None if found is None else twice(self.pulled, found)


def twice(moved: Callable[[Any], Any], hessian: Any) -> Any:
    """A Hessian (P, P), both of its sides moved from one set of coordinates to the other as a slope is."""
    return moved(moved(hessian).T)


def standardised(cost: Cost, x: Any, free: bool = True, l2: Any = 0.0) -> Standardised:
    """The cost in coordinates of standardised features x, as they were given; typed columns are standardised already.

    `free`: the intercept is neither penalised nor bounded, so that features may be shifted. `l2` is the features' penalty.
    """
    names, intercept = linear_maps(cost.loss, tuple(cost.data))
    units = np.ones(cost.size)
    if x is None or not names:
        return Standardised(cost, (), units)
    if isinstance(x, Columns):
        for name in names:
            by_rows(cost.loss, name, units[cost.places[name]].reshape(cost.sizes[name]))[...] = 1.0 / x.encoding.units[1]
        return Standardised(cost, (), units)
    centre, spread = centre_spread(x, cost.data.get(cost.weight))
    return through(cost, names, intercept if free else "", centre, widened(spread, l2))


def through(cost: Cost, names: list[str], intercept: str, centre: Any, spread: Any) -> Standardised:
    """The cost in coordinates of features of this centre and spread (n,); shifted where these linear maps have an intercept."""
    units = np.ones(cost.size)
    shifted = len(names) == 1 and bool(intercept) and cost.sizes[intercept] == results_of(cost, names[0])
    if not shifted:
        spread = np.hypot(spread, centre)
        spread = np.where(spread > 0, spread, 1.0)
    free = cost.places[intercept] if shifted else slice(0, 0)
    maps = tuple(Map(cost.places[name], free, centre, spread, is_turned(cost.loss, name, cost.data)) for name in names)
    for one in maps:
        one.blocks(units)[0][...] = np.where(spread > 0, one.shrink, 1.0)
    return Standardised(cost, maps, units)


def suited(cost: Cost, tied: Collection[str], l2: Any = 0.0) -> Standardised | None:
    """The cost in coordinates of standardised features where those it has are far from that; None where they are not, or meet
    the parameters otherwise than in linear maps. What never varies is no reason, and stays as it is.

    `tied`: the parameters that are penalised or bounded; features are shifted where the intercept is none of them."""
    arrays = [n for n, v in cost.data.items() if isinstance(v, np.ndarray) and v.ndim == 2]
    if len(arrays) != 1 or len(cost.sizes) < len(cost.inputs):
        return None
    names, intercept = linear_maps(cost.loss, tuple(cost.data), arrays[0])
    if not names:
        return None
    if cost not in KNOWN:
        KNOWN[cost] = centre_spread(cost.data[arrays[0]], cost.data.get(cost.weight))
    centre, spread = KNOWN[cost]
    varies = spread > 0
    some = spread[varies]
    unlike = UNLIKE if cost.size <= MANY and cost.has_hessian() else 1.0  # without a Hessian, whose diagonal scales all
    if not len(some) or not ((np.abs(centre[varies]) > FAR * some).any() or some.max() > unlike * some.min()):
        return None
    centre, spread = np.where(varies, centre, 0.0), np.where(varies, widened(spread, l2), 1.0)
    return through(cost, names, "" if intercept in tied else intercept, centre, spread)


def minimized(cost: Cost, method: str, options: dict[str, Any]) -> Fit:
    """`minimize`, in coordinates of standardised features where the features as they are would end it early: the objective and
    the answer are those of the data as given. Methods that are taught on the data as given stay there."""
    as_given = method in AS_GIVEN or (method == "auto" and not AS_TOLD.isdisjoint(options))
    start, penalize = options.get("start"), options.get("penalize")
    seen = None
    if not as_given:
        given = start.params if isinstance(start, Fit) else start
        cost = cost.sized(given) if isinstance(given, Mapping) else cost
        tied = {penalize} if isinstance(penalize, str) else set(penalize or ())
        seen = suited(cost, tied.union(options.get("bounds") or ()), options.get("l2", 0.0))
    if seen is None:
        return minimize(cost, method, **options)
    if isinstance(start, Fit):
        options = options | {"start": seen.started(start)}
    return seen.as_given(minimize(seen, method, **options))
