"""HTTP in, CBOR and HTML out.

`security` sets what every answer carries, `problems` turns exceptions into answers, `here` says who may look at pages;
`streaming` is the server; `nodes` are the sync calls of sites, `operator`, `trust`, `epochs` and `passports` the
pages, with `words`, `charts` and `qr_svg`.
"""
