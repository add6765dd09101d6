/**
 * Schemas of any library that follows Standard Schema v1 (https://standardschema.dev): zod,
 * valibot, arktype and others. The interface is the specification's; it is declared here so that no
 * library is needed.
 */
import { HoldfastError } from '../errors.js';

/** A schema of any library that follows Standard Schema v1 (zod, valibot, arktype, …). */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Judges a value: what it is taken for, or the issues. */
    readonly validate: (
      value: unknown,
    ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/** A schema of any library that follows Standard Schema v1 (zod, valibot, arktype, …). */
interface StandardSchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What the message of an error shows; the rest is in its cause. */
const SHOWN_ISSUES = 3;

/**
 * Asks the schema, and gives back what it makes of the value.
 *
 * @throws HoldfastError SCHEMA_MISMATCH, with the issues in its message and all of them as its
 *   cause
 */
export async function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
  path: string,
): Promise<Output> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const shown = result.issues.slice(0, SHOWN_ISSUES).map(describe).join('; ');
  const more = result.issues.length - SHOWN_ISSUES;
  throw new HoldfastError('SCHEMA_MISMATCH', {
    message: `${what} does not satisfy the schema: ${shown}${more > 0 ? ` and ${more} more` : ''}.`,
    step: 'validate',
    path,
    cause: new AggregateError(result.issues, 'the issues that the schema found'),
  });
}

function describe({ message, path = [] }: StandardSchemaIssue): string {
  const names = path.map((part) => String(typeof part === 'object' ? part.key : part));
  return `${message} (at '${names.map((name) => `/${name}`).join('')}')`;
}
