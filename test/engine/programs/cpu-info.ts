import { cpuInfo } from '../../../src/engine/index.js';

try {
  console.log(JSON.stringify(cpuInfo()));
} catch (error) {
  const { name, code, message } = error as Error & { code: string };
  console.log(JSON.stringify({ name, code, message }));
}
