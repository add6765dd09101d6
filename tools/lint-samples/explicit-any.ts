// Must fail lint: a type that turns the checks off.
export const anything: any = 1;
