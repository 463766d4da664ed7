"""Each test of trackers has workbook folders of its own."""

import pytest

from lendbook import instance


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    settings.DATA_DIR = instance.make_folders(tmp_path, "testing")
