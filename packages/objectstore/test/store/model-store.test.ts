import { ModelStore } from '#src/store/model-store.js';
import { conformance } from './conformance.js';

conformance('a model in memory', async () => ({ store: new ModelStore(), bucket: 'bucket' }));
