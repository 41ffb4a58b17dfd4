#!/usr/bin/env bash
# Prints the path of a Python that has the peers of test/interop/requirements.txt.
# Made once per version of that file, outside the repository, and shared by the interoperability stage, the benchmark
# and CI. DND_PYTHON names another Python, which is then used as it is. With --if-made nothing is made: the path is
# printed where the environment is there, and nothing where it is not.
set -euo pipefail

if [[ -n ${DND_PYTHON:-} ]]; then
  echo "$DND_PYTHON"
  exit
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
requirements=$root/test/interop/requirements.txt
cache=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}
environment=$cache/python-$(sha256sum "$requirements" | cut -c 1-16)

if [[ ${1:-} == --if-made ]]; then
  [[ -e $environment/complete ]] && echo "$environment/bin/python"
  exit 0
fi

mkdir -p "$cache"
exec 9> "$environment.lock"
flock 9
if [[ ! -e $environment/complete ]]; then
  echo "making the peers' Python environment in $environment" >&2
  rm -rf "$environment"
  if ! python3 -m venv "$environment" >&2; then
    echo "python3 cannot make virtual environments: install it with its venv module (Debian: apt-get install python3-venv)" >&2
    exit 1
  fi
  "$environment/bin/python" -m pip --disable-pip-version-check --no-cache-dir --quiet install --no-deps -r "$requirements" >&2
  "$environment/bin/python" -c 'import accelerate, numpy, peft, safetensors.torch, torch, transformers' >&2
  touch "$environment/complete"
fi
echo "$environment/bin/python"
