/** The values that vLLM's --max-lora-rank takes; an adapter may have a lower rank. Source: vLLM, `LoRAConfig`. */
const VLLM_RANKS = [8, 16, 32, 64, 128, 256, 320, 512];

/** How to serve an adapter whose rank is not among them; undefined for those that are. */
export function vllmRankNote(rank: number): string | undefined {
  if (VLLM_RANKS.includes(rank)) return undefined;
  const fitting = VLLM_RANKS.find((limit) => limit >= rank);
  const list = VLLM_RANKS.join(', ');
  return fitting === undefined
    ? `rank ${rank} is more than vLLM serves: its --max-lora-rank takes ${list}`
    : `rank ${rank} is not a --max-lora-rank of vLLM, which takes ${list}: serve the adapter with --max-lora-rank ${fitting}`;
}
