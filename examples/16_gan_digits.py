"""A GAN draws digits: two small convolutional networks (after Radford et al. 2016, DCGAN) play against each other.

How good are they? A classifier that knows real digits judges 2,000 after each epoch. In the end it finds 45 % of them
clear (real ones: 92 %), their score, after the Inception score, is 5.5 (real 9.0, noise 1.1, at best 10), and there are
9.3 of 10 classes. 16_gan_digits.png shows each epoch. Three minutes; in short: `--epochs 2 --samples 12000`
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

from cdl import Sequential, datasets, layers, optimizers, utils

LATENT, BATCH, JUDGED = 64, 128, 2000
LABELS = np.repeat([[0.9], [0.0]], BATCH, axis=0)  # of real ones 0.9: never quite sure (Salimans et al. 2016)

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--samples", type=int, default=60_000)
options = parser.parse_args()
utils.set_random_seed(16)
random = np.random.default_rng(16)
(x, y), (x_test, y_test) = datasets.mnist.load_data()
x, x_test = (np.float32(images[..., np.newaxis]) / 255 for images in (x[: options.samples], x_test))


def noise(n):
    return random.normal(size=(n, LATENT)).astype(np.float32)


def report(name, images):
    """The share of images of whose class the judge is sure; exp of the mean KL(p(class | image) || p(class)), which is
    10 at best and 1 if all look alike; and how many classes there are, as the exp of their entropy.
    """
    p = judge.predict(images, verbose=0).astype(float) + 1e-12
    mean = p.mean(axis=0)
    sure, score = (p.max(axis=1) > 0.9).mean(), np.exp((p * np.log(p / mean)).sum(axis=1).mean())
    classes = np.exp(-(mean * np.log(mean)).sum())
    print(f"{name:>12}: {sure:.1%} clear, score {score:.2f}, {classes:.1f} classes", flush=True)


judge = Sequential(
    [
        layers.Input((28, 28, 1)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
judge.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
judge.fit(x, y[: len(x)], batch_size=128, epochs=2, verbose=0)
print(f"The judge reads {judge.evaluate(x_test, y_test, verbose=0)[1]:.1%} of the real test digits right.")
report("real", x_test[:JUDGED])
report("noise", random.random((JUDGED, 28, 28, 1), dtype=np.float32))

generator = Sequential(
    [
        layers.Input((LATENT,)),
        *(layers.Dense(7 * 7 * 32), layers.BatchNormalization(momentum=0.9), layers.ReLU(), layers.Reshape((7, 7, 32))),
        *(layers.Conv2DTranspose(16, 4, 2, padding="same"), layers.BatchNormalization(momentum=0.9), layers.ReLU()),
        layers.Conv2DTranspose(1, 4, 2, padding="same", activation="sigmoid"),
    ]
)
discriminator = Sequential(
    [
        layers.Input((28, 28, 1)),
        *(layers.Conv2D(16, 4, 2, padding="same"), layers.LeakyReLU(0.2), layers.Dropout(0.3)),
        *(layers.Conv2D(32, 4, 2, padding="same"), layers.LeakyReLU(0.2), layers.Dropout(0.3)),
        *(layers.Flatten(), layers.Dense(1, activation="sigmoid")),
    ]
)
discriminator.compile(optimizers.Adam(0.001, beta_1=0.5), "binary_crossentropy")
discriminator.trainable = False  # inside the GAN; by itself it goes on learning, as when it was compiled
gan = Sequential([generator, discriminator])
gan.compile(optimizers.Adam(0.001, beta_1=0.5), "binary_crossentropy")

shown = noise(16)
rows = []
for epoch in range(1, options.epochs + 1):
    for real in random.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
        both = np.concatenate([x[real], generator.predict_on_batch(noise(BATCH))])
        discriminator.train_on_batch(both, LABELS)
        gan.train_on_batch(noise(BATCH), np.ones((BATCH, 1)))
    report(f"epoch {epoch}", generator.predict(noise(JUDGED), verbose=0))
    rows.append(generator.predict(shown, verbose=0))

figure = Figure(figsize=(8, 0.5 * len(rows) + 0.5))
axes = figure.add_axes((0.07, 0, 0.93, 1))
names = [*(f"epoch {epoch}" for epoch in range(1, len(rows) + 1)), "real"]
picture = np.stack([*rows, x_test[: len(shown)]])[..., 0].swapaxes(1, 2).reshape(len(names) * 28, -1)
axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
axes.set_yticks(28 * np.arange(len(names)) + 14, names, fontsize=8)
axes.set(xticks=[], frame_on=False)
figure.savefig("16_gan_digits.png", dpi=150)
