"""What must hold of the wheel in an environment with the core dependencies only; run by .ci/run in a fresh one."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

CLAROS = str(Path(sys.executable).with_name("claros"))


def seconds(*command: str) -> float:
    """The best of seven runs, in seconds of the clock."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def check(holds: bool, what: str) -> None:
    """Print what was checked, and end with exit code 1 if it does not hold."""
    print(f"{'ok' if holds else 'FAILED'}: {what}")
    if not holds:
        sys.exit(1)


absent = [name for name in ("sklearn", "torch", "pandas", "matplotlib", "PIL") if importlib.util.find_spec(name)]
check(not absent, f"only core dependencies are here (also found: {absent})")

spent = seconds(sys.executable, "-c", "import claros") - seconds(sys.executable, "-c", "pass")
check(spent < 0.2, f"import claros takes {spent * 1000:.0f} ms, at most 200")
spent = seconds(CLAROS, "--help")
check(spent < 0.4, f"claros --help takes {spent * 1000:.0f} ms, at most 400")

for kind, name in (("strategies", "margin"), ("stopping", "budget"), ("models", "cnn"), ("inputs", "probs")):
    answer = subprocess.run([CLAROS, "list", kind, "--json"], capture_output=True, text=True, check=True)
    check(name in [entry["name"] for entry in json.loads(answer.stdout)], f"claros list {kind} knows {name}")

answer = subprocess.run([CLAROS, "doctor", "--json"], capture_output=True, text=True, check=True)
extras = json.loads(answer.stdout)["extras"]
check(extras["sklearn"]["missing"] == ["scikit-learn"], "claros doctor misses what is not here")

Path("words.csv").write_text("text\n" + "".join(f"sentence {row}\n" for row in range(30)))
words = [CLAROS, "label", "words.csv", "--classes", "a,b", "--model", "none"]
answer = subprocess.run(words, input="1\n2\n", capture_output=True, text=True, check=True)
check("2 labeled now" in answer.stdout, "claros label works without a model")

pick = (
    "import claros, numpy; print(claros.select('margin', 1, probs=numpy.array([[.9, .1], [.5, .5]]), seed=0).indices)"
)
answer = subprocess.run([sys.executable, "-c", pick], capture_output=True, text=True, check=True)
check(answer.stdout.strip() == "[1]", "margin picks the item on the fence")

answer = subprocess.run([CLAROS, "demo"], capture_output=True, text=True, check=False)
one_sentence = len(answer.stderr.strip().splitlines()) == 1 and "pip install 'claros[" in answer.stderr
check(answer.returncode == 1 and one_sentence, f"an absent extra is said in a sentence: {answer.stderr.strip()}")
