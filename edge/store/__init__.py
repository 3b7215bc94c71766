"""What the node keeps: one encrypted SQLite file, one module per group of tables.

Reading order: `errors` (what can go wrong), `key_file` (the passphrase and the data key), `database` (connections,
pragmas, transactions), `migrations` and `schema` (how the tables came to be), then the tables: `audit`,
`node_identity`, `sets`, `population`, `people`, `identity_checks`, `doses`, `imports`; of signing and exchange:
`passes`, `bundles`, `receipts`, `verdicts`, `standings` (where each dose is), `link` (contact with the centre);
`users` (who works here); `page_queries`.

Every function of a table module takes the `Tables` that `Database.read()` or `Database.write_transaction()` gives, so
that one workflow decides what stands in one transaction.
"""
