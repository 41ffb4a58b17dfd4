import { commonPath, moduleGrid } from '../../src/comparison/grid.js';

const named = (layer: number, projection: string) => `model.layers.${layer}.self_attn.${projection}`;

test('layers are rows and projections columns', () => {
  const { rows, columns, at } = moduleGrid([named(0, 'q_proj'), named(0, 'v_proj'), named(1, 'q_proj')]);
  expect(rows).toEqual(['0', '1']);
  expect(columns).toEqual(['q_proj', 'v_proj']);
  expect([at(0, 0), at(0, 1), at(1, 0), at(1, 1)]).toEqual([0, 1, 2, undefined]);
});

test('projections of one name in two blocks, and layers of two models, get cells of their own', () => {
  const modules = [
    'transformer.h.0.attn.c_proj',
    'transformer.h.0.mlp.c_proj',
    'vision.blocks.0.attn.c_proj',
    'lm_head',
  ];
  const { rows, columns, at } = moduleGrid(modules);
  expect(columns).toEqual(['attn.c_proj', 'mlp.c_proj', 'lm_head']);
  const cells = rows.flatMap((_, row) => columns.map((_, column) => at(row, column)));
  expect(cells.filter((cell) => cell !== undefined).sort()).toEqual([0, 1, 2, 3]);
});

test('the common path ends before the first part that differs', () => {
  expect(commonPath([named(0, 'q_proj'), named(1, 'q_proj')])).toBe('model.layers.');
  expect(commonPath(['lm_head', named(1, 'q_proj')])).toBe('');
  expect(commonPath([named(0, 'q_proj')])).toBe('');
});
