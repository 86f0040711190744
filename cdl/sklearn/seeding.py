"""Random choices that follow from `random_state`, and leave those of the program as they were."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sklearn.utils import check_random_state

from cdl.utils.seeds import seed_scope


def seeded(random_state: Any) -> AbstractContextManager[None]:
    """Inside, all that cdl chooses follows from `random_state`: an integer or a `RandomState`; None changes nothing."""
    if random_state is None:
        return nullcontext()
    return seed_scope(int(check_random_state(random_state).randint(2**31 - 1)))
