/**
 * Renders docs/errors.md from the table of codes, so that the page and the code cannot disagree:
 * `npm run build && node test/dist/docs/errors-page.js` writes it, and a test compares.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorCodes } from 'holdfast';
import { format } from 'prettier';

export const errorsPagePath: string = fileURLToPath(
  new URL('../../../docs/errors.md', import.meta.url),
);

/** The text of the page. */
export async function renderErrorsPage(): Promise<string> {
  const rows = Object.entries(errorCodes).map(
    ([code, { when, remedy, exitCode }]) => `| \`${code}\` | ${when} | ${remedy} | ${exitCode} |`,
  );
  const page = `# Errors

Every operation of Holdfast fails with one class, \`HoldfastError\`. Match on its \`code\` (\`isHoldfastError(error, code)\`),
never on message text. \`outcome\` says what is on disk now:

- \`unchanged\`: the target is as it was before the call.
- \`committed\`: the new state is in place and stays; what failed came after the commit point.
- \`unknown\`: the new state may or may not survive a power loss, or a request to an object store may still arrive; read it again
  before you rely on it.

\`step\` names the step of the protocol that failed, \`path\` what it was about, \`cause\` is the operating system's own error
(or what your function threw), and \`others\` holds further errors of work that ran side by side.

| code | returned when | what to do | exit status of \`holdfast\` |
| --- | --- | --- | --- |
${rows.join('\n')}

The message of an error says what to do, with names and numbers. \`holdfast\` says it with its own commands and flags; names of
options and calls are the library's.

**Missing directories**: \`updateJson\`, \`updateFile\`, \`updateEnv\`, \`updateToml\` and \`updateYaml\` make the directory of their
document, with those above it, durably: a configuration is often the first file of its program. Every other call, and every
other command, wants the directory to be there: a misspelt path is NOT_FOUND, and makes nothing.

The command line exits with 1 for an error that is not Holdfast's own, and with the status of the command that it runs
(\`holdfast lock\`, \`holdfast publish\`) when that command fails. The commands that make something in parts have the few
statuses of [many-machines.md](many-machines.md#exit-statuses) instead.
`;
  return format(page, { parser: 'markdown', printWidth: 100, singleQuote: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(errorsPagePath, await renderErrorsPage());
}
