#!/bin/sh
# A virtual environment in .venv from a lock file: with uv where it is there, else with venv and pip.
# usage: environment.sh PYTHON LOCKFILE
set -eu
python=$1 lock=$2
if [ -z "$python" ]; then
  echo "Python 3.11, 3.12 or 3.13 is needed and none of python3, python3.11 ... is one; install it, then try again" >&2
  exit 1
fi
if command -v uv >/dev/null 2>&1; then
  echo "Installing into .venv with uv ($lock) ..."
  [ -x .venv/bin/python ] || uv venv --no-python-downloads --python "$python" .venv
  VIRTUAL_ENV=.venv uv pip install --require-hashes -r "$lock"
  VIRTUAL_ENV=.venv uv pip install --no-deps -e .
else
  echo "Installing into .venv with pip ($lock); uv would be faster ..."
  [ -x .venv/bin/pip ] || "$python" -m venv .venv || {
    echo "venv failed; on Debian: apt-get install python3-venv" >&2
    exit 1
  }
  .venv/bin/pip install --disable-pip-version-check --require-hashes -r "$lock"
  .venv/bin/pip install --disable-pip-version-check --no-deps -e .
fi
