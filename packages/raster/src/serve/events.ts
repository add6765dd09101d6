/** Tells open pages of changes, as server-sent events (HTML, 9.2). */
import type { ServerResponse } from 'node:http';
import type { Told } from './description.js';

/** Pages that are told at one time. */
const MOST_LISTENERS = 32;

export class Events {
  readonly #listeners = new Set<ServerResponse>();

  get isFull(): boolean {
    return this.#listeners.size >= MOST_LISTENERS;
  }

  /** Tells it what is, and then each change. */
  add(response: ServerResponse, now: Told): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(eventOf(now));
    this.#listeners.add(response);
    response.once('close', () => this.#listeners.delete(response));
  }

  tell(told: Told): void {
    for (const listener of this.#listeners) listener.write(eventOf(told));
  }

  close(): void {
    for (const listener of this.#listeners) listener.end();
  }
}

function eventOf(told: Told): string {
  return `data: ${JSON.stringify(told)}\n\n`;
}
