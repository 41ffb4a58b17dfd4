/** How far apart two adapters are: in one module, or, with all modules as one long vector, as a whole. */
export interface PairComparison {
  /** Places of the two in the list of adapters. */
  first: number;
  /** Place of the second adapter in the list of adapters. */
  second: number;
  /** Cosine of ΔW₁ and ΔW₂ as vectors, −1 to 1; null where one of them is 0. */
  cosine: number | null;
  /** ‖ΔW₁ − ΔW₂‖, the Frobenius norm. */
  distance: number;
  /** distance / √(‖ΔW₁‖² + ‖ΔW₂‖²): 0 equal, 1 orthogonal, √2 opposite; null where both are 0. */
  relativeDistance: number | null;
}

/** One adapter's change of one module. */
export interface ModuleUpdate {
  /** Rank of its matrices; null where the adapter does not have the module. */
  rank: number | null;
  /** ‖ΔW‖, the Frobenius norm. */
  norm: number;
  /** exp of the entropy of the singular values of ΔW: how many directions it uses. 0 where ΔW is 0. */
  effectiveRank: number;
}

/** What the adapters change in one module. */
export interface ModuleComparison {
  /** The base model's name of it. */
  module: string;
  /** Columns of ΔW. */
  inputWidth: number;
  /** Rows of ΔW. */
  outputWidth: number;
  /** What each adapter changes, in the order of the adapters. */
  adapters: ModuleUpdate[];
  /** Every two adapters in this module. */
  pairs: PairComparison[];
}

/** One adapter as a whole. */
export interface ComparedAdapter {
  /** The name that it was given. */
  name: string;
  /** Hugging Face id or path of its base model; null if it does not say. */
  baseModelName: string | null;
  /** Rank in its configuration. */
  rank: number;
  /** Alpha in its configuration. */
  alpha: number;
  /** Whether it is scaled by alpha / √rank instead of alpha / rank. */
  useRslora: boolean;
  /** The number of modules that it adapts. */
  modules: number;
  /** Frobenius norm of all its ΔW together. */
  norm: number;
  /** Mean over the modules that it changes. */
  effectiveRank: number;
}

/** The result of `compareAdapters`. Plain data. */
export interface AdapterComparison {
  /** The adapters, in the order given. */
  adapters: ComparedAdapter[];
  /** Every two adapters, over all modules as one long vector. */
  pairs: PairComparison[];
  /** Module by module, layers ascending. */
  modules: ModuleComparison[];
  /** Sentences about what differs besides the numbers: base models, modules that an adapter lacks. */
  notes: string[];
}
