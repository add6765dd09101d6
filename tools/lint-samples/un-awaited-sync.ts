// Must fail lint: a durability step that nobody awaits.
interface Handle {
  sync(): Promise<void>;
}
export function publish(handle: Handle): void {
  handle.sync();
}
