"""Five scalar graphs beside peers: value and every derivative in one call, times and their ratios.

    pip install dvar torch jax autograd micrograd && python benchmarks/scalars.py

Peers that are not installed are said to be missing and skipped. All run in this one process, in float64, and all answers,
value and every derivative, are compared before anything is timed. Then the peers are called in turn, f(x, y) as one writes it,
each for about 50 ms, 15 times over; reported are medians, and how many times dvar's time a peer takes. dvar's are the bare
functions of its fused program, which is compiled, and of its loop program, straight-line Python. What a peer keeps between
calls is made beforehand: micrograd's Values, PyTorch's leaves, JAX's scalars on the device. As `timeit` has it, garbage is not
collected while the clock runs. The second table is the first call of a function never seen before: for dvar tracing it, writing
the program, compiling it and running it once; for JAX jitting it and running it once.
"""

from __future__ import annotations

import math
import statistics
import sys
import timeit
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from types import FunctionType
from typing import Any, NamedTuple

import dvar as dv
from dvar import log, sigmoid, sin, tanh

CLOSE = 1e-9  # of a peer's numbers to dvar's, relative
SPAN, RUNS, FIRSTS = 0.05, 15, 3  # seconds of one measurement; measurements of calls, and of first calls


def lesson(a, b, c):
    u = b * c
    v = a + u
    return 3 * v


def logistic(w1, w2, b, x1, x2, y):
    z = w1 * x1 + w2 * x2 + b
    a = sigmoid(z)
    return -(y * log(a) + (1 - y) * log(1 - a))


def perceptron(x1, x2, x3, y, u11, u12, u13, b1, u21, u22, u23, b2, u31, u32, u33, b3, u41, u42, u43, b4, v1, v2, v3, v4, c):
    h1 = tanh(u11 * x1 + u12 * x2 + u13 * x3 + b1)
    h2 = tanh(u21 * x1 + u22 * x2 + u23 * x3 + b2)
    h3 = tanh(u31 * x1 + u32 * x2 + u33 * x3 + b3)
    h4 = tanh(u41 * x1 + u42 * x2 + u43 * x3 + b4)
    return (v1 * h1 + v2 * h2 + v3 * h3 + v4 * h4 + c - y) ** 2


def chain(u, x):
    for _ in range(1000):
        u = sin(u) * x + u * 0.5
    return u * x


def rational(x, y):
    return (x**3 - 2 * x * y + 1) / (x**2 + y**2 + 1)


GRAPHS: dict[FunctionType, tuple[float, ...]] = {
    lesson: (5.0, 3.0, 2.0),
    logistic: (0.5, -0.25, 0.1, 1.0, 2.0, 1.0),
    perceptron: tuple(math.sin(k) for k in range(1, 26)),
    chain: (1.0, 0.5),
    rational: (1.5, 2.0),
}


class Peer(NamedTuple):
    functions: tuple[Any, ...]  # what it calls log, sigmoid, sin and tanh
    given: Callable[[float], Any]  # a number → an argument
    both: Callable[[FunctionType], Callable[..., Any]]  # a graph → the function that answers value and derivatives


def of_dvar(target: str) -> Peer:
    return Peer((log, sigmoid, sin, tanh), float, lambda f: dv.graph(f).program(target).function)


def of_micrograd() -> Peer:
    from micrograd.engine import Value

    def unary(compute, slope):  # an operation that micrograd lacks, made as its own are; the slope is of x and f(x)
        def op(x):
            def _backward():
                x.grad += slope(x.data, out.data) * out.grad
            out = Value(compute(x.data), (x,), compute.__name__)
            out._backward = _backward
            return out
        return op

    def run(f, *leaves):
        for v in leaves:
            v.grad = 0
        out = f(*leaves)
        out.backward()
        return out.data, [v.grad for v in leaves]

    sys.setrecursionlimit(20_000)  # its topological sort recurses as deep as the graph
    log, exp = unary(math.log, lambda x, y: 1 / x), unary(math.exp, lambda x, y: y)
    sin, tanh = unary(math.sin, lambda x, y: math.cos(x)), unary(math.tanh, lambda x, y: 1 - y * y)
    return Peer((log, lambda z: 1 / (1 + exp(-z)), sin, tanh), Value, lambda f: partial(run, f))


def of_autograd() -> Peer:
    import autograd.numpy as np
    from autograd import value_and_grad

    functions = np.log, lambda z: 1 / (1 + np.exp(-z)), np.sin, np.tanh
    return Peer(functions, float, lambda f: value_and_grad(f, tuple(range(f.__code__.co_argcount))))


def of_torch() -> Peer:
    import torch

    def run(f, *leaves):
        out = f(*leaves)
        return out, torch.autograd.grad(out, leaves)

    torch.set_num_threads(1)
    leaf = partial(torch.tensor, dtype=torch.float64, requires_grad=True)
    return Peer((torch.log, torch.sigmoid, torch.sin, torch.tanh), leaf, lambda f: partial(run, f))


def of_jax() -> Peer:
    import jax
    import jax.numpy as jnp

    def run(jitted, *scalars):
        answer = jitted(*scalars)
        answer[0].block_until_ready()  # one program: the derivatives are ready with the value
        return answer

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return Peer((jnp.log, jax.nn.sigmoid, jnp.sin, jnp.tanh), lambda v: jax.device_put(jnp.float64(v)),
                lambda f: partial(run, jax.jit(jax.value_and_grad(f, tuple(range(f.__code__.co_argcount))))))


PEERS = {"dvar": partial(of_dvar, "fused"), "dvar loop": partial(of_dvar, "loop"), "micrograd": of_micrograd,
         "autograd": of_autograd, "torch": of_torch, "jax": of_jax}


def prepared(peer: Peer, graph: FunctionType, name: str) -> Callable[..., Any]:
    """The peer's value and derivatives of a copy that calls its functions; under a name of its own no cache knows it."""
    functions = dict(zip(("log", "sigmoid", "sin", "tanh"), peer.functions))
    return peer.both(FunctionType(graph.__code__.replace(co_name=name), functions, name))


def flat(a: Any) -> list[float]:
    return [v for part in a for v in flat(part)] if isinstance(a, (tuple, list)) else [a.item() if hasattr(a, "item") else a]


def each(calls: dict[str, tuple[Callable[..., Any], list[Any]]]) -> dict[str, float]:
    """Microseconds per call, the peers in turn."""
    timers = {}
    for peer, (function, given) in calls.items():
        names = [f"x{k}" for k in range(len(given))]
        timers[peer] = timeit.Timer(f"f({', '.join(names)})", globals={"f": function, **dict(zip(names, given))})
    numbers = {peer: math.ceil(SPAN * number / took) for peer, t in timers.items() for number, took in [t.autorange()]}
    runs = [[timers[peer].timeit(number) / number * 1e6 for peer, number in numbers.items()] for _ in range(RUNS)]
    return dict(zip(calls, map(statistics.median, zip(*runs))))


def first(peer: Peer, graph: FunctionType, arguments: list[Any]) -> float:
    """Microseconds of the first call."""
    names = (f"{graph.__name__}{k}" for k in range(FIRSTS))
    return statistics.median(timeit.repeat(lambda: prepared(peer, graph, next(names))(*arguments), number=1, repeat=FIRSTS)) * 1e6


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{title:<16}" + "".join(f"{peer:>12}{'':10}" for peer in next(iter(rows.values()))).rstrip())
    for name, times in rows.items():
        ratios = {peer: f"({t / times['dvar']:,.3g}×)" if peer != "dvar" else "" for peer, t in times.items()}
        print(f"{name:<16}" + "".join(f"{t:12,.2f} {ratios[peer]:9}" for peer, t in times.items()).rstrip())


def main() -> None:
    peers = {}
    for name, make in PEERS.items():
        try:
            peers[name] = make()
        except ImportError as error:
            print(f"{name} is missing and skipped: {error}")
    given = {g: {n: [p.given(v) for v in at] for n, p in peers.items()} for g, at in GRAPHS.items()}
    calls = {g: {n: (prepared(p, g, g.__name__), given[g][n]) for n, p in peers.items()} for g in GRAPHS}
    for g in GRAPHS:
        answers = {n: flat(f(*x)) for n, (f, x) in calls[g].items()}
        for n, numbers in answers.items():
            if not all(math.isclose(a, b, rel_tol=CLOSE) for a, b in zip(answers["dvar"], numbers, strict=True)):
                sys.exit(f"{g.__name__}: dvar answers {answers['dvar']}, {n} {numbers}: times would mean nothing")
    print(f"all answers agree to {CLOSE:g}:", ", ".join(f"{n} {version(n)}" for n in peers if n != "dvar loop"))
    show("each call, µs", {g.__name__: each(calls[g]) for g in GRAPHS})
    traced = {n: p for n, p in peers.items() if n in ("dvar", "dvar loop", "jax")}
    show("first call, µs", {g.__name__: {n: first(p, g, given[g][n]) for n, p in traced.items()} for g in GRAPHS})


if __name__ == "__main__":
    main()
