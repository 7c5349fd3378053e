"""Graphs with names, trained on tables: what is learned, how sure it is, and the file it is kept in."""
