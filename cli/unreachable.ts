/** Ends a switch over a union: does not compile while a kind is missing, and names the value if one slips through. */
export function unreachable(value: never): never {
  throw new Error(`Internal error: nothing handles ${JSON.stringify(value)}`);
}
