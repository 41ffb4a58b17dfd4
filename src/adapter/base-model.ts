import { modulesOf } from './base-family.js';
import { MODULES, type Widths } from './modules.js';

/** The shape of a base model, as far as an adapter depends on it. */
export interface BaseModel {
  /** Its Hugging Face id or path, if its configuration has one. */
  name: string | null;
  /** `model_type` of its config.json. */
  modelType: string;
  /** Width of the hidden states (`hidden_size`). */
  hidden: number;
  /** Number of query heads per layer. */
  heads: number;
  /** Number of key and value heads per layer; equal to `heads` without grouped-query attention. */
  kvHeads: number;
  /** Width of one head. */
  headDim: number;
  /** Width of the feed-forward layer (`intermediate_size`). */
  intermediate: number;
  /** Number of decoder layers. */
  layers: number;
}

/** The widths of projections of a base model of these sizes, separate or fused. */
export function allWidthsOf(
  base: Pick<BaseModel, 'hidden' | 'heads' | 'kvHeads' | 'headDim' | 'intermediate'>,
): Widths {
  const query = base.heads * base.headDim;
  const keyValue = base.kvHeads * base.headDim;
  return {
    hidden: base.hidden,
    query,
    keyValue,
    queryKeyValue: query + 2 * keyValue,
    intermediate: base.intermediate,
    gateUp: 2 * base.intermediate,
  };
}

/** The widths of a base model's projections: those that its modules have. */
export function widthsOf(base: BaseModel): Partial<Widths> {
  const own = modulesOf(base.modelType);
  const used = new Set<string>(
    MODULES.filter(({ name }) => own.includes(name)).flatMap(({ input, output }) => [input, output]),
  );
  return Object.fromEntries(Object.entries(allWidthsOf(base)).filter(([name]) => used.has(name)));
}
