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
  type CallBack,
  type Question,
  type Remote,
  type Task,
  type ThreadData,
  type ToThread,
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
  given.clear();
  parentPort?.postMessage({ kind: 'ended', answer }, []);
});

function answerOf(make: () => unknown): Answer {
  try {
    return { value: make() };
  } catch (error) {
    return { error: packError(error) };
  }
}

let lastNumber = 0;
/** Answers to questions that are not waited for yet: those around the one that is. */
const early = new Map<number, Answer>();
/** What is to be called when the call that is under way has ended. */
const later: CallBack[] = [];

/** @param method - a method's name, or nothing for the function itself */
function ask(id: number, method: string, args: readonly unknown[]): unknown {
  lastNumber += 1;
  const number = lastNumber;
  parentPort?.postMessage({ kind: 'question', number, id, method, args } satisfies Question, []);
  const answer = method === '' ? answerOfCaller(number) : answerTo(number);
  if ('error' in answer) throw unpackError(answer.error);
  return fromRemote(answer.value);
}

/** Of a function of the caller, which calls back meanwhile. */
function answerOfCaller(number: number): Answer {
  for (;;) {
    const call = later.shift();
    if (call) {
      callBack(call);
      continue;
    }
    const answer = take(number);
    if (answer) return answer;
    receive();
  }
}

function answerTo(number: number): Answer {
  for (;;) {
    const answer = take(number);
    if (answer) return answer;
    receive();
  }
}

function take(number: number): Answer | undefined {
  const answer = early.get(number);
  early.delete(number);
  return answer;
}

/** Waits for a message. */
function receive(): void {
  for (;;) {
    Atomics.store(signal, 0, 0);
    const received = receiveMessageOnPort(answers)?.message as ToThread | undefined;
    if (received === undefined) {
      Atomics.wait(signal, 0, 0);
      continue;
    }
    if (received.kind === 'answer') early.set(received.number, received.answer);
    else later.push(received);
    return;
  }
}

/** What was given to functions of the caller, as long as the task lasts. */
const given = new Map<number, Readonly<Record<string, AnyFunction>>>();

function callBack({ number, id, method, args }: CallBack): void {
  const answer = answerOf(() => given.get(id)?.[method]?.(...args.map(fromRemote)));
  parentPort?.postMessage({ kind: 'called', number, answer }, []);
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
    const { returned, given: changed } = ask(id, '', args.filter(isGiven).map(toRemote)) as {
      readonly returned: unknown;
      readonly given: readonly unknown[];
    };
    return returned === undefined && isData(args[0]) ? changed[0] : returned;
  };
}

/** Not a lock. */
function isGiven(value: unknown): boolean {
  return !hasMethod(value, 'release');
}

function isData(value: unknown): boolean {
  return isGiven(value) && !isToFill(value);
}

/** A stage, or a transaction. */
function isToFill(value: unknown): value is Readonly<Record<string, unknown>> {
  return hasMethod(value, 'spawn') || hasMethod(value, 'rename');
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && name in value;
}

function toRemote(value: unknown): unknown {
  if (!isToFill(value)) return value;
  const members = Object.entries(value);
  const id = (lastGiven += 1);
  const methods = members.filter(([, member]) => typeof member === 'function');
  given.set(id, Object.fromEntries(methods) as Readonly<Record<string, AnyFunction>>);
  const plain = ['string', 'boolean'];
  const values = Object.fromEntries(members.filter(([, member]) => plain.includes(typeof member)));
  return { isRemote: true, id, methods: methods.map(([name]) => name), values } satisfies Remote;
}

let lastGiven = 0;
