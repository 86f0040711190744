"""Networks that learn to write, character by character: Shakespeare's English, and the Chinese of the Tang poets.

An LSTM reads at several places of a text at once and guesses each next character. Its state is carried on from batch to
batch, so that it remembers more than the stretch that it sees. Beside it, an n-gram model with the smoothing of Kneser
and Ney counts what followed the last few characters. Perplexity is among how many characters a model hesitates, on
average. On the last tenth of the plays that is 4.45 (6-grams: 4.75), on every tenth poem 191 (2-grams: 204; there is
little to count in 22,000 characters, but the network learns where lines end). Three minutes, and ten seconds.

One of them alone, or less of it: `python 11_language_model.py shakespeare --epochs 2 --samples 60000`.
"""

import argparse
import math
import time
from collections import Counter

import numpy as np

from cdl import Sequential, callbacks, datasets, layers, losses, optimizers, utils

SETTINGS = {  # places where the text is read, steps until the gradient goes back; units, dropout, rate, epochs; n-grams
    "shakespeare": (16, 64, 256, 0.1, 0.004, 5, 6),
    "tang": (8, 32, 128, 0.5, 0.008, 12, 2),
}


def texts(name):
    if name == "shakespeare":
        return datasets.tiny_shakespeare.load_data()
    return ["".join("\n".join([*poem.lines, "", ""]) for poem in part) for part in datasets.tang_poems.load_data()]


def kneser_ney(train, test, n, v):
    """The probability of each of the test characters, after the first n - 1, by counting n-grams.

    P(c | context) = (max(count - d, 0) + d * followers * P(c | shorter context)) / total, at last 1 / v. For a shorter
    context, what counts is behind how many different characters it was seen. An n-gram is a number to the base v.
    """

    def grams(ids, n):
        return np.lib.stride_tricks.sliding_window_view(ids, n) @ v ** np.arange(n)[::-1]

    def look_up(keys, values, wanted):
        place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        return np.where(keys[place] == wanted, values[place], 0)

    tables = [np.unique(grams(train, n), return_counts=True)]
    for k in range(n - 1, 0, -1):
        tables.append(np.unique(tables[-1][0] % v**k, return_counts=True))
    p = 1 / v
    for k, (seen, counts) in enumerate(reversed(tables), 1):
        contexts, first, followers = np.unique(seen // v, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, first)
        discount = (counts == 1).sum() / ((counts == 1).sum() + 2 * (counts == 2).sum())
        gram = grams(test, k)[n - k :]
        count, total = look_up(seen, counts, gram), look_up(contexts, totals, gram // v)
        more = discount * look_up(contexts, followers, gram // v)
        p = np.where(total, (np.maximum(count - discount, 0) + more * p) / np.maximum(total, 1), p)
    return p


class Forget(callbacks.Callback):
    """The text begins anew in each epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.get_layer("memory").reset_state()


def network(frequencies, units, dropout, rate, steps):
    v = len(frequencies)
    model = Sequential(
        [
            layers.Input((None,)),
            layers.Embedding(v, 64),
            layers.Dropout(dropout),
            layers.LSTM(units, return_sequences=True, stateful=True, name="memory"),
            layers.Dropout(dropout),
            layers.Dense(v),
        ]
    )
    model.layers[-1].bias.assign(np.log(frequencies))  # so that what it has to learn is what depends on the context
    # The learning rate rises for a tenth of the steps, then falls to zero along half a wave.
    optimizer = optimizers.Adam(
        lambda step: rate * min(10 * step / steps, (1 + math.cos(math.pi * step / steps)) / 2), clipnorm=1.0
    )
    model.compile(optimizer, losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def in_turn(ids, streams, steps):
    """Batches (streams, steps), one after the other: row i of each goes on where row i of the last one ended."""
    length = (len(ids) - 1) // (streams * steps) * steps
    x, y = (part[: streams * length].reshape(streams, -1, steps) for part in (ids[:-1], ids[1:]))
    return [part.swapaxes(0, 1).reshape(-1, steps) for part in (x, y)]


def write(model, characters, length, temperature, rng):
    """Text by the network: each character is drawn from what it expects, and read by it. Low temperature: no risks."""
    model.get_layer("memory").reset_state()
    noise = rng.gumbel(size=(length, len(characters)))  # the largest logit + noise is a draw from softmax(logits)
    noise[:, 0] = -np.inf  # not a character
    written, last = [], np.array([[characters.index("\n")]])
    for draw in noise:
        last[0, 0] = (model(last)[0, 0] / temperature + draw).argmax()
        written.append(characters[last[0, 0]])
    return "".join(written)


def main(name, epochs, samples):
    utils.set_random_seed(1)
    streams, steps, units, dropout, rate, usual_epochs, n = SETTINGS[name]
    epochs = epochs or usual_epochs
    train, test = texts(name)
    train, test = train[:samples], test[:samples]
    # Characters that are there only once stand for those that are not there at all: number 0.
    characters = ["�", *sorted(c for c, count in Counter(train).items() if count > 1)]
    number = {c: i for i, c in enumerate(characters)}
    train, test = (np.array([number.get(c, 0) for c in text]) for text in (train, test))
    print(f"\n{name}: {len(train):,} characters to learn from, {len(characters):,} different ones")

    x, y = in_turn(train, streams, steps)
    frequencies = (np.bincount(train, minlength=len(characters)) + 100) / len(train)  # of rare ones, counts say little
    model = network(frequencies, units, dropout, rate, steps=epochs * len(x) // streams)
    model.fit(x, y, batch_size=streams, epochs=epochs, shuffle=False, verbose=2, callbacks=[Forget()])

    rng = np.random.default_rng(1)
    for temperature in (0.5, 1.0):
        start = time.perf_counter()
        text = write(model, characters, 400, temperature, rng)
        microseconds = 1e6 * (time.perf_counter() - start) / len(text)
        print(f"\n----- temperature {temperature}, {microseconds:.0f} µs a character -----\n{text.strip()}")
    model.get_layer("memory").reset_state()
    x, y = in_turn(test, 1, 500)
    by_network = math.exp(model.evaluate(x, y, batch_size=1, verbose=0))
    by_counting = math.exp(-np.log(kneser_ney(train, test, n, len(characters))).mean())
    print(f"\n{name}: perplexity on unseen text {by_network:.2f}; by counting {n}-grams {by_counting:.2f}; ", end="")
    print(f"better than guessing by a factor of {len(characters) / by_network:.1f}")


parser = argparse.ArgumentParser()
parser.add_argument("names", nargs="*", default=list(SETTINGS))
parser.add_argument("--epochs", type=int)
parser.add_argument("--samples", type=int)
options = parser.parse_args()
for name in options.names:
    main(name, options.epochs, options.samples)
