/**
 * What messages call the call that was made. A synchronous call is made of the sources of the
 * asynchronous one, which know that one's name alone.
 */

/** Of the synchronous call that is under way. */
let synchronousCall: string | undefined;

/** Makes a call under its own name; it has ended when this returns. */
export function calledAs<T>(name: string, make: () => T): T {
  const outer = synchronousCall;
  synchronousCall = name;
  try {
    return make();
  } finally {
    synchronousCall = outer;
  }
}

/** The name of a call of these sources, as its caller knows it. */
export function nameOfCall(call: string): string {
  return synchronousCall === `${call}Sync` ? synchronousCall : call;
}
