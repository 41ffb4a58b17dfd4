const { ratio, time } = require('./table.cjs');

function tables({ tensors, bytes, restore, write }, { name }) {
  const size = `${tensors} tensors, ${+(bytes / 1e6).toPrecision(3)} MB`;
  const written = [time(write.ours), time(write.peer), ratio(write.ours, write.peer)];
  return [
    {
      title: `adapter, ${name}`,
      headings: [size, 'ours', 'peer', 'ratio'],
      rows: [
        ['weight tokens → tensors', time(restore.ours), null, null],
        ['tensors → PEFT folder, BF16, flushed to disk', ...written],
      ],
    },
  ];
}

module.exports = { tables };
