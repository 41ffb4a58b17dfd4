"""What every check of the interoperability stage shares: one line per check, and a way to call this package."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHARED = Path(os.environ.get("DND_SHARED", ROOT.parent / "shared"))

failures = 0


def check(name, ok, detail=""):
    """Prints `ok   name (detail)` or `FAIL name (detail)`: scripts/test-interop.sh counts these lines."""
    global failures
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {name}{f' ({detail})' if detail else ''}", flush=True)
    return ok


def note(sentence):
    print(f"     {sentence}", flush=True)


def finish():
    sys.exit(1 if failures else 0)


def bridge(command, *arguments, **options):
    """Calls one command of bridge.cjs (the package's own TypeScript, built) and returns the JSON it prints."""
    call = ["node", HERE / "bridge.cjs", command, json.dumps(options), *arguments]
    done = subprocess.run([str(part) for part in call], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"bridge.cjs {command} failed:\n{done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def dnd(*arguments):
    """Runs the `dnd` command to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        call = ["node", str(ROOT / "dist/cli/main.js"), *[str(part) for part in arguments]]
        process = subprocess.Popen(call, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        return Run(process.returncode, out.read().decode(), err.read().decode(), usage.ru_maxrss * 1024)


class Run:
    """How a `dnd` command ended, and the most memory it ever held."""

    def __init__(self, code, stdout, stderr, peak_bytes):
        self.code, self.stdout, self.stderr, self.peak_bytes = code, stdout, stderr, peak_bytes

    def must_succeed(self):
        if self.code != 0:
            raise RuntimeError(f"dnd ended with exit code {self.code}:\n{self.stderr}")
        return self
