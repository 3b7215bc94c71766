"""The tables of trust material, sites with their nodes, and the ledger.

What is signed is kept as bytes beside the columns that are searched, so that `check` verifies the bytes.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint

from central.store.schema import binary, integer, one_of, table, text

# --- Trust material -------------------------------------------------------------------------------

centre_keys = table(
    "centre_keys",
    binary("kid", key=True),  # 8 bytes
    text("role"),
    binary("public_key"),  # SubjectPublicKeyInfo, DER
    integer("added_at"),
    integer("retired_at", optional=True),  # Retired keys stay: they verify what they once signed.
    one_of("role", "role", "ledger", "sealing", "publisher"),
)

trust_certificates = table(
    "trust_certificates",
    binary("thumbprint"),  # 32 bytes, SHA-256 of the DER
    text("role"),
    text("country"),
    binary("der"),
    integer("added_at"),
    integer("removed_at", optional=True),
    text("scope"),  # of an organisation anchor: "government", "public" or ""
    PrimaryKeyConstraint("thumbprint", "role"),
    one_of("role", "role", "document_signer", "country_anchor", "organisation_anchor", "organisation_intermediate"),
    rowid=False,
)

revoked_certificates = table(
    "revoked_certificates",
    binary("thumbprint", key=True),  # 32 bytes
    text("issuer"),  # RFC 4514
    text("serial"),  # upper hex
    integer("revoked_at"),  # the invalidity date if the key was compromised
    text("reason"),
    integer("recorded_at"),
)

# Lists of revoked certificates, one row for each that was taken. A *line* is the issuer's name, key and part (see
# `sync_protocol.crl.line_of`): within one, a list is only ever followed by a newer one.
crls = table(
    "crls",
    binary("line"),  # 32 bytes
    text("issuer"),  # RFC 4514
    binary("issuer_thumbprint"),  # of the authority's certificate under which it verified
    text("number"),  # decimal, since it may have 20 bytes; "" where the issuer does not count
    integer("this_update"),
    integer("next_update", optional=True),
    integer("entries"),
    integer("fetched_at"),
    text("source"),  # the address, or the name of the file
    binary("digest"),  # SHA-256 of the DER
    binary("der", optional=True),  # of the newest of its line; older ones leave their digest
    PrimaryKeyConstraint("line", "this_update"),
    Index(None, "issuer"),
)

crl_revocations = table(
    "crl_revocations",
    binary("line"),
    text("serial"),  # upper hex
    integer("revoked_at"),
    text("reason"),  # RFC 5280's word, or ""
    integer("recorded_at"),
    PrimaryKeyConstraint("line", "serial"),
    rowid=False,
)

crl_sources = table(
    "crl_sources",
    text("url", key=True),
    integer("asked_at"),
    text("outcome"),  # "taken", "unchanged", "unreachable" or a Code
    text("etag"),
    text("modified"),  # Last-Modified as the server wrote it
    rowid=False,
)

# Organisation certificates that the centre has seen, since a batch may name its signer by thumbprint alone. Being
# here is no trust: that comes from an anchor and from `registered_certificates`.
organisation_certificates = table(
    "organisation_certificates",
    binary("thumbprint", key=True),
    text("serial"),
    binary("der"),
    integer("added_at"),
    Index(None, "serial"),
)

published_sets = table(
    "published_sets",
    text("kind"),
    text("scope"),  # "" for everybody, or the node that a population pack is sealed to
    integer("version"),
    integer("issued_at"),
    integer("expires_at"),
    binary("content"),  # the signed set, or a pack sealed to its node
    PrimaryKeyConstraint("kind", "scope", "version"),
    one_of("kind", "kind", "catalogue", "trust-list", "population"),
    rowid=False,
)


# --- Sites and their nodes ------------------------------------------------------------------------

facilities = table(
    "facilities",
    text("code", key=True),
    text("name"),
    integer("created_at"),
    rowid=False,
)

facility_units = table(
    "facility_units",
    text("facility", ForeignKey("facilities.code")),
    text("unit"),  # commune code of the catalogue
    PrimaryKeyConstraint("facility", "unit"),
    rowid=False,
)

registered_certificates = table(
    "registered_certificates",
    text("facility", ForeignKey("facilities.code")),
    text("serial"),  # upper hex
    text("officer"),
    integer("valid_from"),
    integer("valid_until", optional=True),
    integer("registered_at"),
    PrimaryKeyConstraint("facility", "serial"),
    rowid=False,
)

nodes = table(
    "nodes",
    text("code", key=True),
    text("facility", ForeignKey("facilities.code")),
    text("state"),
    integer("epoch"),  # 0 until enrolled
    integer("last_sequence"),  # the head of the node's chain in this epoch
    binary("last_digest"),  # 32 bytes; the enrolment digest before the first bundle
    integer("created_at"),
    integer("last_heard_at", optional=True),
    one_of("state", "state", "waiting", "enrolled", "forked", "denied"),
    rowid=False,
)

node_epochs = table(
    "node_epochs",
    text("node", ForeignKey("nodes.code")),
    integer("epoch"),
    binary("signing_key"),  # SubjectPublicKeyInfo, DER
    binary("sealing_key"),
    binary("enrolment_digest"),  # 32 bytes: what the epoch's first bundle names as its predecessor
    integer("enrolled_at"),
    integer("first_dose"),  # the lowest dose number that it may give
    PrimaryKeyConstraint("node", "epoch"),
    rowid=False,
)

enrolments = table(
    "enrolments",
    binary("code_digest", key=True),  # SHA-256 of the one-time code
    text("node", ForeignKey("nodes.code")),
    integer("issued_at"),
    integer("expires_at"),
    binary("request_digest", optional=True),
    binary("answer", optional=True),  # kept, so that a repeated request gets the same bytes
    integer("accepted_at", optional=True),
)

feed_items = table(
    "feed_items",
    text("node", ForeignKey("nodes.code")),
    integer("number"),  # 1, 2, 3 … for each node
    text("kind"),
    integer("at"),
    binary("item"),  # signed by the publisher key; sealed to the node only when it leaves
    PrimaryKeyConstraint("node", "number"),
    rowid=False,
)

# The latest requests of each node, so that none is answered twice.
feed_requests = table(
    "feed_requests",
    text("node", ForeignKey("nodes.code")),
    binary("nonce"),  # 16 bytes
    integer("number"),  # 1, 2, 3 … for each node
    integer("at"),  # what was said to the node as the centre's time; never falls for one node
    PrimaryKeyConstraint("node", "nonce"),
    Index(None, "node", "number"),
    rowid=False,
)


# --- The ledger -----------------------------------------------------------------------------------

ledger_entries = table(
    "ledger_entries",
    integer("idx", key=True),
    text("node"),
    integer("epoch"),
    integer("sequence"),
    text("kind"),
    binary("digest"),  # 32 bytes, SHA-256 of the inner bundle
    text("outcome"),  # "admitted" or a Code
    integer("doses"),
    integer("admitted_at"),
    binary("entry"),  # the encoded LedgerEntry
    binary("leaf_hash"),  # 32 bytes
    UniqueConstraint("digest"),
    UniqueConstraint("node", "epoch", "sequence"),
    Index(None, "admitted_at"),
)

tree_heads = table(
    "tree_heads",
    integer("size", key=True),
    integer("epoch"),
    binary("root"),
    integer("at"),
    binary("head"),  # the signed tree head
)

bundles = table(
    "bundles",
    binary("digest", key=True),  # SHA-256 of the inner bundle
    integer("ledger_index", ForeignKey("ledger_entries.idx")),
    text("node", ForeignKey("nodes.code")),
    binary("inner"),  # as signed by the node
    binary("answer"),  # the first answer; repeats get these bytes
    integer("received_at"),
    UniqueConstraint("ledger_index"),
)

bundle_seals = table(
    "bundle_seals",
    binary("sealed_digest", key=True),
    binary("digest", ForeignKey("bundles.digest")),
)

forks = table(
    "forks",
    binary("digest", key=True),
    text("node", ForeignKey("nodes.code")),
    integer("epoch"),
    integer("sequence"),
    binary("inner"),
    integer("received_at"),
    Index(None, "node", "epoch", "sequence"),
)
