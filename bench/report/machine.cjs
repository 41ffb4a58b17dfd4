/** What a reader has to know of a run before its figures: lines of text. */
function machineLines({ machine, peer, presets, threads, runs, date }) {
  const gb = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
  const { engine } = machine;
  const lines = [
    `dnd-lora ${machine.package} (${machine.commit ?? 'no commit'}), ${presets.join(', ')}, ${threads} threads, at most ${runs} runs of each, ${date}`,
    `${machine.cpu}, ${machine.coresAvailable} of ${machine.cores} cores, ${gb(machine.memoryAvailableBytes)} of ${gb(machine.memoryBytes)} free`,
    `${machine.platform}, Node ${machine.node}, engine: ${engine.isa}, ${engine.compiler}`,
    peer.missing
      ? `peer: none (${peer.missing})`
      : `peer: PyTorch ${peer.torch}, ${peer.isa}, oneDNN ${peer.oneDNN ? 'on' : 'off'}, ${peer.threads} threads`,
  ];
  if (machine.loadAverage > 0.5)
    lines.push(`load average ${machine.loadAverage.toFixed(1)}: other processes are running, expect noise`);
  return lines;
}

module.exports = { machineLines };
