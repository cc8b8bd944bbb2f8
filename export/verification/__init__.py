"""Inputs, reference outputs, the runtimes that are tried, and the comparison."""
