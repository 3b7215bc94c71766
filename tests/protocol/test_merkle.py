"""Roots and proofs of RFC 9162, for trees of every small size and random ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import merkle
from sync_protocol.errors import Code
from tests.protocol.refusals import refused

# RFC 6962's reference tree, as certificate-transparency's own tests have it: inputs, and the root at each size.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
)]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _hashes(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"leaf %d" % index) for index in range(count)]


def _root_by_definition(hashes: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return merkle.node_hash(_root_by_definition(hashes[:k]), _root_by_definition(hashes[k:]))


@pytest.mark.parametrize("size", range(9))
def test_the_reference_tree_has_its_published_roots(size: int) -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]
    assert merkle.root_of(hashes).hex() == ROOTS[size]


@given(st.integers(0, 130))
def test_a_root_is_what_the_definition_says_however_the_tree_was_made(size: int) -> None:
    hashes = _hashes(size)
    grown = merkle.Tree()
    for leaf in hashes:
        grown.append(leaf)
    assert grown.root == merkle.Tree(hashes).root == merkle.root_of(iter(hashes)) == _root_by_definition(hashes)
    assert grown.size == size


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100])
def test_every_leaf_has_a_proof_that_verifies_for_it_alone(size: int) -> None:
    hashes = _hashes(size)
    tree = merkle.Tree(hashes)
    for index, leaf in enumerate(hashes):
        path = tree.path(index)
        merkle.verify_inclusion(leaf, index=index, size=size, path=path, root=tree.root)
        for other in range(size):
            if other != index:
                with refused(Code.PROOF_INVALID):
                    merkle.verify_inclusion(leaf, index=other, size=size, path=path, root=tree.root)


@pytest.mark.parametrize("new_size", range(18))
def test_every_tree_is_consistent_with_every_later_one(new_size: int) -> None:
    tree = merkle.Tree(_hashes(new_size))
    for old_size in range(new_size + 1):
        merkle.verify_consistency(
            old_size=old_size,
            new_size=new_size,
            old_root=tree.root_at(old_size),
            new_root=tree.root,
            path=tree.consistency(old_size),
        )


@given(st.integers(1, 300), st.integers(1, 300), st.data())
@settings(max_examples=150)
def test_a_changed_consistency_proof_is_refused(one: int, other: int, data: st.DataObject) -> None:
    old_size, new_size = min(one, other), max(one, other)
    tree = merkle.Tree(_hashes(new_size))
    proof = list(tree.consistency(old_size))
    claim = {"old_size": old_size, "new_size": new_size, "old_root": tree.root_at(old_size), "new_root": tree.root}
    merkle.verify_consistency(**claim, path=proof)  # type: ignore[arg-type]

    changed_root = bytes(32)
    for change in ("old_root", "new_root"):
        with refused(Code.PROOF_INVALID):
            merkle.verify_consistency(**{**claim, change: changed_root}, path=proof)  # type: ignore[arg-type]
    with refused(Code.PROOF_INVALID):
        merkle.verify_consistency(**claim, path=[*proof, bytes(32)])  # type: ignore[arg-type]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        with refused(Code.PROOF_INVALID):
            merkle.verify_consistency(**claim, path=proof[:place] + proof[place + 1 :])  # type: ignore[arg-type]
        proof[place] = merkle.leaf_hash(proof[place])
        with refused(Code.PROOF_INVALID):
            merkle.verify_consistency(**claim, path=proof)  # type: ignore[arg-type]


@given(st.integers(1, 300), st.data())
@settings(max_examples=150)
def test_a_flipped_bit_in_an_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    tree = merkle.Tree(_hashes(size))
    index = data.draw(st.integers(0, size - 1))
    whole = bytearray(b"".join([_hashes(size)[index], tree.root, *tree.path(index)]))
    position = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[position // 8] ^= 1 << position % 8
    leaf, root, *path = (bytes(whole[start : start + 32]) for start in range(0, len(whole), 32))
    with refused(Code.PROOF_INVALID):
        merkle.verify_inclusion(leaf, index=index, size=size, path=path, root=root)


def test_a_forked_history_is_not_consistent() -> None:
    honest, forked = _hashes(20), _hashes(20)
    forked[3] = merkle.leaf_hash(b"another story")
    tree = merkle.Tree(forked)
    with refused(Code.PROOF_INVALID):
        merkle.verify_consistency(
            old_size=10,
            new_size=20,
            old_root=merkle.root_of(honest[:10]),
            new_root=tree.root,
            path=tree.consistency(10),
        )


def test_trees_of_one_size_with_two_roots_are_refused() -> None:
    with refused(Code.PROOF_INVALID):
        merkle.verify_consistency(old_size=5, new_size=5, old_root=bytes(32), new_root=b"\x01" * 32, path=[])


def test_a_tree_never_shrinks_and_an_index_lies_inside() -> None:
    root = merkle.root_of(_hashes(4))
    with refused(Code.PROOF_INVALID):
        merkle.verify_consistency(old_size=5, new_size=4, old_root=root, new_root=root, path=[])
    for index in (-1, 4):
        with refused(Code.PROOF_INVALID):
            merkle.root_from_path(_hashes(1)[0], index=index, size=4, path=[bytes(32), bytes(32)])


def test_a_node_cannot_be_shown_as_a_leaf() -> None:
    left, right = _hashes(2)
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33)])
def test_hashes_of_another_length_are_refused(wrong: bytes) -> None:
    tree = merkle.Tree(_hashes(3))
    with refused(Code.PROOF_INVALID):
        merkle.root_from_path(wrong, index=0, size=2, path=[bytes(32)])
    with refused(Code.PROOF_INVALID):
        merkle.root_from_path(bytes(32), index=0, size=2, path=[wrong])
    with pytest.raises(ValueError, match="32 bytes"):
        tree.append(wrong)
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.Tree([wrong])


def test_a_path_longer_than_any_ledger_is_refused() -> None:
    with refused(Code.PROOF_INVALID):
        merkle.root_from_path(bytes(32), index=0, size=2**63, path=[bytes(32)] * 100)
    with refused(Code.PROOF_INVALID):
        merkle.root_from_path(bytes(32), index=0, size=2**64, path=[bytes(32)] * 64)


def test_asking_for_what_the_tree_never_held_is_a_mistake_of_the_program() -> None:
    tree = merkle.Tree(_hashes(3))
    with pytest.raises(IndexError):
        tree.path(3)
    with pytest.raises(ValueError, match="never had"):
        tree.consistency(4)
    with pytest.raises(ValueError, match="never had"):
        tree.root_at(4)
