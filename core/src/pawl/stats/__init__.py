"""Sequential statistics on sums: no samples are kept, every function is pure, and only the standard library is
needed.

Every test here may be looked at as often as one likes; where a guarantee is asymptotic its docstring says so.
"""
