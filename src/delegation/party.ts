/** An identity: who issued the name, and the name (`iss` + `sub`). */
export interface Party {
  readonly iss: string;
  readonly sub: string;
}

/** Whether both name the same identity: byte comparison, no normalisation. */
export function isSameParty(a: Party, b: Party): boolean {
  return a.iss === b.iss && a.sub === b.sub;
}
