from uuid import UUID

import pytest
from krepis import replace

from library.domain.copy import Copy, CopyLent, CopySetAside, CopyWithdrawn, withdraw

ON_SHELF = Copy(id=UUID(int=1), isbn="9780441013593")


def test_a_copy_is_withdrawn_from_the_shelf():
    assert withdraw(ON_SHELF).status == "withdrawn"


@pytest.mark.parametrize(
    ("status", "rejection"), [("lent", CopyLent), ("set_aside", CopySetAside), ("withdrawn", CopyWithdrawn)]
)
def test_a_copy_is_withdrawn_from_nowhere_else(status, rejection):
    with pytest.raises(rejection):
        withdraw(replace(ON_SHELF, status=status))
