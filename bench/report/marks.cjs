const { BATCHES, productFraction } = require('./convolutions.cjs');
const { peerOfOne } = require('./decoder.cjs');
const { peakFraction } = require('./encoder.cjs');
const { addTrainingMarks } = require('./training-marks.cjs');

/** How many times as fast as PyTorch one task has to be; the kernel's size decides how much there is to win. */
const ONE_TASK = {
  'qwen2.5-0.5b-common-sense': 8,
  'qwen2.5-1.5b-coding': 12,
  'qwen2.5-1.5b-math': 12,
  'qwen2.5-7b-math': 12,
  'qwen2.5-7b-coding': 12,
  'qwen2.5-vl-3b-multimodal': 10,
};
const EIGHT_TASKS = { 'qwen2.5-0.5b-common-sense': 13 };
/** With bfloat16 operands, beside PyTorch's; and beside ours in float32. */
const BFLOAT16 = { preset: 'qwen2.5-0.5b-common-sense', oneTask: 11, eightTasks: 16, toFloat32: 1.5 };
const PUBLISHED = Object.keys(ONE_TASK);
const PRODUCT_FRACTION = 0.75;
const ENCODER_RATIO = 1.2;
const ENCODER_FRACTION = 0.7;
/** How many times as fast as PyTorch with PEFT. */
const FINETUNING = { '135M Llama': 1.5, 'pocket base': 3 };

/** Of the behaviour loss, as many times as fast as PyTorch. */
const BEHAVIOUR = 1.5;

/**
 * What the project has promised of its speed, beside what this run has measured.
 * @typedef {{ name: string, asked: number, unit: '×' | '%', measured: number | null, met: boolean | null, how?: string,
 *   most?: true }} Mark `measured` is null where this run has no such figure; at least `asked`, or with `most` at most
 * @returns {Mark[]}
 */
function marksOf(results) {
  const marks = [];
  const add = (name, unit, asked, measured, { how, most } = {}) => {
    const known = Number.isFinite(measured);
    marks.push({
      name,
      asked,
      unit,
      measured: known ? measured : null,
      met: known ? (most ? measured <= asked : measured >= asked) : null,
      ...(how && { how }),
      ...(most && { most }),
    });
  };
  for (const preset of PUBLISHED) {
    const decoder = decoderOf(results, preset);
    const how = decoder && peerOfOne(decoder)?.summed ? 'the peer summed from its convolutions' : undefined;
    add(`${preset}, one task: times the peer`, '×', ONE_TASK[preset], perTaskRatio(decoder, 1), { how });
    if (EIGHT_TASKS[preset])
      add(`${preset}, eight tasks: per task, times the peer’s one`, '×', EIGHT_TASKS[preset], perTaskRatio(decoder, 8));
  }
  for (const preset of PUBLISHED) {
    const convolutions = partOf(results, preset, 'convolutions');
    for (const batch of BATCHES) {
      const fraction = convolutions ? productFraction(convolutions.rows, batch, results) : Number.NaN;
      add(`${preset}, batch ${batch}: complex product, of the sgemm peak`, '%', PRODUCT_FRACTION, fraction);
    }
  }
  const encoder = publishedEncoder(results);
  add('encoder, 128×384 MiniLM-L6: times the peer', '×', ENCODER_RATIO, encoder?.peer?.median / encoder?.ours.median);
  const fraction = encoder ? peakFraction(encoder, results) : Number.NaN;
  add('encoder, 128×384 MiniLM-L6: of the sgemm peak', '%', ENCODER_FRACTION, fraction);
  addBfloat16Marks(results, add);
  addTrainingMarks(results, add);
  for (const [name, asked] of Object.entries(FINETUNING)) {
    const model = results.language?.models.find((each) => each.name === name);
    add(`LoRA fine-tuning step, ${name}: ${FASTEST}`, '×', asked, ratioOfFastest(model));
  }
  add(`behaviour step, 135M Llama: ${FASTEST}`, '×', BEHAVIOUR, ratioOfFastest(results.behaviour));
  return marks;
}

function addBfloat16Marks(results, add) {
  const { preset, oneTask, eightTasks, toFloat32 } = BFLOAT16;
  const decoder = decoderOf(results, preset);
  const row = (batch) => decoder?.batches.find((each) => each.batch === batch);
  const toPeer = (batch) => (batch * row(1)?.peerBfloat16?.median) / row(batch)?.oursBfloat16?.median;
  add(`${preset}, one task in bf16: times the peer`, '×', oneTask, toPeer(1));
  add(`${preset}, eight tasks in bf16: per task, times the peer’s one`, '×', eightTasks, toPeer(8));
  const gain = row(8)?.ours?.median / row(8)?.oursBfloat16?.median;
  add(`${preset}, eight tasks in bf16: times ours in float32`, '×', toFloat32, gain);
  const encoder = publishedEncoder(results);
  const half = encoder?.peerBfloat16?.median / encoder?.oursBfloat16?.median;
  add('encoder, 128×384 MiniLM-L6, in bf16: times the peer', '×', ENCODER_RATIO, half);
}

const FASTEST = 'times the peer, each in its fastest dtype';

function ratioOfFastest({ ours, half, peer } = {}) {
  return peer?.median / Math.min(ours?.median ?? Number.NaN, half?.median ?? Number.POSITIVE_INFINITY);
}

/** A configuration's part, or that of the one with the same decoder. */
function partOf({ configurations = [] }, preset, part) {
  const found = configurations.find(({ name }) => name === preset);
  const other = configurations.find(({ name }) => name === found?.sameAs);
  return (other ?? found)?.[part];
}

const decoderOf = (results, preset) => partOf(results, preset, 'decoder');

function perTaskRatio(decoder, batch) {
  const row = decoder?.batches.find((each) => each.batch === batch);
  const reference = decoder && peerOfOne(decoder);
  return row?.ours && reference ? (batch * reference.median) / row.ours.median : Number.NaN;
}

function publishedEncoder({ encoder }) {
  const published =
    encoder?.prompts === 128 && encoder.length === 384 && encoder.layers === 6 && encoder.hiddenSize === 384;
  return published ? encoder : undefined;
}

const show = (value, unit) => (unit === '%' ? `${(100 * value).toFixed(1)} %` : `${value.toFixed(2)}×`);

/** @returns {import('./table.cjs').Table[]} none when this run has measured nothing of it */
function tables(marks) {
  const known = marks.filter(({ met }) => met !== null);
  if (known.length === 0) return [];
  return [
    {
      title: 'marks: performance targets',
      headings: ['', 'asked', 'measured', 'met'],
      rows: marks.map(({ name, asked, unit, measured, met, how, most }) => [
        how ? `${name} (${how})` : name,
        `${most ? '≤' : '≥'} ${show(asked, unit)}`,
        measured === null ? null : show(measured, unit),
        met === null ? null : met ? 'yes' : 'NO',
      ]),
      notes: [
        `${known.filter(({ met }) => met).length} of ${known.length} met; ${marks.length - known.length} not measured in this run`,
      ],
    },
  ];
}

module.exports = { marksOf, PRODUCT_FRACTION, tables };
