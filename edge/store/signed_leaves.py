"""What proves one dose: the sealed pass of which it is a live leaf."""

from __future__ import annotations

from dataclasses import dataclass

from edge.store.database import Tables


@dataclass(frozen=True, slots=True, repr=False)
class SignedLeaf:
    """A dose's place in a signed batch, and what that batch is made again from.

    Attributes:
        statement: the COSE_Sign1 that the organisation's key signed.
        secret: the batch secret, 32 bytes.
        columns: the batch's doses, packed.
        index: the dose's place among the leaves, from 1; leaf 0 is the manifest.
    """

    statement: bytes
    secret: bytes
    columns: bytes
    index: int


def of_pass(tables: Tables, sequence: int) -> SignedLeaf | None:
    """Where this node signed this version of a dose itself, if it did.

    Only sealed passes count. The signature of an unsealed one may still be given up, because nobody has seen it, and a
    printed slip would show it.
    """
    row = tables.execute(
        "SELECT p.statement, p.secret, p.columns, l.position + 1 FROM pass_leaves AS l"
        " JOIN passes AS p ON p.pass_id = l.pass_id WHERE l.sequence = ? AND l.live = 1 AND p.state = 'sealed'",
        (sequence,),
    ).fetchone()
    return None if row is None else SignedLeaf(*row)
