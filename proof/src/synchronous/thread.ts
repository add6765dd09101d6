/**
 * A thread that makes synchronous calls of Holdfast on a filesystem of another thread. Each call of
 * that filesystem is a question, for whose answer this thread waits in the kernel; so whatever an
 * engine does to an `Fs`, it does to a synchronous one.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import {
  READ,
  isRemote,
  packError,
  unpackError,
  type Answer,
  type Question,
  type Remote,
  type Task,
  type ThreadData,
} from './messages.js';

type AnyFunction = (...args: unknown[]) => unknown;

const { module, answered, answers } = workerData as ThreadData;
const calls = (await import(module)) as Readonly<Record<string, AnyFunction>>;
const signal = new Int32Array(answered);
/**
 * Filesystems of one program keep their identity, by which Holdfast remembers what it did in each.
 */
const known = new Map<number, object>();
const MOST_KNOWN = 64;

parentPort?.on('message', ({ call, args }: Task) => {
  const answer = answerOf(() => calls[call]?.(...args.map(fromRemote)));
  parentPort?.postMessage({ kind: 'ended', answer }, []);
});

function answerOf(make: () => unknown): Answer {
  try {
    return { value: make() };
  } catch (error) {
    return { error: packError(error) };
  }
}

function ask(id: number, method: string, args: readonly unknown[]): unknown {
  Atomics.store(signal, 0, 0);
  parentPort?.postMessage({ kind: 'question', id, method, args } satisfies Question, []);
  // A late wake-up for the answer before this one ends the wait too soon.
  while (Atomics.load(signal, 0) === 0) Atomics.wait(signal, 0, 0);
  const received = receiveMessageOnPort(answers);
  if (received === undefined) throw new Error('a question has no answer');
  const answer = received.message as Answer;
  if ('error' in answer) throw unpackError(answer.error);
  return fromRemote(answer.value);
}

function fromRemote(value: unknown): unknown {
  if (isRemote(value)) return value.methods.length === 0 ? functionOf(value) : objectOf(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fromRemote(each)]));
}

function objectOf({ id, methods, values }: Remote): object {
  const there = known.get(id);
  if (there) return there;
  const object: Record<string, unknown> = { ...values };
  for (const method of methods)
    object[method] = (...args: unknown[]) =>
      method === READ ? readInto(id, args) : ask(id, method, args);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(id, object);
  return object;
}

function readInto(id: number, [buffer, offsetBytes]: readonly unknown[]): unknown {
  const target = buffer as Uint8Array;
  const bytes = ask(id, READ, [target.length, offsetBytes]) as Uint8Array;
  target.set(bytes);
  return bytes.length;
}

/** A function of the caller; what it did to the value that it was given is done to it here. */
function functionOf({ id }: Remote): AnyFunction {
  return (...args) => {
    const { returned, given } = ask(id, '', args.filter(isData)) as {
      readonly returned: unknown;
      readonly given: readonly unknown[];
    };
    return returned === undefined && isData(args[0]) ? given[0] : returned;
  };
}

/** Not a lock, which has methods. */
function isData(value: unknown): boolean {
  return !(typeof value === 'object' && value !== null && 'release' in value);
}
