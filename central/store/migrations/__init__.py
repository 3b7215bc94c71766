"""Alembic revisions of the centre's schema; `append_only` holds the triggers that they set.

A revision is never edited after its release. `central.store.database.migrate` runs them.
"""
