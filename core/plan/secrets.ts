import { rangeOf } from "./fields.ts";
import { hintFor } from "./nearest.ts";
import { usePath } from "./paths.ts";
import { complain, field, resolveText } from "./place.ts";
import type { Place } from "./place.ts";
import type { Secret, SshAgent } from "./plan.ts";
import type { Range } from "./source.ts";
import type { Attributes, Field, WrittenSsh } from "./written.ts";

const KEYS = ["id", "src", "env", "var", "type", "source"];

/** Resolves the build secrets of one variant. Their values are in none of the problems that this may report. */
export function resolveSecrets(
  items: readonly Attributes[] | undefined,
  env: Readonly<Record<string, string | undefined>>,
  place: Place,
): readonly Secret[] {
  const ids = new Map<string, Range>();
  return (items ?? []).flatMap((item) => {
    const secret = resolveSecret(item, env, place);
    const first = secret && ids.get(secret.id);
    if (secret === undefined) return [];
    if (first !== undefined) {
      const related = { message: "First given here", range: first };
      place.problems.error(item.range, `The secret \`${secret.id}\` is given twice`, { related });
    }
    ids.set(secret.id, item.range);
    return [secret];
  });
}

function resolveSecret(
  { fields, bare, range }: Attributes,
  env: Readonly<Record<string, string | undefined>>,
  place: Place,
): Secret | undefined {
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
  return fromSource(id, source, env, place);
}

const FORM_HINT = "Write `id=name,src=file`, `id=name,env=VARIABLE` or `{ id: name, var: variable }`";

function reportUnknown({ key, keyRange }: Field, { problems }: Place): undefined {
  const hint = hintFor(key, KEYS, FORM_HINT);
  problems.error(keyRange, `A secret has no attribute \`${key.slice(0, 60)}\``, { hint });
  return undefined;
}

function fromSource(
  id: string,
  source: Field,
  env: Readonly<Record<string, string | undefined>>,
  place: Place,
): Secret | undefined {
  const resolved = resolveText(source.value, place);
  if (resolved === undefined) return undefined;
  const { value, text } = resolved;
  if (source.key === "var") return fromVariable(id, source, value, place);
  if (source.key === "env") {
    if (env[value] === undefined) warnUnset(value, source, place);
    return { id, kind: "env", variable: value };
  }
  const path = usePath(value, text, { kind: "file", role: "secret" }, place.paths);
  return path === undefined ? undefined : { id, kind: "file", path };
}

function warnUnset(variable: string, { value }: Field, { problems }: Place): void {
  problems.warning(rangeOf(value), `The environment variable ${variable.slice(0, 100)} is not set`, {
    hint: "A step that requires this secret will fail",
  });
}

function fromVariable(id: string, { value: text }: Field, name: string, place: Place): Secret | undefined {
  const meaning = place.variables.secret(name);
  if (meaning.kind === "value") return { id, kind: "value", value: meaning.value };
  if (meaning.kind === "none") {
    return complain(text, `\`${name}\` has no value: ${meaning.why}`, "Set it, or remove the secret", place);
  }
  if (meaning.kind === "not-secret") {
    return complain(text, `\`${name}\` is no secret variable`, "Declare it with `secret: true`", place);
  }
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
