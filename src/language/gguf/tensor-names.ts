import { ARCHITECTURES } from '../../adapter/gguf/architectures.js';
import { DndError } from '../../errors.js';
import { quote } from '../../validation/index.js';

/** What decides where the weights of a base model are. */
export interface WeightForm {
  /** llama.cpp's name of it. */
  architecture: string;
  heads: number;
  kvHeads: number;
  headDim: number;
}

/** llama.cpp's names of tensors outside the layers, and of the norms in them, with those of transformers. */
const OUTSIDE = [
  ['token_embd.weight', 'model.embed_tokens.weight'],
  ['output_norm.weight', 'model.norm.weight'],
  ['output.weight', 'lm_head.weight'],
] as const;
const NORMS = [
  ['attn_norm', 'input_layernorm'],
  ['ffn_norm', 'post_attention_layernorm'],
  ['attn_q_norm', 'self_attn.q_norm'],
  ['attn_k_norm', 'self_attn.k_norm'],
] as const;

const NUMBER = '0|[1-9]\\d{0,5}';

/** Of everything in a layer: llama.cpp's name, and transformers'. */
function layerNames(architecture: string): (readonly [string, string])[] {
  return [...ARCHITECTURES[architecture]!.modules.map(({ weight, path }) => [weight, path] as const), ...NORMS];
}

/**
 * Transformers' name of a tensor, and the number of heads whose rows are in llama.cpp's order; 0 where there is none.
 * @param path of the file
 * @throws DndError UNSUPPORTED_BASE for a tensor that is not known
 */
export function placeOf(name: string, form: WeightForm, path: string): { name: string; heads: number } {
  const outside = OUTSIDE.find(([own]) => own === name);
  if (outside) return { name: outside[1], heads: 0 };
  const match = new RegExp(`^blk\\.(${NUMBER})\\.(\\w+)\\.(weight|bias)$`).exec(name);
  const own = layerNames(form.architecture).find(([weight]) => weight === match?.[2]);
  if (!match || !own)
    throw new DndError(
      'UNSUPPORTED_BASE',
      `${path}: tensor ${quote(name)} is not known for the architecture ${form.architecture}, and may change what the model computes`,
    );
  const { modules, layersPath } = ARCHITECTURES[form.architecture]!;
  const permutedBy = modules.find(({ weight }) => weight === own[0])?.permutedBy;
  return {
    name: `${layersPath}.${match[1]}.${own[1]}.${match[3]}`,
    heads: permutedBy === undefined ? 0 : form[permutedBy],
  };
}

/** llama.cpp's name of a tensor; transformers' own where it has none. */
export function ggufNameOf(name: string, { architecture }: WeightForm): string {
  const outside = OUTSIDE.find(([, other]) => other === name);
  if (outside) return outside[0];
  const match = new RegExp(`\\.(${NUMBER})\\.([\\w.]+)\\.(weight|bias)$`).exec(name);
  const own = layerNames(architecture).find(([, other]) => other === match?.[2]);
  return match && own ? `blk.${match[1]}.${own[0]}.${match[3]}` : name;
}
