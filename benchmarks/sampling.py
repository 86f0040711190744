"""What it costs to write one character with a language model: Embedding, a stateful LSTM, Dense, and the draw.

`python benchmarks/sampling.py [--units N] [--characters N]`
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from cdl import Sequential, layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--characters", type=int, default=65, help="different ones: 65 are Shakespeare's")
    chosen = parser.parse_args()
    model = Sequential(
        [
            layers.Input(batch_shape=(1, None)),
            layers.Embedding(chosen.characters, 64),
            layers.LSTM(chosen.units, stateful=True),
            layers.Dense(chosen.characters),
        ]
    )
    last, times = np.zeros((1, 1), np.int64), []
    for draw in np.random.default_rng(7).gumbel(size=(20_000, chosen.characters)):
        start = time.perf_counter()
        last[0, 0] = (model(last)[0] + draw).argmax()  # the largest logit + such noise is a draw from their softmax
        times.append(1e6 * (time.perf_counter() - start))
    print(f"LSTM({chosen.units}), {chosen.characters} characters: {statistics.median(times):.1f} µs for each, ", end="")
    print(f"{min(times):.1f} µs at best, of {len(times):,} in a row")


if __name__ == "__main__":
    main()
