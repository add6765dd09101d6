// Must fail lint: two modules that import each other.
import { b } from './cycle-b.js';
export const a: () => unknown = () => b;
