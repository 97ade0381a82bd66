import { relative } from "node:path";
import { formatPlatformFull } from "../../platforms/platform.ts";
import { formatRepository } from "../oci/reference.ts";
import type { Build, BuildContext } from "../plan/build.ts";
import type { PlannedRelease, Variant } from "../plan/plan.ts";

/** What of a release decides the bytes of its variants. */
export type ReleasePart = Pick<PlannedRelease, "mediaTypes" | "attestations">;

/**
 * What the plan says of a variant as far as it changes the bytes of its image, as canonical JSON: equal text, equal wishes, on every machine.
 * Paths are relative to the plan's folder. Of secrets and SSH agents only the ids are in it. Where it is built, how long that may take, what is
 * tested, what is cached and who pushes are not.
 */
export function planPart(variant: Variant, release: ReleasePart, planDirectory: string): string {
  const { platform, build } = variant;
  const { target, args, labels, annotations, image } = build;
  return canonicalJson({
    platform: formatPlatformFull(platform),
    context: contextPart(build.context, planDirectory),
    dockerfile:
      build.context.kind === "local" ? relativeTo(planDirectory, build.dockerfile) : build.dockerfile,
    target,
    args,
    contexts: Object.fromEntries(
      Object.entries(build.contexts).map(([name, context]) => [name, contextPart(context, planDirectory)]),
    ),
    labels,
    annotations: { ...annotations },
    secrets: build.secrets.map(({ id }) => id).toSorted(),
    ssh: build.ssh.map(({ id }) => id).toSorted(),
    attest: attestPart(build),
    image,
    mediaTypes: release.mediaTypes,
    // `require` asks for what `keep` would keep: the same bytes.
    attestations: release.attestations === "strip" ? "strip" : "keep",
  });
}

function contextPart(context: BuildContext, planDirectory: string): Json {
  switch (context.kind) {
    case "local":
      return { local: relativeTo(planDirectory, context.path) };
    case "remote":
      return { remote: context.url };
    case "variant":
      return { variant: context.variant };
    case "oci-layout": {
      const { reference } = context;
      const name = reference.kind === "tag" ? reference.tag : reference.digest;
      return { layout: relativeTo(planDirectory, context.path), [reference.kind]: name };
    }
    default:
      return context satisfies never;
  }
}

/** Attestations name the repositories that BuildKit was told to push to; an image does not. */
function attestPart({ attest: { provenance, sbom }, repositories }: Build): Json {
  if (provenance === undefined && sbom === undefined) return undefined;
  return { provenance, sbom, subjects: repositories.map(formatRepository) };
}

/** `.` for the folder itself; with slashes on every system. */
function relativeTo(directory: string, path: string): string {
  return relative(directory, path).replaceAll("\\", "/") || ".";
}

/** What {@link canonicalJson} can write. */
export type Json = string | number | boolean | undefined | readonly Json[] | { readonly [key: string]: Json };

/** JSON without blanks, keys in the order of their UTF-16 code units, members without a value left out: equal values, equal text. */
export function canonicalJson(value: Json): string {
  if (value === undefined) return "null";
  if (typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.keys(value)
    .toSorted()
    .flatMap((key) => {
      const member = value[key];
      return member === undefined ? [] : [`${JSON.stringify(key)}:${canonicalJson(member)}`];
    });
  return `{${members.join(",")}}`;
}

// `Array.isArray` does not tell a readonly array.
function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
