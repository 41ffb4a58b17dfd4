#!/usr/bin/env bash
# Prints the folder of a CUDA toolkit, 13 or newer: bin/nvcc, bin/cuobjdump, include/, lib/ or lib64/.
# The machine's own where it has one (DND_CUDA_TOOLKIT, CUDACXX, the PATH, /usr/local/cuda*); otherwise the pinned
# packages of scripts/cuda-toolkit.txt, installed once per version of that file, outside the repository. With --if-made
# nothing is installed: the path is printed where a toolkit is there, and nothing where none is.
set -euo pipefail

at_least=13
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

is_toolkit() { # is_toolkit FOLDER: has it an nvcc that is new enough?
  local release
  release=$("$1/bin/nvcc" --version 2> /dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p') || return 1
  [[ -n $release ]] && ((release >= at_least))
}

folder_of() { # folder_of NVCC, through symbolic links
  dirname "$(dirname "$(readlink -f "$1")")"
}

if [[ -n ${DND_CUDA_TOOLKIT:-} ]]; then
  if ! is_toolkit "$DND_CUDA_TOOLKIT"; then
    echo "DND_CUDA_TOOLKIT=$DND_CUDA_TOOLKIT has no bin/nvcc of CUDA $at_least or newer" >&2
    exit 1
  fi
  echo "$DND_CUDA_TOOLKIT"
  exit
fi

candidates=()
[[ -n ${CUDACXX:-} && -x ${CUDACXX:-} ]] && candidates+=("$(folder_of "$CUDACXX")")
command -v nvcc > /dev/null && candidates+=("$(folder_of "$(command -v nvcc)")")
for folder in /usr/local/cuda /usr/local/cuda-*; do [[ -x $folder/bin/nvcc ]] && candidates+=("$folder"); done
for folder in "${candidates[@]}"; do
  if is_toolkit "$folder"; then
    echo "$folder"
    exit
  fi
done

requirements=$root/scripts/cuda-toolkit.txt
cache=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}
environment=$cache/cuda-$(sha256sum "$requirements" | cut -c 1-16)
toolkit=$environment/toolkit

if [[ ${1:-} == --if-made ]]; then
  [[ -e $environment/complete ]] && echo "$toolkit"
  exit 0
fi

mkdir -p "$cache"
exec 9> "$environment.lock"
flock 9
if [[ ! -e $environment/complete ]]; then
  echo "no nvcc of CUDA $at_least or newer here: installing one in $environment" >&2
  rm -rf "$environment"
  if ! python3 -m venv "$environment" >&2; then
    echo "python3 cannot make virtual environments: install it with its venv module (Debian: apt-get install python3-venv)" >&2
    exit 1
  fi
  "$environment/bin/python" -m pip --disable-pip-version-check --no-cache-dir --quiet install --no-deps -r "$requirements" >&2
  found=("$environment"/lib/python3.*/site-packages/nvidia/cu13)
  ln -s "${found[0]}" "$toolkit"
  is_toolkit "$toolkit"
  touch "$environment/complete"
fi
echo "$toolkit"
