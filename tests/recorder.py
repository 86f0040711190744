"""A callback that overrides every moment."""


def recorder(base):
    """The callback, of a class derived from `base`, and the list of its calls: moment, number, names in the logs."""
    calls = []

    def moment(name, numbered):
        if numbered:
            return lambda self, number, logs=None: calls.append((name, number, sorted(logs or {})))
        return lambda self, logs=None: calls.append((name, sorted(logs or {})))

    moments = {
        f"on_{what}_{when}": moment(f"on_{what}_{when}", what == "epoch" or what.endswith("batch"))
        for what in ("train", "test", "predict", "epoch", "train_batch", "test_batch", "predict_batch")
        for when in ("begin", "end")
    }
    return type("Recorder", (base,), moments)(), calls
