/** The message of what some work throws; `undefined` when it succeeds. */
import { messageOf as messageOfThrown } from 'holdfast/errors';

export async function messageOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return messageOfThrown(error);
  }
}
