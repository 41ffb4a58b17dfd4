// Runs in the page: draws the charts of bench/report/page/charts.cjs with uPlot, which stands before this in the page.
(() => {
  const HEIGHT = 340;
  const LABEL_HEIGHT = 96;
  const NOTHING = '–';

  for (const element of document.querySelectorAll('.chart')) {
    const chart = JSON.parse(element.querySelector('script').textContent);
    const plot = new uPlot(optionsOf(chart, element.clientWidth), dataOf(chart), element);
    addEventListener('resize', () => plot.setSize({ width: element.clientWidth, height: plot.height }));
  }

  /** Bars of a label stand side by side: each label has a place for every series, and one that stays free. */
  function placesOf({ kind, series }) {
    return kind === 'bars' ? series.length + 1 : 1;
  }

  function dataOf(chart) {
    const { kind, labels, series } = chart;
    const places = placesOf(chart);
    const positions = Array.from({ length: labels.length * places }, (_, i) => i);
    const values = series.map(({ points }, own) =>
      positions.map((position) => {
        const label = Math.floor(position / places);
        if (kind === 'stacks') return heightUpTo(series, own, label);
        return position % places === own || kind === 'lines' ? (points[label]?.median ?? null) : null;
      }),
    );
    // What lies on top of a stack reaches down to the axis: it has to be drawn first.
    return [positions, ...(kind === 'stacks' ? values.reverse() : values)];
  }

  function heightUpTo(series, last, label) {
    if (!series[last].points[label]) return null;
    return series.slice(0, last + 1).reduce((sum, { points }) => sum + (points[label]?.median ?? 0), 0);
  }

  function optionsOf(chart, width) {
    const { kind, axis, unit, labels, logarithmic } = chart;
    const places = placesOf(chart);
    const labelOf = (position) => labels[Math.floor(position / places)];
    const centres = labels.map((_, i) => i * places + (places - 2) / 2 + (places === 1 ? 0.5 : 0));
    const upright = kind === 'lines';
    return {
      width,
      height: upright ? HEIGHT : HEIGHT + LABEL_HEIGHT,
      scales: {
        x: { time: false, range: (_, min, max) => [min - 0.5, max + 0.5] },
        y: logarithmic
          ? { distr: 3, range: () => [0.8 * lowest(chart), 1.25 * highest(chart)] }
          : { range: (_, __, max) => [0, 1.08 * Math.max(max, highest(chart))] },
      },
      axes: [
        {
          label: axis,
          grid: { show: false },
          splits: centres,
          values: (_, splits) => splits.map((position) => labelOf(Math.round(position))),
          ...(upright ? {} : { rotate: -90, size: LABEL_HEIGHT, ticks: { show: false } }),
        },
        { size: 72, values: (_, splits) => splits.map((value) => (value === null ? '' : textOf(value, unit))) },
      ],
      series: [
        { label: axis, value: (_, position) => (position === null ? NOTHING : labelOf(position)) },
        ...seriesOf(chart, places),
      ],
      hooks: { draw: [(plot) => drawOver(plot, chart, places)] },
    };
  }

  function seriesOf({ kind, unit, series }, places) {
    const described = series.map(({ label, colour, points }) => ({
      label,
      stroke: colour,
      width: kind === 'lines' ? 2 : 0,
      points: { show: kind === 'lines', size: 7 },
      ...(kind === 'lines' ? {} : { fill: colour, paths: uPlot.paths.bars({ size: [kind === 'bars' ? 1 : 0.7] }) }),
      value: (_, __, ___, position) =>
        position === null ? NOTHING : spreadOf(points[Math.floor(position / places)], unit),
    }));
    return kind === 'stacks' ? described.reverse() : described;
  }

  function highest({ kind, series, labels, line }) {
    const tops = labels.map((_, label) => {
      const points = series.map(({ points }) => points[label]?.max ?? 0);
      return kind === 'stacks' ? points.reduce((sum, value) => sum + value, 0) : Math.max(...points);
    });
    return Math.max(...tops, line?.value ?? 0);
  }

  function lowest({ series }) {
    return Math.min(...series.flatMap(({ points }) => points.flatMap((point) => (point ? [point.min] : []))));
  }

  /** Spreads as whiskers, and the line that is asked for. */
  function drawOver(plot, chart, places) {
    const { ctx } = plot;
    const x = (position) => plot.valToPos(position, 'x', true);
    const y = (value) => plot.valToPos(value, 'y', true);
    ctx.save();
    ctx.strokeStyle = '#1b1f24';
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    chart.series.forEach(({ points }, own) => {
      points.forEach((point, label) => {
        if (chart.kind === 'stacks' || !point || point.min === point.max) return;
        const centre = x(label * places + (chart.kind === 'bars' ? own : 0));
        const cap = 3 * devicePixelRatio;
        ctx.moveTo(centre, y(point.min));
        ctx.lineTo(centre, y(point.max));
        for (const end of [point.min, point.max]) {
          ctx.moveTo(centre - cap, y(end));
          ctx.lineTo(centre + cap, y(end));
        }
      });
    });
    ctx.stroke();
    if (chart.line) drawLine(plot, y(chart.line.value), `${chart.line.label}: ${textOf(chart.line.value, chart.unit)}`);
    ctx.restore();
  }

  function drawLine({ ctx, bbox }, y, text) {
    ctx.beginPath();
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.font = `${12 * devicePixelRatio}px sans-serif`;
    ctx.textAlign = 'right';
    const right = bbox.left + bbox.width - 4 * devicePixelRatio;
    const baseline = y - 5 * devicePixelRatio;
    ctx.setLineDash([]);
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.strokeStyle = '#fff';
    ctx.strokeText(text, right, baseline); // bars may lie behind it
    ctx.fillStyle = '#1b1f24';
    ctx.fillText(text, right, baseline);
  }

  function textOf(value, unit) {
    if (unit === '%') return `${+(100 * value).toPrecision(3)} %`;
    return value === 0 || value >= 1 ? `${+value.toPrecision(3)} s` : `${+(1000 * value).toPrecision(3)} ms`;
  }

  function spreadOf(point, unit) {
    if (!point) return NOTHING;
    const { median, min, max } = point;
    return textOf(median, unit) + (min === max ? '' : ` (${textOf(min, unit)} – ${textOf(max, unit)})`);
  }
})();
