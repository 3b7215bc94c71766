"""Step 16: the history of exchanges, the data used each day, how far a bundle has come that has no receipt yet."""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration

_SQL: Final = """
-- One row for each exchange that did something, and one for a row of those that did the same nothing.
CREATE TABLE exchanges (
    exchange_id INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    tries INTEGER NOT NULL CHECK (tries > 0),
    asked TEXT NOT NULL CHECK (asked IN ('schedule', 'sealed', 'person', 'command')),
    admitted INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    sent INTEGER NOT NULL,                -- bytes, repeats and heads included
    received INTEGER NOT NULL,
    code TEXT NOT NULL                    -- '' where it went well
) STRICT
;;
CREATE TABLE data_days (
    day TEXT PRIMARY KEY CHECK (length(day) = 10),
    sent INTEGER NOT NULL,
    received INTEGER NOT NULL
) STRICT, WITHOUT ROWID
;;
-- What the centre stated or the network took in the latest try; the centre alone knows how much it holds.
CREATE TABLE bundle_progress (
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (epoch, sequence),
    FOREIGN KEY (epoch, sequence) REFERENCES bundles (epoch, sequence)
) STRICT, WITHOUT ROWID
"""

MIGRATION: Final = Migration(16, "exchanges", _SQL)
