"""What the centre keeps.

Reading order: `schema` (column types), `tables` (one door to all tables; `site_tables`, `registration_tables`,
`delegation_tables`, `epoch_tables`, `ledger_epoch_tables`, `dose_tables`, `issue_tables`, `telling_tables`,
`question_tables`), `migrations` (how a database gets them), `database` (engine, transactions, the ledger lock), then
one file per table group: `facilities`, `nodes`, `node_epochs`, `trust`, `crls`, `published_sets`, `feed`,
`feed_requests`, `population_bases`, `ledger`, `ledger_epochs`, `shown_epochs`, `bundles`, `registrations`,
`delegations`, `handovers`, `people`, `doses`, `questions`, `verdict_changes`, `signed_batches`, `closings`,
`registry_people`, `day_runs`, `day_counts`, `health_certificates`, `passport_rows`, `withdrawals`, `tellings` (what
nodes have been told); last the files beside the database: `spool` (bundles that have not come whole), `key_store` (the
centre's private keys, encrypted), `demo_authorities`, `artefact_files`.
"""
