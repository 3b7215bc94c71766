"""The site itself.

In reading order: `accounts` (signing in and out), `sync` (the exchange with the centre).
"""
