// Script of a training run's page: draws the charts of src/report/chart.ts with uPlot, which the page loads first.
(() => {
  const NOTHING = '–';
  const plots = new Map();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // A run with many tasks has many charts: all but the first ones are drawn when they come near the viewport.
  const AT_ONCE = 60;
  const elements = [...document.querySelectorAll('.plot')];
  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) draw(target);
    },
    { rootMargin: '400px' },
  );
  addEventListener('beforeprint', () => elements.forEach(draw));

  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = plots.get(target);
      if (plot && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: plot.height });
    }
  });

  // Colours are drawn into the canvas, so a change of theme requires redrawing.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const [element, plot] of [...plots]) {
      plot.destroy();
      plots.delete(element);
      draw(element);
    }
  });

  elements.slice(0, AT_ONCE).forEach(draw);
  for (const element of elements.slice(AT_ONCE)) near.observe(element);

  function draw(element) {
    if (plots.has(element)) return;
    near.unobserve(element);
    const chart = JSON.parse(element.parentElement.querySelector('script').textContent);
    const small = element.closest('.task') !== null;
    plots.set(element, new uPlot(optionsOf(chart, element.clientWidth, small ? 170 : 240), dataOf(chart), element));
    sized.observe(element);
  }

  /** Every curve has its own steps. Its line continues over steps that only other curves have, and breaks at a null. */
  function dataOf({ series, scale }) {
    const drawable = (value) => (scale === 'logarithmic' && value <= 0 ? null : value);
    return uPlot.join(series.map(({ steps, values }) => [steps, values.map(drawable)]));
  }

  function optionsOf(chart, width, height) {
    const { axis, scale, range, lastStep, series } = chart;
    const ink = colour('quiet');
    const line = {
      stroke: ink,
      grid: { stroke: colour('grid'), width: 1 },
      ticks: { stroke: colour('grid'), width: 1 },
    };
    return {
      width,
      height,
      scales: {
        x: {
          time: false,
          range: (_, min, max) => (min === max ? [min - 1, max + 1] : [min, max]),
          min: 0,
          max: lastStep,
        },
        y: { distr: scale === 'logarithmic' ? 3 : 1, ...(range ? { range } : {}) },
      },
      cursor: { sync: { key: 'steps', scales: ['x', null] }, dataIdx: nearest, points: { size: 6 } },
      axes: [
        {
          ...line,
          size: 32,
          values: (_, splits) => splits.map((step) => (Number.isInteger(step) ? grouped(step) : '')),
        },
        {
          ...line,
          size: 56,
          ...(axis ? { label: axis, labelSize: 18, labelFont: '12px system-ui, sans-serif' } : {}),
          values: (_, splits) => splits.map((value) => (value === null ? '' : short(value))),
        },
      ],
      series: [{ label: 'step', value: (_, step) => (step === null ? NOTHING : grouped(step)) }, ...series.map(lookOf)],
      hooks: { draw: [(plot) => drawOver(plot, chart)] },
    };
  }

  function lookOf({ label, colour: name, look, steps }) {
    const stroke = colour(name);
    const value = (_, value) => (value === null || value === undefined ? NOTHING : short(value));
    if (look === 'faint') return { label, stroke, width: 1, alpha: 0.35, points: { show: false }, value };
    if (look === 'line') return { label, stroke, width: 2, points: { show: false }, value };
    return { label, stroke, width: 1.5, points: { show: true, size: steps.length > 50 ? 3 : 6, fill: stroke }, value };
  }

  /** The cursor shows every curve at the point nearest to the cursor's step. */
  function nearest(plot, seriesIndex, index) {
    const values = plot.data[seriesIndex];
    if (seriesIndex === 0 || (values[index] ?? null) !== null) return index;
    const distance = (i) => Math.abs(plot.data[0][i] - plot.data[0][index]);
    let before = index;
    let after = index;
    while (before >= 0 && (values[before] ?? null) === null) before--;
    while (after < values.length && (values[after] ?? null) === null) after++;
    if (before < 0) return after < values.length ? after : null;
    return after < values.length && distance(after) < distance(before) ? after : before;
  }

  function drawOver(plot, { lines, marks }) {
    const { ctx, bbox } = plot;
    const unit = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width + 6 * unit, bbox.height); // so that a mark at the end is not clipped
    ctx.clip();
    ctx.font = `${11 * unit}px system-ui, sans-serif`;
    ctx.strokeStyle = ctx.fillStyle = colour('quiet');
    ctx.lineWidth = unit;
    ctx.textBaseline = 'bottom';
    for (const { label, value } of lines) {
      const y = plot.valToPos(value, 'y', true);
      ctx.setLineDash([5 * unit, 4 * unit]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.textAlign = 'right';
      write(ctx, label, bbox.left + bbox.width - 4 * unit, y - 2 * unit);
    }
    ctx.setLineDash([]);
    ctx.fillStyle = ctx.strokeStyle = colour('ink');
    for (const mark of marks) drawMark(plot, mark);
    ctx.restore();
  }

  function drawMark(plot, { label, step, value }) {
    const { ctx, bbox } = plot;
    const x = plot.valToPos(step, 'x', true);
    const y = plot.valToPos(value, 'y', true);
    const half = 5 * devicePixelRatio;
    const toTheLeft = x > bbox.left + 0.75 * bbox.width;
    ctx.beginPath();
    ctx.moveTo(x, y - half);
    ctx.lineTo(x + half, y);
    ctx.lineTo(x, y + half);
    ctx.lineTo(x - half, y);
    ctx.closePath();
    ctx.stroke();
    ctx.textAlign = toTheLeft ? 'right' : 'left';
    ctx.textBaseline = 'top';
    write(ctx, label, x + (toTheLeft ? -1.4 : 1.4) * half, y + 1.2 * half);
  }

  /** With an outline, for legibility over curves. */
  function write(ctx, text, x, y) {
    ctx.save();
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.lineJoin = 'round';
    ctx.strokeStyle = colour('paper');
    ctx.strokeText(text, x, y);
    ctx.fillText(text, x, y);
    ctx.restore();
  }

  function grouped(count) {
    return count.toLocaleString('en-US');
  }

  function short(value) {
    const magnitude = Math.abs(value);
    if (value !== 0 && (magnitude < 1e-3 || magnitude >= 1e5)) return Number(value.toPrecision(3)).toExponential();
    return String(Number(value.toPrecision(3)));
  }
})();
