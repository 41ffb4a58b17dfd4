import { describePage } from './run-page.js';

describePage('README.md');
