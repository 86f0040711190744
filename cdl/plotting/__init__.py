"""Pictures of models and their training (docs/seeing.md). They need matplotlib: `pip install "cdlearn[plot]"`.

A picture with one pair of axes can be drawn into some of yours, `ax=`, and is returned as `Axes`; pictures of several
parts are returned as `Figure`. Nothing is shown or saved: `figure.savefig(...)`, `matplotlib.pyplot.show()`, or a
notebook does that.
"""

from cdl.plotting.confusion import plot_confusion_matrix
from cdl.plotting.feature_maps import plot_feature_maps
from cdl.plotting.filters import plot_filters
from cdl.plotting.gradients import plot_gradients
from cdl.plotting.history import plot_history
from cdl.plotting.images import plot_images
from cdl.plotting.regions import plot_decision_regions
from cdl.plotting.weights import plot_weights

__all__ = [
    "plot_confusion_matrix",
    "plot_decision_regions",
    "plot_feature_maps",
    "plot_filters",
    "plot_gradients",
    "plot_history",
    "plot_images",
    "plot_weights",
]
