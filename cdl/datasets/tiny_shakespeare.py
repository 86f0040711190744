"""Tiny Shakespeare: a million characters of his plays, to learn to write from."""

from cdl.datasets import _files, _text

FILE = _files.File(
    "tinyshakespeare",
    "input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    (
        "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/",
    ),
)


def load_data() -> tuple[str, str]:
    """The Tiny Shakespeare text: 1,115,394 characters, 65 different ones, of which the last 10 % are to test with.

    Returns:
        `(train, test)`: two strings of 1,003,854 and 111,540 characters.  `train + test` is the whole text.

    Raises:
        OSError: the file is not on this machine and cannot be downloaded.
        ValueError: the file is damaged.

    Collected by A. Karpathy, https://github.com/karpathy/char-rnn.  The text is in the public domain.

    Example:
        >>> train, test = cdl.datasets.tiny_shakespeare.load_data()
        >>> train[:14], len(train), len(test)
        ('First Citizen:', 1003854, 111540)
    """
    path, text = _text.read(FILE)
    if not text:
        raise ValueError(f"{path} is empty. {_text.CURE}")
    split = len(text) * 9 // 10
    return text[:split], text[split:]
