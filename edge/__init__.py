"""The site's node: records doses with no network, signs them in passes, brings them to the centre.

Floors from below; a floor imports only what is beneath it:

1. `domain`: rules as pure functions (papers, identity states, dosing, day lists, passes, outbox).
2. `config`, `store`, `clients`: the TOML file; the encrypted database; files and peers outside.
3. `workflow`: one module per thing the node does: read, decide, write, one transaction.
4. `bootstrap`: config to node; the only module that reads the clock or draws entropy.
5. `web`, `jobs`, `exchanger`: pages; what runs on a schedule; the one exchange at a time.
6. `app`: the pages put together upon an open node; `lan_place`, `lan`, `lan_sockets`: serving them on the clinic's
   Wi-Fi.
7. `cli` with `cli_records`, `cli_lists`, `cli_signing`, `cli_stick`, `cli_certificates`, `cli_clock`, `cli_reports`,
   `cli_exchange`, `cli_evidence`, `cli_epoch`, `cli_users`, `cli_token`, `cli_handover` (the verbs), `cli_words` (their
   help) and `cli_state` (what they share): `hcvx-edge`.
"""
