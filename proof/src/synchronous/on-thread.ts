/**
 * The synchronous calls of Holdfast in the form of the asynchronous ones, so that all scenarios and
 * engines serve both. Each is made on a thread of its own, which waits for whatever the filesystem
 * of this thread does (thread.ts).
 *
 * Of one process, which is one `Fs` here, one synchronous call at a time is under way, as it is in
 * a program.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Fs } from 'holdfast/os';
import type { HoldfastApi } from '../scenarios/api.js';
import {
  READ,
  isRemote,
  packError,
  unpackError,
  type Answer,
  type CallBack,
  type FromThread,
  type Question,
  type Remote,
  type Task,
  type ThreadData,
  type ToThread,
} from './messages.js';

/** The calls that have a synchronous form, by name. */
const synchronousNames: Readonly<Partial<Record<keyof HoldfastApi, string>>> = {
  replaceFile: 'replaceFileSync',
  updateFile: 'updateFileSync',
  readJson: 'readJsonSync',
  updateJson: 'updateJsonSync',
  updateToml: 'updateTomlSync',
  updateYaml: 'updateYamlSync',
  updateEnv: 'updateEnvSync',
  appendRecords: 'appendRecordsSync',
  publishDirectory: 'publishDirectorySync',
  transaction: 'transactionSync',
};

type AnyFunction = (...args: unknown[]) => unknown;
type Options = Readonly<Record<string, unknown>> & { readonly fs?: Fs };

/**
 * @param api - what has no synchronous form stays as it is
 * @param module - the address of the module with the synchronous calls
 */
export function synchronousApi(api: HoldfastApi, module: string): HoldfastApi {
  const threads = new Threads(module);
  const made = Object.entries(synchronousNames).map(([name, call]) => {
    const onThread: AnyFunction = (...args) => threads.make(call, args);
    return [name, onThread] as const;
  });
  return { ...api, ...(Object.fromEntries(made) as unknown as Partial<HoldfastApi>) };
}

/**
 * Threads are made when all are busy. One that waits for a call which never ends stays so, and
 * keeps no program from ending.
 */
class Threads {
  readonly #module: string;
  readonly #idle: Thread[] = [];
  readonly #underWay = new WeakMap<Fs, Promise<unknown>>();

  constructor(module: string) {
    this.#module = module;
  }

  make(call: string, args: readonly unknown[]): Promise<unknown> {
    const { fs } = (args.at(-1) ?? {}) as Options;
    if (fs === undefined) return this.#run(call, args);
    const before = this.#underWay.get(fs) ?? Promise.resolve();
    const ended = before.then(() => this.#run(call, args));
    this.#underWay.set(
      fs,
      ended.catch(() => undefined),
    );
    return ended;
  }

  async #run(call: string, args: readonly unknown[]): Promise<unknown> {
    const thread = this.#idle.pop() ?? new Thread(this.#module);
    const remotes = args.map(toRemote);
    const answer = await thread.run({ call, args: remotes });
    this.#idle.push(thread);
    giveBack(remotes);
    if ('error' in answer) throw unpackError(answer.error);
    return answer.value;
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #answered = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #channel = new MessageChannel();
  readonly #calls = new Map<number, (answer: Answer) => void>();
  /** What callbacks were given, until the task has ended. */
  readonly #lent: unknown[] = [];
  #lastNumber = 0;
  #ended: ((answer: Answer) => void) | undefined;

  constructor(module: string) {
    const answers = this.#channel.port2;
    const answered = this.#answered.buffer;
    this.#worker = new Worker(new URL('thread.js', import.meta.url), {
      workerData: { module, answered, answers } satisfies ThreadData,
      transferList: [answers],
    });
    this.#worker.on('message', (message: FromThread) => {
      if (message.kind === 'ended') this.#ended?.(message.answer);
      else if (message.kind === 'called') this.#called(message.number, message.answer);
      else void this.#reply(message);
    });
    this.#worker.on('error', (error) => this.#ended?.({ error: packError(error) }));
    this.#worker.unref();
    this.#channel.port1.unref();
  }

  run(task: Task): Promise<Answer> {
    this.#worker.ref();
    return new Promise((resolve) => {
      this.#ended = (answer) => {
        this.#worker.unref();
        giveBack(this.#lent.splice(0));
        resolve(answer);
      };
      this.#worker.postMessage(task, []);
    });
  }

  async #reply({ number, ...question }: Question): Promise<void> {
    const answer = await answerTo(question, (remote) => this.#objectOf(remote));
    this.#send({ kind: 'answer', number, answer });
  }

  #send(message: ToThread): void {
    this.#channel.port1.postMessage(message);
    Atomics.store(this.#answered, 0, 1);
    Atomics.notify(this.#answered, 0);
  }

  /** A stage or a transaction of the thread, with asynchronous methods. */
  #objectOf({ id, methods, values }: Remote): object {
    const made = methods.map((method) => {
      const call: AnyFunction = (...args) => this.#callBack({ id, method, args });
      return [method, call] as const;
    });
    return { ...values, ...Object.fromEntries(made) };
  }

  #callBack({ id, method, args }: Pick<CallBack, 'id' | 'method' | 'args'>): Promise<unknown> {
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const remotes = args.map(toRemote);
    this.#lent.push(...remotes);
    const ended = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(number, (answer) => {
        if ('error' in answer) reject(unpackError(answer.error));
        else resolve(answer.value);
      });
    });
    // One that nobody awaits fails what it is part of.
    ended.catch(() => undefined);
    this.#send({ kind: 'callBack', number, id, method, args: remotes });
    return ended;
  }

  #called(number: number, answer: Answer): void {
    this.#calls.get(number)?.(answer);
    this.#calls.delete(number);
  }
}

/** @param objectOf - makes of what the thread gives to a function something to be called */
async function answerTo(
  { id, method, args }: Pick<Question, 'id' | 'method' | 'args'>,
  objectOf: (remote: Remote) => object,
): Promise<Answer> {
  try {
    const target = held.get(id) ?? filesystems.get(id)?.deref();
    if (target === undefined) throw new Error(`there is no object ${id} any more`);
    if (typeof target === 'function') {
      const own = args.map((each) => (isRemote(each) ? objectOf(each) : each));
      const returned: unknown = await (target as AnyFunction)(...own);
      return { value: { returned, given: args } };
    }
    const member = Reflect.get(target, method) as AnyFunction;
    if (method === CLOSE) held.delete(id);
    if (method === READ) return { value: await read(target, member, args) };
    return { value: toRemote(await Reflect.apply(member, target, args)) };
  } catch (error) {
    return { error: packError(error) };
  }
}

async function read(
  target: object,
  member: AnyFunction,
  [sizeBytes, offsetBytes]: readonly unknown[],
): Promise<Uint8Array> {
  const buffer = new Uint8Array(sizeBytes as number);
  const count = await Reflect.apply(member, target, [buffer, offsetBytes]);
  return buffer.slice(0, count as number);
}

/** Filesystems that threads call, as long as somebody here has them. */
const filesystems = new Map<number, WeakRef<Fs>>();
/** What is open, until it is closed, and functions, until their call has ended. */
const held = new Map<number, object>();
const CLOSE = 'close';

function giveBack(remotes: readonly unknown[]): void {
  for (const remote of remotes) if (isRemote(remote)) held.delete(remote.id);
}

const ids = new WeakMap<object, number>();
let lastId = 0;

function toRemote(value: unknown): unknown {
  if (typeof value === 'function') return remoteOf(value, [], {});
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (isOpen(value) || isFs(value)) {
    const names = [...namesOf(value), ...valueNames].filter((name) => !leftOut.has(name));
    const members = names.map((name) => [name, Reflect.get(value, name) as unknown] as const);
    const methods = members.filter(([, member]) => typeof member === 'function');
    const values = members.filter(([, member]) => plainTypes.has(typeof member));
    return remoteOf(
      value,
      methods.map(([name]) => name),
      Object.fromEntries(values),
    );
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const { signal: _signal, ...rest } = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(rest).map(([name, each]) => [name, toRemote(each)]));
}

/** Of `Fs`, which may be given by a proxy that does not name them. */
const valueNames = ['uid', 'stateDirectory', 'hasModes', 'givesToDirectory', 'hasExchange'];
const plainTypes: ReadonlySet<string> = new Set(['string', 'number', 'bigint', 'boolean']);
/** What is only a hint, and needs more than calls. */
const leftOut: ReadonlySet<string> = new Set([
  'constructor',
  'tickets',
  'watchOpens',
  'readStrided',
]);

function remoteOf(
  object: object,
  methods: readonly string[],
  values: Readonly<Record<string, unknown>>,
): Remote {
  const id = ids.get(object) ?? (lastId += 1);
  ids.set(object, id);
  if (isFs(object)) filesystems.set(id, new WeakRef(object));
  else held.set(id, object);
  return { isRemote: true, id, methods, values };
}

function isOpen(value: object): boolean {
  return 'tryLock' in value && 'close' in value;
}

function isFs(value: object): value is Fs {
  return 'openDirectory' in value && 'rename' in value;
}

/** Of the object and its classes. */
function namesOf(object: object): readonly string[] {
  const names = new Set<string>();
  for (let at: object | null = object; at && at !== Object.prototype;) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    at = Object.getPrototypeOf(at) as object | null;
  }
  return [...names];
}
