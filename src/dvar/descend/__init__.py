"""Minimise a cost. Knows nothing of graphs or data: only value, gradient and Hessian at a vector of parameters."""
