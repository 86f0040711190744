"""Random choices that follow from `random_state`, and leave those of the program as they were."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from cdl.utils import seeds

_one_at_a_time = threading.RLock()


@contextmanager
def seeded(random_state: Any) -> Iterator[None]:
    """Inside, all that cdl chooses follows from `random_state`: an integer or a `RandomState`; None changes nothing.

    The generators that `set_random_seed` seeds belong to the whole process. So one thread at a time is inside, and with
    a seed the generators go on afterwards as if nothing had been drawn.
    """
    with _one_at_a_time:
        if random_state is None:
            yield
            return
        seed = int(check_random_state(random_state).randint(2**31 - 1))
        before = random.getstate(), np.random.get_state(), seeds._global
        seeds.set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
            seeds._global = before[2]
