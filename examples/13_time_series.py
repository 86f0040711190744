"""Forecasts one step ahead: tomorrow's temperature in Melbourne, and the airlines' passengers of next month.

The naive forecast says that nothing changes, the seasonal one that all will be as it was a year ago. Networks read what
was, one number after the other, and say how much will change. In the last two years, which they have not seen, the mean
absolute errors are 1.68 °C (naive 1.95, seasonal 2.97, a linear forecast from the same window 1.73) and 19.0 thousand
passengers (naive 44.2, seasonal 47.6). But who multiplies last year's value by the growth since then errs by 15.0 only:
a dozen years are too few for a network to find that out. Some seconds; in short: `--epochs 2`
"""

import argparse
import math

import numpy as np
from matplotlib.figure import Figure

from cdl import Sequential, datasets, layers, optimizers, utils


def forecast(x, y, train, units, epochs, seed):
    """The network's outputs for all of x, after it has learned x[train] -> y[train]."""
    utils.set_random_seed(seed)
    model = Sequential([layers.Input(x.shape[1:]), layers.GRU(units), layers.Dense(1)])
    steps = epochs * math.ceil(len(x[train]) / 32)
    model.compile(optimizers.Adam(lambda step: 0.01 * (1 - step / steps)), "mean_squared_error")
    model.fit(x[train], y[train], batch_size=32, epochs=epochs, verbose=0)
    return model.predict(x, verbose=0)[:, 0]


def temperatures(epochs):
    """A day's change, foretold from 28 days and the season: eight years to learn from, two to test with."""
    dates, celsius = datasets.daily_temperatures.load_data()
    season = 2 * np.pi * (np.arange(len(celsius)) + 1) / 365  # of the next day; the data have no leap days
    known = np.stack([(celsius - 11) / 4, np.sin(season), np.cos(season)], axis=1).astype(np.float32)
    length, test = 28, 8 * 365
    train = slice(test - length)
    change = np.diff(celsius)[length - 1 :] / 4
    x, change = utils.timeseries_dataset_from_array(known, change, sequence_length=length).arrays()
    change_foretold = forecast(x, change, train, 32, epochs, seed=1)
    flat = np.concatenate([x.reshape(len(x), -1), np.ones((len(x), 1))], axis=1)  # a line through the same windows
    line = flat @ np.linalg.lstsq(flat[train], change[train], rcond=None)[0]
    yesterday = celsius[length - 1 : -1]
    forecasts = {
        "naive": yesterday,
        "seasonal": np.roll(celsius, 365)[length:],
        "linear": yesterday + 4 * line,
        "network": yesterday + 4 * change_foretold,
    }
    return dates[length:], celsius[length:], forecasts, test - length


def passengers(epochs):
    """Growth from month to month, foretold from two years of it; the mean of five networks, as there are few data."""
    months, thousands = datasets.airline_passengers.load_data()
    growth = np.diff(np.log(thousands))
    length, test = 24, len(thousands) - 24
    train = slice(test - length - 1)
    known = (growth - growth[: test - 1].mean()) / growth[: test - 1].std()
    x, y = utils.timeseries_dataset_from_array(known[:, np.newaxis], known[length:], sequence_length=length).arrays()
    foretold = np.mean([forecast(x, y, train, 32, epochs, seed) for seed in range(1, 6)], axis=0)
    foretold = foretold * growth[: test - 1].std() + growth[: test - 1].mean()
    begin = length + 1
    year_ago = thousands[begin - 12 : -12]
    forecasts = {
        "naive": thousands[begin - 1 : -1],
        "seasonal": year_ago,
        "seasonal x last growth": year_ago * thousands[begin - 1 : -1] / thousands[begin - 13 : -13],
        "network": thousands[begin - 1 : -1] * np.exp(foretold),
    }
    return months[begin:], thousands[begin:], forecasts, test - begin


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=8)
options = parser.parse_args()
figure = Figure(figsize=(11, 7), layout="constrained")
series = {
    "minimum temperature, °C": temperatures(options.epochs),
    "passengers, thousands": passengers(25 * options.epochs),
}
for axes, (name, (dates, truth, forecasts, test)) in zip(figure.subplots(2), series.items(), strict=True):
    print(f"\n{name}: mean absolute errors of forecasts for {dates[test]} to {dates[-1]}")
    errors = {kind: np.abs(values - truth)[test:].mean() for kind, values in forecasts.items()}
    for kind, error in errors.items():
        print(f"{kind:>24}  {error:.2f}")
    gain = 1 - errors["network"] / min(errors["naive"], errors["seasonal"])
    print(f"The network errs {gain:.1%} less than the better one of naive and seasonal.")
    shown = slice(max(test, len(dates) - 150), None)
    axes.plot(dates[shown], truth[shown], "k.-", label="truth", linewidth=0.8)
    axes.plot(dates[shown], forecasts["network"][shown], "C0", label="network, one step ahead")
    axes.plot(dates[shown], forecasts["seasonal"][shown], "C1:", label="a year ago")
    axes.set_ylabel(name)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3, loc="upper left")
figure.savefig("13_time_series.png", dpi=120)
