/**
 * What bench/report/page/draw.js draws, as plain data.
 * @typedef {{ median: number, min: number, max: number } | null} Point
 * @typedef {{ label: string, colour: string, points: Point[] }} Series one point for each of the chart's labels
 * @typedef {{ kind: 'lines' | 'bars' | 'stacks', title: string, axis: string, unit: 's' | '%', labels: string[],
 *   series: Series[], line?: { label: string, value: number }, logarithmic?: true }} Chart
 *   stacks: a label's points lie on one another; lines may have a logarithmic axis
 */

/** Told apart by most eyes (Okabe and Ito 2008); a rival has the same colour in every chart. */
const COLOURS = {
  ours: '#0072b2',
  oursBatch: '#56b4e9',
  direct: '#e69f00',
  peer: '#d55e00',
  forward: '#009e73',
  halve: '#f0e442',
  columns: '#e69f00',
  product: '#0072b2',
  inverse: '#cc79a7',
  rest: '#b8bec5',
  directPart: '#7a828a',
};

const point = (figure) => figure && { median: figure.median, min: figure.min, max: figure.max };
const exactly = (value) => (Number.isFinite(value) ? { median: value, min: value, max: value } : null);

const hasPoints = ({ points }) => points.some((each) => each !== null);

module.exports = { COLOURS, exactly, hasPoints, point };
