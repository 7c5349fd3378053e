"""Derivatives: the chain rule, rewriting, and the nudge that checks them."""
