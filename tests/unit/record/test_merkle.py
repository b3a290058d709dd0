"""The Merkle tree: RFC 6962's published roots, and growth from a frontier that was kept."""

import pytest

from gatewayops.record.audit.merkle import Frontier

# certificate-transparency's reference vectors (RFC 6962, section 2.1)
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def grown(count: int) -> Frontier:
    tree = Frontier()
    for leaf in LEAVES[:count]:
        tree.add(leaf)
    return tree


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_of_the_rfc(size: int) -> None:
    assert grown(size).root().hex() == ROOTS[size]


@pytest.mark.parametrize("cut", range(8))
def test_a_tree_grows_on_from_a_frontier_that_was_kept(cut: int) -> None:
    kept = grown(cut)
    tree = Frontier.of_bytes(kept.size, kept.packed())
    for leaf in LEAVES[cut:]:
        tree.add(leaf)
    assert tree.root().hex() == ROOTS[8]


@pytest.mark.parametrize("first", [0, 1, 255, 256, 300])
def test_many_leaves_at_once_make_the_same_tree(first: int) -> None:
    leaves = [number.to_bytes(32) for number in range(1_500)]
    one_by_one, at_once = Frontier(), Frontier()
    for leaf in leaves:
        one_by_one.add(leaf)
    at_once.extend(leaves[:first])
    at_once.extend(leaves[first:])
    assert (at_once.size, at_once.peaks) == (one_by_one.size, one_by_one.peaks)


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="one hash for each bit"):
        Frontier(3, [bytes(32)])
