"""What must hold of a prebuilt addon for its platform's Node to load it on the oldest system that we name, and for it to be
the same wherever it was built. Called by scripts/check-prebuilds.sh."""

import json
import re
import sys
from pathlib import Path

from binary import Facts, NotAnAddon, read, version

ROOT = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 6_000_000

# Node-API's two entries, and what it calls for versions of itself.
EXPORTS = {'napi_register_module_v1', 'node_api_module_get_api_version_v1'}
NODE_FUNCTION = re.compile(r'^(napi|node_api)_\w+$')

GLIBC_LIBRARIES = {'libc.so.6', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'ld-linux-x86-64.so.2',
                   'ld-linux-aarch64.so.1'}
# What C startup files refer to where it is there.
OPTIONAL = {'__cxa_finalize', '__gmon_start__', '_ITM_deregisterTMCloneTable', '_ITM_registerTMCloneTable',
            '__cxa_thread_atexit_impl', '__register_frame_info', '__deregister_frame_info'}
MACOS_LIBRARIES = {'/usr/lib/libSystem.B.dylib'}
WINDOWS_LIBRARIES = re.compile(r'^(node\.exe|kernel32\.dll|ntdll\.dll|api-ms-win-crt-[a-z]+-l1-1-0\.dll)$')
OLDEST_WINDOWS = (10, 0)  # Node 20 needs it

# A folder of the machine that built it.
PATH = re.compile(rb'(?:/(?:home|root|work|tmp|build|opt|srv|mnt|private|Users|usr/src)/|[A-Za-z]:[\\/][\w.]+[\\/])[\w./\\@+-]+')


def findings(path: Path, target: dict) -> dict[str, list[str]]:
    """A sentence for each thing that must hold, and what contradicts it."""
    facts = read(path)
    system = {'Linux': linux, 'Darwin': darwin, 'Windows': windows}[target['system']]
    processor = {'aarch64': 'arm64'}.get(target['processor'], target['processor'])
    is_for = f'{facts.system} {facts.processor}'
    wanted = f'{target["system"]} {processor}'
    if is_for != wanted:
        return {f'it is for {wanted}': [is_for]}
    content = path.read_bytes()
    return {
        f'it is for {wanted}': [],
        'it shows the entries of Node-API and nothing else': sorted(facts.exports ^ EXPORTS),
        'no folder of the building machine is in it': sorted({found.decode() for found in PATH.findall(content)})[:5],
        'it names no folder to look for libraries in': facts.search_paths,
        f'it has at most {LARGEST_BYTES:,} bytes': [f'{len(content):,}'] if len(content) > LARGEST_BYTES else [],
        **system(facts, target),
    }


def foreign(facts: Facts, allowed) -> list[str]:
    """Imports that are neither Node-API's nor allowed(name, where it comes from)."""
    return sorted(f'{name} {origin}'.rstrip() for name, origin in facts.imports.items()
                  if not (NODE_FUNCTION.match(name) or allowed(name, origin)))


def linux(facts: Facts, target: dict) -> dict[str, list[str]]:
    if target['libc']['name'] == 'musl':
        known = musl_functions()
        return {
            'it links musl alone': sorted(facts.libraries - {'libc.so'}),
            'what it does not have itself is of Node-API and musl': foreign(
                facts, lambda name, origin: name in known or name in OPTIONAL and origin == 'weak'),
        }
    newest = target['libc']['newest']
    is_newer = facts.glibc is not None and facts.glibc > version(newest)
    return {
        'it links glibc alone': sorted(facts.libraries - GLIBC_LIBRARIES),
        f'glibc {newest} is enough': ['GLIBC_' + '.'.join(map(str, facts.glibc))] if is_newer else [],
        'it asks for versions of glibc at all': [] if facts.glibc else ['none'],
        'what it does not have itself is of Node-API and glibc': foreign(
            facts, lambda name, origin: origin.startswith('GLIBC_') or name in OPTIONAL and origin == 'weak'),
    }


def musl_functions() -> set[str]:
    """Of the stub that zig links in musl's place."""
    import ziglang
    stub = Path(ziglang.__file__).parent / 'lib' / 'libc' / 'musl' / 'libc.S'
    return set(re.findall(r'^([A-Za-z_]\w*):', stub.read_text(), re.MULTILINE))


def darwin(facts: Facts, target: dict) -> dict[str, list[str]]:
    oldest = version(target['oldest'])
    return {
        'it links libSystem alone': sorted(facts.libraries - MACOS_LIBRARIES),
        f'macOS {target["oldest"]} is enough': [] if facts.oldest_system and facts.oldest_system <= oldest else [
            str(facts.oldest_system)],
        'what it does not have itself is of Node-API and libSystem': foreign(
            facts, lambda name, origin: origin in MACOS_LIBRARIES),
        'it is signed, ad hoc, where macOS loads nothing unsigned': (
            ['no signature'] if facts.processor == 'arm64' and not facts.signed else []),
    }


def windows(facts: Facts, _: dict) -> dict[str, list[str]]:
    return {
        'it links node.exe and what is part of Windows 10': sorted(
            name for name in facts.libraries if not WINDOWS_LIBRARIES.match(name)),
        'Windows 10 is enough': [] if facts.oldest_system <= OLDEST_WINDOWS else [str(facts.oldest_system)],
        'what it takes from node.exe is of Node-API': sorted(
            name for name, origin in facts.imports.items() if origin == 'node.exe' and not NODE_FUNCTION.match(name)),
        'what is of Node-API it takes from node.exe': sorted(
            f'{name} {origin}' for name, origin in facts.imports.items()
            if NODE_FUNCTION.match(name) and origin != 'node.exe'),
        'no time of its making is in it': [str(facts.made_at)] if facts.made_at else [],
    }


def main(names: list[str]) -> int:
    targets = json.loads((Path(__file__).parent / 'targets.json').read_text())
    unknown = [name for name in names if name not in targets]
    if unknown:
        print(f'unknown platform {unknown[0]}; there are: {" ".join(targets)}', file=sys.stderr)
        return 2
    passed = failed = 0
    for name in names or targets:
        path = ROOT / 'prebuilds' / targets[name]['file']
        try:
            found = findings(path, targets[name]) if path.exists() else {
                f'{path} is there': ['no such file; build it with: node scripts/prebuild.cjs ' + name]}
        except NotAnAddon as error:
            found = {'it is an addon': [str(error)]}
        for sentence, contradictions in found.items():
            if contradictions:
                failed += 1
                print(f'FAIL {name}: {sentence}: {", ".join(contradictions)}', file=sys.stderr)
            else:
                passed += 1
        if path.exists():
            print(f'{name}: {path.relative_to(ROOT)}, {path.stat().st_size / 1e6:.2f} MB')
    print(f'prebuilds: {passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
