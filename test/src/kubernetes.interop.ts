/**
 * The recipe for Kubernetes of docs/many-machines.md, without a cluster: its manifest against the
 * rules of the Job API, and its container run as the controller of Jobs runs one, by the manifest's
 * own limits and policy.
 *
 * Rules: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/ and
 * https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { parseAllDocuments } from 'yaml';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  bytesBelow,
  environmentWith,
  makeInput,
  recipe,
  recipeTable,
  run,
  tileFlags,
  whole,
} from './mosaic-in-parts.js';

interface Rule {
  readonly action: 'FailIndex' | 'FailJob' | 'Ignore' | 'Count';
  readonly onExitCodes?: { readonly operator: 'In' | 'NotIn'; readonly values: readonly number[] };
  readonly onPodConditions?: readonly { readonly type: string }[];
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Job {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly completionMode: string;
    readonly completions: number;
    readonly parallelism: number;
    readonly backoffLimitPerIndex: number;
    readonly podFailurePolicy: { readonly rules: readonly Rule[] };
    readonly template: {
      readonly spec: {
        readonly restartPolicy: string;
        readonly containers: readonly Container[];
        readonly volumes: readonly {
          readonly name: string;
          readonly persistentVolumeClaim: { readonly claimName: string };
        }[];
      };
    };
  };
}

function jobOf(text: string): Job {
  const documents = parseAllDocuments(text, { version: '1.2', uniqueKeys: true });
  assert.ok(Array.isArray(documents) && documents.length === 1, 'it is one manifest');
  const [document] = documents;
  assert.deepEqual([...(document?.errors ?? []), ...(document?.warnings ?? [])], []);
  return document?.toJS() as Job;
}

const job = jobOf(recipe('yaml', 'kind: Job', {}));
const pod = job.spec.template.spec;

test('the manifest for Kubernetes is a Job by the rules of its API', () => {
  assert.deepEqual([job.apiVersion, job.kind], ['batch/v1', 'Job']);
  assert.match(job.metadata.name, /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/u);
  // A field that is misspelt would be dropped, or the whole refused.
  const fields = [
    ['completionMode', 'completions', 'parallelism', 'backoffLimitPerIndex', 'podFailurePolicy'],
    ['restartPolicy', 'containers', 'volumes'],
    ['name', 'image', 'command', 'env', 'volumeMounts'],
  ];
  assert.deepEqual(Object.keys(job.spec), [...(fields[0] ?? []), 'template']);
  assert.deepEqual(Object.keys(pod), fields[1]);
  for (const container of pod.containers) assert.deepEqual(Object.keys(container), fields[2]);
  // Each wants another: limits an index, indices the mode; a policy that pods are not started again.
  const { completionMode, completions, parallelism, backoffLimitPerIndex } = job.spec;
  assert.equal(completionMode, 'Indexed');
  assert.equal(pod.restartPolicy, 'Never');
  for (const count of [completions, parallelism]) assert.ok(Number.isInteger(count) && count > 0);
  assert.ok(Number.isInteger(backoffLimitPerIndex) && backoffLimitPerIndex > 0);
  const { rules } = job.spec.podFailurePolicy;
  assert.ok(rules.length > 0 && rules.length <= 20);
  for (const { action, onExitCodes, onPodConditions } of rules) {
    assert.ok(['FailIndex', 'FailJob', 'Ignore', 'Count'].includes(action), action);
    assert.notEqual(onExitCodes === undefined, onPodConditions === undefined);
    const values = onExitCodes?.values ?? [];
    assert.ok(!values.includes(0), 'no rule is about success');
    assert.deepEqual(
      values,
      [...new Set(values)].toSorted((a, b) => a - b),
    );
    for (const { type } of onPodConditions ?? []) assert.equal(type, 'DisruptionTarget');
  }
  for (const { volumeMounts } of pod.containers)
    for (const { name } of volumeMounts) assert.ok(pod.volumes.some((each) => each.name === name));
});

interface Ran {
  readonly statuses: readonly number[];
  readonly isFailed: boolean;
}

/** What the controller of Jobs makes of one index: a pod, and others in its place. */
function runIndex(index: number, { command, env }: Container, base: NodeJS.ProcessEnv): Ran {
  const { backoffLimitPerIndex, podFailurePolicy } = job.spec;
  const given = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  const environment = { ...base, ...given, JOB_COMPLETION_INDEX: `${index}` };
  const statuses: number[] = [];
  let failureCount = 0;
  while (failureCount <= backoffLimitPerIndex) {
    const [program = '', ...args] = command;
    const { status, signal } = spawnSync(program, args, { env: environment, stdio: 'ignore' });
    const exit = status ?? 128 + constants.signals[signal ?? 'SIGKILL'];
    statuses.push(exit);
    if (exit === 0) return { statuses, isFailed: false };
    const rule = podFailurePolicy.rules.find(
      ({ onExitCodes: on }) => on && on.values.includes(exit) === (on.operator === 'In'),
    );
    if (rule?.action === 'FailIndex') return { statuses, isFailed: true };
    if (rule?.action !== 'Ignore') failureCount += 1;
  }
  return { statuses, isFailed: true };
}

/** The container with a directory in place of its volume, and a session in place of its words. */
function containerIn(directory: string, id: string): Container {
  const [container] = pod.containers;
  assert.ok(container);
  const mount = `${container.volumeMounts[0]?.mountPath}/`;
  assert.equal(container.env[0]?.name, 'ID');
  const command = container.command.map((each) => each.replaceAll(mount, `${directory}/`));
  assert.notDeepEqual(command, container.command, 'it works on its volume');
  return { ...container, command, env: [{ name: 'ID', value: id }] };
}

test('the container for Kubernetes, run by the rules of its manifest, makes the mosaic of one process', async (t) => {
  const directory = temporaryDirectory(t);
  const input = await makeInput(directory);
  mkdirSync(join(directory, 'parts'));
  const output = join(directory, 'parts', 'dem.vrt');
  const id = run('raster', 'begin', input, output, '--parts', '4', ...tileFlags).stdout.trim();
  const env = environmentWith(directory, { 1: 'kill -9 "$$"', 2: 'exit 1' });
  const ran = (index: number, session: string): Ran =>
    runIndex(index, containerIn(join(directory, 'parts'), session), env);
  // What passes is tried again.
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => ran(index, id)),
    [[0], [137, 0], [1, 0], [0]].map((statuses) => ({ statuses, isFailed: false })),
  );
  // What does not is not: a session that never was, and what is no session or no part of it.
  assert.deepEqual(ran(0, '0'.repeat(20)), { statuses: [3], isFailed: true });
  assert.deepEqual(ran(0, 'none'), { statuses: [2], isFailed: true });
  assert.deepEqual(ran(4, id), { statuses: [2], isFailed: true });
  assert.equal(run('raster', 'commit', output, id).status, 0);
  assert.deepEqual(bytesBelow(join(directory, 'parts')), whole(directory, input));
});

test('the policy for Kubernetes has the exit statuses that are not to be tried again, and no others', () => {
  const rows = recipeTable('status');
  const isFinal = (means: string): boolean => /do not try again|mistake/u.test(means);
  const final = rows.filter(([, means]) => isFinal(means)).map(([status]) => Number(status));
  const rule = job.spec.podFailurePolicy.rules.find(({ action }) => action === 'FailIndex');
  assert.deepEqual(rule?.onExitCodes, { operator: 'In', values: final });
});
