import type { Command } from 'commander';
import { type Diagnosis, diagnose } from '../doctor/doctor.js';
import { type CudaInfo, formatBytes } from '../engine/index.js';
import { EXIT_FAILED, type Io, print } from './io.js';
import { jsonOption } from './options.js';
import { list } from './table.js';

export function addDoctor(program: Command, io: Io, exit: (code: number) => void): void {
  program
    .command('doctor')
    .description('Show the state of this installation and machine: addon, processor, memory, GPU.')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      const diagnosis = await diagnose();
      print(io, options.json, diagnosis, () => lines(diagnosis));
      if (!diagnosis.ok) exit(EXIT_FAILED);
    });
}

function cudaLines({ library, foundIn, problem, devices }: CudaInfo): [string, string][] {
  const found = devices.map(({ name, memoryBytes, computeMajor, computeMinor, driverVersion, problem }, ordinal) => {
    const version = `${Math.floor(driverVersion / 1000)}.${Math.floor((driverVersion % 1000) / 10)}`;
    const what = `${name}, ${formatBytes(memoryBytes)}, compute capability ${computeMajor}.${computeMinor}, driver for CUDA ${version}`;
    return [`cuda:${ordinal}`, problem === null ? what : `${what}; ${problem}`] as [string, string];
  });
  const place = foundIn === null ? '' : `${library} (${foundIn})`;
  const state = [place, problem === null ? '' : `not usable: ${problem}`].filter(Boolean).join(', ');
  return [['CUDA', state], ...found];
}

function lines({ ok, version, node, system, addon, cpu, memoryBytes, gpu, cuda }: Diagnosis): string[] {
  const engine = addon.loaded
    ? `${cpu.isa} in use, ${cpu.available?.join(', ')} available${cpu.bfloat16 ? ', bf16 products' : ''}, ${cpu.defaultThreads} threads by default, built with ${cpu.compiler}`
    : 'not loaded';
  const limit = memoryBytes.limit === null ? '' : `, limited to ${formatBytes(memoryBytes.limit)} for this process`;
  const usable = (cpu.usableCpus ?? cpu.cores) < cpu.cores ? `, ${cpu.usableCpus} for this process` : '';
  const devices = gpu.devices.length > 0 ? gpu.devices.join(', ') : 'none found';
  return [
    ...list([
      ['dnd-lora', version],
      ['node', node],
      ['system', system],
      ['addon', addon.path ?? 'not found'],
      ['engine', engine],
      ['processor', `${cpu.model}, ${cpu.cores} cores${usable}`],
      ['memory', `${formatBytes(memoryBytes.total)}, ${formatBytes(memoryBytes.available)} available${limit}`],
      ['GPU', `${devices}; driver ${gpu.driver ?? 'none'}`],
      ...(cuda ? cudaLines(cuda) : []),
    ]),
    '',
    ok ? 'Ready.' : `Not ready: ${addon.problem}`,
  ];
}
