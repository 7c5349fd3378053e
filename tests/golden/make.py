"""Make the golden pictures anew, after looking at what changed: python tests/golden/make.py"""

from pathlib import Path

import dvar as dv

HERE = Path(__file__).parent
LOSS = "L = -(y*log(a) + (1 - y)*log(1 - a))"
PASSES = {
    "blackboard": ("u = b*c; v = a + u; J = 3*v", {"a": 5, "b": 3, "c": 2}),
    "logistic": (f"z = w1*x1 + w2*x2 + b; a = sigmoid(z); {LOSS}", {"w1": 0.5, "w2": -0.25, "x1": 1, "x2": 2, "b": 0.5, "y": 1}),
    "vectors": (f"inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); {LOSS}", {"w": [0.5, -0.25], "b": 0.25, "x": [1, 2], "y": 0}),
    "forks": ("k = 2; u = k*a; v = u*a + u**2; J = v*u", {"a": 3}),
    "network": ("h1 = relu(w1*x + b1); h2 = relu(w2*x + b2); y = v1*h1 + v2*h2; L = (y - t)**2",
                {"w1": 1, "w2": -1, "b1": 0.5, "b2": 2, "v1": 2, "v2": 3, "x": 1, "t": 5}),
}


def picture(name: str) -> str:
    text, inputs = PASSES[name]
    return dv.graph(text).at(inputs).svg()


if __name__ == "__main__":
    for name in PASSES:
        (HERE / f"{name}.svg").write_text(picture(name), encoding="utf-8")
