import { readConfig } from './config.js';
import { readRunDescription } from './run-description.js';
import type { LossKind } from './settings.js';
import { SETTINGS } from './settings-table.js';

/** Where the loss of a run can be said. */
export interface LossSources {
  loss?: LossKind | undefined;
  /** Configuration file. */
  config?: string | undefined;
  /** Folder of a run that is resumed. */
  resume?: string | undefined;
}

/**
 * The loss of a run that is about to start or to be resumed, before anything else of it is read.
 * @throws DndError as `readConfig` and `readRunDescription`
 */
export async function lossOf({ loss, config, resume }: LossSources): Promise<LossKind> {
  const found =
    loss ??
    (config === undefined ? undefined : (await readConfig(config)).loss) ??
    (resume === undefined ? undefined : (await readRunDescription(resume)).settings.loss);
  return (found ?? SETTINGS.loss.default) as LossKind;
}
