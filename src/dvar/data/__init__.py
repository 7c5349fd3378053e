"""Tables in, typed columns out. Needs nothing of dvar but its errors."""
