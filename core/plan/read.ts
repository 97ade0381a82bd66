import { readBuild } from "./read-build.ts";
import { readEpoch, readNeeds, readRunners, readTakeOver } from "./read-run.ts";
import { readScan, readSign, readVerify } from "./read-checks.ts";
import { numberOf, textOf, textsOf } from "./fields.ts";
import type { Problems } from "./problems.ts";
import { readTagRules, refuseRules } from "./read-tags.ts";
import { child } from "./tree.ts";
import type { Entry, Value } from "./tree.ts";
import type {
  Field,
  IfExists,
  WrittenBuilder,
  WrittenCell,
  WrittenImage,
  WrittenMatrix,
  WrittenPlan,
  WrittenPlatform,
  WrittenRegistry,
  WrittenTag,
  WrittenVariable,
} from "./written.ts";

/**
 * Reads a plan's values into their one form. Whatever the schema check refused is left out without a word, so that
 * the rest of the plan can still be looked at.
 */
export function readPlan(root: Value, problems: Problems): WrittenPlan {
  const maxParallelism = numberOf(child(root, "max-parallelism"));
  return {
    variables: entriesOf(child(root, "vars")).map(readVariable),
    builders: entriesOf(child(root, "builders")).map(readBuilder),
    registries: entriesOf(child(root, "registries")).map((entry) => readRegistry(entry)),
    ignoredRules: textsOf(child(child(root, "check"), "ignore")),
    ...(maxParallelism !== undefined && { maxParallelism }),
    failFast: flag(child(root, "fail-fast")) ?? false,
    runners: readRunners(root),
    images: entriesOf(child(root, "images"))
      .filter(({ value }) => value.kind === "map")
      .map((entry) => readImage(entry, problems)),
  };
}

function entriesOf(value: Value | undefined): readonly Entry[] {
  return value?.kind === "map" ? value.entries : [];
}

function itemsOf(value: Value | undefined): readonly Value[] {
  return value?.kind === "list" ? value.items : [];
}

function flag(value: Value | undefined): boolean | undefined {
  return value?.kind === "scalar" && typeof value.data === "boolean" ? value.data : undefined;
}

function readVariable({ key, keyRange, value }: Entry): WrittenVariable {
  const fallback = textOf(value) ?? textOf(child(value, "default"));
  const env = textOf(child(value, "env"))?.value;
  return {
    name: key,
    range: keyRange,
    ...(fallback && { default: fallback }),
    ...(env !== undefined && { env }),
    secret: flag(child(value, "secret")) ?? false,
    required: flag(child(value, "required")) ?? false,
  };
}

function readBuilder({ key, keyRange, value }: Entry): WrittenBuilder {
  const [buildkit, buildx] = [textOf(child(value, "buildkit")), textOf(child(value, "buildx"))];
  const platforms = child(value, "platforms");
  const maxParallelism = numberOf(child(value, "max-parallelism"));
  const tls = child(value, "tls");
  return {
    name: key,
    range: keyRange,
    ...(buildkit && { buildkit }),
    ...(buildx && { buildx }),
    ...(platforms && { platforms: textsOf(platforms) }),
    ...(maxParallelism !== undefined && { maxParallelism }),
    ...(tls && { tls: readTexts(tls), tlsRange: tls.range }),
  };
}

const REGISTRY_FILES: ReadonlySet<string> = new Set(["ca", "cert", "key"]);

function readRegistry({ key, keyRange, value }: Entry): WrittenRegistry {
  const insecure = flag(child(value, "insecure")) ?? false;
  const files = readTexts(value).filter((file) => REGISTRY_FILES.has(file.key));
  return { name: key, range: keyRange, insecure, files };
}

/** The entries of a map that are text. */
function readTexts(value: Value): readonly Field[] {
  return entriesOf(value).flatMap(({ key, keyRange, value: inner }) => {
    const text = textOf(inner);
    return text === undefined ? [] : [{ key, keyRange, value: text }];
  });
}

const IF_EXISTS: ReadonlyMap<string, IfExists> = new Map([
  ["skip", "skip"],
  ["fail", "fail"],
  ["overwrite", "overwrite"],
]);

const MEDIA_TYPES: ReadonlyMap<string, NonNullable<WrittenImage["mediaTypes"]>> = new Map([
  ["oci", "oci"],
  ["docker", "docker"],
]);

function readIfExists(value: Value): { readonly ifExists?: IfExists } {
  const ifExists = IF_EXISTS.get(textOf(child(value, "if-exists"))?.value ?? "");
  return ifExists === undefined ? {} : { ifExists };
}

function readTag(value: Value, problems: Problems): WrittenTag | undefined {
  const text = textOf(value) ?? textOf(child(value, "tag"));
  const rules = text === undefined ? readTagRules(value, problems) : refuseRules(value, problems);
  const tag = text ? ({ kind: "tag", text } as const) : rules && ({ kind: "rules", ...rules } as const);
  return tag && { ...tag, ...readIfExists(value) };
}

function readImage({ key, keyRange, value }: Entry, problems: Problems): WrittenImage {
  const matrix = child(value, "matrix");
  const mediaTypes = MEDIA_TYPES.get(textOf(child(value, "media-types"))?.value ?? "");
  const sourceDateEpoch = readEpoch(value);
  const has = (name: string) => child(value, name) !== undefined;
  const verify = readVerify(child(value, "verify"));
  const scan = readScan(child(value, "scan"), keyOf(value, "scan") ?? keyRange);
  const sign = readSign(child(value, "sign"), keyOf(value, "sign") ?? keyRange);
  return {
    name: key,
    range: keyRange,
    build: readBuild(value, problems),
    platforms: itemsOf(child(value, "platforms")).flatMap((item) => readPlatform(item, problems) ?? []),
    gives: { platforms: has("platforms"), results: has("tags") || has("output") },
    tags: itemsOf(child(value, "tags")).flatMap((item) => readTag(item, problems) ?? []),
    ...readIfExists(value),
    ...(mediaTypes && { mediaTypes }),
    metadata: flag(child(value, "metadata")) ?? true,
    needs: readNeeds(value),
    takeOver: readTakeOver(value),
    ...(sourceDateEpoch && { sourceDateEpoch }),
    ...(verify && { verify }),
    ...(scan && { scan }),
    ...(sign && { sign }),
    ...(matrix?.kind === "map" && { matrix: readMatrix(matrix, keyOf(value, "matrix") ?? keyRange) }),
  };
}

function keyOf(value: Value, key: string) {
  return entriesOf(value).find((entry) => entry.key === key)?.keyRange;
}

function readPlatform(value: Value, problems: Problems): WrittenPlatform | undefined {
  const platform = textOf(value) ?? textOf(child(value, "platform"));
  if (platform === undefined) return undefined;
  const required = flag(child(value, "required")) ?? true;
  return { platform, required, build: value.kind === "map" ? readBuild(value, problems) : {} };
}

function readMatrix(value: Value, range: WrittenMatrix["range"]): WrittenMatrix {
  const cells = (name: string): readonly WrittenCell[] =>
    itemsOf(child(value, name)).map((item) => ({ range: item.range, fields: readTexts(item) }));
  return {
    range,
    axes: entriesOf(value)
      .filter(({ key }) => key !== "include" && key !== "exclude")
      .map((entry) => ({ key: entry.key, values: textsOf(entry.value) })),
    include: cells("include"),
    exclude: cells("exclude"),
  };
}
