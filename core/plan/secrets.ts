import { rangeOf } from "./fields.ts";
import { hintFor } from "./nearest.ts";
import { usePath } from "./paths.ts";
import { complain, field, resolveText } from "./place.ts";
import type { Place, PlanPlace } from "./place.ts";
import type { Build, Secret, SshAgent, UnsetSecret } from "./build.ts";
import type { Range } from "./source.ts";
import type { Attributes, Field, Text, WrittenSsh } from "./written.ts";

const KEYS = ["id", "src", "env", "var", "type", "source"];

/**
 * Resolves the build secrets of one variant. Their values are in none of the problems that this may report. One that has no value here is
 * no error: only a step that requires it can tell whether it is needed, and a pull request from a fork has none.
 */
export function resolveSecrets(
  items: readonly Attributes[] | undefined,
  place: PlanPlace,
): Pick<Build, "secrets" | "unsetSecrets"> {
  const ids = new Map<string, Range>();
  const resolved = (items ?? []).flatMap((item) => {
    const secret = resolveSecret(item, place);
    const first = secret && ids.get(secret.id);
    if (secret === undefined) return [];
    if (first !== undefined) {
      const related = { message: "First given here", range: first };
      place.problems.error(item.range, `The secret \`${secret.id}\` is given twice`, { related });
    }
    ids.set(secret.id, item.range);
    return [secret];
  });
  const unsetSecrets = resolved.filter((secret) => secret.kind === "unset");
  const secrets = resolved.filter((secret) => secret.kind !== "unset");
  return { secrets, ...(unsetSecrets.length > 0 && { unsetSecrets }) };
}

type Resolved = Secret | UnsetSecret;

function resolveSecret({ fields, bare, range }: Attributes, place: PlanPlace): Resolved | undefined {
  const unknown = fields.find(({ key }) => !KEYS.includes(key));
  if (unknown !== undefined) return reportUnknown(unknown, place);
  if (bare[0] !== undefined) return complain(bare[0], "This is no attribute of a secret", FORM_HINT, place);
  const id = resolveText(field(fields, "id")?.value, place)?.value;
  const sources = fields.filter(({ key }) => key !== "id" && key !== "type");
  const [source, second] = sources;
  if (id === undefined || source === undefined || second !== undefined) {
    const wrong = id === undefined ? "A secret needs an `id`" : `The secret \`${id}\` needs one source`;
    if (!place.problems.hasErrorAt(range)) place.problems.error(range, wrong, { hint: FORM_HINT });
    return undefined;
  }
  return fromSource(id, source, place);
}

const FORM_HINT = "Write `id=name,src=file`, `id=name,env=VARIABLE` or `{ id: name, var: variable }`";

function reportUnknown({ key, keyRange }: Field, { problems }: Place): undefined {
  const hint = hintFor(key, KEYS, FORM_HINT);
  problems.error(keyRange, `A secret has no attribute \`${key.slice(0, 60)}\``, { hint });
  return undefined;
}

function fromSource(id: string, source: Field, place: PlanPlace): Resolved | undefined {
  const resolved = resolveText(source.value, place);
  if (resolved === undefined) return undefined;
  const { value, text } = resolved;
  if (source.key === "var") return fromVariable(id, source, value, place);
  if (source.key === "env") {
    if (place.env[value] !== undefined) return { id, kind: "env", variable: value };
    const shown = value.slice(0, 100);
    if (place.lacksSecrets !== true)
      warnUnset(text, { message: `The environment variable ${shown} is not set` }, place);
    return unset(id, value, { text, place });
  }
  const path = usePath(value, text, { kind: "file", role: "secret" }, place.paths);
  return path === undefined ? undefined : { id, kind: "file", path };
}

function warnUnset(
  text: Text,
  { message, hint }: { readonly message: string; readonly hint?: string },
  { problems }: Place,
): void {
  const fails = "A step that requires this secret will fail";
  problems.warning(rangeOf(text), message, { hint: hint === undefined ? fails : `${fails}. ${hint}` });
}

function unset(
  id: string,
  variable: string | undefined,
  { text, place }: { readonly text: Text; readonly place: PlanPlace },
): UnsetSecret {
  const location = { file: place.file, range: rangeOf(text) };
  return { id, kind: "unset", ...(variable !== undefined && { variable }), location };
}

function fromVariable(
  id: string,
  { value: text }: Field,
  name: string,
  place: PlanPlace,
): Resolved | undefined {
  const meaning = place.variables.secret(name);
  if (meaning.kind === "value") return { id, kind: "value", value: meaning.value };
  if (meaning.kind === "none") {
    const { why, hint, env } = meaning;
    warnUnset(text, { message: `The secret variable \`${name}\` has no value: ${why}`, hint }, place);
    return unset(id, env, { text, place });
  }
  if (meaning.kind === "not-secret") {
    return complain(text, `\`${name}\` is no secret variable`, "Declare it with `secret: true`", place);
  }
  if (meaning.kind === "failed") return undefined;
  const hint = hintFor(name, place.variables.secretNames, "Declare it in `vars` with `secret: true`");
  return complain(text, `Unknown variable \`${name.slice(0, 60)}\``, hint, place);
}

/** Resolves the SSH agents and keys of one variant. */
export function resolveSsh(items: readonly WrittenSsh[] | undefined, place: Place): readonly SshAgent[] {
  return (items ?? []).map(({ id, paths }) => ({
    id,
    paths: paths.flatMap((path) => {
      const resolved = resolveText(path, place);
      const wish = { kind: "either", role: "SSH key" } as const;
      return (resolved && usePath(resolved.value, path, wish, place.paths)) ?? [];
    }),
  }));
}
