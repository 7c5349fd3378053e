"""Where the command line begins. Ctrl-C is heard from the first line on, so what is heavy is imported afterwards; what is
imported before it Python has loaded already."""

import _signal as signal  # the built-in part of `signal`: the rest would take longer to import than all that comes before it
import os
import sys


def at_once(number: int, frame: object) -> None:
    """Before a command runs there is nothing to clean up."""
    os.write(2, b"stopped\n")
    os._exit(130)


def ended(number: int, frame: object) -> None:
    """Asked to end, a command takes what is half-written with it."""
    raise SystemExit(128 + number)


def main(tokens: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if tokens is None and heard:
        signal.signal(signal.SIGINT, at_once)
    from .commands import app, usage
    from .terminal import run

    if tokens is None and heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if tokens is None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, ended)
    return run(app, list(sys.argv[1:] if tokens is None else tokens), usage)


if __name__ == "__main__":
    sys.exit(main())
