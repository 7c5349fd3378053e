"""What operations on vectors and matrices make of g, that which comes from the right: formulas in g and the operands a, b, c."""

from __future__ import annotations

from collections.abc import Callable


def dot_pull(ranks: tuple[int, ...]) -> tuple[str, str]:
    return {
        (1, 1): ("g*b", "g*a"),
        (2, 1): ("outer(g, b)", "transpose(a) @ g"),
        (1, 2): ("b @ g", "outer(a, g)"),
        (2, 2): ("g @ transpose(b)", "transpose(a) @ g"),
    }[ranks]  # type: ignore[index]


def over(axis: int | None) -> str:
    return "" if axis is None else f", axis={axis}"


def extreme_pull(name: str) -> Callable[..., tuple[str]]:
    """All that are largest share alike."""

    def pull(ranks: tuple[int, ...], axis: int | None) -> tuple[str]:
        at = over(axis)
        best = f"where(a == spread({name}(a{at}), a{at}), 1, 0)"
        return (f"{best}*spread(g/sum({best}{at}), a{at})",)

    return pull


def logsoftmax_pull(ranks: tuple[int, ...], axis: int | None) -> tuple[str]:
    """g·(1 − p) − p·Σ g of the others, for p = softmax(a): 1 − p keeps its digits where p is nearly 1."""
    at = over(axis)
    return (f"-g*expm1(logsoftmax(a{at})) - softmax(a{at})*(spread(sum(g{at}), a{at}) - g)",)


def take_pull(ranks: tuple[int, ...]) -> tuple[str, None]:
    return ("g*onehot(b, a)" if ranks[0] == 1 else "outer(onehot(b, a), g)"), None


def concatenate_pull(ranks: tuple[int, ...], axis: int) -> tuple[str, str]:
    at = over(axis) if axis else ""
    return f"cut(g, a, b, part=0{at})", f"cut(g, a, b, part=1{at})"


def cut_pull(ranks: tuple[int, ...], part: int, axis: int) -> tuple[str, None, None]:
    at = over(axis) if axis else ""
    whole = f"concatenate(g, spread(0, c){at})" if part == 0 else f"concatenate(spread(0, b), g{at})"
    return whole, None, None
