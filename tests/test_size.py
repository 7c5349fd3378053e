"""Graphs of 100,000 nodes: traced, differentiated, simplified and run without recursion; what is reached by many paths costs its nodes."""

import math

import dvar as dv

N = 100_000


def test_a_chain_of_100_000_nodes():
    @dv.graph
    def J(x):
        u = x
        for _ in range(N // 2):
            u = dv.sin(u) + x * 0.5
        return u

    p = J.at(x=0.25)
    value, slope = 0.25, 1.0
    for _ in range(N // 2):
        value, slope = math.sin(value) + 0.125, math.cos(value) * slope + 0.5
    assert len(J.nodes) > N
    assert abs(p.value - value) <= 1e-12
    assert abs(p.dx - slope) <= 1e-9 * abs(slope)
    assert J(x=0.25) == p.value
    assert J.simplified()(x=0.25) == p.value
    assert abs(J.d("x")(x=0.25) - slope) <= 1e-9 * abs(slope)
    assert abs(J.program("loop")(0.25)[1] - slope) <= 1e-9 * abs(slope)


def test_a_tree_of_100_000_nodes():
    @dv.graph
    def J(x):
        level = [x * (k % 7 + 1) for k in range(2**16)]
        while len(level) > 1:
            level = [a + b for a, b in zip(level[::2], level[1::2])]
        return level[0]

    assert len(J.nodes) > N
    p = J.at(x=2.0)
    assert p.dx == sum(k % 7 + 1 for k in range(2**16))
    assert p.value == 2.0 * p.dx
