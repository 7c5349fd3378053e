"""`python -m dvar` is the command `dvar`."""

from .cli import main

raise SystemExit(main())
