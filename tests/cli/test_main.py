from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from claros import __version__
from claros.cli import COMMANDS, load, main
from claros.errors import DataError, UnknownNameError


@pytest.fixture(autouse=True)
def _logger_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("claros")
    level, handlers = logger.level, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


def test_help_lists_every_command_and_imports_none() -> None:
    program = (
        "import sys; from claros.cli import COMMANDS, main; main(['--help']);"
        "print(*[of.path.partition(':')[0] for of in COMMANDS.values() if of.path.partition(':')[0] in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *page, loaded = answer.stdout.splitlines()
    assert loaded == ""
    for name in COMMANDS:
        assert any(line.split()[:1] == [name] for line in page), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_real_and_has_its_own_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"Usage: claros {name} ")
    assert max(map(len, page.splitlines())) < 100
    assert load(name).get_short_help_str(), f"{name} needs a docstring"


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Exit codes:" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"claros {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lisst"], "Did you mean 'list'?"),
        (["list"], "Choose from: strategies, wrappers, stopping, estimates, shift, models, inputs"),
        (["list", "models", "--jsno"], "No such option: --jsno"),
        (["list", "stratgies"], "stratgies"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("claros: ")
    assert said in shown.err
    assert "--help" in shown.err


RAISES: list[BaseException] = []


def failing() -> None:
    """Fail with the error at hand."""
    raise RAISES.pop()


@pytest.fixture
def _a_command_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "failing", COMMANDS["list"]._replace(path=f"{__name__}:failing"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


@pytest.mark.usefixtures("_a_command_that_fails")
@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UnknownNameError("There is no such thing."), 2, "claros: There is no such thing.\n"),
        (DataError("The pool is empty."), 1, "claros: The pool is empty.\n"),
        (FileNotFoundError(2, "No such file or directory", "birds"), 1, "claros: No such file or directory: birds\n"),
        (OSError(28, "No space left on device"), 1, "claros: No space left on device\n"),
        (EOFError(), 1, "claros: standard input ended before there was an answer.\n"),
        (
            ZeroDivisionError("division by zero"),
            1,
            "claros: unexpected ZeroDivisionError: division by zero (--debug shows where; please report it)\n",
        ),
    ],
)
def test_an_error_is_one_sentence_and_its_exit_code(
    error: Exception, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    RAISES.append(error)
    assert main(["failing"]) == code
    shown = capsys.readouterr()
    assert shown.err.lstrip("\n") == sentence
    assert shown.out == ""


@pytest.mark.usefixtures("_a_command_that_fails")
@pytest.mark.parametrize("words", [["--debug", "failing"], ["failing", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    RAISES.append(DataError("The pool is empty."))
    assert main(words) == 1
    shown = capsys.readouterr().err
    assert "Traceback (most recent call last)" in shown
    assert shown.endswith("claros: The pool is empty.\n")


@pytest.mark.usefixtures("_a_command_that_fails")
@pytest.mark.parametrize(
    ("error", "resume"),
    [(KeyboardInterrupt(), "claros failing"), (KeyboardInterrupt("claros run --out here"), "claros run --out here")],
)
def test_ctrl_c_prints_the_command_that_resumes(
    error: BaseException, resume: str, capsys: pytest.CaptureFixture[str]
) -> None:
    RAISES.append(error)
    assert main(["failing"]) == 130
    assert capsys.readouterr().err == f"\nInterrupted; what was written stays. Resume with: {resume}\n"


def test_ctrl_c_ends_a_real_process_with_130_and_words_that_a_shell_can_run(tmp_path: Path) -> None:
    pool = tmp_path / "two words.csv"
    pool.write_text("text\n" + "".join(f"sentence {row}\n" for row in range(40)))
    words = [sys.executable, "-m", "claros", "label", str(pool), "--classes", "a,b"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "[1/" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=90)
    assert process.returncode == 130
    assert said == (f"\nInterrupted; what was written stays. Resume with: claros label '{pool}' --classes a,b\n")


def test_a_reader_that_goes_away_is_no_error() -> None:
    words = f"'{sys.executable}' -m claros list inputs | head -n 1"
    answer = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True)
    assert answer.stdout == "probs\n"
    assert answer.stderr == ""


def test_logging_goes_to_standard_error_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for words, expected in ((["list", "inputs"], ""), (["--verbose", "list", "inputs"], "INFO claros.test: hello\n")):
        main(words)
        capsys.readouterr()
        logging.getLogger("claros.test").info("hello")
        assert capsys.readouterr().err == expected


def warning() -> None:
    """Warn."""
    warnings.warn("this did not\nconverge", stacklevel=1)


def test_a_warning_is_one_line_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "warning", COMMANDS["list"]._replace(path=f"{__name__}:warning"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["warning"]) == 0
    assert capsys.readouterr().err == "claros: warning: this did not converge\n"


def test_words_that_the_stream_cannot_encode_are_escaped() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    program = "from claros.cli import main; main(['--version']); print('\\u2265')"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert answer.stdout.splitlines()[1] == "\\u2265"
