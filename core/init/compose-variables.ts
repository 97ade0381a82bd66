import type { ProposedVariable } from "./proposal.ts";

/** Takes over the `${...}` of Compose, which a plan writes the same way, but only for variables that it names. */
export interface ComposeVariables {
  /** The text in the plan's notation. `empty`: what stands for a variable that has no value; Compose takes nothing. */
  readonly take: (text: string, empty?: string) => string;
  readonly all: () => ReadonlyMap<string, ProposedVariable>;
}

/** A dollar sign; a name in braces, and what stands behind it; a bare name; or a dollar sign that is one. */
const EXPRESSION = /\$(?:(\$)|\{([A-Za-z_]\w*)(\}?)|([A-Za-z_]\w*)|)/g;

/** Gathers the variables of one Compose file while its texts are read. */
export function composeVariables(): ComposeVariables {
  const found = new Map<string, ProposedVariable>();
  const note = (name: string, empty: string | undefined): void => {
    const before = found.get(name)?.default ?? "";
    const value = before === "" ? (empty ?? found.get(name)?.default) : before;
    found.set(name, { env: name, ...(value !== undefined && { default: value }) });
  };
  const take = (text: string, empty = ""): string =>
    text.replaceAll(
      EXPRESSION,
      (written: string, dollar?: string, braced?: string, end?: string, bare?: string) => {
        if (dollar !== undefined) return written;
        const name = braced ?? bare;
        if (name === undefined) return "$$";
        // One with an operator says itself what stands for no value.
        note(name, end === "" ? undefined : empty);
        return braced === undefined ? `\${${name}}` : written;
      },
    );
  return { take, all: () => found };
}
