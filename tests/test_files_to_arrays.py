"""Images, texts and recordings from files: one by one, and from folders of classes, as data sets."""

import io
import wave

import numpy as np
import pytest
from PIL import Image

import cdl
from cdl import Sequential, layers
from cdl.preprocessing import image
from cdl.utils import (
    array_to_img,
    audio_dataset_from_directory,
    image_dataset_from_directory,
    img_to_array,
    load_img,
    save_img,
    split_dataset,
    text_dataset_from_directory,
)

RNG = np.random.default_rng(2)
PHOTO = RNG.integers(0, 256, (12, 20, 3), dtype=np.uint8)


# ------------------------------------------------------------------------------------------------------- one image


@pytest.mark.parametrize("channels, mode", [(1, "grayscale"), (3, "rgb"), (4, "rgba")])
def test_an_image_comes_back_from_its_file(channels, mode, tmp_path):
    x = RNG.integers(0, 256, (5, 7, channels), dtype=np.uint8)
    save_img(tmp_path / "x.png", x, scale=False)
    back = img_to_array(load_img(tmp_path / "x.png", color_mode=mode))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(img_to_array(load_img(io.BytesIO((tmp_path / "x.png").read_bytes()), mode)), x)


def test_scale_stretches_to_the_whole_range():
    x = np.array([[[0.25], [0.5]], [[0.75], [1.25]]])
    np.testing.assert_array_equal(img_to_array(array_to_img(x))[..., 0], [[0, 63], [127, 255]])
    assert not img_to_array(array_to_img(np.full((2, 2, 3), 7.0))).any()
    np.testing.assert_array_equal(img_to_array(array_to_img(np.full((2, 2, 1), 300.0), scale=False)), 300)


def test_size_and_aspect_ratio():
    file = io.BytesIO()
    Image.fromarray(PHOTO).save(file, "png")
    assert img_to_array(load_img(file, target_size=(6, 10))).shape == (6, 10, 3)
    square = img_to_array(load_img(file, target_size=(12, 12), keep_aspect_ratio=True))
    np.testing.assert_array_equal(square, PHOTO[:, 4:16])
    np.testing.assert_array_equal(load_img(file, target_size=(24, 40)), PHOTO.repeat(2, 0).repeat(2, 1))


def test_jpeg_has_no_transparency(tmp_path):
    with pytest.warns(UserWarning, match="RGBA"):
        save_img(tmp_path / "x.jpg", np.zeros((4, 4, 4)))
    assert load_img(tmp_path / "x.jpg").mode == "RGB"


def test_smart_resize_cuts_before_it_shrinks():
    x = PHOTO.astype(np.float32)
    np.testing.assert_array_equal(image.smart_resize(x, (12, 12)), x[:, 4:16])
    np.testing.assert_allclose(
        image.smart_resize(x[None], (6, 6))[0], x[:, 4:16].reshape(6, 2, 6, 2, 3).mean(axis=(1, 3)), rtol=1e-5
    )


@pytest.mark.parametrize(
    "mistake, error, message",
    [
        (lambda: load_img("x.png", color_mode="cmyk"), ValueError, "color_mode is one of"),
        (lambda: load_img("x.png", interpolation="cubic"), ValueError, "interpolation is one of"),
        (lambda: load_img(3), TypeError, "path is a path"),
        (lambda: load_img("/no/such.png"), FileNotFoundError, "No such file"),
        (lambda: array_to_img(np.zeros((4, 4))), ValueError, r"Received shape \(4, 4\)"),
        (lambda: array_to_img(np.zeros((4, 4, 2))), ValueError, r"Received shape \(4, 4, 2\)"),
        (lambda: array_to_img(np.zeros((3, 4, 4)), data_format="channels_first"), ValueError, "channels_last"),
        (lambda: img_to_array(np.zeros(4)), ValueError, r"Received shape \(4,\)"),
        (lambda: image.smart_resize(np.zeros((4, 4)), (2, 2)), ValueError, r"Received shape \(4, 4\)"),
        (lambda: image.smart_resize(np.zeros((4, 4, 1)), (2,)), ValueError, "size is"),
        (lambda: image.smart_resize(np.zeros((4, 4, 1)), (2, 2), "bicubic"), ValueError, "'bilinear' or 'nearest'"),
    ],
)
def test_mistakes_with_images(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()


# ------------------------------------------------------------------------------------------------- folders of classes


@pytest.fixture
def pictures(tmp_path):
    """Dark and light images, 8 and 4, in folders inside folders."""
    for name, count, level in (("dark", 8, 40), ("light", 4, 200)):
        for number in range(count):
            folder = tmp_path / name / ("more" if number % 2 else "")
            folder.mkdir(parents=True, exist_ok=True)
            save_img(folder / f"{number}.png", np.full((6, 9, 3), level + number), scale=False)
    (tmp_path / "dark" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def gathered(dataset):
    xs, ys = zip(*dataset, strict=True)
    return np.concatenate(xs), np.concatenate(ys)


def test_images_of_classes(pictures, capsys):
    dataset = image_dataset_from_directory(pictures, batch_size=5, image_size=(4, 6), shuffle=False)
    assert capsys.readouterr().out == "Found 12 files belonging to 2 classes.\n"
    assert (len(dataset), dataset.class_names) == (3, ["dark", "light"])
    x, y = gathered(dataset)
    assert (x.shape, x.dtype, y.dtype) == ((12, 4, 6, 3), np.float32, np.int32)
    assert y.tolist() == [0] * 8 + [1] * 4
    assert x[:, 0, 0, 0].tolist() == [40, 42, 44, 46, 41, 43, 45, 47, 200, 202, 201, 203]  # a folder before its own
    assert [path.rpartition("/")[2] for path in dataset.file_paths[:5]] == ["0.png", "2.png", "4.png", "6.png", "1.png"]


def test_labels_in_other_forms(pictures):
    options = {"batch_size": 12, "image_size": 4, "shuffle": False, "verbose": False}
    ((_, y),) = image_dataset_from_directory(pictures, label_mode="categorical", **options)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.eye(2)[[0] * 8 + [1] * 4])
    ((_, y),) = image_dataset_from_directory(
        pictures, label_mode="binary", class_names=["light", "dark"], color_mode="grayscale", **options
    )
    np.testing.assert_array_equal(y, np.array([0] * 4 + [1] * 8, np.float32)[:, None])
    (x,) = image_dataset_from_directory(pictures, labels=None, color_mode="grayscale", **options)
    assert x.shape == (12, 4, 4, 1)
    ((_, y),) = image_dataset_from_directory(pictures, labels=list(range(12)), **options)
    assert y.tolist() == list(range(12))


def test_training_and_validation_do_not_overlap(pictures):
    options = {"validation_split": 0.25, "seed": 3, "image_size": (2, 2), "verbose": False}
    train, test = image_dataset_from_directory(pictures, subset="both", **options)
    assert (len(train.file_paths), len(test.file_paths)) == (9, 3)
    assert not set(train.file_paths) & set(test.file_paths)
    assert image_dataset_from_directory(pictures, subset="training", **options).file_paths == train.file_paths
    assert image_dataset_from_directory(pictures, subset="validation", **options).file_paths == test.file_paths


def test_each_pass_has_an_order_of_its_own_and_labels_stay_with_images(pictures):
    dataset = image_dataset_from_directory(pictures, seed=1, image_size=(2, 2), verbose=False)
    (x, y), (x_again, y_again) = gathered(dataset), gathered(dataset)
    assert not np.array_equal(x, x_again)
    for pixels, labels in ((x, y), (x_again, y_again)):
        np.testing.assert_array_equal(pixels[:, 0, 0, 0] > 100, labels)


def test_a_model_learns_from_a_folder(pictures):
    cdl.utils.set_random_seed(0)
    train, test = image_dataset_from_directory(
        pictures, image_size=(4, 4), batch_size=4, validation_split=0.25, subset="both", seed=3, verbose=False
    )
    model = Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.compile(cdl.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=test, epochs=60, verbose=0)
    assert model.evaluate(test, verbose=0)[1] == 1


@pytest.mark.parametrize("option", ["crop_to_aspect_ratio", "pad_to_aspect_ratio"])
def test_aspect_ratios_are_those_of_the_layer(option, tmp_path):
    (tmp_path / "a").mkdir()
    save_img(tmp_path / "a" / "x.png", PHOTO, scale=False)
    (x,) = image_dataset_from_directory(
        tmp_path, labels=None, image_size=(6, 6), batch_size=None, verbose=False, **{option: True}
    )
    np.testing.assert_array_equal(x, layers.Resizing(6, 6, **{option: True})(PHOTO))


@pytest.fixture
def reviews(tmp_path):
    for name, texts in (("bad", ["so bad", "worse"]), ("good", ["very good", "schön\n"])):
        (tmp_path / name).mkdir()
        for number, text in enumerate(texts):
            (tmp_path / name / f"{number}.txt").write_bytes(text.encode())
    return tmp_path


def test_texts_of_classes(reviews):
    ((x, y),) = text_dataset_from_directory(reviews, shuffle=False, verbose=False)
    assert x.tolist() == ["so bad", "worse", "very good", "schön\n"]
    assert y.tolist() == [0, 0, 1, 1]
    ((x, _),) = text_dataset_from_directory(reviews, shuffle=False, max_length=4, verbose=False)
    assert x.tolist() == ["so b", "wors", "very", "schö"]
    (reviews / "bad" / "2.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"2\.txt is not UTF-8"):
        list(text_dataset_from_directory(reviews, verbose=False))


@pytest.fixture
def sounds(tmp_path):
    for name, steps in (("long", 50), ("short", 20)):
        (tmp_path / name).mkdir()
        with wave.open(str(tmp_path / name / "0.wav"), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(np.arange(-steps, steps, dtype="<i2").tobytes())
    return tmp_path


def test_recordings_are_filled_up(sounds):
    ((x, y),) = audio_dataset_from_directory(sounds, shuffle=False, verbose=False)
    assert (x.shape, x.dtype, y.tolist()) == ((2, 50, 2), np.float32, [0, 1])
    np.testing.assert_array_equal(x[0], np.arange(-50, 50).reshape(50, 2) / 32768)
    np.testing.assert_array_equal(x[1, :20], np.arange(-20, 20).reshape(20, 2) / 32768)
    assert not x[1, 20:].any()
    ((x, _),) = audio_dataset_from_directory(sounds, output_sequence_length=30, sampling_rate=8000, verbose=False)
    assert x.shape == (2, 30, 2)
    with pytest.raises(ValueError, match="8000 samples in a second, not 16000"):
        list(audio_dataset_from_directory(sounds, sampling_rate=16000, verbose=False))
    (sounds / "long" / "0.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"0\.wav is not a WAV file"):
        list(audio_dataset_from_directory(sounds, verbose=False))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"labels": "names"}, "`labels` is 'inferred'"),
        ({"labels": [0, 1]}, "2 labels, but 12 files"),
        ({"labels": None, "class_names": ["dark"]}, "`class_names` goes with"),
        ({"class_names": ["dark", "grey"]}, "names of subfolders"),
        ({"label_mode": "one-hot"}, "`label_mode` is one of"),
        ({"label_mode": "binary", "class_names": ["dark"]}, "for two classes"),
        ({"color_mode": "cmyk"}, "`color_mode` is one of"),
        ({"image_size": (4, 4, 3)}, "`image_size` is"),
        ({"interpolation": "bicubic"}, "'bilinear' or 'nearest'"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "only one of"),
        ({"data_format": "channels_first"}, "channels_last"),
        ({"format": "torch"}, "`format` is"),
        ({"validation_split": 1.5, "subset": "both"}, "lies between 0 and 1"),
        ({"validation_split": 0.5}, "need each other"),
        ({"subset": "training"}, "need each other"),
        ({"validation_split": 0.5, "subset": "all"}, "`subset` is"),
        ({"validation_split": 0.5, "subset": "both", "seed": None}, "Pass one"),
        ({"validation_split": 0.01, "subset": "both"}, "no validation files"),
    ],
)
def test_mistakes_with_folders(arguments, message, pictures):
    with pytest.raises(ValueError, match=message):
        image_dataset_from_directory(pictures, **{"verbose": False, "seed": 1, **arguments})


def test_mistakes_with_recordings(sounds, tmp_path):
    for arguments in ({"ragged": True}, {"sampling_rate": 0}, {"sampling_rate": 8000.0}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            audio_dataset_from_directory(sounds, **arguments)
    with pytest.raises(ValueError, match="no files"):
        image_dataset_from_directory(sounds, verbose=False)


# ---------------------------------------------------------------------------------------------------- split_dataset


def test_split_dataset_keeps_form_and_pairs():
    x, y = np.arange(10)[:, None], np.arange(10)
    (x_left, y_left), (x_right, y_right) = split_dataset((x, y), left_size=0.75)
    assert y_left.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]  # round(7.5), to even
    assert y_right.tolist() == [8, 9]
    np.testing.assert_array_equal(np.concatenate([x_left, x_right]), x)
    left, right = split_dataset(y, right_size=3)
    assert (left.tolist(), right.tolist()) == ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
    left, right = split_dataset([x, y], left_size=4, right_size=0.2, shuffle=True, seed=5)
    assert (type(left), len(left[1]), len(right[1])) == (list, 4, 2)
    assert not set(left[1]) & set(right[1])
    np.testing.assert_array_equal(left[0][:, 0], left[1])
    again, _ = split_dataset([x, y], left_size=4, right_size=0.2, shuffle=True, seed=5)
    assert again[1].tolist() == left[1].tolist()


@pytest.mark.parametrize(
    "sizes, error",
    [
        ({}, ValueError),
        ({"left_size": 0}, ValueError),
        ({"left_size": 10}, ValueError),
        ({"left_size": 1.0}, ValueError),
        ({"left_size": 0.01}, ValueError),
        ({"left_size": 6, "right_size": 5}, ValueError),
        ({"left_size": "half"}, TypeError),
        ({"right_size": True}, TypeError),
    ],
)
def test_mistakes_in_splitting(sizes, error):
    with pytest.raises(error, match="split_dataset"):
        split_dataset(np.arange(10), **sizes)


def test_what_cannot_be_split():
    with pytest.raises(ValueError, match=r"different numbers of samples: \[3, 4\]"):
        split_dataset((np.arange(3), np.arange(4)), left_size=1)
    with pytest.raises(TypeError, match="Received: generator"):
        split_dataset((row for row in range(3)), left_size=1)
