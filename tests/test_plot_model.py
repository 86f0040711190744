"""`plot_model`: the layers of a model as boxes and arrows, written as SVG."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from cdl import Model, Sequential, layers, utils

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing):
    return [element.text for element in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]


def rectangles(drawing, fill):
    """(left, top, right, bottom) of the rectangles that are filled so."""
    found = [element.attrib for element in ElementTree.fromstring(drawing.svg).iter(f"{SVG}rect")]
    numbers = [[float(box[key]) for key in ("x", "y", "width", "height")] for box in found if box["fill"] in fill]
    return [(x, y, x + width, y + height) for x, y, width, height in numbers]


def arrows(drawing):
    """(begin, end) of the lines that end as arrows."""
    found = re.findall(r'd="M([\d.-]+) ([\d.-]+)[^"]*L([\d.-]+) ([\d.-]+)" marker-end', drawing.svg)
    return [((float(x), float(y)), (float(u), float(v))) for x, y, u, v in found]


def plot(model, **options):
    return utils.plot_model(model, None, **options)


def boxes(drawing):
    return rectangles(drawing, ("#ffffff", "#d9e9f8", "#eef1f4"))[1:]  # the first is the paper


@pytest.fixture
def digits():
    return Sequential(
        [
            layers.Input((28, 28), name="image"),
            layers.Flatten(name="flat"),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(10, name="out"),
        ]
    )


@pytest.fixture
def branched():
    body = [layers.Dense(6), layers.BatchNormalization(), layers.Dense(4)]
    branches = [[], layers.Dense(3), [layers.Dense(9), layers.Dense(2)]]
    head = Sequential([layers.Dense(5, name="inside")], name="head")
    return Sequential(
        [
            layers.Input((4,)),
            layers.Residual(body, activation="relu"),
            layers.Parallel(branches, merge="concatenate"),
            layers.Parallel([head, layers.Dense(5)], merge="maximum"),
        ]
    )


def test_a_box_for_the_input_and_each_layer_and_arrows_between_them(digits):
    drawing = plot(digits)
    assert texts(drawing) == ["Input", "Flatten", "Dense", "Dense"]
    places = boxes(drawing)
    assert len(places) == 4
    for (above, below), (begin, end) in zip(itertools.pairwise(places), arrows(drawing), strict=True):
        assert begin == (pytest.approx((above[0] + above[2]) / 2), pytest.approx(above[3]))
        assert end == (pytest.approx((below[0] + below[2]) / 2), pytest.approx(below[1]))


def test_what_is_shown_on_request(digits):
    digits.layers[1].trainable = False
    assert texts(plot(digits, show_layer_names=True))[:4] == ["Input", "image", "Flatten", "flat"]
    shapes = texts(plot(digits, show_shapes=True))
    assert shapes == ["Input", "(None, 28, 28)", "Flatten", "(None, 784)", "Dense", "(None, 8)", "Dense", "(None, 10)"]
    assert texts(plot(digits, show_dtype=True)).count("float32") == 4
    assert texts(plot(digits, show_shapes=True, show_dtype=True))[1] == "(None, 28, 28) float32"
    assert texts(plot(digits, show_layer_activations=True)) == ["Input", "Flatten", "Dense", "activation relu", "Dense"]
    frozen = ["Input", "Flatten", "Dense", "not trainable", "Dense", "trainable"]
    assert texts(plot(digits, show_trainable=True)) == frozen


def test_what_learns_is_blue(digits):
    assert len(rectangles(plot(digits), ["#d9e9f8"])) == 2
    digits.layers[1].trainable = False
    assert len(rectangles(plot(digits), ["#d9e9f8"])) == 1


def test_branches_run_side_by_side_and_meet(branched):
    drawing = plot(branched)
    assert texts(drawing) == [
        *("Input", "Dense", "BatchNormalization", "Dense", "Add"),
        *("Dense", "Dense", "Dense", "Concatenate"),
        *("Sequential", "Dense", "Maximum"),
    ]
    places = boxes(drawing)
    meeting = places[8]
    ends = [end for _, end in arrows(drawing)]
    into_meeting = [end for end in ends if end == pytest.approx(((meeting[0] + meeting[2]) / 2, meeting[1]))]
    assert len(into_meeting) == 3
    alone, _, last = places[5:8]
    assert alone[2] < last[0]  # side by side, and the single layer half way down
    assert (alone[1] + alone[3]) / 2 == pytest.approx((places[6][1] + last[3]) / 2)


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("everything", [False, True])
def test_boxes_lie_apart_and_on_the_paper(branched, rankdir, everything):
    shown = dict.fromkeys(("show_shapes", "show_dtype", "show_layer_names", "show_trainable"), everything)
    drawing = plot(branched, rankdir=rankdir, expand_nested=everything, **shown)
    left, top, width, height = map(float, re.search(r'viewBox="([^"]*)"', drawing.svg).group(1).split())
    places = boxes(drawing)
    for a, b in itertools.combinations(places, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for place in places:
        assert left <= place[0] < place[2] <= left + width
        assert top <= place[1] < place[3] <= top + height
    first, last = places[0], places[-1]
    assert {"TB": first[3] < last[1], "BT": first[1] > last[3], "LR": first[2] < last[0], "RL": first[0] > last[2]}[
        rankdir
    ]


def test_models_inside_are_a_box_or_a_cluster_on_request():
    inner = Sequential([layers.Input((4,)), layers.Dense(3), layers.ReLU()], name="inner")
    model = Sequential([layers.Input((4,)), inner, layers.Dense(2)])
    assert texts(plot(model)) == ["Input", "Sequential", "Dense"]
    drawing = plot(model, expand_nested=True, show_layer_names=True)
    assert [text for text in texts(drawing) if text[0].isupper()] == [
        "Input",
        "Sequential inner",
        "Dense",
        "ReLU",
        "Dense",
    ]
    (cluster,) = rectangles(drawing, ["#f4f6f9"])
    assert sum(cluster[1] < place[1] and place[3] < cluster[3] for place in boxes(drawing)) == 2


def test_a_model_of_ones_own_is_a_box():
    class Own(Model):
        def __init__(self):
            super().__init__(name="own")
            self.first, self.second = layers.Dense(3), layers.Dense(2)

        def build(self, input_shape):
            self.first.build(input_shape)
            self.second.build((None, 3))

    model = Own()
    model.build((None, 4))
    assert texts(plot(model, show_layer_names=True, show_shapes=True)) == ["Input", "?", "Own", "own", "?"]


def test_wrappers_say_what_they_wrap():
    model = Sequential([layers.Input((None, 3)), layers.Bidirectional(layers.LSTM(4))])
    assert texts(plot(model)) == ["Input", "Bidirectional (LSTM)"]


def test_the_outputs_of_a_model_with_several_are_marked(digits):
    model = Model(digits.inputs, [digits.layers[0].output, digits.layers[2].output])
    assert texts(plot(model)) == ["Input", "Flatten", "an output", "Dense", "Dense", "an output"]


def test_the_file_is_what_a_notebook_shows(digits, tmp_path):
    drawing = utils.plot_model(digits, tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text(encoding="utf-8") == drawing.svg == drawing._repr_svg_()


def test_dpi_is_the_size_of_the_picture(digits):
    sizes = [re.search(r'width="([\d.]+)"', plot(digits, dpi=dpi).svg).group(1) for dpi in (96, 192)]
    assert float(sizes[1]) == pytest.approx(2 * float(sizes[0]))


def test_names_cannot_break_the_file():
    model = Sequential([layers.Input((2,)), layers.Dense(2, name='<b> & "c" \x07 层')])
    assert texts(plot(model, show_layer_names=True))[-1] == '<b> & "c"  层'


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to_file": "model.png"}, r"must end in \.svg"),
        ({"to_file": "model"}, r"must end in \.svg"),
        ({"rankdir": "XY"}, "rankdir is one of"),
        ({"dpi": 0}, "dpi is a positive number"),
    ],
)
def test_bad_arguments(digits, options, message):
    with pytest.raises(ValueError, match=message):
        utils.plot_model(digits, **{"to_file": None, **options})


def test_a_model_that_is_not_built_is_refused():
    with pytest.raises(ValueError, match="has not yet been built"):
        plot(Sequential([layers.Dense(2)]))
