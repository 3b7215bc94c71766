"""Step 7: organisation certificates, as this site saw them, asked for them, and as the centre answered.

`registered_certificates` is the centre's newest list, whole; `registration_list` says which one it is. What this site
asked for and which certificates it has seen is only added to.
"""

from __future__ import annotations

from typing import Final

from edge.store.migrations.migration import Migration, append_only, gap_free

_SQL: Final = f"""
CREATE TABLE seen_certificates (
    thumbprint BLOB PRIMARY KEY CHECK (length(thumbprint) = 32),
    serial TEXT NOT NULL,                 -- upper hex
    der BLOB NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT
;;
CREATE INDEX seen_certificates_serial ON seen_certificates (serial)
;;
CREATE TABLE registration_requests (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    serial TEXT NOT NULL,
    thumbprint BLOB REFERENCES seen_certificates,   -- NULL where only the number was typed
    officer TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    epoch INTEGER NOT NULL,               -- the bundle that carries it
    sequence INTEGER NOT NULL,
    FOREIGN KEY (epoch, sequence) REFERENCES bundles,
    UNIQUE (epoch, sequence)
) STRICT
;;
CREATE TABLE registration_list (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    number INTEGER NOT NULL REFERENCES feed_items,
    at INTEGER NOT NULL                   -- when the centre made it
) STRICT
;;
CREATE TABLE registered_certificates (
    serial TEXT PRIMARY KEY,
    thumbprint BLOB CHECK (length(thumbprint) = 32),
    officer TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'registered', 'refused', 'ended')),
    valid_from INTEGER NOT NULL,
    valid_until INTEGER,
    revoked_at INTEGER,
    crl_at INTEGER,
    crl_until INTEGER,
    organisation TEXT NOT NULL,
    not_after INTEGER,
    remark TEXT NOT NULL                  -- a code, or ''
) STRICT, WITHOUT ROWID
;;
{gap_free("registration_requests", "number")}
;;
{append_only("seen_certificates")}
;;
{append_only("registration_requests")}
"""

MIGRATION: Final = Migration(7, "certificates", _SQL)
