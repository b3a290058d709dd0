"""A fetched folder is complete or absent, whatever happens to those who fetch it."""

import pytest

from gatewayops.testing.fetched_folder import fill_once


def test_a_folder_is_filled_once(tmp_path):
    filled = []

    def fill(draft):
        filled.append(draft)
        draft.joinpath("file").write_text("ok")

    fill_once(tmp_path / "cache" / "it", fill)
    fill_once(tmp_path / "cache" / "it", fill)

    assert len(filled) == 1
    assert (tmp_path / "cache" / "it" / "file").read_text() == "ok"


def test_a_fetch_that_fails_leaves_nothing_and_may_be_tried_again(tmp_path):
    def fail(draft):
        draft.joinpath("half").write_text("")
        msg = "no network"
        raise OSError(msg)

    with pytest.raises(OSError, match="no network"):
        fill_once(tmp_path / "it", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["it.lock"]

    fill_once(tmp_path / "it", lambda draft: draft.joinpath("whole").touch())
    assert (tmp_path / "it" / "whole").exists()


def test_what_an_aborted_fetch_left_is_removed(tmp_path):
    tmp_path.joinpath("it.part-aborted").mkdir()

    fill_once(tmp_path / "it", lambda draft: None)

    assert not tmp_path.joinpath("it.part-aborted").exists()
