"""What several files of tests compare with."""

import pytest
from statistics_toys import ToyCNN
from statistics_twins import measured


@pytest.fixture(scope="session")
def toy():
    """Every statistic of a plain network."""
    return measured(ToyCNN())
