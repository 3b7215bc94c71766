"""Whom the centre asks over the network.

`crl_http`: the revocation lists of authorities, at the addresses that their certificates name.
"""
