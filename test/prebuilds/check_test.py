"""scripts/prebuilds/check.py on small addons that zig builds, each with one thing wrong:
    "$(scripts/prebuilds/tools.sh)/python" -m unittest discover --start-directory test/prebuilds --pattern '*_test.py'
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'scripts' / 'prebuilds'))

from binary import NotAnAddon  # noqa: E402
from check import LARGEST_BYTES, findings  # noqa: E402

TARGETS = json.loads((ROOT / 'scripts' / 'prebuilds' / 'targets.json').read_text())
ZIG = Path(sys.executable).parent / 'zig'
CACHE = Path(sys.prefix).parent / 'zig'

ADDON = '''
#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
#include <string.h>
extern int napi_create_object(void *environment, void **result);
EXPORT int node_api_module_get_api_version_v1(void) { return 9; }
EXPORT void *napi_register_module_v1(void *environment, void *exports) {
  void *made;
  napi_create_object(environment, &made);
  memcpy(exports, made, (size_t)environment);
  return made;
}
'''


class Prebuilds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)

    def zig(self, *parameters):
        subprocess.run([ZIG, *map(str, parameters)], check=True, cwd=self.folder,
                       env={**os.environ, 'ZIG_GLOBAL_CACHE_DIR': str(CACHE)})

    def addon(self, target, source=ADDON, options=(), triple=None, kind=('-shared',)):
        """A file that zig made for a platform of targets.json."""
        name = self.id().rsplit('.', 1)[-1]
        code, made = self.folder / f'{name}.c', self.folder / f'{name}.node'
        code.write_text(source)
        options = list(options)
        if TARGETS[target]['system'] == 'Darwin':
            options.append('-undefined')
            options.append('dynamic_lookup')
        if TARGETS[target]['system'] == 'Windows':
            (self.folder / 'node.def').write_text('NAME NODE.EXE\nEXPORTS\nnapi_create_object\n')
            self.zig('dlltool', '-m', 'i386:x86-64', '-D', 'node.exe', '-d', 'node.def', '-l', 'node.lib')
            options.append('node.lib')
        self.zig('cc', '-target', triple or TARGETS[target]['triple'], '-O2', '-s', '-fPIC', '-fvisibility=hidden', *kind,
                 code.name, *options, '-o', made.name)
        return made

    def wrong(self, made, target):
        return {sentence: found for sentence, found in findings(made, TARGETS[target]).items() if found}

    def test_a_sound_addon_of_every_platform_has_nothing_wrong(self):
        for target in TARGETS:
            with self.subTest(target):
                self.assertEqual(self.wrong(self.addon(target), target), {})

    def test_another_processor_or_system_is_named(self):
        made = self.addon('linux-arm64')
        self.assertEqual(self.wrong(made, 'linux-x64'), {'it is for Linux x86_64': ['Linux arm64']})
        self.assertEqual(self.wrong(made, 'darwin-arm64'), {'it is for Darwin arm64': ['Linux arm64']})

    def test_a_program_and_a_text_are_no_addons(self):
        program = self.addon('linux-x64', 'int main(void) { return 0; }', kind=())
        with self.assertRaisesRegex(NotAnAddon, 'no shared library'):
            findings(program, TARGETS['linux-x64'])
        text = self.folder / 'text.node'
        text.write_text('module.exports = {};')
        with self.assertRaisesRegex(NotAnAddon, 'neither ELF nor Mach-O nor PE'):
            findings(text, TARGETS['linux-x64'])

    def test_an_export_too_many_and_one_too_few_are_named(self):
        for target in ('linux-x64', 'darwin-arm64', 'win32-x64'):
            with self.subTest(target):
                more = self.addon(target, ADDON + 'EXPORT int surplus(void) { return 1; }')
                self.assertEqual(self.wrong(more, target),
                                 {'it shows the entries of Node-API and nothing else': ['surplus']})
        fewer = self.addon('linux-x64', ADDON.replace('EXPORT int', 'int'))
        self.assertEqual(self.wrong(fewer, 'linux-x64'), {
            'it shows the entries of Node-API and nothing else': ['node_api_module_get_api_version_v1']})

    def test_a_glibc_that_is_too_new_is_named(self):
        source = ADDON + 'extern int pidfd_getpid(int); EXPORT int surplus(int x) { return pidfd_getpid(x); }'
        wrong = self.wrong(self.addon('linux-x64', source, triple='x86_64-linux-gnu.2.39'), 'linux-x64')
        self.assertEqual(wrong['glibc 2.28 is enough'], ['GLIBC_2.39'])

    def test_functions_of_neither_node_nor_the_system_are_named(self):
        source = ADDON.replace('napi_create_object', 'v8_create_object')
        for target, sentence in (
            ('linux-x64', 'what it does not have itself is of Node-API and glibc'),
            ('linux-x64-musl', 'what it does not have itself is of Node-API and musl'),
            ('darwin-x64', 'what it does not have itself is of Node-API and libSystem'),
        ):
            with self.subTest(target):
                self.assertEqual(self.wrong(self.addon(target, source), target), {sentence: ['v8_create_object']})

    def test_a_library_and_a_folder_to_look_for_it_are_named(self):
        (self.folder / 'other.c').write_text('int other(void) { return 1; }')
        self.zig('cc', '-target', TARGETS['linux-x64']['triple'], '-shared', 'other.c', '-o', 'libother.so')
        source = ADDON.replace('memcpy(', 'extern int other(void); if (other()) memcpy(')
        made = self.addon('linux-x64', source, ['-L.', '-lother', '-Wl,-rpath,$ORIGIN/lib'])
        wrong = self.wrong(made, 'linux-x64')
        self.assertEqual(wrong['it links glibc alone'], ['libother.so'])
        self.assertIn('$ORIGIN/lib', str(wrong['it names no folder to look for libraries in']))

    def test_a_system_that_is_too_new_is_named(self):
        made = self.addon('darwin-arm64', triple='aarch64-macos.13.0')
        self.assertEqual(self.wrong(made, 'darwin-arm64'), {'macOS 11.0 is enough': ['(13, 0)']})

    def test_a_library_of_windows_that_not_every_edition_has_is_named(self):
        source = ADDON + 'extern int MessageBoxA(void *, char *, char *, int); int (*shown)(void *, char *, char *, int) = MessageBoxA;'
        source = source.replace('return made', 'extern int (*shown)(void *, char *, char *, int); shown(0, "", "", 0); return made')
        wrong = self.wrong(self.addon('win32-x64', source, ['-luser32']), 'win32-x64')
        self.assertEqual(wrong, {'it links node.exe and what is part of Windows 10': ['user32.dll']})

    def test_a_time_that_is_no_digest_of_the_content_is_named(self):
        made = self.addon('win32-x64')
        content = made.read_bytes()
        header = int.from_bytes(content[0x3c:0x40], 'little')
        time = content[header + 8:header + 12]
        digest_follows = time + bytes(4) + (16).to_bytes(4, 'little')
        self.assertEqual(content.count(digest_follows), 1)
        made.write_bytes(content.replace(digest_follows, time + bytes(4) + (13).to_bytes(4, 'little')))
        self.assertEqual(self.wrong(made, 'win32-x64'), {
            'no time of its making is in it': [str(int.from_bytes(time, 'little'))]})

    def test_a_folder_of_the_building_machine_is_named(self):
        source = ADDON + 'const char *where = "/home/someone/dnd-lora/native/core/memory.cc"; EXPORT const char *surplus(void) { return where; }'
        wrong = self.wrong(self.addon('linux-x64', source), 'linux-x64')
        self.assertEqual(wrong['no folder of the building machine is in it'],
                         ['/home/someone/dnd-lora/native/core/memory.cc'])

    def test_a_size_over_the_budget_is_named(self):
        made = self.addon('linux-x64')
        with made.open('ab') as file:
            file.truncate(LARGEST_BYTES + 1)
        self.assertEqual(self.wrong(made, 'linux-x64'), {f'it has at most {LARGEST_BYTES:,} bytes': ['6,000,001']})


if __name__ == '__main__':
    unittest.main()
