import type { CiReport, ReportedRelease } from "./ci-report.ts";

/** What later steps and jobs read of a run, by name. */
export type Outputs = ReadonlyMap<string, string>;

/** Whoever takes it as a variable of the environment has room for 128 KiB at most, the name included. */
const MOST_JSON = 120_000;

/**
 * Outputs of a step: `digest` of the first release, `tags` of all (a line each), `json`, and `digest_<release>` for each. What
 * there is nothing of has no output.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-output-parameter
 */
export function stepOutputs({ ok, releases }: CiReport): Outputs {
  const out = releases.filter(isOut);
  const tags = out.flatMap(tagsOf);
  const [first] = out;
  return new Map([
    ...(first === undefined ? [] : [["digest", first.index] as const]),
    ...(tags.length === 0 ? [] : [["tags", tags.join("\n")] as const]),
    ["json", jsonOf(ok, out)],
    ...named(out, "digest_", { spell: outputName, value: ({ index }) => index }),
  ]);
}

/**
 * The same for files of `NAME=value` lines, which take no line breaks: tags are parted by commas.
 * @see https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv
 */
export function dotenvOutputs({ ok, releases }: CiReport): Outputs {
  const out = releases.filter(isOut);
  const tags = out.flatMap(tagsOf);
  const [first] = out;
  return new Map([
    ["BUILDX_PLAN_OK", String(ok)],
    ...(first === undefined ? [] : [["BUILDX_PLAN_DIGEST", first.index] as const]),
    ...(tags.length === 0 ? [] : [["BUILDX_PLAN_TAGS", tags.join(",")] as const]),
    ...named(out, "BUILDX_PLAN_DIGEST_", { spell: variableName, value: ({ index }) => index }),
    ...named(out, "BUILDX_PLAN_TAGS_", {
      spell: variableName,
      value: (release) => tagsOf(release).join(","),
    }),
  ]);
}

/** `NAME=value` lines. */
export function dotenvText(outputs: Outputs): string {
  return [...outputs].map(([name, value]) => `${name}=${value}\n`).join("");
}

/** Outputs as GitHub reads them from a file, several lines each; no value may hold the delimiter. */
export function stepOutputText(outputs: Outputs, delimiter: string): string {
  return [...outputs]
    .map(([name, value]) => {
      if (value.includes(delimiter)) throw new Error("Internal error: an output holds its own delimiter");
      return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
    })
    .join("");
}

function outputName(release: string): string {
  return release.replaceAll(/[^A-Za-z0-9_-]+/g, "_");
}

function variableName(release: string): string {
  return release.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_");
}

type Out = ReportedRelease & { readonly index: string };

function isOut(release: ReportedRelease): release is Out {
  return release.index !== undefined;
}

function tagsOf({ tags }: ReportedRelease): readonly string[] {
  return tags.filter(({ state }) => state !== "kept").map(({ tag }) => tag);
}

/** Names that come out the same are numbered, in the plan's order. */
function named(
  releases: readonly Out[],
  prefix: string,
  { spell, value }: { readonly spell: (name: string) => string; readonly value: (release: Out) => string },
): readonly (readonly [string, string])[] {
  const seen = new Map<string, number>();
  return releases.map((release) => {
    const name = spell(release.name).replaceAll(/^_+|_+$/g, "");
    const number = (seen.get(name) ?? 0) + 1;
    seen.set(name, number);
    return [`${prefix}${name}${number === 1 ? "" : `_${number}`}`, value(release)];
  });
}

/** What can be pulled; without the platforms where there is no room for them, and without the tags where even these are many. */
function jsonOf(ok: boolean, releases: readonly Out[]): string {
  const forms = [
    releases.map((release) => ({
      ...shortForm(release),
      tags: tagsOf(release),
      platforms: platformsOf(release),
    })),
    releases.map((release) => ({ ...shortForm(release), tags: tagsOf(release) })),
    releases.map(shortForm),
  ].map((each) => JSON.stringify({ schemaVersion: 1, ok, releases: each }));
  return forms.find((text) => text.length <= MOST_JSON) ?? JSON.stringify({ schemaVersion: 1, ok });
}

function shortForm({ name, index }: Out): { readonly name: string; readonly digest: string } {
  return { name, digest: index };
}

function platformsOf({ variants }: Out): Readonly<Record<string, string>> {
  return Object.fromEntries(
    variants.flatMap(({ platform, digest }) => (digest === undefined ? [] : [[platform, digest]])),
  );
}
