"""The checker of words: what it finds, where, and what it leaves alone."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import check_words

TOOL = Path(check_words.__file__)


def found_in(folder: Path, name: str, text: str) -> list[tuple[int, str]]:
    """Lines and words that are found in a file of that name."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text))
    return [(found.line, found.text) for found in check_words.check_file(file, root=folder)]


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("It wakes whoever waits.", "whoever"),
        ("Somebody else has it.", "Somebody"),
        ("It calls none of them.", "none of"),
        ("It has ended by now.", "by now"),
        ("The caller is told.", "told"),
        ("It returns what there is.", "what there is"),
        ("It drops those that wait.", "those that"),
        ("The path is no file.", "is no"),
        ("Bytes that are none are buried.", "are none"),
        ("The packages of the house.", "house"),
        ("It has room for two.", "room"),
    ],
)
def test_words_of_prose(tmp_path: Path, sentence: str, word: str) -> None:
    in_docstring = found_in(tmp_path, "a.py", f'"""A module.\n\n{sentence}\n"""\n')
    in_comment = found_in(tmp_path, "b.py", f"value = 1\n# {sentence}\n")
    in_message = found_in(tmp_path, "c.py", f"value = f'{{1}} {sentence}'\n")
    in_page = found_in(tmp_path, "page.md", f"# A page\n\n{sentence}\n")

    assert in_docstring == [(3, word)]
    assert in_comment == [(2, word)]
    assert in_message == [(1, word)]
    assert in_page == [(3, word)]


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no result.",
        "It is no longer alive.",
        "The value is None, and its `is no` is code.",
        "They need those.",
        "It is toldesque, a bedroom, housed.",
    ],
)
def test_plain_english_is_left_alone(tmp_path: Path, sentence: str) -> None:
    assert found_in(tmp_path, "page.md", sentence) == []


def test_words_across_lines_are_found_where_they_begin(tmp_path: Path) -> None:
    assert found_in(tmp_path, "page.md", "One.\nIt has ended by\nnow.\n") == [(2, "by now")]
    assert found_in(tmp_path, "a.py", "# It has ended by\n# now, or later.\n") == [(1, "by now")]


def test_code_of_a_page_is_not_prose(tmp_path: Path) -> None:
    page = "```\nwhoever\n```\n\n`whoever`\n\nsomebody\n"

    assert found_in(tmp_path, "page.md", page) == [(7, "somebody")]


@pytest.mark.parametrize(
    ("docstring", "line"),
    [
        ("The same by another name.", 2),
        ("Drop all messages; how many there were.", 2),
        ("Ask for an abort,\n    wherever it is; says where it was found.", 3),
    ],
)
def test_docstrings_begin_well_and_have_returns(tmp_path: Path, docstring: str, line: int) -> None:
    found = found_in(tmp_path, "a.py", f'def drop() -> int:\n    """{docstring}"""\n')

    assert [number for number, _ in found] == [line]


def test_nicknames_of_definitions(tmp_path: Path) -> None:
    text = """\
        import them


        class Hold:
            ring_bell = 1

            def wait(self, ladder):
                self.undertaker = them.bell
                hold = 1
        """

    assert found_in(tmp_path, "names.py", text) == [
        (4, "Hold"),
        (5, "ring_bell"),
        (5, "ring_bell"),
        (7, "ladder"),
        (8, "undertaker"),
    ]


@pytest.mark.parametrize("name", ["sending", "utils", "words", "stream_forms", "older/__init__"])
def test_names_of_modules(tmp_path: Path, name: str) -> None:
    word = name.partition("/")[0]

    assert found_in(tmp_path, f"{name}.py", '"""A module."""\n') == [(1, word)]


@pytest.mark.parametrize(
    "name", ["string", "loading/__init__", "tests/test_sending", "result_coding"]
)
def test_good_names_of_modules(tmp_path: Path, name: str) -> None:
    assert found_in(tmp_path, f"{name}.py", '"""A module."""\n') == []


def test_three_arguments_are_documented(tmp_path: Path) -> None:
    text = '''\
        def move(first, second, *, third):
            """Move it."""


        def turn(first, second, third):
            """Turn it.

            Args:
                first: it.
                second: by how much.
                third: which way.
            """


        def _private(first, second, third): ...


        @click.command()
        @click.option("--first", help="It.")
        def drop(first, second, third):
            """Drop it."""
        '''

    assert found_in(tmp_path, "a.py", text) == [(1, "move")]


def test_overrides_need_not_document_arguments_again(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("class Base:\n    def kick(self, first, second): ...\n")
    (tmp_path / "middle.py").write_text("class Middle(base.Base[int]): ...\n")
    (tmp_path / "box.py").write_text(
        "class Box(Middle):\n"
        "    def lift(self, first, second, third): ...\n"
        "    def kick(self, first, second, third): ...\n"
    )

    found = check_words.check_tree(tmp_path, lambda path: path == "box.py")

    assert [(each.line, each.text) for each in found] == [(2, "lift")]


def test_tests_are_not_asked_for_arguments_and_messages(tmp_path: Path) -> None:
    text = 'def move(first, second, third):\n    assert "whoever comes" # somebody\n'

    assert found_in(tmp_path, "tests/test_a.py", text) == [(2, "somebody")]


def test_programs_are_not_asked_for_arguments(tmp_path: Path) -> None:
    text = 'def measure(first, second, third):\n    raise ValueError("It has ended by now.")\n'

    assert found_in(tmp_path, "benchmarks/a.py", text) == [(2, "by now")]


def test_a_finding_says_where_what_and_what_instead(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("It has ended by now.\n")

    (found,) = check_words.check_tree(tmp_path, lambda path: path == "a.md")

    assert str(found) == "a.md:1: 'by now': 'already', 'now', or leave it out"


def test_a_word_that_is_allowed_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_words, "ALLOWED", {"a.md": {"told"}})

    assert found_in(tmp_path, "a.md", "It was told by now.\n") == [(1, "by now")]
    assert found_in(tmp_path, "b.md", "It was told.\n") == [(1, "told")]


@pytest.mark.parametrize(
    ("path", "folders", "expected"),
    [
        ("packages/a/b.py", ("packages/a",), True),
        ("packages/ab/b.py", ("packages/a",), False),
        ("noxfile.py", ("noxfile.py",), True),
        ("anything.py", ("",), True),
    ],
)
def test_what_is_below_a_folder(path: str, folders: tuple[str, ...], expected: bool) -> None:
    assert check_words.is_below(path, folders) is expected


def test_the_command_checks_all_or_what_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("It was told.\n")
    (tmp_path / "b.md").write_text("Whoever.\n")
    monkeypatch.setattr(check_words, "ROOT", tmp_path)
    lines = [
        "b.md:1: 'Whoever': name the reader: the caller, an operator, another worker",
        "docs/a.md:1: 'told': 'notified', 'configured', 'given', 'distinguished'",
    ]

    assert check_words.main([]) == 1
    assert capsys.readouterr().out.splitlines() == [*lines, "2 words to change"]
    assert check_words.main([str(tmp_path / "b.md")]) == 1
    assert capsys.readouterr().out.splitlines() == [lines[0], "1 words to change"]


def test_the_command_succeeds_where_nothing_is_found() -> None:
    command = [sys.executable, str(TOOL), str(TOOL.parent)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stdout) == (0, "")
