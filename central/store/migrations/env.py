"""Runs the revisions on the connection that `central.store.database.migrate` hands over.

The whole upgrade is that caller's one transaction: a revision applies wholly or not at all.
"""

from __future__ import annotations

from alembic import context

from central.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
