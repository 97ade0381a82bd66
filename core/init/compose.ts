import type { Entry, Value } from "../plan/tree.ts";
import { child } from "../plan/tree.ts";
import { composeVariables, type ComposeVariables } from "./compose-variables.ts";
import { entriesIn, flagIn, itemsIn, pairsIn, textIn, textsIn } from "./foreign.ts";
import { listOf } from "./plan-values.ts";
import { withoutCounterpart } from "./proposal.ts";
import type { FoundImage, FoundPlan, LeftOut, PlanValue } from "./proposal.ts";

interface Reading {
  readonly secrets: ReadonlyMap<string, Value>;
  readonly variables: ComposeVariables;
}

/** Makes images of the services of a Compose file that have a `build` section. */
export function readCompose(file: Value, path: string): FoundPlan {
  const variables = composeVariables();
  const secrets = new Map(entriesIn(file, "secrets").map(({ key, value }) => [key, value]));
  const services = entriesIn(file, "services").filter(({ value }) => hasBuild(value));
  return {
    source: "compose",
    files: [path],
    images: services.flatMap((service) => readService(service, { secrets, variables })),
    variables: variables.all(),
    runners: new Map(),
    leftOut: services.flatMap(leftOutOf),
  };
}

function hasBuild(service: Value): boolean {
  return textIn(service, "build") !== undefined || child(service, "build")?.kind === "map";
}

/** What is in the name of an image where a variable has no value: a tag cannot be empty. */
const NO_VERSION = "dev";

function readService({ key, value }: Entry, reading: Reading): readonly FoundImage[] {
  const { variables } = reading;
  const build = child(value, "build");
  if (textIn(build, "dockerfile_inline") !== undefined) return [];
  const image = textIn(value, "image");
  const names = [...(image === undefined ? [] : [image]), ...textsIn(build, "tags")];
  const tags = [...new Set(names)].map((name) => variables.take(name, NO_VERSION));
  const platforms = textsIn(build, "platforms").map((platform) => variables.take(platform));
  return [{ name: key, build: buildOf(build, reading), platforms, tags }];
}

function buildOf(build: Value | undefined, { secrets, variables }: Reading): FoundImage["build"] {
  const folder = textIn(build);
  if (folder !== undefined) return { context: variables.take(folder) };
  const text = (key: string): string | undefined => {
    const found = textIn(build, key);
    return found === undefined ? undefined : variables.take(found);
  };
  const texts = (key: string) => listOf(textsIn(build, key).map((each) => variables.take(each)));
  return {
    context: text("context"),
    dockerfile: text("dockerfile"),
    target: text("target"),
    args: taken(pairsIn(build, "args"), variables),
    contexts: taken(
      pairsIn(build, "additional_contexts").map(([name, context]) => [name, contextOf(context)] as const),
      variables,
    ),
    labels: taken(pairsIn(build, "labels"), variables),
    secrets: listOf(itemsIn(build, "secrets").flatMap((item) => secretOf(item, secrets, variables))),
    ssh: listOf(pairsIn(build, "ssh").map(([id, paths]) => (paths === undefined ? id : `${id}=${paths}`))),
    "cache-from": texts("cache_from"),
    "cache-to": texts("cache_to"),
    "no-cache": flagIn(build, "no_cache"),
    pull: flagIn(build, "pull"),
  };
}

const SERVICE = "service:";

function contextOf(text: string | undefined): string | undefined {
  return text?.startsWith(SERVICE) === true ? `image:${text.slice(SERVICE.length)}` : text;
}

/** An argument without a value is taken from the environment: `args: [TOKEN]`. */
function taken(
  pairs: readonly (readonly [string, string | undefined])[],
  variables: ComposeVariables,
): PlanValue | undefined {
  const known = pairs.map(([key, text]): readonly [string, string] => [
    key,
    variables.take(text ?? (isVariable(key) ? `\${${key}}` : "")),
  ]);
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

function isVariable(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

/** A build secret is one of the file's: a name, or a map with `source`. */
function secretOf(
  item: Value,
  secrets: ReadonlyMap<string, Value>,
  variables: ComposeVariables,
): readonly PlanValue[] {
  const source = textIn(item) ?? textIn(item, "source");
  if (source === undefined) return [];
  const id = textIn(item, "target") ?? source;
  const definition = secrets.get(source);
  const file = textIn(definition, "file");
  const env = textIn(definition, "environment");
  if (file !== undefined) return [{ id, src: variables.take(file) }];
  return env === undefined ? [] : [{ id, env }];
}

const TAKEN: ReadonlySet<string> = new Set([
  "context",
  "dockerfile",
  "target",
  "args",
  "additional_contexts",
  "labels",
  "secrets",
  "ssh",
  "cache_from",
  "cache_to",
  "no_cache",
  "pull",
  "platforms",
  "tags",
]);

function leftOutOf({ key: of, value }: Entry): readonly LeftOut[] {
  const build = child(value, "build");
  if (textIn(build, "dockerfile_inline") !== undefined)
    return [
      { of, what: "the image: its Dockerfile is written in the Compose file, and a plan needs a file" },
    ];
  const keys = entriesIn(build).map(({ key }) => key);
  return withoutCounterpart(
    of,
    keys.filter((key) => !TAKEN.has(key) && !key.startsWith("x-")),
  );
}
