#!/usr/bin/env bash
# Prints the path of a Python that has the peers of test/interop/requirements.txt.
# Made once per version of that file, outside the repository, and shared by the interoperability stage, the benchmark
# and CI. DND_PYTHON names another Python, which is then used as it is. With --if-made nothing is made: the path is
# printed where the environment is there, and nothing where it is not.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/pinned-environment.sh"
print_given DND_PYTHON
pinned_environment python test/interop/requirements.txt
python=$environment/bin/python

if [[ ${1:-} == --if-made ]]; then
  if is_made; then echo "$python"; fi
  exit
fi

import_all() { "$python" -c 'import accelerate, numpy, peft, safetensors.torch, torch, transformers' >&2; }
make_environment "making the peers' Python environment" import_all
echo "$python"
