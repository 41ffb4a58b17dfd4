"""What an addon is, needs and shows: the same facts of ELF, Mach-O and PE files, as lief reads them."""

from dataclasses import dataclass, field
from pathlib import Path

import lief


@dataclass
class Facts:
    system: str  # as CMake names it
    processor: str  # x86_64 or arm64
    exports: set[str]
    libraries: set[str]
    imports: dict[str, str]  # name of a function or variable: where it comes from, '' for wherever the process has it
    search_paths: list[str] = field(default_factory=list)
    glibc: tuple[int, ...] | None = None  # the newest version that an import asks for
    oldest_system: tuple[int, ...] | None = None
    signed: bool = False
    made_at: int = 0  # a time in the file, in seconds; 0 also where the file says that it is a digest of the content


# zig's linker lists them among what a library shows; they are local to every library of macOS.
OF_THE_LINKER = {'__mh_dylib_header', '___dso_handle'}


class NotAnAddon(Exception):
    """The message says what the file is instead."""


def read(path: Path) -> Facts:
    """Throws NotAnAddon where the file is of none of the three formats, or no shared library."""
    if lief.is_elf(str(path)):
        return elf(lief.ELF.parse(str(path)))
    if lief.is_macho(str(path)):
        return mach_o(lief.MachO.parse(str(path)))
    if lief.is_pe(str(path)):
        return pe(lief.PE.parse(str(path)))
    raise NotAnAddon('neither ELF nor Mach-O nor PE')


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split('.'))


def processor_of(machine: object) -> str:
    name = getattr(machine, 'name', str(machine))
    return {'X86_64': 'x86_64', 'AMD64': 'x86_64', 'AARCH64': 'arm64', 'ARM64': 'arm64'}.get(name, name)


def elf(binary: lief.ELF.Binary) -> Facts:
    if binary.header.file_type != lief.ELF.Header.FILE_TYPE.DYN or binary.has_interpreter:
        raise NotAnAddon('an ELF file, but no shared library')
    exports, imports, needed_versions = set(), {}, []
    for symbol in binary.dynamic_symbols:
        if symbol.name and symbol.shndx == 0:
            asked = symbol.symbol_version.symbol_version_auxiliary if symbol.has_version else None
            weak = symbol.binding == lief.ELF.Symbol.BINDING.WEAK
            imports[symbol.name] = asked.name if asked else 'weak' if weak else ''
        elif symbol.name:
            exports.add(symbol.name)
    for requirement in binary.symbols_version_requirement:
        for auxiliary in requirement.get_auxiliary_symbols():
            if auxiliary.name.startswith('GLIBC_'):
                needed_versions.append(version(auxiliary.name.removeprefix('GLIBC_')))
    paths = [
        str(entry)
        for entry in binary.dynamic_entries
        if entry.tag in (lief.ELF.DynamicEntry.TAG.RPATH, lief.ELF.DynamicEntry.TAG.RUNPATH)
    ]
    return Facts(
        system='Linux',
        processor=processor_of(binary.header.machine_type),
        exports=exports,
        libraries=set(binary.libraries),
        imports=imports,
        search_paths=paths,
        glibc=max(needed_versions, default=None),
    )


def origin_of(symbol: lief.MachO.Symbol, libraries: list[str]) -> str:
    """By what dyld is told, else, of a name that nothing refers to any more, by the symbol table: which of the libraries, from 1."""
    if symbol.has_binding_info:
        return symbol.binding_info.library.name if symbol.binding_info.has_library else ''
    number = symbol.description >> 8 & 0xff
    return libraries[number - 1] if 1 <= number <= len(libraries) else ''


def mach_o(fat: lief.MachO.FatBinary) -> Facts:
    if fat.size != 1:
        raise NotAnAddon(f'a Mach-O file of {fat.size} architectures')
    binary = fat.at(0)
    if binary.header.file_type not in (lief.MachO.Header.FILE_TYPE.DYLIB, lief.MachO.Header.FILE_TYPE.BUNDLE):
        raise NotAnAddon('a Mach-O file, but no library')
    own_name = binary.get(lief.MachO.LoadCommand.TYPE.ID_DYLIB)
    libraries = [library.name for library in binary.libraries if own_name is None or library.name != own_name.name]
    imports = {
        symbol.name.removeprefix('_'): origin_of(symbol, libraries) for symbol in binary.imported_symbols
    }
    return Facts(
        system='Darwin',
        processor=processor_of(binary.header.cpu_type),
        exports={
            symbol.name.removeprefix('_') for symbol in binary.exported_symbols if symbol.name not in OF_THE_LINKER
        },
        libraries=set(libraries),
        imports=imports,
        search_paths=[path.path for path in binary.rpaths],
        oldest_system=tuple(binary.build_version.minos[:2]) if binary.has_build_version else None,
        signed=binary.has_code_signature,
    )


def pe(binary: lief.PE.Binary) -> Facts:
    if not binary.header.has_characteristic(lief.PE.Header.CHARACTERISTICS.DLL):
        raise NotAnAddon('a PE file, but no DLL')
    imports = {}
    for library in list(binary.imports) + list(binary.delay_imports):
        for entry in library.entries:
            imports[entry.name or f'#{entry.ordinal}'] = library.name.lower()
    return Facts(
        system='Windows',
        processor=processor_of(binary.header.machine),
        exports={entry.name for entry in binary.get_export().entries} if binary.has_exports else set(),
        libraries={library.name.lower() for library in list(binary.imports) + list(binary.delay_imports)},
        imports=imports,
        oldest_system=(binary.optional_header.major_subsystem_version, binary.optional_header.minor_subsystem_version),
        made_at=0 if any(entry.type == lief.PE.Debug.TYPES.REPRO for entry in binary.debug) else (
            binary.header.time_date_stamps),
    )
