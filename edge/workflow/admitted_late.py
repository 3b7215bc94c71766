"""Doses of a batch that the centre refused once, and has admitted since it lost that refusal.

The refusal gave the doses back to the site. When an epoch of the ledger makes the bundle due again, the centre may find
nothing wrong with it any more, such as where the certificate was registered meanwhile. Then it has the doses:

* those that wait on the work list leave it, with what the centre says of them;
* one that was signed again meanwhile comes back as a repeat; what counts is what the centre said of it the first time,
  so that nobody records the same injection under another number.

At a hub the same holds for doses of its sites: those of the batch wait for nobody any more as long as the receipt holds
(`hub_doses`), and the site hears from the centre what was signed.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.store import dose_numbers, hub_passes, passes
from edge.store.database import Tables
from edge.store.node_identity import NodeIdentity
from sync_protocol.errors import Code
from sync_protocol.receipt import verify_inclusion
from sync_protocol.verdict import Verdict


def hold_admitted(tables: Tables, sequences: Sequence[int], *, identity: NodeIdentity) -> None:
    """Take those of these doses off the work list that the centre has, in the caller's transaction."""
    said = _said_before(tables, sequences, identity=identity)
    busy = set(passes.not_free(tables, [*said]))
    for sequence, verdict in sorted(said.items()):
        if sequence not in busy:
            dose_numbers.hold(tables, sequence, verdict, epoch=identity.epoch)


def verdicts_that_count(
    tables: Tables, leaves: Sequence[int], said: Sequence[Verdict], *, identity: NodeIdentity, of_site: str = ""
) -> list[Verdict]:
    """What holds of the doses of a batch, in the order of its leaves, where a receipt says this of them.

    Args:
        of_site: the site's node whose doses they are, in a delegated pass.
    """
    repeated = [leaf for leaf, verdict in zip(leaves, said, strict=True) if verdict.code is Code.DOSE_REPEATED]
    before = _said_before(tables, repeated, identity=identity, of_site=of_site)
    return [before.get(leaf, verdict) for leaf, verdict in zip(leaves, said, strict=True)]


def delegated_that_count(
    tables: Tables, pass_id: int, said: Sequence[Verdict], *, identity: NodeIdentity
) -> list[Verdict]:
    """The same of a delegated pass, whose leaves are doses of a site."""
    leaves, site = passes.leaves(tables, pass_id), hub_passes.node_of(tables, pass_id)
    return verdicts_that_count(tables, leaves, said, identity=identity, of_site=site)


def _said_before(
    tables: Tables, sequences: Sequence[int], *, identity: NodeIdentity, of_site: str = ""
) -> dict[int, Verdict]:
    wanted = set(sequences)
    found: dict[int, Verdict] = {}
    if not wanted:
        return found
    late = hub_passes.admitted_late(tables, of_site, sequences) if of_site else passes.admitted_late(tables, sequences)
    for pass_id, answer in late:
        verdicts = verify_inclusion(answer, ledger_keys=[identity.ledger_key]).verdicts
        for leaf, verdict in zip(passes.leaves(tables, pass_id), verdicts, strict=True):
            if leaf in wanted and verdict.code is not Code.DOSE_REPEATED:
                found.setdefault(leaf, verdict)
    return found
