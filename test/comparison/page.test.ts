import { compareAdapters } from '../../src/comparison/compare.js';
import { comparisonPage } from '../../src/comparison/page.js';
import { adapterOf, Q } from './adapters.js';

const HOSTILE = '</script><b>"&';

test('the page holds all that it needs: heat maps, figures, its data, and no address', async () => {
  const adapters = [1, 2, 3].map((seed) => ({ name: `a${seed}`, adapter: adapterOf({ seed }) }));
  const comparison = await compareAdapters(adapters);
  const html = comparisonPage(comparison);
  expect(html).not.toMatch(/<(link|img|iframe|object|embed|base)\b/);
  expect(html).not.toMatch(/https?:\/\/|@import|url\(/);
  // Two for each of three pairs, and for each of three adapters.
  expect(html.match(/<figure class="heat">/g)).toHaveLength(12);
  for (const text of [
    'layer 0, q_proj: cosine',
    'layer 10, down_proj: relative distance',
    'effective rank',
    'a1 and 2  a2',
  ])
    expect(html).toContain(text);
  const data = /<script type="application\/json">(.*?)<\/script>/s.exec(html)![1]!;
  expect(JSON.parse(data)).toEqual(comparison);
});

test('it takes names for text, whatever they hold', async () => {
  const module = `${Q.replace('q_proj', '')}<i>"`;
  const shapes = { [Q]: [12, 9] as [number, number], [module]: [5, 9] as [number, number] };
  const config = { baseModelName: HOSTILE };
  const adapters = [1, 2].map((seed) => ({ name: HOSTILE, adapter: adapterOf({ seed, shapes, config }) }));
  const html = comparisonPage(await compareAdapters(adapters));
  expect(html).not.toContain(HOSTILE);
  expect(html).not.toContain('<i>');
  expect(html).toContain('&lt;/script&gt;&lt;b&gt;&quot;&amp;');
});
