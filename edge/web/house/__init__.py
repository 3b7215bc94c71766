"""The site itself.

In reading order: `sync` (the exchange with the centre).
"""
