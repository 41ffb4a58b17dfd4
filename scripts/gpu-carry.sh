#!/usr/bin/env bash
# Packs into .gpu/ (ignored by git) what npm run gpu:check needs on a machine without Node, npm and a network: this
# Node, the built package with what it depends on, GoogleTest, the commit's name. See docs/gpu/running.md.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -rf .gpu
mkdir -p .gpu/googletest/lib
git describe --always --abbrev=12 --dirty=+ > .gpu/commit

xz -T0 -6 -c "$(readlink -f "$(command -v node)")" > .gpu/node.xz

library=$(find /usr/lib /usr/local/lib "${GTEST_ROOT:-/nonexistent}" -name libgtest.a 2> /dev/null | head -1 || true)
headers=$(find /usr/include /usr/local/include "${GTEST_ROOT:-/nonexistent}" -type d -name gtest 2> /dev/null | head -1 || true)
if [[ -z $library || -z $headers ]]; then
  echo 'GoogleTest is not here: apt-get install libgtest-dev' >&2
  exit 1
fi
cp "$library" .gpu/googletest/lib/
mkdir .gpu/googletest/include
cp -r "$headers" .gpu/googletest/include/

if [[ ! -e dist/cli/main.js || ! -e build/Release/dnd_lora.node ]]; then
  echo 'the package is not built: npm run build' >&2
  exit 1
fi
# Dependencies only, none of the tools; tar keeps it one file.
npm ls --omit=dev --all --parseable 2> /dev/null | sed "1d; s|^$PWD/||" | sort -u |
  tar -cJf .gpu/package.tar.xz --files-from=- dist build/Release/dnd_lora.node
du -sh .gpu
