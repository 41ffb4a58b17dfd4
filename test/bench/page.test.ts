import { exampleResults } from './example.js';

const { chartsOf } = require('../../bench/report/page/charts.cjs');
const { renderPage } = require('../../bench/report/page/render.cjs');

type Point = { median: number; min: number; max: number } | null;
type Chart = { kind: string; title: string; labels: string[]; series: { label: string; points: Point[] }[] };

const charts = (results = exampleResults()): Chart[] => chartsOf(results.configurations[0], results);
const medians = (chart: Chart, label: string) =>
  chart.series.find((series) => series.label === label)?.points.map((point) => point?.median ?? null);

describe('the page', () => {
  const page: string = renderPage(exampleResults());

  test('holds all that it needs', () => {
    expect(page).not.toMatch(/<(link|img|iframe|object|embed)\b/);
    expect(page).not.toMatch(/\b(src|href)\s*=\s*["']/);
    expect(page).not.toMatch(/@import|url\(/);
    expect(page).toContain(`default-src 'none'`);
    expect(page).toContain('new uPlot(');
  });

  test('has the figures as text too, with spread and number of runs', () => {
    expect(page).toContain('50.00 s (45.00–55.00) ×5');
    expect(page).toContain('100.0 ms (90.0–110.0) ×5');
    expect(page).toContain('marks: performance targets');
  });

  test('has data for each chart that JSON can read', () => {
    const data = [...page.matchAll(/<script type="application\/json">(.*?)<\/script>/gs)].map((match) => match[1]!);
    expect(data.map((text) => JSON.parse(text))).toEqual(charts().map((chart) => JSON.parse(JSON.stringify(chart))));
  });

  test('takes names for text, whatever they hold', () => {
    const results = exampleResults();
    results.configurations[0]!.name = '</script><script>alert("0.5b")</script>';
    results.machine.cpu = '<b>& a "processor"';
    const hostile: string = renderPage(results);
    expect(hostile).not.toContain('<script>alert');
    expect(hostile).toContain('&lt;b&gt;&amp; a &quot;processor&quot;');
  });

  test('is made of whatever was measured', () => {
    const { encoder, eventLoop, peak, configurations, ...rest } = exampleResults();
    expect(renderPage({ ...rest, configurations: [] })).toContain('</html>');
    const [first] = configurations;
    const { decoder, convolutions, ...bare } = first!;
    expect(renderPage({ ...rest, configurations: [{ ...bare, sameAs: 'another' }, first] })).toContain(
      'decoder as another',
    );
  });
});

describe('the charts', () => {
  test('show the time against the batch, of each rival where it was measured', () => {
    const [chart] = charts() as [Chart];
    expect([chart.kind, chart.labels]).toEqual(['lines', ['1', '2', '4', '8']]);
    expect(medians(chart, 'ours')).toEqual([5, 9, 16, 40]);
    expect(medians(chart, 'PyTorch')).toEqual([50, null, null, null]);
    expect(chart.series[0]!.points[0]).toEqual({ median: 5, min: 4.5, max: 5.5 });
  });

  test('show rates as fractions of the peak, the slowest run lowest', () => {
    const chart = charts()[1]!;
    expect(medians(chart, 'ours, complex product, batch 8')).toEqual([expect.closeTo(0.8), expect.closeTo(0.6), null]);
    const [spectral] = chart.series.find(({ label }) => label === 'PyTorch')!.points;
    expect(spectral).toEqual({
      median: expect.closeTo(0.2),
      min: expect.closeTo(0.2 / 1.1),
      max: expect.closeTo(0.2 / 0.9),
    });
  });

  test('stack parts up to the time of the convolution', () => {
    const chart = charts()[2]!;
    expect(chart.kind).toBe('stacks');
    const heights = chart.labels.map((_, i) =>
      chart.series.reduce((sum, { points }) => sum + (points[i]?.median ?? 0), 0),
    );
    expect(heights).toEqual([expect.closeTo(0.01), expect.closeTo(0.01), expect.closeTo(0.01)]);
    expect(medians(chart, 'direct')).toEqual([null, null, expect.closeTo(0.01)]);
    expect(medians(chart, 'complex product')).toEqual([expect.closeTo(0.005), expect.closeTo(0.005), null]);
  });

  test('leave out the rival and the fractions that there are not', () => {
    const [, fractions] = charts({ ...exampleResults(), peak: undefined as never }) as [Chart, Chart];
    expect(fractions.kind).toBe('stacks');
  });
});
