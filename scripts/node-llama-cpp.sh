#!/usr/bin/env bash
# Prints the folder of an npm package whose node_modules has node-llama-cpp (llama.cpp for the CPU), installed once into
# the cache outside the repository: the real reader of the GGUF files that this package writes.
set -euo pipefail

version=3.22.1
cache=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}
folder=$cache/node-llama-cpp-$version
case $(uname -s)-$(uname -m) in
  Linux-x86_64) binaries=linux-x64 ;;
  Linux-aarch64) binaries=linux-arm64 ;;
  Darwin-arm64) binaries=mac-arm64-metal ;;
  *) echo "there is no build of node-llama-cpp for $(uname -s) on $(uname -m)" >&2 && exit 1 ;;
esac

mkdir -p "$cache"
exec 9> "$folder.lock"
flock 9
if [[ ! -e $folder/complete ]]; then
  echo "installing node-llama-cpp $version into $folder" >&2
  rm -rf "$folder"
  mkdir "$folder"
  echo '{ "private": true }' > "$folder/package.json"
  # Without optional packages there is no build for GPUs, and without scripts none is compiled.
  (cd "$folder" && npm install --ignore-scripts --omit=optional --no-audit --no-fund \
    "node-llama-cpp@$version" "@node-llama-cpp/$binaries@$version") >&2
  touch "$folder/complete"
fi
echo "$folder"
