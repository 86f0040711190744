"""A GAN, as Goodfellow et al. (2014) invented it, learns a ring of eight Gaussians, written as courses write it.

`discriminator.trainable = False` before `gan.compile(...)`: each of the two is trained in its own steps only. The
generator follows the non-saturating loss, -log D(G(z)): it wants its samples to be taken for real. After two epochs of
500 steps it covers all eight modes, in the end 95 % of its samples are good (of real ones 99 %). 15_gan_mixture.png
shows how it gets there. Half a minute; in short: `--epochs 4 --steps 200`
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

from cdl import Sequential, layers, optimizers, utils

MODES, RADIUS, SPREAD, LATENT, BATCH, SHOWN = 8, 2.0, 0.1, 8, 256, 2000
ANGLES = 2 * np.pi * np.arange(MODES) / MODES
CENTRES = RADIUS * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def real_samples(n):
    return (CENTRES[random.integers(0, MODES, n)] + random.normal(0, SPREAD, (n, 2))).astype(np.float32)


def noise(n):
    return random.normal(size=(n, LATENT)).astype(np.float32)


def quality(x):
    """How many modes have at least a quarter of their share of good samples, and the share of good samples: those
    within three standard deviations of a centre.
    """
    distance = np.linalg.norm(x[:, np.newaxis] - CENTRES, axis=2)
    good = distance.min(axis=1) < 3 * SPREAD
    share = np.bincount(distance.argmin(axis=1)[good], minlength=MODES) / len(x)
    return int((share > 0.25 / MODES).sum()), good.mean()


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--steps", type=int, default=500)
parser.add_argument("--seed", type=int, default=15)
options = parser.parse_args()
utils.set_random_seed(options.seed)
random = np.random.default_rng(options.seed)

generator = Sequential(
    [
        layers.Input((LATENT,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(2),
    ]
)
discriminator = Sequential(
    [
        layers.Input((2,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
discriminator.compile(optimizers.Adam(0.001, beta_1=0.5), "binary_crossentropy")
discriminator.trainable = False
gan = Sequential([generator, discriminator])
gan.compile(optimizers.Adam(0.001, beta_1=0.5), "binary_crossentropy")

real, fake = np.ones((BATCH, 1)), np.zeros((BATCH, 1))
pictures = {0: generator.predict(noise(SHOWN), verbose=0)}
for epoch in range(1, options.epochs + 1):
    for _ in range(options.steps):
        x = np.concatenate([real_samples(BATCH), generator.predict_on_batch(noise(BATCH))])
        d_loss = discriminator.train_on_batch(x, np.concatenate([real, fake]))
        g_loss = gan.train_on_batch(noise(BATCH), real)
    pictures[epoch] = generator.predict(noise(SHOWN), verbose=0)
    modes, good = quality(pictures[epoch])
    print(f"epoch {epoch}: losses {d_loss:.3f} {g_loss:.3f}, {modes} of {MODES} modes, {good:.1%} good samples")
print(f"Real samples: {quality(real_samples(SHOWN))[1]:.1%} good.")

shown = np.unique(np.geomspace(1, options.epochs, 5).astype(int)).tolist()
figure = Figure(figsize=(13, 2.4), layout="constrained")
panels = figure.subplots(1, len(shown) + 2)
clouds = {f"epoch {epoch}": pictures[epoch] for epoch in [0, *shown]} | {"real": real_samples(SHOWN)}
for axes, (title, x) in zip(panels, clouds.items(), strict=True):
    axes.scatter(*x.T, s=1, color="C0", alpha=0.5)
    axes.scatter(*CENTRES.T, s=30, color="black", marker="+", linewidths=0.8)
    modes, good = quality(x)
    axes.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal", frame_on=False)
    axes.set_title(f"{title}\n{modes} modes, {good:.0%} good", fontsize=10)
figure.savefig("15_gan_mixture.png", dpi=120)
