"""The rules of rewriting, each tested three ways: it fires on its pattern, it does not fire on what only looks like it, and what runs
has the value and the derivatives that mpmath (800 digits) finds for the formula as written, from ±1e-300 to ±1e5."""

import itertools
import math
import re

import mpmath as mp
import numpy as np
import pytest
from reference import EPS, conditions, error, is_real, nudge, partial, values

import dvar as dv
from dvar.derive.rewrite import Rewriter
from dvar.derive.rules import EVERY
from dvar.expression.values import shapes as infer_shapes

RULES = {rule.name: rule for rule in EVERY}
DIGITS = 800  # 1 - cos(1e-300) has its first after 600; exp(1e5) has 43,000, but beside it nothing else is a float
ULPS = 4.0

# rule → texts that look like it and are not
NEAR = {
    "sigmoid spelt out": ["2/(1 + exp(u))", "1/(2 + exp(u))", "1/(1 - exp(u))", "1/(1 + log(u))"],
    "sigmoid with exp above": ["exp(z)/(1 + exp(x))", "exp(z)/(2 + exp(z))", "exp(z)/(1 - exp(z))", "(1 + exp(z))/exp(z)"],
    "sigmoid of a difference": ["exp(a)/(exp(c) + exp(b))", "exp(a)/(exp(a) - exp(b))", "exp(a)/(exp(a) + b)", "(exp(a) + exp(b))/exp(a)"],
    "1 - sigmoid": ["2 - sigmoid(z)", "sigmoid(z) - 1", "1 + sigmoid(z)", "1 - tanh(z)"],
    "sigmoid - 1": ["sigmoid(z) - 2", "1 - sigmoid(z)", "sigmoid(z) + 1", "softplus(z) - 1"],
    "log sigmoid": ["exp(sigmoid(z))", "log(2*sigmoid(z))", "sigmoid(log(z))", "log1p(sigmoid(z))"],
    "log(1 + exp)": ["log(2 + exp(z))", "log(1 - exp(z))", "log(1 + log(z))", "log(1 + z)", "log10(1 + exp(z))"],
    "log1p(exp)": ["log1p(2*exp(z))", "log1p(-exp(z))", "exp(log1p(z))"],
    "log(exp + exp)": ["log(exp(a) - exp(b))", "log(exp(a) + b)", "log(exp(a) + 2*exp(b))", "exp(a) + exp(b)", "log(exp(a)*exp(b))"],
    "log(exp)": ["exp(log(z))", "log(2*exp(z))", "log(-exp(z))", "log2(exp(z))"],
    "1 - tanh²": ["1 - tanh(z)**3", "2 - tanh(z)**2", "1 + tanh(z)**2", "tanh(z)**2 - 1", "1 - sin(z)**2"],
    "1 - tanh·tanh": ["1 - tanh(z)*tanh(x)", "2 - tanh(z)*tanh(z)", "1 + tanh(z)*tanh(z)", "1 - tanh(z)*sinh(z)"],
    "1 - tanh": ["2 - tanh(z)", "tanh(z) - 1", "1 - tan(z)", "1 - sinh(z)"],
    "1 + tanh": ["2 + tanh(z)", "1 - tanh(z)", "1 + sinh(z)"],
    "softmax spelt out": ["exp(z)/sum(exp(v))", "exp(z)/sum(z)", "exp(z)/mean(exp(z))", "sum(exp(z))/exp(z)", "exp(z)/(1 + sum(exp(z)))"],
    "log of a sum of exp": ["log(sum(z))", "log(mean(exp(z)))", "log(1 + sum(exp(z)))", "sum(log(exp(z)))", "log(sum(2*exp(z)))"],
    "log softmax": ["log(2*softmax(z))", "exp(softmax(z))", "softmax(log(z))", "log(sum(softmax(z)))"],
    "softmax less the largest": ["softmax(z - max(v))", "softmax(z + max(z))", "softmax(max(z) - z)", "softmax(z - min(z))"],
    "logsoftmax less the largest": ["logsoftmax(z - max(v))", "logsoftmax(z + max(z))", "logsoftmax(max(z) - z)", "logsoftmax(z - min(z))"],
    "logsumexp and the largest": ["max(v) + logsumexp(z - max(z))", "max(z) - logsumexp(z - max(z))", "max(z) + logsumexp(z - max(v))",
                                  "max(z) + logsumexp(z)", "min(z) + logsumexp(z - min(z))"],
    "log of one of softmax": ["log(take(2*softmax(z), k))", "log(take(z, k))", "exp(take(softmax(z), k))", "log(1 + take(softmax(z), k))"],
    "z - logsumexp": ["v - logsumexp(z)", "z + logsumexp(z)", "logsumexp(z) - z", "2*z - logsumexp(z)", "sum(z) - logsumexp(z)"],
    "one of z - logsumexp": ["take(v, k) - logsumexp(z)", "take(z, k) + logsumexp(z)", "take(2*z, k) - logsumexp(z)"],
    "logsumexp - one of z": ["logsumexp(z) - take(v, k)", "logsumexp(z) + take(z, k)", "logsumexp(2*z) - take(z, k)", "logsumexp(z) - z"],
    "1 - softmax": ["2 - softmax(z)", "1 + softmax(z)", "softmax(z) - 1", "1 - sum(softmax(z))"],
    "softmax - 1": ["softmax(z) - 2", "softmax(z) + 1", "1 - softmax(z)", "sum(softmax(z)) - 1"],
    "1 - one of softmax": ["2 - take(softmax(z), k)", "1 - take(z, k)", "take(softmax(z), k) - 1", "1 - take(2*softmax(z), k)"],
    "one of softmax - 1": ["take(softmax(z), k) - 2", "take(z, k) - 1", "1 - take(softmax(z), k)", "take(2*softmax(z), k) - 1"],
    "1 - softmax where one of it is picked": ["onehot(k, v)*exp(logsoftmax(z))", "onehot(k, v)*expm1(z)", "(2 + onehot(k, v))*expm1(logsoftmax(z))",
                                              "onehot(k, v)*expm1(take(logsoftmax(z), k))"],
    "1 - softmax where one of it is picked and weighed": ["x*onehot(k, v)*exp(logsoftmax(z))", "(x + onehot(k, v))*expm1(logsoftmax(z))",
                                                          "x*onehot(k, v)*expm1(take(logsoftmax(z), k))"],
    "exp(logsoftmax)": ["exp(2*logsoftmax(z))", "log(logsoftmax(z))", "expm1(logsoftmax(z))"],
    "exp over exp": ["exp(a)*exp(b)", "exp(a)/b", "a/exp(b)", "exp(a)/(2*exp(b))", "expm1(a)/exp(b)"],
    "1 over exp": ["2/exp(x)", "x/exp(x)", "1/expm1(x)", "1/(1 + exp(x))", "exp(x)/1"],
    "exp - 1": ["exp(x) - 2", "exp(x) + 1", "1 - exp(x)", "exp(x) - x", "2*exp(x) - 1"],
    "1 - exp": ["2 - exp(x)", "exp(x) - 1", "1 + exp(x)", "1 - 2*exp(x)", "x - exp(x)"],
    "1 - (1 - exp)": ["1 - expm1(x)", "2 - (-expm1(x))", "1 + (-expm1(x))", "1 - (-exp(x))", "-expm1(x) - 1"],
    "log(1 - exp(-exp))": ["log(-expm1(exp(z)))", "log(-expm1(-z))", "log(expm1(-exp(z)))", "log1p(-expm1(-exp(z)))", "log(-expm1(-expm1(z)))"],
    "log1p(expm1)": ["log1p(exp(x))", "log1p(-expm1(x))", "expm1(log1p(x))", "log(expm1(x))"],
    "log1p(-exp(-exp))": ["log1p(exp(-exp(z)))", "log1p(-exp(exp(z)))", "log1p(-exp(-z))", "log1p(-expm1(-exp(z)))"],
    "log1p(-Φ), half of": ["log1p(0.5*erfc(x))", "log1p(-(0.25*erfc(x)))", "log1p(-(0.5*erf(x)))", "log1p(-erfc(x))"],
    "log1p(-Φ)": ["log1p(erfc(x)/2)", "log1p(-(erfc(x)/3))", "log1p(-(erf(x)/2))", "log1p(-(2/erfc(x)))"],
    "(1 - y)·(-exp)": ["(1 - y)*exp(z)", "(2 - y)*(-exp(z))", "(1 + y)*(-exp(z))", "y*(-exp(z))", "(1 - y)/(-exp(z))", "(y - 1)*(-exp(z))"],
    "log(1 - exp)": ["log(exp(x) - 1)", "log(1 + exp(x))", "log(2 - exp(x))", "log(expm1(x))", "log1p(-expm1(x))"],
    "log(1 + x)": ["log(2 + x)", "log(1 - x)", "log(1*x)", "log(x + 1e-8)", "log(x + 1.0000000000000002)", "log1p(1 + x)"],
    "log(1 - x)": ["log(2 - x)", "log(x - 1)", "log(1 + x)", "log(1e-8 - x)", "log(1/x)"],
    "x·log(x)": ["x*log(y)", "x + log(x)", "x/log(x)", "2*x*log(x)", "x*log10(x)", "x*log(2*x)"],
    "-x·log(x)": ["(-x)*log(y)", "x*log(-x)", "(-x)*exp(x)", "(-x) + log(x)"],
    "(1 - x)·log(1 - x)": ["(1 - x)*log(1 - y)", "(1 - x)*log(x)", "(1 + x)*log(1 - x)", "(2 - x)*log(1 - x)", "(1 - x)/log(1 - x)"],
    "x·log(x/y)": ["x*log(y/x)", "y*log(x/y)/y", "w*log(x/y)", "x*log(x*y)", "x/log(x/y)"],
    "derivative of a power": ["b*x**(b - 2)", "b*x**(1 - b)", "c*x**(b - 1)", "b*x**(b + 1)", "x**(b - 1)", "b*b**(x - 1)", "3*x**2"],
    "derivative of a power by its exponent": ["x**y*log(y)", "x**y*log(2*x)", "x**y + log(x)", "x**y/log(x)", "y**x*log(x)/y", "x*y*log(x)"],
    "derivative of a power of 1 + x by its exponent": ["(1 + x)**y*log1p(y)", "(2 + x)**y*log1p(x)", "(1 + x)**y/log1p(x)", "(1 - x)**y*log1p(x)"],
    "derivative of a power of 1 - x by its exponent": ["(1 - x)**y*log1p(-y)", "(1 - x)**y*log1p(x)", "(2 - x)**y*log1p(-x)", "(x - 1)**y*log1p(-x)"],
    "power 0": ["0**x", "x**1", "x*0"],
    "root of a square": ["sqrt(x**3)", "sqrt(x)**2", "sqrt(2*x**2)", "sqrt(x)", "sqrt(1 + x**2)"],
    "root of x·x": ["sqrt(x*y)", "sqrt(x + x)", "sqrt(x)*sqrt(x)", "sqrt(x*x*x)"],
    "root of two squares": ["sqrt(x**2 - y**2)", "sqrt(x**2 + y**3)", "sqrt(x**2 + y)", "sqrt(1 + x**2)", "x**2 + y**2"],
    "root of a square and a number": ["sqrt(x**2 - 1)", "sqrt(x**2 + y)", "sqrt(x**3 + 1)", "x**2 + 1", "sqrt(1 - x**2)", "sqrt(x**2 + 0)"],
    "root of x·x and a number": ["sqrt(x*x - 1)", "sqrt(x*x + y)", "sqrt(x*y + 1)", "x*x + 1"],
    "sigmoid′ spelt out": ["exp(u)/(1 + exp(u))**3", "exp(u)/(1 + exp(-u))**2", "exp(u)/(2 + exp(u))**2", "exp(u)/(1 - exp(u))**2", "u/(1 + exp(u))**2"],
    "sigmoid′ spelt out, a product": ["exp(u)/((1 + exp(u))*(2 + exp(u)))", "exp(u)/((1 + exp(u))*(1 + exp(-u)))", "exp(u)/((1 + exp(u)) + (1 + exp(u)))"],
    "times sigmoid′ spelt out": ["x*exp(u)/(1 + exp(x))**2", "(x + exp(u))/(1 + exp(u))**2", "x*exp(u)/(1 + exp(u))**3"],
    "tanh of exp(2x)": ["expm1(u)/(1 + exp(x))", "expm1(u)/(2 + exp(u))", "expm1(u)/(1 - exp(u))", "(1 + exp(u))/expm1(u)"],
    "times exp, over 1 + exp": ["x*exp(u)/(1 + exp(x))", "(x + exp(u))/(1 + exp(u))", "x*exp(u)/(2 + exp(u))"],
    "sigmoid - sigmoid": ["sigmoid(z) - sigmoid(x)", "sigmoid(z) + sigmoid(-z)", "sigmoid(z) - sigmoid(-x)", "sigmoid(z) - softplus(-z)"],
    "sigmoid - sigmoid, from the other side": ["sigmoid(-z) - sigmoid(x)", "sigmoid(-z) + sigmoid(z)", "sigmoid(-z) - sigmoid(-z)"],
    "times sigmoid - times sigmoid": ["s*sigmoid(z) - t*sigmoid(-z)", "s*sigmoid(z) + s*sigmoid(-z)", "s*sigmoid(z) - s*sigmoid(-x)", "s*sigmoid(z) - sigmoid(-z)"],
    "times sigmoid - times sigmoid, from the other side": ["s*sigmoid(-z) - t*sigmoid(z)", "s*sigmoid(-z) + s*sigmoid(z)", "s*sigmoid(-z) - s*sigmoid(x)"],
    "sigmoid″": ["sigmoid(z)*sigmoid(-z)**2 - sigmoid(z)**3*sigmoid(-z)", "sigmoid(z)*sigmoid(-z)**2 + sigmoid(z)**2*sigmoid(-z)",
                 "sigmoid(x)*sigmoid(-z)**2 - sigmoid(z)**2*sigmoid(-z)"],
    "-sigmoid″": ["sigmoid(z)**2*sigmoid(-z) - sigmoid(z)*sigmoid(-z)**3", "sigmoid(z)**2*sigmoid(-z) + sigmoid(z)*sigmoid(-z)**2"],
    "2·sigmoid - 1": ["2*sigmoid(z) - 2", "3*sigmoid(z) - 1", "2*sigmoid(z) + 1", "2*softplus(z) - 1"],
    "1 - 2·sigmoid": ["2 - 2*sigmoid(z)", "1 - 3*sigmoid(z)", "1 + 2*sigmoid(z)"],
    "log of a difference of sigmoids": ["log(sigmoid(u) + sigmoid(v))", "log(sigmoid(u) - softplus(v))", "exp(sigmoid(u) - sigmoid(v))"],
    "half of 1 + tanh": ["0.5 - 0.5*tanh(z)", "0.5 + 0.25*tanh(z)", "0.25 + 0.5*tanh(z)", "0.5 + 0.5*sinh(z)"],
    "half of 1 - tanh": ["0.5 + 0.5*tanh(z)", "0.5 - 0.25*tanh(z)", "0.25 - 0.5*tanh(z)", "0.5*tanh(z) - 0.5"],
    "twice, over 2": ["3*x/2", "2*x/3", "2*x/y", "2/x/2"],
    "half of twice": ["0.5*(3*x)", "0.25*(2*x)", "0.5*(2/x)", "0.5*(2 + x)"],
    "twice a half": ["3*(x/2)", "2*(x/3)", "2*(2/x)", "2 + x/2"],
    "log of a product with a sigmoid": ["log(x + sigmoid(z))", "exp(x*sigmoid(z))", "log(x*softplus(z))", "log(sigmoid(z)/x)"],
    "tanh spelt out": ["sinh(x)/cosh(y)", "sinh(x)*cosh(x)", "cosh(x)/sinh(x)", "sin(x)/cos(x)", "cosh(x)**2 - sinh(x)**2"],
    "1/tanh spelt out": ["cosh(x)/sinh(y)", "sinh(x)/cosh(x)", "cosh(x)*sinh(x)"],
    "sinh spelt out": ["exp(x) + exp(-x)", "exp(x) - exp(-y)", "exp(x) - exp(x)", "exp(x) - 2*exp(-x)", "exp(x) - 1/y"],
    "-sinh spelt out": ["exp(-x) + exp(x)", "exp(-x) - exp(y)", "exp(-x) - exp(-x)"],
    "tanh of exp": ["2*sinh(x)/(exp(x) - exp(y))", "sinh(x)/(exp(x) + exp(-x))", "2*sinh(y)/(exp(x) + exp(-x))", "2*sinh(x)/(exp(x) + exp(x))"],
    "log(cosh)": ["log(cos(x))", "log(sinh(x))", "log(2*cosh(x))", "log1p(cosh(x))", "cosh(log(x))"],
    "log(sech)": ["log(cosh(x))", "log(2*sech(x))", "sech(log(x))", "log(sech(x) + 1)"],
    "log of a product with sech²": ["log(x*sech(y)**3)", "log(x + sech(y)**2)", "log(x*cosh(y)**2)", "log(x*sech(y))"],
    "log(sinh)": ["log(sin(x))", "log(cosh(x))", "log(2*sinh(x))", "sinh(log(x))"],
    "one of softmax spelt out": ["take(exp(z), k)/sum(exp(v))", "take(exp(z), k)/sum(z)", "take(z, k)/sum(exp(z))", "take(exp(z), k)/mean(exp(z))"],
    "exp of one over the sum of exp": ["exp(take(z, k))/sum(exp(v))", "exp(take(v, k))/sum(exp(z))", "exp(take(z, k))/sum(z)"],
    "one of softmax spelt out, by its index": ["exp(z)[0]/sum(exp(v))", "z[0]/sum(exp(z))", "exp(z)[0]/sum(z)", "sum(exp(z))/exp(z)[0]"],
    "exp of one over the sum of exp, by its index": ["exp(z[0])/sum(exp(v))", "exp(v[0])/sum(exp(z))", "exp(z[0])/sum(z)", "exp(2*z[0])/sum(exp(z))"],
    "one of z by its index - logsumexp": ["v[0] - logsumexp(z)", "z[0] + logsumexp(z)", "2*z[0] - logsumexp(z)", "z[0] - logsumexp(2*z)"],
    "logsumexp - one of z by its index": ["logsumexp(z) - v[0]", "logsumexp(z) + z[0]", "logsumexp(z) - 2*z[0]", "logsumexp(2*z) - z[0]"],
    "log of a product with exp": ["log(x + exp(a))", "log1p(x*exp(a))", "log(x*expm1(a))", "x*log(exp(a)*1.5 + 1)", "log(exp(a))"],
    "log of exp over x": ["log(expm1(a)/x)", "log(x/a)", "log(exp(a) - x)", "log10(exp(a)/x)"],
    "log of x over exp": ["log(x/expm1(a))", "log(x - exp(a))", "log2(x/exp(a))"],
    "log of a square": ["log(x*y)", "log(x + x)", "log(x)*log(x)", "log1p(x*x)", "log(2*(x*x))"],
    "log of an even power": ["log(x**3)", "log(x**2.5)", "log(x**y)", "log(x)**2", "log(x**2 + 1)", "log10(x**2)", "log(2*x**2)"],
    "log of a power": ["log(x**2)", "log(x**y)", "log(x**-4)", "log(x)**3", "log(1 + x**3)"],
    "log of a number's power": ["log((-2)**x)", "log(y**x)", "log(0**x)", "log(2*x)", "log(2**x + 1)"],
    "exp is positive": ["abs(expm1(x))", "abs(-x)", "abs(log(x))"],
    "sigmoid is positive": ["abs(tanh(x))", "abs(-sigmoid(x))"],
    "cosh is positive": ["abs(sinh(x))", "abs(cos(x))"],
    "like terms": ["2*x + 3*y", "2*x - 3*x", "2*x + (-3)*x", "y*x + 3*x", "0*x + 3*x"],
    "like terms, one bare": ["x + (-3)*x", "x + 2*y", "x - 2*x", "x + y*x"],
    "weighed logarithm": ["w/log(v)", "w + log(v)", "w*log10(v)", "w*exp(v)"],
    "weighed logarithm of 1 + v": ["w/log1p(v)", "w + log1p(v)", "w*log(v)", "w*expm1(v)"],
    "sigmoid′": ["sigmoid(z)*sigmoid(-x)", "sigmoid(z)*sigmoid(z)", "sigmoid(z) + sigmoid(-z)", "softplus(z)*sigmoid(-z)"],
    "minus in a length": ["hypot(2 - x, y)", "arctan2(-x, y)", "-hypot(x, y)"],
    "hypot′": ["x/hypot(y, z)", "hypot(x, y)/x", "2*x/hypot(x, y)", "x*hypot(x, y)"],
    "times sigmoid, times the rest": ["(x*sigmoid(z))*sigmoid(-y)", "(x + sigmoid(z))*sigmoid(-z)", "(x*sigmoid(z))*sigmoid(z)"],
    "times the rest, times sigmoid": ["(x*sigmoid(-z))*sigmoid(y)", "(x + sigmoid(-z))*sigmoid(z)", "(x*sigmoid(-z))*sigmoid(-z)"],
    "root of x·x + y·y": ["sqrt(x*x - y*y)", "sqrt(x*x + y*x)", "sqrt(x*y + y*x)", "sqrt(x*x + y)"],
    "over a square": ["x/y**3", "x*y**2", "y**2/x"],
    "1 - erf": ["2 - erf(x)", "1 - erfc(x)", "1 - exp(x)", "1*erf(x)"],
    "1 + erf": ["2 + erf(x)", "1 + erfc(x)", "1 - erf(x)"],
    "erf - 1": ["erf(x) - 2", "erfc(x) - 1", "erf(x) + 1", "1 - erf(x)"],
    "half of 1 + erf": ["0.5 - 0.5*erf(x)", "0.5 + 0.25*erf(x)", "0.25 + 0.5*erf(x)", "0.5 + 0.5*tanh(x)"],
    "half of 1 - erf": ["0.5 + 0.5*erf(x)", "0.5 - 0.25*erf(x)", "0.25 - 0.5*erf(x)", "0.5*erf(x) - 0.5"],
    "1/2 + erf/2": ["0.5 - erf(x)/2", "0.5 + erf(x)/3", "1 + erf(x)/2", "0.5 + erfc(x)/2"],
    "1/2 - erf/2": ["0.5 + erf(x)/2", "0.5 - erf(x)/3", "1 - erf(x)/2", "erf(x)/2 - 0.5"],
    "1 - half of erfc": ["1 + 0.5*erfc(x)", "2 - 0.5*erfc(x)", "1 - 0.25*erfc(x)", "1 - 0.5*erf(x)", "0.5*erfc(x) - 1"],
    "1 - erfc/2": ["1 + erfc(x)/2", "2 - erfc(x)/2", "1 - erfc(x)/3", "1 - erf(x)/2", "1 - 2/erfc(x)"],
    "log(Φ), half of": ["log(0.5*erfc(x))", "log(0.25*erfc(-x))", "log(0.5*erf(-x))", "log(0.5 + erfc(-x))", "0.5*erfc(-x)"],
    "log(1 - Φ), half of": ["log(0.25*erfc(x))", "log(0.5*erf(x))", "log(0.5 - erfc(x))", "log2(0.5*erfc(x))"],
    "log(Φ)": ["log(erfc(x)/2)", "log(erfc(-x)/3)", "log(2/erfc(-x))", "log(erf(-x)/2)", "log10(erfc(-x)/2)"],
    "log(1 - Φ)": ["log(erfc(x)/3)", "log(2/erfc(x))", "log(erf(x)/2)", "exp(erfc(x)/2)"],
    "√2 of x/√2": ["1.4142135623730951*(x/1.414)", "1.414*(x/1.4142135623730951)", "1.4142135623730951*(1.4142135623730951/x)",
                   "1.4142135623730951 + x/1.4142135623730951"],
    "log(erfc)": ["log(erf(x))", "log1p(erfc(x))", "erfc(log(x))", "log(1 + erfc(x))", "log2(erfc(x))"],
    "log of a product with erfc": ["log(x + erfc(y))", "log(x*erf(y))", "exp(x*erfc(y))", "x*log(1 + erfc(y))"],
    "log of erfc over x": ["log(x/erfc(y))", "log(erf(y)/x)", "log(erfc(y) - x)", "log10(erfc(y)/x)"],
    "1 - erfc": ["2 - erfc(x)", "1 + erfc(x)", "erfc(x) - 1", "1 - erf(x)"],
    "1 - cos": ["2 - cos(x)", "1 + cos(x)", "1 - sin(x)", "1 - cosh(x)", "cos(x) - 1"],
    "cos - 1": ["cos(x) - 2", "cos(x) + 1", "sin(x) - 1", "1 - cos(x)"],
    "cosh - 1": ["cosh(x) - 2", "cosh(x) + 1", "sinh(x) - 1", "1 - cosh(x)"],
    "where, then times": ["where(c, p, 1)*v", "where(c, p, 0) + v", "where(c, p, q)*v"],
    "where not, then times": ["where(c, 1, p)*v", "where(c, 0, p)/v"],
    "minus minus": ["-(0.5 - x)", "-abs(-x)"],
    "times 1": ["x*2", "x*1.0000000000000002"],
    "over 1": ["1/x", "x/2", "x/x"],
    "power 1": ["1**x", "x**2"],
    "plus 0": ["x + 1", "x + 1e-300"],
    "minus 0": ["0 - x", "x - 1", "x - x"],
    "0 minus": ["x - 0", "1 - x"],
    "times -1": ["x*(-2)", "x*1"],
    "minus out of a product": ["x*y", "x - y", "x/(-y)"],
    "minus out of a quotient": ["x/y", "x*(-y)"],
    "minus out of a divisor": ["x/y", "x**(-y)"],
    "plus a minus": ["x + y", "x*(-y)"],
    "minus a minus": ["x - y", "x + (-y)"],
    "two minuses": ["x - y", "(-x) + y"],
    "minus a difference": ["-(x + y)", "-(x*y)"],
    "none of what is equal": ["0*(p > q)*x", "1*(p == q)", "(p == q)*q", "0*(p - q)"],
    "where, always": ["where(2, p, q)", "where(c, 1, q)", "where(p > 1, p, q)"],
    "where, never": ["where(2, p, q)", "where(c, 0, q)", "where(p > 0, p, q)"],
    "times a spread scalar": ["spread(g, v) + x", "spread(g, v) @ x"],
    "transposed twice": ["transpose(x)", "transpose(2*transpose(x))"],
    "a share and the rest": ["y*p + (1 - y)*q", "y*p + (1 - w)*p", "y*p + (2 - y)*p", "y*p - (1 - y)*p", "y*p + (1 + y)*p"],
}  # fmt: skip
NEAR |= {
    "log of one of softmax by its index": ["log(2*softmax(z)[0])", "log(z[0])", "exp(softmax(z)[0])", "log(1 + softmax(z)[0])"],
    "derivative of softmax": ["softmax(z)*(g - spread(sum(g*softmax(v)), z))", "softmax(v)*(g - spread(sum(g*softmax(z)), z))",
                              "softmax(z)*(g + spread(sum(g*softmax(z)), z))", "softmax(z)*(v - spread(sum(g*softmax(z)), z))"],
    "derivative of -softmax": ["softmax(z)*(g - spread(sum(-(g*softmax(z))), z))", "softmax(z)*(g + spread(sum(-(v*softmax(z))), z))"],
    "1 - one of softmax by its index": ["2 - softmax(z)[0]", "1 - z[0]", "softmax(z)[0] - 1", "1 + softmax(z)[0]"],
    "one of softmax by its index - 1": ["softmax(z)[0] - 2", "z[0] - 1", "1 - softmax(z)[0]", "softmax(z)[0] + 1"],
}  # fmt: skip
for k in (0, 1):
    NEAR |= {
        f"softmax spelt out along axis {k}": [f"exp(z)/spread(sum(exp(z), axis={1 - k}), v, axis={1 - k})", "exp(z)/sum(exp(z))",
                                              f"exp(z)/spread(sum(exp(v), axis={k}), v, axis={k})"],
        f"derivative of softmax along axis {k}": [f"softmax(z)*(g - spread(sum(g*softmax(z), axis={k}), z, axis={k}))",
                                                  f"softmax(z, axis={k})*(v - spread(sum(g*softmax(z, axis={k}), axis={k}), z, axis={k}))"],
        f"derivative of -softmax along axis {k}": [f"softmax(z, axis={k})*(v + spread(sum(-(g*softmax(z, axis={k})), axis={k}), z, axis={k}))"],
        f"log of one of softmax by its index along axis {k}": [f"log(softmax(z, axis={1 - k})[0])", f"log(2*softmax(z, axis={k})[0])", "log(softmax(z)[0])"],
        f"1 - one of softmax by its index along axis {k}": [f"1 - softmax(z, axis={1 - k})[0]", f"2 - softmax(z, axis={k})[0]", "1 - z[0]"],
        f"one of softmax by its index - 1 along axis {k}": [f"softmax(z, axis={1 - k})[0] - 1", f"softmax(z, axis={k})[0] - 2", "z[0] - 1"],
        f"log of a sum of exp along axis {k}": [f"log(sum(exp(z), axis={1 - k}))", "log(sum(exp(z)))", f"log(mean(exp(z), axis={k}))"],
        f"log softmax along axis {k}": [f"log(softmax(z, axis={1 - k}))", "log(softmax(z))", f"exp(softmax(z, axis={k}))"],
    }  # fmt: skip

# What the variables of a pattern stand for, where they are not any numbers.
OF_VECTORS = ("sum(", "max(", "softmax(", "logsumexp(")
SHAPES = {name: {"z": (3,), "v": (3,)} for name, rule in RULES.items() if any(op in rule.before for op in OF_VECTORS)}
SHAPES |= {name: {"z": (2, 2), "v": (2, 2)} for name in RULES if "along axis" in name}
SHAPES |= {name: {**SHAPES[name], "g": SHAPES[name]["z"]} for name in RULES if name.startswith("derivative of") and "softmax" in name}
SHAPES |= {"times a spread scalar": {"v": (3,), "x": (3,)}, "transposed twice": {"x": (2, 3)}}
# Rules about numbers: which ones to try.
NUMBERS = {
    "root of a square and a number": [{"c": v} for v in ("1", "4", "1e-12", "1e300")], "root of x·x and a number": [{"c": "1"}, {"c": "2.25"}],
    "log of an even power": [{"n": v} for v in ("2", "4", "-2")], "log of a power": [{"n": v} for v in ("3", "-1", "0.5", "2.7", "-5")],
    "log of a number's power": [{"c": v} for v in ("2", "0.1", "10")],
    "like terms": [{"b": "2", "c": "3"}, {"b": "-1.5", "c": "-4"}, {"b": "0.1", "c": "0.2"}], "like terms, one bare": [{"c": "2"}, {"c": "0.1"}],
}  # fmt: skip
SPELT = [(name, numbers) for name in RULES for numbers in NUMBERS.get(name, [{}])]
CONDITION, CLASS = [1.0, 0.0], [0.0, 1.0, 2.0]
FEED = [0.0, 1e-300, -1e-300, 1e-5, -1e-5, 0.7, -0.7, 1.0, -1.0, 3.0, -3.0, 40.0, -40.0, 800.0, -800.0, 1e5, -1e5]
FEW = [0.0, 1e-300, -1e-300, 1e-5, 1.0, -3.0, 800.0, -1e5]
FEED_SLOPES, FEW_SLOPES = [0.0, 1e-300, -1e-5, 0.7, -3.0, 40.0, -800.0, 1e5], [1e-300, -1e-5, 0.7, 40.0, -800.0]  # these take longer
VECTORS = [(0.3, -0.7, 2.0), (0.0, 0.0, 0.0), (40.0, 0.0, 0.0), (800.0, -800.0, 0.0), (1e5, -1e5, 3.0), (-1e5, -1e5, -1e5),
           (1e-300, -1e-300, 0.0), (7.0, 7.0, -5.0), (1.0, 1e5, 1e5)]  # fmt: skip
VECTORS_SLOPES = [VECTORS[k] for k in (0, 2, 3, 6, 8)]


def spelt(name, numbers):
    """The formulas before and after, with these numbers in them."""
    texts = []
    for text in RULES[name][1:3]:
        for variable, number in numbers.items():
            text = re.sub(rf"\b{variable}\b", f"({number})", text)
        texts.append(text)
    return texts


def fired(text, shapes=None):
    """The names of the rules that fire."""
    graph = dv.graph(text)
    rewriter = Rewriter(tuple(RULES.values()), share=True)
    found = infer_shapes(graph, {n: (shapes or {}).get(n, ()) for n in graph.inputs})
    rewriter.copy(graph.nodes, found, [True] * len(found))
    return {f.rule.name for f in rewriter.fired}


def test_every_rule_has_near_misses():
    assert set(NEAR) == set(RULES)


def test_every_rule_about_numbers_is_tried_with_some():
    assert set(NUMBERS) == {name for name, rule in RULES.items() if rule.only}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_fires_on_its_pattern_and_not_beside_it(name):
    for numbers in NUMBERS.get(name, [{}]):
        assert name in fired(spelt(name, numbers)[0], SHAPES.get(name))
    for text in NEAR[name]:
        assert name not in fired(text, SHAPES.get(name)), text


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("log(1 + exp(z))", {"log(1 + exp)"}),
        ("log(1 - exp(z))", {"1 - exp", "log(1 - exp)"}),
        ("log(exp(z)/exp(y))", {"exp over exp", "log(exp)"}),
        ("1/(1 + 1/exp(z))", {"1 over exp", "sigmoid spelt out", "minus minus"}),
        ("1 - tanh(z)**2", {"1 - tanh²"}),
        ("log(1 - sigmoid(z))", {"1 - sigmoid", "log sigmoid", "minus minus"}),
        ("exp(z)/(exp(z) + exp(y))", {"sigmoid of a difference"}),
        ("log(exp(z)/(exp(z) + exp(y)))", {"sigmoid of a difference", "log sigmoid", "minus a difference"}),
        ("log(a + 1e-8)", set()),
        ("log(1e-8 + a)", set()),
        ("x/x", set()),
        ("x - x", set()),
        ("exp(a)*exp(b)", set()),  # exp(a + b) would magnify the rounding of the sum
        ("exp(log(x))", set()),  # defined for x > 0 only
        ("1 - x**2", set()),  # (1 - x)*(1 + x) has a derivative that cancels at x = 0
    ],
)
def test_which_rules_meet(text, rules):
    assert fired(text) == rules


# values and derivatives


class Case:
    """A rule at one point: what its variables are, and the formulas before and after as functions of all numbers in a list."""

    def __init__(self, texts, given):
        self.texts, self.given = texts, given
        self.graphs = [dv.graph("v0 = " + text) for text in texts]
        self.names = self.graphs[0].inputs
        self.flat = [mp.mpf(float(v)) for n in self.names for v in np.ravel(given[n])]

    def whole(self, flat):
        """The inputs by name from the list."""
        given, at = {}, 0
        for n in self.names:
            size = int(np.prod(np.shape(self.given[n])))
            part = flat[at : at + size]
            given[n] = np.array(part, dtype=object).reshape(np.shape(self.given[n])) if np.shape(self.given[n]) else part[0]
            at += size
        return given

    def exact(self, flat):
        """The formula before, number by number. Raises ValueError where it is not defined."""
        try:
            found = values(self.graphs[0], self.whole(flat))[-1]
        except (ZeroDivisionError, TypeError):
            raise ValueError from None
        found = list(np.ravel(np.array(found, dtype=object)))
        if not all(map(is_real, found)):
            raise ValueError
        return found


def cases(name, numbers, feed=FEED, few=FEW, vectors=VECTORS):
    shapes, texts = SHAPES.get(name, {}), spelt(name, numbers)
    inputs = dv.graph(texts[0]).inputs
    feeds = []
    for n in inputs:
        if n == "c":
            feeds.append(CONDITION)
        elif n == "k":
            feeds.append(CLASS)
        elif n in shapes:
            whole = [np.array(v) if len(shapes[n]) == 1 else np.resize(v, shapes[n]) for v in vectors]
            feeds.append(whole[: 1 if n != "z" else 2 if "along" in name else None])
        else:
            feeds.append(feed if len(inputs) == 1 else few)
    for point in itertools.product(*feeds):
        case = Case(texts, dict(zip(inputs, point)))
        try:
            yield case, case.exact(case.flat)
        except ValueError:
            continue


MODERATE = {"x·log(x/y)": [1e-100, -1e-5, 0.7, 40.0, -800.0]}  # on the way to d/dy stands x/y/y, which must be a normal float
# a large power magnifies the rounding of 1 + x
LITTLE = {f"derivative of a power of 1 {sign} x by its exponent": [1e-300, 1e-5, -1e-5, 0.7, -0.7, 1.0, 3.0] for sign in "+-"}


@pytest.mark.parametrize(("name", "numbers"), SPELT)
def test_a_rule_keeps_the_value(name, numbers):
    seen = 0
    with mp.workdps(DIGITS):
        for case, exact in cases(name, numbers, few=LITTLE.get(name, FEW)):
            conditioned = conditions(case.exact, case.flat)
            for graph in case.graphs:
                found = np.ravel(graph({n: case.given[n] for n in graph.inputs}))
                for one, value, condition in zip(found, exact, conditioned):
                    if abs(value) < 1e307:
                        seen += 1
                        assert error(float(one), value, condition) <= ULPS, (case.given, float(one), mp.nstr(value, 20))
    assert seen >= 6


WEIGHTS = [0.3, -0.7, 0.45, 1.1, -0.2, 0.6]
# Derivatives whose terms cancel where they are nearly 0: right on the scale of 1, not to their own last digit. These are the second
# derivatives of softmax itself, rather than of its logarithm, where it is nearly 1; and the first of 1 − softmax and softmax − 1,
# whose values go by the logarithm.
ON_THE_SCALE_OF_1 = {"1 - softmax", "softmax - 1", *(name for name in RULES if "one of softmax by" in name and "1" in name.split())}
ON_THE_SCALE_OF_1 |= {name for name in RULES if name.startswith("derivative of") and "softmax" in name}


def smooth(f, x, j):
    """Whether the slopes to the left and to the right are one."""
    h = nudge(x[j])
    here, up, down = (f([*x[:j], x[j] + s * h, *x[j + 1 :]]) for s in (0, 1, -1))
    return all(abs((u - m) - (m - d)) <= mp.mpf(10) ** -30 * (abs(u - m) + abs(m - d)) for u, m, d in zip(up, here, down))


@pytest.mark.parametrize(("name", "numbers"), SPELT)
def test_a_rule_keeps_the_derivatives(name, numbers):
    seen = 0
    with mp.workdps(DIGITS):
        for case, exact in cases(name, numbers, FEED_SLOPES, (MODERATE | LITTLE).get(name, FEW_SLOPES), VECTORS_SLOPES):
            weighs = WEIGHTS[: len(exact)] if exact[1:] else [1.0]
            n = len(case.flat)

            def total(flat, case=case, n=n):
                return [mp.fdot(case.exact(flat[:n]), flat[n:])]

            flat = [*case.flat, *map(mp.mpf, weighs)]
            wrt = [j for j, k in enumerate(itertools.chain(*([k] * np.size(case.given[k]) for k in case.names))) if k not in ("c", "k")]

            def slope(flat, total=total, wrt=wrt):
                return [partial(total, flat, j)[0] for j in wrt]

            try:
                if not all(smooth(total, flat, j) for j in wrt):
                    continue
                slopes, conditioned = slope(flat), conditions(slope, flat)
            except ValueError:  # at the end of the domain
                continue
            shape = np.shape(case.graphs[0](case.given))
            for text in case.texts:
                graph = dv.graph(f"J = sum(T*({text}))" if shape else "J = " + text)
                p = graph.at({k: np.reshape(weighs, shape) if k == "T" else case.given[k] for k in graph.inputs})
                found = np.concatenate([np.ravel(p.d[k]) if k in p.d else np.zeros(np.size(case.given[k]))
                                        for k in case.names if k not in ("c", "k")])
                for one, value, condition in zip(found, slopes, conditioned):
                    if abs(value) < 1e307:
                        seen += 1
                        near = name in ON_THE_SCALE_OF_1 and abs(one - value) <= 2 * EPS
                        assert near or error(float(one), value, condition) <= 2 * ULPS, (text, case.given, float(one), mp.nstr(value, 20))
    assert seen >= 6


# what the formulas as written cannot answer


@pytest.mark.parametrize(
    ("text", "point", "value", "slope"),
    [
        ("x*log(x)", 0.0, 0.0, -math.inf),
        ("-x*log(x)", 0.0, 0.0, math.inf),
        ("-(x*log(x) + (1 - x)*log(1 - x))", 0.0, 0.0, math.inf),
        ("-(x*log(x) + (1 - x)*log(1 - x))", 1.0, 0.0, -math.inf),
        ("-x*log(x) - (1 - x)*log(1 - x)", 1.0, 0.0, -math.inf),
        ("-(x*log(x) + (1 - x)*log(1 - x))", 0.5, math.log(2), 0.0),
        ("x*log(x/0.5)", 0.0, 0.0, -math.inf),
        ("x*log(x)", math.exp(-1), -math.exp(-1), 0.0),
        ("sqrt(x**2)", 0.0, 0.0, 0.0),
        ("sqrt(x*x)", -1e-200, 1e-200, -1.0),
        ("sqrt(x**2 + (2*x)**2)", 1e200, math.sqrt(5) * 1e200, math.sqrt(5)),
        ("sqrt(x**2 + (2*x)**2)", 0.0, 0.0, 0.0),
        ("exp(3*x)/(1 + exp(3*x))", 800.0, 1.0, 0.0),  # 3*x is written twice and is one thing
        ("exp(x)/(exp(x) + exp(2*x))", 800.0, 0.0, 0.0),
        ("log(exp(x) + exp(2*x))", 800.0, 1600.0, 2.0),
        ("exp(x)/exp(2*x)", -700.0, math.exp(700), -math.exp(700)),
        ("log(1 - exp(x))", -1e-300, math.log(1e-300), -1e300),
        ("log(1 - exp(x))", -50.0, -math.exp(-50), -math.exp(-50)),
        ("log(1 + x)", 1e-300, 1e-300, 1.0),
        ("exp(x) - 1", -1e-300, -1e-300, 1.0),
        ("1 - erf(x)", 20.0, 5.395865611607901e-176, -4.3228814250259225e-174 / 2),
        ("1 - cos(x)", 1e-100, 5e-201, 1e-100),
        ("x**0", 0.0, 1.0, 0.0),
        ("x**0.1", 0.0, 0.0, math.inf),
        ("0.25*(x*x)/x", 0.0, math.nan, math.nan),  # x/x is not 1 where x is 0
    ],
)
def test_limits(text, point, value, slope):
    p = dv.graph("J = " + text).at(x=point)
    assert p.value == pytest.approx(value, rel=1e-15, abs=1e-16 * (slope == 0.0), nan_ok=True)
    assert p.dx == pytest.approx(slope, rel=4e-15, abs=1e-15, nan_ok=True)


@pytest.mark.parametrize(("a", "b", "da", "db"), [(0.0, 0.0, 0.0, -math.inf), (0.0, 2.0, 0.0, 0.0), (0.0, 0.25, math.inf, 0.0),
                                                  (0.0, 1.0, 1.0, 0.0), (2.0, 0.0, 0.0, math.log(2)), (-2.0, 3.0, 12.0, math.nan)])  # fmt: skip
def test_powers_at_their_ends(a, b, da, db):
    p = dv.graph("a**b").at(a, b)
    assert (p.da, p.db) == pytest.approx((da, db), nan_ok=True)


@pytest.mark.parametrize("exponent", [0.1, 1 / 3, -0.1, 2.3])
def test_a_constant_exponent_loses_nothing_at_the_ends(exponent):
    with mp.workdps(60):
        for x in (1e-300, 1e10, 1e300):
            exact = mp.mpf(exponent) * mp.mpf(x) ** (mp.mpf(exponent) - 1)
            assert error(dv.graph(f"x**{exponent!r}").at(x=x).dx, exact, abs(exponent - 1)) <= ULPS


def test_the_product_of_mixed_second_derivatives_of_a_power():
    graph = dv.graph("a**b")
    for a, b in [(2.0, 0.0), (2.0, 3.0), (0.5, 0.25), (3.0, -1.5)]:
        exact = a ** (b - 1) * (1 + b * math.log(a))
        assert graph.d("a").d("b")(a, b) == pytest.approx(exact, rel=1e-14)
        assert graph.d("b").d("a")(a, b) == pytest.approx(exact, rel=1e-14)


# the softmax loss in all its spellings: −log of the share of the class y

SPELLINGS = {
    "api": "a = softmax(z); L = -log(a[y])",
    "spelt out": "a = exp(z)/sum(exp(z)); L = -log(a[y])",
    "named": "e = exp(z); s = sum(e); a = e/s; L = -log(a[y])",
    "less the largest": "a = exp(z - max(z))/sum(exp(z - max(z))); L = -log(a[y])",
    "named, less the largest": "t = max(z); e = exp(z - t); a = e/sum(e); L = -log(a[y])",
    "named logarithm": "a = softmax(z); p = a[y]; L = -log(p)",
    "logarithm of all": "a = softmax(z); q = log(a); L = -q[y]",
    "onehot": "a = softmax(z); L = -sum(t*log(a))",
    "onehot, spelt out": "a = exp(z)/sum(exp(z)); L = -sum(t*log(a))",
    "onehot made of y": "a = softmax(z); L = -sum(onehot(y, z)*log(a))",
    "onehot, dot": "a = softmax(z); L = -(t @ log(a))",
    "logsumexp": "L = logsumexp(z) - z[y]",
    "logsumexp spelt out": "L = log(sum(exp(z))) - z[y]",
    "logsumexp, less the largest": "m = max(z); L = m + log(sum(exp(z - m))) - z[y]",
    "minus": "L = -(z[y] - logsumexp(z))",
    "logsoftmax": "L = -logsoftmax(z)[y]",
}  # fmt: skip
SCORES = [(800.0, -800.0, 0.0), (40.0, 0.0, 0.0), (0.3, -0.7, 2.0), (0.0, 0.0, 0.0), (1e5, 1e5, -1e5), (1e-300, -1e-300, 0.0), (-745.2, 0.0, 37.0)]


def softmax_loss(z, y):
    """The loss and its derivatives by z, a − onehot(y) with all its digits."""
    z = [mp.mpf(v) for v in z]
    whole = mp.fsum(map(mp.exp, z))
    shares = [mp.exp(v) / whole for v in z]
    others = mp.fsum(mp.exp(v) for k, v in enumerate(z) if k != y) / whole
    return mp.log(whole) - z[y], [-others if k == y else p for k, p in enumerate(shares)]


def at_class(graph, z, y):
    given = {"z": np.array(z), "y": float(y), "t": np.eye(len(z))[y]}
    return graph.at({k: given[k] for k in graph.inputs})


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_softmax_loss_at_the_ends_of_floating_point(spelling):
    graph = dv.graph(SPELLINGS[spelling])
    for z, y in itertools.product(SCORES, range(3)):
        p = at_class(graph, z, y)
        with mp.workdps(DIGITS):
            value, slopes = softmax_loss(z, y)
            assert pytest.approx(float(value), rel=2e-15, abs=1e-323) == p.L, (z, y)
            assert p.dz.tolist() == pytest.approx([float(v) for v in slopes], rel=4e-15, abs=1e-323), (z, y)


@pytest.mark.parametrize("spelling", [s for s, text in SPELLINGS.items() if "t*" not in text and "t @" not in text])
@pytest.mark.parametrize("target", ["loop", "numpy"])
def test_programs_of_the_softmax_loss_at_the_ends(spelling, target):
    rows = list(itertools.product(SCORES, range(3)))
    text = "z = w*x + b; " + SPELLINGS[spelling]
    cost = dv.graph(text).over(x=np.array([z for z, _ in rows]), y=np.array([float(y) for _, y in rows]))
    value, db, dw = cost.sized({"b": np.zeros(3), "w": 1.0}).program(target)(b=np.zeros(3), w=1.0)
    with mp.workdps(DIGITS):
        exact = [softmax_loss(z, y) for z, y in rows]
        assert value == pytest.approx(float(mp.fsum(v for v, _ in exact) / len(rows)), rel=1e-14)
        slopes = [float(mp.fsum(d[k] for _, d in exact) / len(rows)) for k in range(3)]
        assert list(db) == pytest.approx(slopes, abs=1e-15)
        total = mp.fsum(mp.fdot(d, map(mp.mpf, z)) for (_, d), (z, _) in zip(exact, rows))
        assert dw == pytest.approx(float(total / len(rows)), rel=1e-14)


def test_rules_do_not_change_which_zero_or_infinity():
    assert math.copysign(1, dv.graph("0 - x")(x=0.0)) in (1, -1)
    assert dv.graph("1/(x*1)")(x=0.0) == math.inf
    assert dv.graph("x*0")(x=math.inf) != 0  # nan, as in IEEE 754


# what is told


@pytest.mark.parametrize(
    ("text", "kind", "node", "before", "after", "why"),
    [
        ("J = x/x", "told", "J", "x / x", "1", "for x ≠ 0"),
        ("J = (x + 1)*(x - 1)/(x - 1)", "told", "J", "(x + 1) * (x - 1) / (x - 1)", "1 + x", "for x ≠ 1"),
        ("u = x - y; J = u*y/u", "told", "J", "u * y / u", "y", "for u ≠ 0"),
        ("J = x*x*x/x**2", "told", "J", "x * x * x / x**2", "x", "for x ≠ 0"),
        ("J = 2*x - 3*x", "told", "J", "2 * x - 3 * x", "-x", "told, not run"),
        ("J = x*y - y*x + z", "told", "J", "x * y - y * x + z", "z", "told, not run"),
        ("J = a*b + b*a", "told", "J", "a * b + b * a", "2 * a * b", "told, not run"),
        ("J = a*b + b*a", "algebra", "b_times_a", "b * a", "a * b", "computed once"),
        ("u = b*c; v = c*b; J = u + 2*v", "algebra", "v", "c * b", "u", "computed once"),
        ("J = sin(x + 1)*y + sin(1 + x)", "algebra", "sin_2", "sin(1 + x)", "sin(x + 1)", "computed once"),
        ("u = 2*x + 3*x; J = u*y", "algebra", "u", "2 * x + 3 * x", "(2 + 3) * x", "nothing cancels"),
        ("J = x + 2*x", "algebra", "J", "x + 2 * x", "(2 + 1) * x", "nothing cancels"),
        ("J = x*1 + 0", "algebra", "J", "x * 1 + 0", "x", "same value"),
        ("J = log(softmax(z)[1])", "stability", "J", "log(softmax(z)[1])", "logsoftmax(z)[1]", "softmax(z) is 0"),
    ],
)
def test_algebra_is_listed_with_where_it_holds(text, kind, node, before, after, why):
    [use] = [r for r in dv.graph(text).simplified().rules if (r.kind, r.node) == (kind, node)]
    assert (use.before, use.after) == (before, after)
    assert why in use.why


@pytest.mark.parametrize("text", ["3*(a + b*c)", "exp(a)*exp(b)", "-(y*log(a) + (1 - y)*log(1 - a))", "(x**2 - 1)/(x - 1)", "a - y", "cosh(x)**2 - sinh(x)**2"])
def test_where_nothing_is_shorter_nothing_is_told(text):
    assert dv.graph("J = " + text).simplified().rules == () or "log" in text
    assert [r for r in dv.graph("J = " + text).simplified().rules if r.kind != "stability"] == []


@pytest.mark.parametrize(("text", "point", "value"), [("x/x", 0.0, math.nan), ("x - x", math.inf, math.nan), ("x*y/x", 0.0, math.nan), ("2*x - 3*x", 1e308, math.nan)])
def test_what_is_told_is_not_run(text, point, value):
    graph = dv.graph("J = " + text)
    assert graph(dict.fromkeys(graph.inputs, point)) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(("a", "b"), [(0.1, 0.3), (-0.0, 5.0), (1e308, 10.0), (math.inf, -math.inf), (5e-324, 0.5)])
def test_what_is_computed_once_is_the_same_to_the_bit(a, b):
    for once, twice in (("a*b", "b*a"), ("a + b", "b + a")):
        graph = dv.graph(f"J = ({once}) - ({twice})")
        assert len(graph.simplified().nodes) == 4
        assert dv.graph(once)(a=a, b=b).hex() == dv.graph(twice)(a=a, b=b).hex()


# second derivatives


SECOND = {
    "sigmoid(z)": lambda z: -mp.sech(z / 2) ** 2 * mp.tanh(z / 2) / 4,
    "1/(1 + exp(-z))": lambda z: -mp.sech(z / 2) ** 2 * mp.tanh(z / 2) / 4,
    "exp(z)/(1 + exp(z))": lambda z: -mp.sech(z / 2) ** 2 * mp.tanh(z / 2) / 4,
    "a = sigmoid(z); J = 2*a + 1": lambda z: -mp.sech(z / 2) ** 2 * mp.tanh(z / 2) / 2,
    "tanh(z)": lambda z: -2 * mp.sech(z) ** 2 * mp.tanh(z),
    "3*tanh(z/2)": lambda z: -mp.sech(z / 2) ** 2 * mp.tanh(z / 2) * 1.5,
    "(exp(z) - exp(-z))/(exp(z) + exp(-z))": lambda z: -2 * mp.sech(z) ** 2 * mp.tanh(z),
    "(exp(2*z) - 1)/(exp(2*z) + 1)": lambda z: -2 * mp.sech(z) ** 2 * mp.tanh(z),
    "2*sigmoid(2*z) - 1": lambda z: -2 * mp.sech(z) ** 2 * mp.tanh(z),
    "log(cosh(z))": lambda z: mp.sech(z) ** 2,
    "log(exp(z) + exp(-z))": lambda z: mp.sech(z) ** 2,
    "softplus(z)": lambda z: mp.sech(z / 2) ** 2 / 4,
    "log(1 + exp(z))": lambda z: mp.sech(z / 2) ** 2 / 4,
    "log(sigmoid(z))": lambda z: -mp.sech(z / 2) ** 2 / 4,
    "log(exp(-z)/(1 + exp(-z))**2)": lambda z: -mp.sech(z / 2) ** 2 / 2,
    "-(log(sigmoid(z)) + 3*log(1 - sigmoid(z)))": lambda z: mp.sech(z / 2) ** 2,
    "log(z**2)": lambda z: -2 / z**2,
    "log(z**4)": lambda z: -4 / z**2,
}  # fmt: skip
WIDE = [s * v for v in (1e-300, 1e-200, 1e-100, 1e-20, 1e-8, 1e-3, 0.1, 0.7, 1.0, 3.0, 10.0, 30.0, 40.0, 300.0, 700.0, 1e5) for s in (1, -1)]


@pytest.mark.parametrize("text", SECOND)
def test_second_derivatives_to_the_last_digits(text):
    second = dv.graph(text if "J = " in text else "J = " + text).d("z").d("z")
    with mp.workdps(60):
        for z in WIDE:
            exact = SECOND[text](mp.mpf(z))
            if 1e-307 < abs(exact) < 1e307:
                assert error(second(z=z), exact, 2 * abs(z)) <= 2 * ULPS, (z, second(z=z), mp.nstr(exact, 17))


@pytest.mark.parametrize("text", ["h = hypot(a, b)", "h = sqrt(a**2 + b**2)", "h = sqrt(b*b + a*a)", "h = 2*hypot(b, -a)/2"])
def test_second_derivatives_of_a_length(text):
    graph = dv.graph(text)
    with mp.workdps(700):
        for point in itertools.product([1.0, -3.7, 1e9, -1e-9, 1e100, 1e-100, 1e-270], repeat=2):
            a, b = map(mp.mpf, point)
            exact = [b * b, -a * b, -a * b, a * a]
            for found, part in zip(graph.hessian(*point).ravel(), exact):
                part /= mp.hypot(a, b) ** 3
                if 1e-290 < abs(part) < 1e300:
                    assert error(found, part, 1) <= 2 * ULPS, (point, found, mp.nstr(part, 17))


@pytest.mark.parametrize("axis", ["", ", axis=0"])
@pytest.mark.parametrize("text", ["softmax(z{}) @ w", "-(softmax(z{}) @ w)", "-sum(w*softmax(z{}))", "5 - w @ softmax(z{})"])
def test_the_derivative_of_softmax_where_one_is_nearly_1(text, axis):
    graph, sign = dv.graph("L = " + text.format(axis)), -1 if "-" in text else 1
    for z in ([40.0, 0.0, -3.0], [700.0, 0.0, 3.0], [0.0, 800.0, 0.0], [1.0, 2.0, 3.0], [30.0, 30.0, -5.0], [36.0, -1.0, 2.0]):
        for w in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 2.0, 3.0], [-0.3, 1e5, 1e-5]):
            found = graph.at(z=z, w=w).dz
            with mp.workdps(700):
                e = [mp.exp(v) for v in z]
                p = [v / mp.fsum(e) for v in e]
                exact = [sign * q * mp.fsum(r * (mp.mpf(g) - h) for r, h in zip(p, w)) for q, g in zip(p, w)]
                condition = sum(map(abs, w)) / max(abs(w[0] - w[1]), abs(w[0] - w[2]))
                for one, right in zip(found, exact):
                    if abs(right) > 1e-300:
                        assert error(one, right, 4 * condition) <= ULPS, (z, w, one, mp.nstr(right, 17))


@pytest.mark.parametrize("text", ["exp(-x)/(1 + exp(-x))**2", "exp(x)/(1 + exp(x))**2", "exp(-x)/((1 + exp(-x))*(1 + exp(-x)))", "sigmoid(x)*(1 - sigmoid(x))"])
def test_the_derivative_of_sigmoid_as_people_write_it(text):
    graph = dv.graph("J = " + text)
    with mp.workdps(60):
        for x in (*WIDE, 800.0, -800.0):
            p, at = graph.at(x=x), mp.mpf(x)
            assert error(p.value, mp.sech(at / 2) ** 2 / 4, abs(x)) <= 2 * ULPS
            assert error(p.dx, -mp.sech(at / 2) ** 2 * mp.tanh(at / 2) / 4, 2 * abs(x)) <= 2 * ULPS
            assert all(row.ok is not False for row in p.check().rows)
