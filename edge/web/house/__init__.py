"""The site itself.

In reading order: `first_account` and `accounts` (signing in and out, locking), `users`, `audit` with `act_words`,
`settings_page`, `clock` (what time it is), `help`, `sync` with `sync_words` (the exchange with the centre),
`stick` with `stick_words` (the same by USB), `epoch` (a machine restored or copied), `devices` (tablets on the
clinic's network), `token` (what is wrong with it, and what to do), `evidence` (what the centre signed that does
not agree), `certificates` with `certificate_scan` and `registration_turn` (registering them); `driver_scans` (how
both ask the drivers).
"""
