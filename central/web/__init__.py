"""HTTP in, CBOR and HTML out.

`security` sets what every answer carries, `problems` turns exceptions into answers; `nodes` are the sync calls of
sites, `operator` and `passports` the pages.
"""
