"""How the tables came to be: one module per numbered step, never edited after release, listed in `schema`.

A new step is a new module `m0002_….py` with a `MIGRATION`, and one more line in `edge.store.schema.MIGRATIONS`.
"""
