"""Numba loops on plain arrays, one family a file; `_jit` is the one door to Numba."""
