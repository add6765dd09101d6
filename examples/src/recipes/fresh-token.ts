/**
 * A token that expires, shared by several processes: whoever finds it stale refreshes it, once. The
 * refresh happens under the lock of the file, and each process that waited for the lock looks at
 * the file again before it does the same: a refresh token that may be used once is used once.
 *
 *   TOKEN_URL=http://… node fresh-token.js
 */
import { updateJson } from 'holdfast';

interface Token {
  readonly access: string;
  readonly refresh: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** A token that is good for this much longer is not refreshed. */
const MARGIN_MS = 30_000;

export async function freshToken(
  path: string,
  refresh: (token: Token) => Promise<Token>,
): Promise<Token> {
  return updateJson<Token>(
    path,
    // Lock, read, look whether it is still stale, ask the server, write, unlock. When the refresh
    // fails, the file stays.
    async (token) => (token.expiresAt > Date.now() + MARGIN_MS ? token : refresh(token)),
    {
      // Readable by this user alone, from the first byte.
      secret: true,
      initial: { access: '', refresh: process.env['REFRESH_TOKEN'] ?? '', expiresAt: 0 },
      // A server that hangs must not keep the others waiting for ever.
      timeoutMs: 60_000,
    },
  );
}

async function refreshOverTheNetwork({ refresh }: Token): Promise<Token> {
  const response = await fetch(process.env['TOKEN_URL'] ?? '', {
    method: 'POST',
    body: JSON.stringify({ refresh }),
    signal: AbortSignal.timeout(20_000),
  });
  if (!response.ok) throw new Error(`the token server answered ${response.status}`);
  return (await response.json()) as Token;
}

const { access } = await freshToken('token.json', refreshOverTheNetwork);
console.log(access);
