"""Judges from outside: PyPI `cwt` and `pycose`, each in a virtual environment of its own.

`python -m tests.interop --judge PYTHON` writes files of ours, lets `judge.py` run under that interpreter, which reads
them with both libraries and writes files of its own, and then verifies those. The judge imports nothing of ours.
"""
