"""The tree of admitted bundles in memory, and the guard that keeps it equal to what is stored.

The store holds the truth: one leaf hash for each entry. Several workers append to it in turn, so before each
append a worker catches up with what the others have stored, and after a failed append it forgets its tree
rather than keep a leaf that was never committed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sync_protocol.merkle import Tree

LeafReader = Callable[[int], Sequence[bytes]]


class LedgerTree:
    """A Merkle tree that follows the stored ledger. Its caller holds the ledger lock."""

    def __init__(self) -> None:
        self._tree: Tree | None = None

    def catch_up(self, stored_size: int, leaves_from: LeafReader, *, root: bytes) -> Tree:
        """Gives the tree of exactly the stored entries.

        Args:
            stored_size: how many entries the store holds now.
            leaves_from: reads the leaf hashes (32 bytes each) from an index on, in order.
            root: of the newest head (32 bytes). Where the tree has another one, the database was put back under a
                running worker and has grown anew since: all leaves are read again.
        """
        tree = self._grown(stored_size, leaves_from)
        if tree.root != root:
            self.forget()
            tree = self._grown(stored_size, leaves_from)
        return tree

    def _grown(self, stored_size: int, leaves_from: LeafReader) -> Tree:
        tree = self._tree
        if tree is None or tree.size > stored_size:
            tree = Tree(leaves_from(0))
        elif tree.size < stored_size:
            for leaf in leaves_from(tree.size):
                tree.append(leaf)
        if tree.size != stored_size:
            self._tree = None
            raise AssertionError("the store's leaf hashes do not number its entries")
        self._tree = tree
        return tree

    def forget(self) -> None:
        """Drops the tree after an append that was not committed; the next caller reads it anew."""
        self._tree = None
