#!/usr/bin/env bash
# Resolve all dependencies anew and write down what came: requirements.lock and constraints.txt. Called by `make lock`.
set -euo pipefail
cd "$(dirname "$0")"
python=${1:-python3} torch=${2:?the requirement for torch, such as torch==2.13.0}
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

# Local builds (torch 2.13.0+cpu) are written by their public version, so that any build of it satisfies the pin.
frozen() { "$room/bin/python" -m pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$//'; }

"$python" -m venv "$room"
install=("$room/bin/python" -m pip install -qq --disable-pip-version-check)
"${install[@]}" pip==26.3
"${install[@]}" "$torch"
"${install[@]}" "$torch" --editable '.[all]'
{ echo "# What claros[all] needs at run time, pinned: pip install --requirement requirements.lock. Written by \`make lock\`."; frozen; } > requirements.lock
"${install[@]}" "$torch" --editable '.[all]' --group test --group lint hatchling
{ echo "# Everything that tests and checks install, pinned. Written by \`make lock\`."; frozen; } > constraints.txt
wc -l requirements.lock constraints.txt
