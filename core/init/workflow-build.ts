import { posix } from "node:path";
import { entriesIn, linesIn, splitPair, textIn } from "./foreign.ts";
import { listOf } from "./plan-values.ts";
import { withoutCounterpart } from "./proposal.ts";
import type { FoundImage, LeftOut, PlanValue } from "./proposal.ts";
import { labelLines, templateLines } from "./workflow-metadata.ts";
import { resolveText } from "./workflow-scope.ts";
import type { BuildStep } from "./workflow-scope.ts";

/** The inputs of docker/build-push-action as keys of a plan. @see https://github.com/docker/build-push-action#inputs */
export function buildOf(step: BuildStep): FoundImage["build"] {
  const context = contextOf(step);
  return {
    context,
    dockerfile: dockerfileOf(step, context),
    target: textOf(step, "target"),
    args: mapOf(
      linesIn(step.with, "build-args").filter((line) => !isSecret(line)),
      step,
    ),
    contexts: mapOf(linesIn(step.with, "build-contexts"), step),
    labels: mapOf(labelLines(step, "labels"), step),
    annotations: textsOf(labelLines(step, "annotations"), step),
    secrets: listOf([...secretsOf(step), ...namedSecrets(step)]),
    ssh: textsOf(linesIn(step.with, "ssh"), step),
    "cache-from": textsOf(linesIn(step.with, "cache-from"), step),
    "cache-to": textsOf(linesIn(step.with, "cache-to"), step),
    attest: attestOf(step),
    "no-cache": textIn(step.with, "no-cache") === "true" ? true : undefined,
    pull: textIn(step.with, "pull") === "true" ? true : undefined,
  };
}

function textOf({ with: inputs, scope }: BuildStep, key: string): string | undefined {
  const text = textIn(inputs, key);
  return text === undefined || text.trim() === "" ? undefined : resolveText(text.trim(), scope);
}

function textsOf(lines: readonly string[], { scope }: BuildStep): PlanValue | undefined {
  return listOf(lines.flatMap((line) => resolveText(line, scope) ?? []));
}

/** An argument is kept in the image, so that none may be a secret. */
function isSecret(line: string): boolean {
  return /\$\{\{[^}]*\bsecrets\b/.test(line);
}

function mapOf(lines: readonly string[], { scope }: BuildStep): PlanValue | undefined {
  const pairs = lines.flatMap((line): (readonly [string, string])[] => {
    const [name, text] = splitPair(line);
    const value = text === undefined ? undefined : resolveText(text, scope);
    return value === undefined ? [] : [[name, value]];
  });
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

/** Without `context` the action takes the commit of the repository, which is what is checked out. */
function contextOf(step: BuildStep): string {
  const context = textOf(step, "context") ?? ".";
  const [, folder] = /^\{\{defaultContext\}\}(?::(.*))?$/.exec(context) ?? [undefined, context];
  return folder === undefined || folder === "" ? "." : folder;
}

/** The action's `file` starts from the folder of the repository, a plan's `dockerfile` from the context. */
function dockerfileOf(step: BuildStep, context: string): string | undefined {
  const file = textOf(step, "file");
  if (file === undefined || /^[a-z+]+:\/\//.test(context)) return file;
  const relative = posix.relative(posix.normalize(context), posix.normalize(file));
  return relative === "Dockerfile" ? undefined : relative;
}

/** `id=${{ secrets.NAME }}`: the value comes from the environment, whatever CI there is. */
function secretsOf({ with: inputs }: BuildStep): readonly PlanValue[] {
  return linesIn(inputs, "secrets").flatMap((line) => {
    const [id, value] = splitPair(line.replace(/^"(.*)"$/, "$1"));
    const name = /^\$\{\{\s*(?:secrets|env|vars)\.([A-Za-z_]\w*)\s*\}\}$/.exec(value ?? "")?.[1];
    return name === undefined ? [] : [{ id, env: name }];
  });
}

function namedSecrets({ with: inputs }: BuildStep): readonly PlanValue[] {
  const of = (key: string, kind: "env" | "src") =>
    linesIn(inputs, key).flatMap((line): PlanValue[] => {
      const [id, value] = splitPair(line);
      return value === undefined || value.includes("${{") ? [] : [{ id, [kind]: value }];
    });
  return [...of("secret-envs", "env"), ...of("secret-files", "src")];
}

function attestOf(step: BuildStep): PlanValue | undefined {
  const provenance = attestationOf(textOf(step, "provenance"));
  const sbom = attestationOf(textOf(step, "sbom"));
  if (provenance === undefined && sbom === undefined) return undefined;
  return { ...(provenance !== undefined && { provenance }), ...(sbom !== undefined && { sbom }) };
}

function attestationOf(text: string | undefined): PlanValue | undefined {
  return text === "true" ? true : text === "false" ? false : text;
}

const TAKEN: ReadonlySet<string> = new Set([
  "context",
  "file",
  "target",
  "build-args",
  "build-contexts",
  "labels",
  "annotations",
  "secrets",
  "secret-envs",
  "secret-files",
  "ssh",
  "cache-from",
  "cache-to",
  "provenance",
  "sbom",
  "no-cache",
  "pull",
  "platforms",
  "tags",
  "push",
  "load",
  "outputs",
  "builder",
  "github-token",
]);

/** Inputs, or lines of them, that the plan does not get. */
export function leftOutOf(step: BuildStep, of: string): readonly LeftOut[] {
  const { with: inputs, scope } = step;
  const unknown = entriesIn(inputs)
    .map(({ key }) => key)
    .filter((key) => !TAKEN.has(key));
  const unresolved = [...TAKEN]
    .filter((key) => !["secrets", "tags", "push", "load", "outputs", "builder", "github-token"].includes(key))
    .flatMap((key) => linesOf(step, key).map((line) => ({ key, line })))
    .filter(({ line }) => resolveText(line, scope) === undefined);
  const templates = (["labels", "annotations"] as const).flatMap((key) =>
    templateLines(step, key).map((line) => ({ key, line })),
  );
  const secret = linesIn(inputs, "build-args").filter(isSecret);
  return [
    ...withoutCounterpart(of, unknown),
    ...secret.map((line) => ({
      of,
      what: `the argument \`${line}\`: it would be kept in the image; make it one of \`secrets\``,
    })),
    ...unresolved.map(({ key, line }) => ({
      of,
      what: `\`${key}: ${line}\`: known only while the workflow runs`,
    })),
    ...templates.map(({ key, line }) => ({
      of,
      what: `\`${key}: ${line}\`: a plan resolves \`{{...}}\` in rules for tags only`,
    })),
  ];
}

function linesOf(step: BuildStep, key: string): readonly string[] {
  return key === "labels" || key === "annotations" ? labelLines(step, key) : linesIn(step.with, key);
}
