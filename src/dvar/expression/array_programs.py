"""How operations on vectors and matrices are written in programs.

In a vectorised program {0}, {1} are the operands, `np.` is NumPy and `our.` the functions of `arrays.py`. An operand that differs
by example carries the examples along its first axis; so axes are counted from the end, and the same expression serves with
and without examples.
"""

from __future__ import annotations

from collections.abc import Callable

from .op import ATOM, FIRST, MINUS, PRODUCT, SECOND, Form, Layout, Loops, moved, spell_key


def axes(rank: int, axis: int | None) -> int | tuple[int, ...]:
    """The axis, or all of one example's axes, counted from the end."""
    return tuple(range(-rank, 0)) if axis is None else axis - rank if axis >= 0 else axis


# in a vectorised program


def along(function: str) -> Callable[[Layout], Form]:
    """A reduction: the same function, its axis counted from the end."""

    def form(one: Layout) -> Form:
        axis = one.options["axis"]
        told = "" if not one.varies[0] and axis is None else f", axis={axes(one.ranks[0], axis)}"
        return Form(f"{function}({{}}{told})", (0,), ATOM)

    return form


def dot_form(one: Layout) -> Form:
    if all(one.varies) and one.ranks in EINSUM:
        return Form(f"np.einsum({EINSUM[one.ranks]!r}, {{}}, {{}})", (0, 0), ATOM)
    if one.varies == (False, True) and one.ranks == (1, 1):
        return Form("{1} @ {0}", (MINUS, PRODUCT), PRODUCT)
    if one.varies == (False, True) and one.ranks == (2, 1):
        return Form("{1} @ {0}.T", (ATOM, PRODUCT), PRODUCT)
    return Form("{} @ {}", (PRODUCT, MINUS), PRODUCT)


EINSUM = {(1, 1): "ai,ai->a", (2, 1): "aij,aj->ai", (1, 2): "ai,aij->aj"}


def outer_form(one: Layout) -> Form:
    a, b = ("ai" if one.varies[0] else "i"), ("aj" if one.varies[1] else "j")
    return Form(f"np.einsum('{a},{b}->{'a' * any(one.varies)}ij', {{}}, {{}})", (0, 0), ATOM)


def transpose_form(one: Layout) -> Form:
    if not one.varies[0]:
        return Form("{}.T", (ATOM,), ATOM)
    return Form("{}.transpose(0, 2, 1)" if one.ranks == (2,) else "{}", (ATOM,), ATOM)  # a row's vector is its own


def core(position: int, one: Layout) -> str:
    """The shape of one example's operand."""
    rank = one.ranks[position]
    return f"{{{position}}}.shape" + (f"[-{rank}:]" if one.varies[position] else "") if rank else "()"


def spread_form(one: Layout) -> Form:
    axis, rank = one.options["axis"], one.ranks[1]
    new = [k for k in range(rank) if axis is None or k == axis % rank]
    shown = "[" + ", ".join([":"] * one.varies[0] + ["None" if k in new else ":" for k in range(rank)]) + "]"
    if rank == 0 or (axis is None and not one.varies[0]):
        shown = ""
    lead = "{0}.shape[:1] + " * one.varies[0]
    return Form(f"np.broadcast_to({{0}}{shown}, {lead}{core(1, one)})", (ATOM, ATOM), ATOM)


def index_form(one: Layout) -> Form:
    inner = spell_key(one.options["at"])[1:-1]
    return Form(f"{{}}[{':, ' * one.varies[0]}{inner}]", (ATOM,), ATOM)


def place_form(one: Layout) -> Form:
    return Form(f"our.place_in({{0}}, {core(1, one)}, {one.options['at']})", (0, ATOM), ATOM)


def take_form(one: Layout) -> Form:
    if one.varies == (True, False):
        return Form("our.take_each({0}, np.broadcast_to({1}, {0}.shape[:1]))", (ATOM, 0), ATOM)
    return Form(f"our.{'take_each' if one.varies[0] else 'take'}({{}}, {{}})", (0, 0), ATOM)


def onehot_form(one: Layout) -> Form:
    return Form(f"our.onehot_of({{0}}, {core(1, one)}[0])", (0, ATOM), ATOM)


def stack_form(one: Layout) -> Form:
    listed = ", ".join(["{}"] * len(one.ranks))
    parts = f"[{listed}]" if len(set(one.varies)) == 1 else f"np.broadcast_arrays({listed})"
    return Form(f"np.stack({parts}, axis={-1 - one.ranks[0]})", (0,) * len(one.ranks), ATOM)


def concatenate_form(one: Layout) -> Form:
    axis, rank = axes(one.ranks[0], one.options["axis"]), one.ranks[0]
    return Form(f"our.concatenate_each({{}}, {{}}, axis={axis}, rank={rank})", (0, 0), ATOM)


def cut_form(one: Layout) -> Form:
    axis = axes(one.ranks[0], one.options["axis"])
    assert isinstance(axis, int)
    size = f"{{1}}.shape[{axis}]"
    tail = ", :" * (-axis - 1)
    return Form(f"{{0}}[..., {':' + size if one.options['part'] == 0 else size + ':'}{tail}]", (ATOM, ATOM, ATOM), ATOM)


def reshape_form(one: Layout) -> Form:
    lead = "{0}.shape[:1] + " * one.varies[0]
    return Form(f"{{0}}.reshape({lead}{one.options['shape']})", (ATOM,), ATOM)


def shaped_form(one: Layout) -> Form:
    lead = "{0}.shape[:1] + " * one.varies[0]
    return Form(f"{{0}}.reshape({lead}{core(1, one)})", (ATOM, ATOM), ATOM)


def count_form(one: Layout) -> Form:
    rank, axis = one.ranks[0], one.options["axis"]
    ends = [axis - rank if axis >= 0 else axis] if axis is not None else range(-rank, 0)
    return Form(" * ".join(f"{{0}}.shape[{k}]" for k in ends) or "1.0", (ATOM,), PRODUCT if rank > 1 else ATOM)


# in a program of loops: the text of an operand is its element at «0», «1»


def dot_element(one: Loops) -> Form:
    ranks = tuple(map(len, one.shapes))
    left = {FIRST: "«j»"} if ranks[0] == 1 else {SECOND: "«j»"}
    right = {FIRST: "«j»", SECOND: SECOND if ranks[0] == 2 else FIRST}

    def summed(a: str, b: str) -> str:
        j = one.free(a, b)
        return f"{one.sum}({moved(a, left)} * {moved(b, right)} for {j} in {one.span(one.shapes[0][-1])})".replace("«j»", j)

    return Form(summed, (PRODUCT, MINUS), ATOM)


def sum_element(one: Loops) -> Form:
    [shape], axis = one.shapes, one.options["axis"]
    along = range(len(shape)) if axis is None else [axis % len(shape)]
    left = iter((FIRST, SECOND))
    stay = {(FIRST, SECOND)[k]: next(left) for k in range(len(shape)) if k not in along}

    def summed(text: str) -> str:
        used: list[str] = []
        spans = ""
        for k in along:
            used.append(one.free(text, *used))
            text = text.replace((FIRST, SECOND)[k], used[-1])
            spans += f" for {used[-1]} in {one.span(shape[k])}"
        return f"{one.sum}({moved(text, stay)}{spans})" if spans else f"({text})"

    return Form(summed, (0,), ATOM)


def spread_element(one: Loops) -> Form:
    axis = one.options["axis"]
    other = {} if axis is None else {FIRST: (FIRST, SECOND)[1 - axis % 2]} if len(one.shapes[1]) == 2 else {}
    return Form(lambda a, b: moved(a, other), (0, 0), ATOM)


def transpose_element(one: Loops) -> Form:
    both = len(one.shapes[0]) == 2
    return Form(lambda a: moved(a, {FIRST: SECOND, SECOND: FIRST} if both else {}), (ATOM,), ATOM)


def outer_element(one: Loops) -> Form:
    return Form(lambda a, b: f"{a} * {moved(b, {FIRST: SECOND})}", (PRODUCT, MINUS), PRODUCT)
