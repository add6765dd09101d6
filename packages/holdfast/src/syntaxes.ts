/**
 * `holdfast/syntaxes`: what a document holds, apart from where it lies, for those who keep
 * documents elsewhere than in files. A syntax reads bytes, hands out values, and makes a new value
 * the smallest edits of the text. And `TaskGroup`, the tasks that fill a tree, wherever that lies,
 * and what sessions of parts say, wherever they lie.
 */
export { applyUpdater, asPromise, type UpdaterCall } from './document/apply-updater.js';
export type { Document, OpenOptions, Syntax } from './document/syntax.js';
export { checkUpdater } from './document/update-options.js';
export type { JsonSyntaxName } from './document/update-options.js';
export { validate, type StandardSchema } from './document/standard-schema.js';
export { fileSyntax } from './document/update-file.js';
export { TaskGroup } from './directory/task-group.js';
export { envSyntax } from './env/update-env.js';
export { syntaxFor } from './json/document.js';
export { checkedText, parseChecked, type CheckedFile } from './parts/checked-json.js';
export { partsMissing } from './parts/commit-parts.js';
export { checkId } from './parts/session.js';
export { sessionGone } from './parts/session-place.js';
export { tomlSyntax } from './toml/update-toml.js';
export { yamlSyntax } from './yaml/update-yaml.js';
