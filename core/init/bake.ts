import type { Entry, Value } from "../plan/tree.ts";
import { entriesIn, flagIn, itemsIn, pairsIn, textIn, textsIn } from "./foreign.ts";
import { attributesOf, listOf, literalIn, mapOf } from "./plan-values.ts";
import { literal, withoutCounterpart } from "./proposal.ts";
import type { FoundImage, FoundPlan, LeftOut, PlanValue } from "./proposal.ts";

/** Images of the plan that a named context may be. */
const TARGET = "target:";

/** Makes images of what `docker buildx bake --print` says, or of a bake file in JSON that says the same. */
export function readBake(printed: Value, files: readonly string[]): FoundPlan {
  const targets = entriesIn(printed, "target");
  const read = targets.map((entry) => ({ image: readTarget(entry, targets), entry }));
  return {
    source: "bake",
    files,
    images: read.flatMap(({ image }) => image ?? []),
    variables: new Map(),
    runners: new Map(),
    leftOut: read.flatMap(({ entry }) => leftOutOf(entry)),
  };
}

function readTarget({ key, value }: Entry, targets: readonly Entry[]): FoundImage | undefined {
  if (textIn(value, "dockerfile-inline") !== undefined) return undefined;
  const own = textsIn(value, "platforms");
  return {
    name: key,
    build: buildOf(value),
    platforms: own.length > 0 ? own : platformsOfUsers(key, targets),
    tags: textsIn(value, "tags").map(literal),
  };
}

/** A target that says nothing of platforms is built for those of the targets that are built on it. */
function platformsOfUsers(name: string, targets: readonly Entry[]): readonly string[] {
  const users = targets.filter(({ value }) =>
    pairsIn(value, "contexts").some(([, context]) => context === `${TARGET}${name}`),
  );
  return [...new Set(users.flatMap(({ value }) => textsIn(value, "platforms")))];
}

function buildOf(value: Value): FoundImage["build"] {
  return {
    context: literalIn(value, "context"),
    dockerfile: textIn(value, "dockerfile") === "Dockerfile" ? undefined : literalIn(value, "dockerfile"),
    target: literalIn(value, "target"),
    args: mapOf(pairsIn(value, "args")),
    contexts: mapOf(pairsIn(value, "contexts").map(([key, text]) => [key, contextOf(text)])),
    labels: mapOf(pairsIn(value, "labels")),
    annotations: listOf(textsIn(value, "annotations").map(literal)),
    secrets: listOf(itemsIn(value, "secret").flatMap(secretOf)),
    ssh: listOf(itemsIn(value, "ssh").flatMap((item) => attributesOf(item, ["id", "paths"]))),
    "cache-from": listOf(itemsIn(value, "cache-from").flatMap((item) => attributesOf(item))),
    "cache-to": listOf(itemsIn(value, "cache-to").flatMap((item) => attributesOf(item))),
    attest: listOf(itemsIn(value, "attest").flatMap((item) => attributesOf(item))),
    "no-cache": flagIn(value, "no-cache"),
    pull: flagIn(value, "pull"),
  };
}

/** All that a target may say and a plan has a place for, or needs none for. */
const TAKEN: ReadonlySet<string> = new Set([
  "name",
  "context",
  "dockerfile",
  "target",
  "args",
  "contexts",
  "labels",
  "annotations",
  "secret",
  "ssh",
  "cache-from",
  "cache-to",
  "attest",
  "no-cache",
  "pull",
  "platforms",
  "tags",
  "inherits",
  "description",
]);

function leftOutOf({ key: of, value }: Entry): readonly LeftOut[] {
  if (textIn(value, "dockerfile-inline") !== undefined)
    return [{ of, what: "the image: its Dockerfile is written in the bake file, and a plan needs a file" }];
  const keys = entriesIn(value)
    .map(({ key }) => key)
    .filter((key) => !TAKEN.has(key) && key !== "output");
  const outputs = itemsIn(value, "output").filter((output) => !isPushed(output));
  return [
    ...withoutCounterpart(of, keys),
    ...outputs.map(() => ({ of, what: "an `output` to disk: `build --output` does that" })),
  ];
}

/** Outputs that mean the image itself, which a plan pushes by its tags. */
function isPushed(output: Value): boolean {
  const type = textIn(output, "type") ?? /(?:^|,)type=([^,]*)/.exec(textIn(output) ?? "")?.[1] ?? "";
  return ["registry", "image", "docker", "cacheonly"].includes(type);
}

function contextOf(text: string | undefined): string | undefined {
  return text?.startsWith(TARGET) === true ? `image:${text.slice(TARGET.length)}` : text;
}

function secretOf(item: Value): readonly PlanValue[] {
  return attributesOf(item, ["id", "src", "env"]);
}
