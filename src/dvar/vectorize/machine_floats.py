"""Straight-line programs on floats as machine code: each line that `write_floats` writes, in LLVM's words.

The numbers are those of the Python program to the last bit: the same operations of IEEE 754 in the same order, none fused with
another, and the functions of the C library that `math` calls. Where Python's floats raise they are inf and nan. Around the lines
stands what makes them a function of CPython's: it is given floats, or what can be one, and answers a tuple of floats.
"""

from __future__ import annotations

import ast
import ctypes
import struct
from collections.abc import Callable, Sequence

from ..errors import UsageError
from .compiled import machine
from .program import NotWritable

MOST = 20_000  # values in a program: each may have its place on the stack of the thread that runs it
INTRINSIC = {"abs": "fabs", "sqrt": "sqrt"}  # the processor's own
ARITHMETIC = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
ORDER = {ast.Gt: "ogt", ast.GtE: "oge", ast.Lt: "olt", ast.LtE: "ole", ast.Eq: "oeq", ast.NotEq: "une"}  # nan is != nan
JOIN = {ast.And: "and", ast.Or: "or"}

# CPython's side. An object's type, a float's number and a tuple's items stand at the end of what every such object holds.
FASTCALL = 0x80  # a function of (self, the addresses of its arguments, their count)
CPYTHON = ("PyErr_Format", "PyErr_Occurred", "PyFloat_AsDouble", "PyFloat_FromDouble", "PyTuple_New", "Py_DecRef",
           "Py_IncRef")
BEGIN = """\
  %enough = icmp eq i64 %count, {count}
  br i1 %enough, label %given0, label %miscounted
miscounted:
  call ptr (ptr, ptr, ...) {PyErr_Format}(ptr {error}, ptr {said}, i64 %count)
  br label %failed
failed:
  ret ptr null
"""
GIVEN = """\
given{k}:
  %address{k} = getelementptr ptr, ptr %given, i64 {k}
  %object{k} = load ptr, ptr %address{k}
  %typed{k} = getelementptr i8, ptr %object{k}, i64 {type}
  %type{k} = load ptr, ptr %typed{k}
  %float{k} = icmp eq ptr %type{k}, {float}
  br i1 %float{k}, label %read{k}, label %ask{k}
ask{k}:
  %asked{k} = call double {PyFloat_AsDouble}(ptr %object{k})
  %odd{k} = fcmp oeq double %asked{k}, -1.0
  br i1 %odd{k}, label %doubt{k}, label %known{k}
doubt{k}:
  %error{k} = call ptr {PyErr_Occurred}()
  %none{k} = icmp eq ptr %error{k}, null
  br i1 %none{k}, label %known{k}, label %failed
read{k}:
  %number{k} = getelementptr i8, ptr %object{k}, i64 {number}
  %held{k} = load double, ptr %number{k}
  br label %known{k}
known{k}:
  %x{k} = phi double [ %held{k}, %read{k} ], [ %asked{k}, %ask{k} ], [ %asked{k}, %doubt{k} ]
  br label %given{next}
"""
END = """\
  %tuple = call ptr {PyTuple_New}(i64 {count})
  %lacking = icmp eq ptr %tuple, null
  br i1 %lacking, label %failed, label %answer
undo:
  call void {Py_DecRef}(ptr %tuple)
  br label %failed
answer:
"""
NEW = """\
  %answer{k} = call ptr {PyFloat_FromDouble}(double {value})
  %null{k} = icmp eq ptr %answer{k}, null
  %lost{next} = or i1 {lost}, %null{k}
"""
ITEM = """\
  %item{k} = getelementptr i8, ptr %tuple, i64 {place}
  store ptr {answer}, ptr %item{k}
"""
SHARED = "  call void {Py_IncRef}(ptr {answer})\n"


class Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("call", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


def machine_floats(source: str) -> Callable[..., tuple[float, ...]]:
    """The function that a program's source defines, compiled: of numbers by position. It raises TypeError for anything else.

    Raises NotWritable where a line has no such form."""
    llvm = machine()
    target = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(codemodel="jitdefault", jit=True, opt=0)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)  # from here on LLVM looks into this process
    tree = ast.parse(source)
    program = tree.body[-1]
    assert isinstance(program, ast.FunctionDef)
    inputs = [a.arg for a in program.args.args]
    said = ctypes.c_char_p(f"{program.name}({', '.join(inputs)}) takes {len(inputs)} numbers, %zd given".encode())
    writer = Writer({a.asname or a.name: a.name for line in tree.body if isinstance(line, ast.ImportFrom) for a in line.names})
    engine.add_module(llvm.parse_assembly(writer.function(inputs, program.body, ctypes.cast(said, ctypes.c_void_p).value)))
    engine.finalize_object()
    doc = f"{program.name}({', '.join(['$self', *inputs, '/'])})\n--\n\n"  # as `inspect.signature` reads it
    method = Method(program.name.encode(), engine.get_function_address("program"), FASTCALL, doc.encode())
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    owned = engine, method, said, writer.constants  # the function's self: they live as long as it does
    return new(("PyCFunction_NewEx", ctypes.pythonapi))(ctypes.addressof(method), owned, None)  # type: ignore[no-any-return]


class Writer:
    """LLVM's words for lines of Python; every value is a double, a comparison 1 or 0."""

    def __init__(self, imported: dict[str, str]) -> None:
        self.imported = imported  # what a name in the program is called at home
        self.addresses: dict[str, str] = {}
        self.constants: dict[str, float] = {}  # by their bits
        self.known: dict[str, str] = {}
        self.lines: list[str] = []
        self.count, self.block = 0, ""

    def function(self, inputs: Sequence[str], body: Sequence[ast.stmt], said: int | None) -> str:
        for symbol in CPYTHON:
            self.find(symbol)
        for k, name in enumerate(inputs):
            self.lines.append(GIVEN.format(k=k, next=k + 1, type=object.__basicsize__ - 8, float=pointer(id(float)),
                                           number=float.__basicsize__ - 8, **self.addresses))
            self.known[name] = f"%x{k}"
        self.begin(f"given{len(inputs)}")
        *body, last = body
        for line in body:
            assert isinstance(line, ast.Assign)
            self.known[line.targets[0].id] = self.number(line.value)  # type: ignore[attr-defined]
            if self.count > MOST:
                raise UsageError(f"a program of more than {MOST:,} values is not compiled", 'ask for "loop"')
        assert isinstance(last, ast.Return)
        values = [self.number(e) for e in last.value.elts]  # type: ignore[union-attr]
        self.answer(values)
        declared = (f"declare double @llvm.{name}.f64(double)" for name in INTRINSIC.values())
        begin = BEGIN.format(count=len(inputs), error=pointer(id(TypeError)), said=pointer(said), **self.addresses)
        return "\n".join([*declared, "define ptr @program(ptr %self, ptr %given, i64 %count) {", begin, *self.lines, "}"])

    def answer(self, values: Sequence[str]) -> None:
        """The tuple of floats: constants are there already, equal numbers are one. Without memory nothing is left behind."""
        self.lines.append(END.format(count=len(values), **self.addresses))
        answers: dict[str, str] = {}
        lost = "false"
        for k, value in enumerate(values):
            if value in self.constants:
                answers[value] = pointer(id(self.constants[value]))
            if value in answers:
                self.lines.append(SHARED.format(answer=answers[value], **self.addresses))
            else:
                self.lines.append(NEW.format(k=k, next=k + 1, value=value, lost=lost, **self.addresses))
                answers[value], lost = f"%answer{k}", f"%lost{k + 1}"
            self.lines.append(ITEM.format(k=k, place=tuple.__basicsize__ + 8 * k, answer=answers[value]))
        self.lines += [f"  br i1 {lost}, label %undo, label %whole", "whole:", "  ret ptr %tuple"]

    def find(self, symbol: str) -> None:
        if symbol not in self.addresses:
            address = machine().address_of_symbol(symbol)
            if not address:
                raise NotWritable(f"there is no function {symbol} in this process")
            self.addresses[symbol] = pointer(address)

    def new(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def begin(self, block: str) -> None:
        self.lines.append(f"{block}:")
        self.block = block

    # expressions

    def number(self, e: ast.expr) -> str:
        match e:
            case ast.Name(name):
                return self.known[name]
            case ast.Constant(value):
                number = float(value)  # type: ignore[arg-type]
                bits = "0x" + struct.pack(">d", number).hex()
                self.constants.setdefault(bits, number)
                return bits
            case ast.UnaryOp(ast.USub(), a):
                return self.new(f"fneg double {self.number(a)}")
            case ast.BinOp(a, ast.Pow(), b):
                return self.call("pow", [a, b])
            case ast.BinOp(a, op, b):
                return self.new(f"{ARITHMETIC[type(op)]} double {self.number(a)}, {self.number(b)}")
            case ast.Call(ast.Name(name), args):
                return self.call(self.imported.get(name, name), args)
            case ast.IfExp(test, a, b):
                return self.either(self.test(test), a, b)
        return self.new(f"uitofp i1 {self.test(e)} to double")

    def call(self, name: str, args: Sequence[ast.expr]) -> str:
        if name == "number":  # it calls its first argument
            raise NotWritable(f"{self.imported[args[0].id]} is no function of the C library")  # type: ignore[attr-defined]
        numbers = [self.number(a) for a in args]
        if name == "float":
            return numbers[0]
        given = ", ".join([f"double {a}" for a in numbers])
        if name in INTRINSIC:
            return self.new(f"call double @llvm.{INTRINSIC[name]}.f64({given})")
        self.find(name)
        return self.new(f"call double {self.addresses[name]}({given})")

    def either(self, test: str, a: ast.expr, b: ast.expr) -> str:
        self.count += 1
        k, ends = self.count, []
        self.lines.append(f"  br i1 {test}, label %yes{k}, label %no{k}")
        for block, e in ((f"yes{k}", a), (f"no{k}", b)):
            self.begin(block)
            ends.append(f"[ {self.number(e)}, %{self.block} ]")
            self.lines.append(f"  br label %on{k}")
        self.begin(f"on{k}")
        return self.new(f"phi double {', '.join(ends)}")

    def test(self, e: ast.expr) -> str:
        match e:
            case ast.Compare(left, ops, rest):
                sides = [self.number(side) for side in (left, *rest)]
                tests = [self.new(f"fcmp {ORDER[type(op)]} double {a}, {b}") for op, a, b in zip(ops, sides, sides[1:])]
                return self.joined("and", tests)
            case ast.BoolOp(op, parts):
                return self.joined(JOIN[type(op)], [self.test(part) for part in parts])
        return self.new(f"fcmp une double {self.number(e)}, 0.0")

    def joined(self, word: str, tests: Sequence[str]) -> str:
        found, *rest = tests
        for test in rest:
            found = self.new(f"{word} i1 {found}, {test}")
        return found


def pointer(address: int | None) -> str:
    return f"inttoptr (i64 {address} to ptr)"
