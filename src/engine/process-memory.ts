import { readFileSync } from 'node:fs';

/** Memory of this process, everything in it included. */
export interface ProcessMemory {
  /** The most that was resident at once, mapped files included. */
  peakBytes: number;
  /** Resident now, without files that are mapped; null on systems that do not tell, all but Linux. */
  privateBytes: number | null;
}

/** As the system counts it. */
export function processMemory(): ProcessMemory {
  const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(statusText())?.[1];
  return {
    peakBytes: process.resourceUsage().maxRSS * 1024,
    privateBytes: anonymous === undefined ? null : Number(anonymous) * 1024,
  };
}

function statusText(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
