"""Figures as ratios: `python -m bench [--only METRIC]` prints one JSON line for each metric.

Each module has a `measure()` that yields its lines; `METRICS` in `__main__` names who measures what.
"""
