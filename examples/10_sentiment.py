"""Praise or complaint? A network that reads sentences word by word, beside a model that only counts the words.

2,400 sentences of reviews to learn from are few, and most give themselves away by a single word. So the network, with
80.7 % of unseen sentences right (five runs, from 79.0 to 82.7 %), is hardly better than a logistic regression on word
counts with 80.2 % (printed where scikit-learn is installed), and "not bad" escapes it: for that, it would have to read
more. Half a minute; in short: `--epochs 5 --samples 1200 --seeds 1`
"""

import argparse

import numpy as np

from cdl import Sequential, datasets, layers, utils


def network(vocabulary):
    """An LSTM in each direction. Half of what it sees and remembers is dropped, as it would know all by heart soon."""
    return Sequential(
        [
            vocabulary,  # strings to numbers; 0 fills up short sentences
            layers.Embedding(vocabulary.vocabulary_size(), 32, mask_zero=True),
            layers.Dropout(0.5),
            layers.Bidirectional(layers.LSTM(32)),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def train(x, y, epochs):
    vocabulary = layers.TextVectorization(output_sequence_length=40)
    vocabulary.adapt(x)
    model = network(vocabulary)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    return model


def word_counts(x, y, x_test, y_test):
    """The accuracy of a logistic regression on which words there are; None without scikit-learn."""
    try:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
    except ImportError:
        return None
    return make_pipeline(CountVectorizer(), LogisticRegression(max_iter=1000)).fit(x, y).score(x_test, y_test)


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--samples", type=int, default=2400)
parser.add_argument("--seeds", type=int, default=5)
options = parser.parse_args()
(x_train, y_train), (x_test, y_test) = datasets.sentiment_sentences.load_data()
x_train, y_train = x_train[: options.samples], y_train[: options.samples]
scores = []
for seed in range(options.seeds):
    utils.set_random_seed(seed)
    model = train(x_train, y_train, options.epochs)
    scores.append(model.predict(x_test, verbose=0)[:, 0])
    print(f"seed {seed}: {((scores[-1] > 0.5) == y_test).mean():.1%} of {len(y_test)} unseen sentences are right")
accuracies = ((np.array(scores) > 0.5) == y_test).mean(axis=1)

print("\nWhat the last network makes of some of them (0 complaint, 1 praise; * wrong):")
wrong = np.flatnonzero((scores[-1] > 0.5) != y_test)
for i in sorted({*range(0, 600, 75), *wrong[np.abs(scores[-1][wrong] - 0.5).argsort()][-6:]}):
    print(f"{scores[-1][i]:.2f}{'*' if i in wrong else ' '} {x_test[i]}")
print("\nand of sentences where order matters:")
for sentence in ["The food was good, not bad at all.", "The food was bad, not good at all."]:
    print(f"{model.predict([sentence], verbose=0)[0, 0]:.2f}  {sentence}")

print(f"\nThe network: {accuracies.mean():.1%} on average, between {accuracies.min():.1%} and {accuracies.max():.1%}")
if (counted := word_counts(x_train, y_train, x_test, y_test)) is not None:
    print(f"Logistic regression on word counts: {counted:.1%}")
