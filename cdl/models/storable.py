"""What a model has to do with files; all of it is done in `cdl.saving`, which is imported when it is needed."""

from __future__ import annotations

from typing import Any


class Storable:
    """The methods of a model that write it, or read what it holds."""

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Write the whole model to a file, from which `cdl.models.load_model` makes it again, to train on exactly.

        `filepath` ends with ".safetensors" (cdl's own format), ".keras" or ".h5". Arguments and errors are those of
        `cdl.saving.save_model`.
        """
        from cdl import saving

        saving.save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Write the weights to a file, ".safetensors" or ".weights.h5". Errors as `cdl.saving.save_weights`."""
        from cdl import saving

        saving.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Take the weights from a file, of weights or of a whole model. Errors as `cdl.saving.load_weights`."""
        from cdl import saving

        saving.load_weights(self, filepath, skip_mismatch, **kwargs)

    def save_state(self, filepath: Any, notes: Any = None) -> None:
        """Write what training needs to go on to the last bit, and `notes`. Errors as `cdl.saving.save_state`."""
        from cdl import saving

        saving.save_state(self, filepath, notes)

    def load_state(self, filepath: Any) -> Any:
        """Go on from where `save_state` was called; returns its notes. Errors as `cdl.saving.load_state`."""
        from cdl import saving

        return saving.load_state(self, filepath)

    def to_json(self, **kwargs: Any) -> str:
        """What the model is, without its weights, as a text for `cdl.models.model_from_json`.

        `kwargs` are for `json.dumps`, such as indent=2.
        """
        import json

        from cdl.saving.construction import config_of

        config, _ = config_of(self, include_optimizer=True)
        return json.dumps(config, **kwargs)
