"""The catalogue that holds, parsed once per version: recording a dose must not cost the parsing of 10,000 communes."""

from __future__ import annotations

from edge.domain.day_list_row import Vocabulary
from edge.domain.refusals import EdgeCode, refuse
from edge.store import node_identity, sets
from edge.store.database import Database
from edge.store.errors import StoreCode, StoreError
from sync_protocol.catalogue import Catalogue, verify_catalogue


class CatalogueShelf:
    """Hands out the newest catalogue of the store; safe to share between threads.

    Args:
        database: the node's store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # One reference is replaced as a whole, so a reader sees the old pair or the new one, never half of each.
        self._held: tuple[int, Vocabulary] | None = None

    def catalogue(self) -> Catalogue:
        """The catalogue. Raises RefusedError NO_CATALOGUE before enrolment."""
        return self.vocabulary().catalogue

    def vocabulary(self) -> Vocabulary:
        """The catalogue with its words, for day lists. Raises RefusedError NO_CATALOGUE before enrolment."""
        with self._database.read() as tables:
            version = sets.newest_version(tables, sets.StoredSetKind.CATALOGUE)
            held = self._held
            if held is not None and held[0] == version:
                return held[1]
            stored = sets.newest(tables, sets.StoredSetKind.CATALOGUE)
            identity = node_identity.find(tables)
        if stored is None:
            raise refuse(EdgeCode.NO_CATALOGUE, "catalogue")
        if identity is None:
            raise StoreError(StoreCode.NOT_ENROLLED, "a catalogue without the key that signed it")
        # No end is judged: an old catalogue serves on with its age shown, since a site without a network must not stop.
        vocabulary = Vocabulary(verify_catalogue(stored.cose, identity.publisher_key, at=None))
        self._held = (version, vocabulary)
        return vocabulary
