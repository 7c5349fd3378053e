"""What a computation graph is: the table of operations, nodes, tracing of Python functions, the text of formulas."""
