"""The site itself.

In reading order: `first_account` and `accounts` (signing in and out, locking), `users`, `audit` with `act_words`,
`settings_page`, `help`, `sync` (the exchange with the centre), `devices` (tablets on the clinic's network), `token`
(what is wrong with it, and what to do), `certificates` with `certificate_scan` and `registration_turn` (registering
them); `driver_scans` (how both ask the drivers).
"""
