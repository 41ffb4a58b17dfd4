import { DndError } from '../../errors.js';

/** How to get a file that this package reads. */
export const SAVE_AGAIN = 'torch.save(torch.load(path, map_location="cpu"), path)';

export function corrupt(path: string, what: string): DndError {
  return new DndError('CORRUPT_FILE', `${path} is not a valid PyTorch archive: ${what}`);
}

/** @param fix an imperative sentence. Default: save the file again with today's torch.save */
export function unsupported(path: string, what: string, fix = `Save it again: ${SAVE_AGAIN}`): DndError {
  return new DndError('UNSUPPORTED_FORMAT', `${path}: ${what}. ${fix}`);
}

export function torchScript(path: string): DndError {
  return unsupported(
    path,
    'it is a TorchScript program, of which only PyTorch can take the tensors',
    'Save them: torch.save(torch.jit.load(path).state_dict(), path)',
  );
}
