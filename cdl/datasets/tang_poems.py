"""Three Hundred Tang Poems (唐詩三百首): the anthology that Chinese children know by heart."""

import re
from typing import NamedTuple

from cdl.datasets import _files, _text

FILE = _files.File(
    "tang300",
    "tangshisanbaishou.json",
    "8423b65d938d0327e369972e790549b42609fa7ac4a2a72df59f4cb5a49c08f8",
    (
        "https://raw.githubusercontent.com/chinese-poetry/chinese-poetry/99ebbef7e1345c0985c44b9fd96a3f9e776f117b/"
        "%E8%92%99%E5%AD%A6/",
    ),
)
NOTE = re.compile(r"[(（][^)）]*[)）]")  # an editor's variant reading, which may go on in the next line
WIDE = str.maketrans("!?,", "！？，")  # the punctuation of Chinese, which the file uses but for a few places


class Poem(NamedTuple):
    """A poem: `form` is one of the anthology's seven chapters, such as 五言絕句 (four lines of five characters)."""

    title: str
    author: str
    form: str
    lines: list[str]


def load_data() -> tuple[list[Poem], list[Poem]]:
    """The anthology: 320 poems in traditional characters, 288 to train with and 32 to test with.

    The set has no split of its own; here every tenth poem is to test with, so that all forms are there.  The lines keep
    their punctuation, but not the editor's notes in brackets.

    Returns:
        `(train, test)`: lists of `Poem(title, author, form, lines)`, in the order of the anthology.

    Raises:
        OSError: the file is not on this machine and cannot be downloaded.
        ValueError: the file is damaged.

    Edited by 孫洙 (Sun Zhu), 1763, in the public domain; this file is from
    https://github.com/chinese-poetry/chinese-poetry, copyright 2016 JackeyGao, MIT licence.

    Example:
        >>> train, test = cdl.datasets.tang_poems.load_data()
        >>> train[0].author, train[0].lines
        ('元稹', ['寥落古行宮，宮花寂寞紅。', '白頭宮女在，閒坐說玄宗。'])
    """
    import json  # a few milliseconds that `import cdl` need not pay

    path, text = _text.read(FILE)
    try:
        poems = [
            Poem(poem["chapter"], poem["author"], chapter["type"], _lines(poem["paragraphs"]))
            for chapter in json.loads(text)["content"]
            for poem in chapter["content"]
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not the anthology in JSON ({error!r}). {_text.CURE}") from error
    return [poem for i, poem in enumerate(poems) if i % 10 != 9], poems[9::10]


def _lines(paragraphs: list[str]) -> list[str]:
    text = NOTE.sub("", "\n".join(paragraphs)).translate(WIDE)
    return [line.strip() for line in text.split("\n") if line.strip()]
