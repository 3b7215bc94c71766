"""The centre: admits what sites sign, keeps it in a ledger, and turns it into vaccine passports.

Reading order, bottom up (a floor imports only floors beneath it):

* `domain`: pure rules: the numbered checks of admission, verdicts over all sites, who is who, the ledger.
* `registry`: the national population database behind one protocol.
* `clients`: what is fetched from elsewhere over the network.
* `store`: tables, migrations, one file per table group, and the encrypted key files.
* `config`: `centre.toml` and the environment over it.
* `workflow`: one file per thing the centre does, each one transaction.
* `bootstrap`: configuration to a running centre; the only file that reads the clock or draws entropy.
* `web`: the sync calls of nodes, the pages of operator and citizen.
* `app`, and `cli` with `cli_init`, `cli_sites`, `cli_registrations`, `cli_delegations`, `cli_epochs`, `cli_trust`,
  `cli_evidence`, `cli_ledger`, `cli_folder`, `cli_day` (the verbs), `cli_words` (their help), `cli_trust_data`,
  `cli_files` and `cli_state` (what they share): the program's face.
"""
