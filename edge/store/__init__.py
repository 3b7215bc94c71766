"""What the node keeps: one encrypted SQLite file, one module per group of tables.

Reading order: `errors` (what can go wrong), `key_file` (the passphrase and the data key), `lean_imports`, `database`
(connections, pragmas, transactions), `migrations` and `schema` (how the tables came to be), then the tables: `audit`,
`node_identity`, `sets`, `population`, `people`, `identity_checks`, `questions`,
`doses`, `imports`; of signing and exchange:
`passes`, `signed_leaves`, `bundles`, `receipts`, `ledger_epochs`, `verdicts`, `verdict_changes`,
`health_certificates`, `standings` (where each dose is), `signing_queue`, `approvals`, `link` (contact with the
centre), `exchanges` (their history and data), `stick_exports` and `carried` (what goes by stick), `feed` (what it
sent), `contacts` (how it stands there), `certificates`; `clock_marks` (is the clock right), `offline_reasons`;
`node_epochs` and `dose_numbers` (a restored or copied store); `delegations`, `handovers` and `delegated_signings`
(of a site), `hub_doses` and `hub_passes` (of a hub); `users` (who works here) and `passwords`, `settings`,
`drafts` (what somebody typed and has not sent); `people_search`; `visits` (who waits, who is observed), `roster`
(who is expected); `vials`; `reports` (counts of many days), `exports`, `closings`; `devices`, `lan_key` (the
clinic's network); `page_queries`; `work_lists` and `work_rows` (who has to be looked at, and why).

Every function of a table module takes the `Tables` that `Database.read()` or `Database.write_transaction()` gives, so
that one workflow decides what stands in one transaction.
"""
