"""The commands by name, and the examples that the help of each begins with."""

from __future__ import annotations

from cyclopts import App

from . import __version__
from .fitting import fit
from .graph_commands import derivatives, explain, play, slope
from .racing import race
from .table_commands import evaluate, predict, show

USAGE = {
    "": """dvar COMMAND …

  dvar fit examples/flights.parquet --target late
  dvar predict late.json new.csv -o out.csv
  dvar explain "u = b*c; v = a + u; J = 3*v" a=5 b=3 c=2""",
    "fit": """dvar fit FILE --target COLUMN [OPTIONS]

  dvar fit examples/flights.parquet --target late
  dvar fit flights.csv.gz --target "delay > 15" --features 'distance,origin,hour(date),-carrier'
  dvar fit data.csv --target y --loss "z = w@x + b; L = (z - y)**2"
""",
    "predict": """dvar predict MODEL FILE [OPTIONS]

  dvar predict late.json new.csv -o out.csv
  dvar predict late.json new.parquet --keep -o out.parquet
  cat new.csv | dvar predict late.json - | head""",
    "evaluate": """dvar evaluate MODEL FILE [OPTIONS]

  dvar evaluate late.json labelled.csv
  dvar evaluate late.json labelled.parquet --threshold 0.3 --json""",
    "show": """dvar show MODEL [OPTIONS]

  dvar show late.json
  dvar show late.json --json""",
    "race": """dvar race [FILE --target COLUMN] [OPTIONS]

  dvar race
  dvar race examples/flights.parquet --target late""",
    "explain": """dvar explain FORMULA NAME=VALUE… [OPTIONS]

  dvar explain "u = b*c; v = a + u; J = 3*v" a=5 b=3 c=2
  dvar explain "L = softplus(w@x)" w=1,2 x=3,4 --html L.html""",
    "play": """dvar play [OPTIONS]

  dvar play
  dvar play --port 8001 --no-browser""",
    "slope": """dvar slope FORMULA NAME=VALUE… [OPTIONS]

  dvar slope "a**2" a=2 --nudge 0.001
  dvar slope "a*b" a=2 b=3 --of a""",
    "derivatives": """dvar derivatives [NAME]

  dvar derivatives
  dvar derivatives log""",
    "completion": """dvar completion bash|zsh|fish

  dvar completion bash >> ~/.bashrc""",
}
USAGE = {name: text.strip() for name, text in USAGE.items()}

app = App(
    name="dvar",
    version=__version__,
    usage=USAGE[""],
    help="Write one example's loss as plain mathematics; the computation graph does the rest.\n\n"
    "dvar COMMAND --help tells more of each.",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # it is told in `terminal.run`
)


def usage(tokens: list[str]) -> str:
    """What to read after a mistake."""
    command = tokens[0] if tokens and tokens[0] in USAGE else ""
    return f"dvar {command} --help shows how" if command else "dvar --help shows how"


def completion(shell: str, /) -> None:
    """Print what makes a shell complete dvar's commands and options.

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    from .errors import UsageError, nearest

    known = ("bash", "zsh", "fish")
    if shell not in known:
        raise UsageError(f"there is no completion for {shell!r}{nearest(shell, known)}", "name bash, zsh or fish")
    print(app.generate_completion(prog_name="dvar", shell=shell))  # type: ignore[arg-type]


for command in (fit, predict, evaluate, show, race, explain, play, slope, derivatives, completion):
    app.command(command, usage=USAGE[command.__name__])
