#!/usr/bin/env bash
# Prints a folder of Python packages with mlx-lm, to be put behind those of scripts/python-environment.sh (PYTHONPATH).
# Made once per version of test/interop/mlx-requirements.txt, outside the repository. DND_MLX names another such folder.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/pinned-environment.sh"
print_given DND_MLX
pinned_environment mlx test/interop/mlx-requirements.txt

import_mlx() { "$environment/bin/python" -c 'import mlx.core' >&2; }
make_environment "making the Python environment of mlx-lm" import_mlx
"$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
