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

source "$root/scripts/pinned-environment.sh"
pinned_environment cuda scripts/cuda-toolkit.txt
toolkit=$environment/toolkit

if [[ ${1:-} == --if-made ]]; then
  if is_made; then echo "$toolkit"; fi
  exit
fi

link_toolkit() {
  local found=("$environment"/lib/python3.*/site-packages/nvidia/cu13)
  ln -s "${found[0]}" "$toolkit"
  is_toolkit "$toolkit"
}
make_environment "no nvcc of CUDA $at_least or newer here: installing one" link_toolkit
echo "$toolkit"
