"""How the certificates of this site stand, and what is to be said of the one that signs."""

from __future__ import annotations

from edge.domain.certificate_standing import Standing, standings
from edge.store import certificates
from edge.store.database import Tables


def site_standings(tables: Tables, *, now: int) -> list[Standing]:
    """Every certificate of the site, the registered ones first; `now` is epoch seconds UTC."""
    listed, asked = certificates.known_list(tables), certificates.requests(tables)
    return standings(listed, asked, certificates.seen(tables), now=now)


def signing_standing(tables: Tables, serial: str, *, now: int) -> Standing | None:
    """The certificate that signs here; None where nothing is known of it.

    Args:
        serial: of the signer that is set, upper hex; "" where the setting names none: the longest-lived registered
            one is meant then, or else the one asked for.
        now: epoch seconds UTC.
    """
    found = site_standings(tables, now=now)
    if serial:
        return next((one for one in found if one.serial == serial), None)
    return found[0] if found else None
