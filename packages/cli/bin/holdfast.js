#!/usr/bin/env node
import { keepCompiled } from '../dist/compile-cache.js';

keepCompiled();
await import('../dist/main.js');
