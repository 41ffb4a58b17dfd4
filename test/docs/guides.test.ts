import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root.js';
import { describePage } from './run-page.js';

for (const name of readdirSync(join(ROOT, 'docs', 'guides')).sort()) describePage(`docs/guides/${name}`);
