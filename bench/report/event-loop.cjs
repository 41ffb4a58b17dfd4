function tables({ encoder, rounds, waiting, working, progressReports }) {
  const row = (name, { seconds, ticks, p50Ms, p99Ms, maxMs }) => [
    name,
    seconds.toFixed(1),
    ticks,
    ...[p50Ms, p99Ms, maxMs].map((value) => value.toFixed(2)),
  ];
  return [
    {
      title: 'event loop: delay of a 10 ms timer',
      headings: ['', 'seconds', 'ticks', 'p50 ms', 'p99 ms', 'max ms'],
      rows: [row('only waiting', waiting), row(`generate (encoder ${encoder}) and save, ${rounds}×`, working)],
      notes: [`${progressReports} progress reports`],
    },
  ];
}

module.exports = { tables };
