import { createHash } from "node:crypto";
import type { Platform } from "../../platforms/platform.ts";
import { formatPlatform } from "../../platforms/platform.ts";
import { resolveLayouts } from "../buildkit/layouts.ts";
import { loadDockerfile } from "../dockerfile/source.ts";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/digest-of.ts";
import type { Build, BuildContext } from "../plan/build.ts";
import type { Variant } from "../plan/plan.ts";
import { fail, ok, type Result } from "../result.ts";
import { createContextHashes, type ContextHashes } from "./context-hashes.ts";
import { dockerfileInputs } from "./dockerfile-inputs.ts";
import type { HashWorld } from "./hash-context.ts";
import type { Inputs, InputsUnreadable, UnknownInput } from "./inputs.ts";
import { canonicalJson, planPart, type Json, type ReleasePart } from "./plan-part.ts";
import { createReferenceDigests, type DigestOfReference, type LookUpDigest } from "./reference-digests.ts";
import { contextSource } from "./remote-source.ts";

/** Where inputs come from besides the plan. */
export interface InputsWorld extends HashWorld {
  readonly lookUp: LookUpDigest;
}

/** What is known of a variant besides its own plan. */
export interface InputsRequest {
  readonly release: ReleasePart;
  readonly planDirectory: string;
  /** Of the node that builds; undefined where it does not say. */
  readonly buildkitVersion: string | undefined;
  /** The CPU's own platform of that node. It counts only where the Dockerfile asks for it. */
  readonly buildPlatform?: Platform;
  /** Digests of the variants that this one needs, by their ids. */
  readonly needs: ReadonlyMap<string, Digest>;
}

/** Answers what variants are made of. Contexts and references that several share are looked at once. */
export interface InputsReader {
  of(variant: Variant, request: InputsRequest): Promise<Result<Inputs, InputsUnreadable>>;
}

/** Raise it with every change of what is digested, or how. */
const FORMAT = "buildx-plan inputs 1";

/** Makes the reader of one run. What it has read once is not read again, whatever happens to it. */
export function createInputs(world: InputsWorld): InputsReader {
  const parts = { digestOf: createReferenceDigests(world.lookUp), hashes: createContextHashes(world) };
  return { of: async (variant, request) => await inputsOf(variant, request, parts) };
}

interface Parts {
  readonly digestOf: DigestOfReference;
  readonly hashes: ContextHashes;
}

/** A part of the inputs: what goes into the digest, and what cannot. */
interface Part {
  readonly told: Json;
  readonly unknown: readonly UnknownInput[];
}

type PartResult = Result<Part, InputsUnreadable>;

async function inputsOf(
  variant: Variant,
  request: InputsRequest,
  parts: Parts,
): Promise<Result<Inputs, InputsUnreadable>> {
  const resolved = await resolveLayouts(variant.build);
  if (!resolved.ok) return unreadable(variant.build.dockerfile, resolved.error.message);
  const build = resolved.value;
  const main = await mainPart({ ...variant, build }, request, parts);
  if (!main.ok) return main;
  const named = await namedPart(build, request, parts);
  if (!named.ok) return named;
  const needs = needsPart(variant.needs ?? [], request);
  const told = canonicalJson([
    FORMAT,
    planPart({ ...variant, build }, request.release, request.planDirectory),
    main.value.told,
    named.value.told,
    needs.told,
    request.buildkitVersion ?? "",
  ]);
  const unknown = [main.value, named.value, needs].flatMap((part) => part.unknown);
  return ok({ digest: digestOf(Buffer.from(told)), unknown: distinct([...unknown, ...secretInputs(build)]) });
}

/** The Dockerfile, what it names, and the context that it is built in. */
async function mainPart(variant: Variant, request: InputsRequest, parts: Parts): Promise<PartResult> {
  const { build } = variant;
  if (build.context.kind !== "local") return await remoteMain(build, request, parts);
  const loaded = await loadDockerfile(build);
  if (loaded?.ok !== true) return unreadable(build.dockerfile, loaded?.error.reason ?? "it is not here");
  const { buildPlatform } = request;
  // Files are hashed while registries answer.
  const hashing = parts.hashes.of(build.context.path, build.dockerfile);
  const read = await dockerfileInputs(
    loaded.value,
    {
      platform: variant.platform,
      args: build.args,
      contexts: build.contexts,
      ...(buildPlatform === undefined ? {} : { buildPlatform }),
      ...(build.target === undefined ? {} : { target: build.target }),
    },
    parts.digestOf,
  );
  if (!read.ok) return read;
  const context = await hashing;
  if (!context.ok) return context;
  const { images, usesBuilder, unknown } = read.value;
  const builder = usesBuilder && buildPlatform !== undefined ? formatPlatform(buildPlatform) : undefined;
  const dockerfile = createHash("sha256").update(loaded.value.text).digest("hex");
  return ok({
    told: { dockerfile, images, builder, context: context.value.digest },
    unknown: [...unknown, ...changingFiles(context.value.changing)],
  });
}

/** BuildKit alone sees the Dockerfile of a context that it fetches: which images that names cannot be told. */
async function remoteMain(build: Build, request: InputsRequest, parts: Parts): Promise<PartResult> {
  const context = await contextPart(build.context, request, parts);
  if (!context.ok) return context;
  const dockerfile: UnknownInput = { kind: "dynamic", name: build.dockerfile };
  return ok({ ...context.value, unknown: [...context.value.unknown, dockerfile] });
}

async function namedPart({ contexts }: Build, request: InputsRequest, parts: Parts): Promise<PartResult> {
  const told: Record<string, Json> = {};
  const unknown: UnknownInput[] = [];
  for (const [name, context] of Object.entries(contexts)) {
    const part = await contextPart(context, request, parts);
    if (!part.ok) return part;
    told[name] = part.value.told;
    unknown.push(...part.value.unknown);
  }
  return ok({ told, unknown });
}

async function contextPart(context: BuildContext, request: InputsRequest, parts: Parts): Promise<PartResult> {
  switch (context.kind) {
    case "local": {
      const hashed = await parts.hashes.of(context.path);
      if (!hashed.ok) return hashed;
      return ok({ told: hashed.value.digest, unknown: changingFiles(hashed.value.changing) });
    }
    case "remote":
      return ok(await remotePart(context.url, parts.digestOf));
    case "variant":
      return ok(needsPart([context.variant], request));
    case "oci-layout":
      return ok({
        told: context.reference.kind === "digest" ? context.reference.digest : undefined,
        unknown: [],
      });
    default:
      return context satisfies never;
  }
}

const IMAGE = "docker-image://";

async function remotePart(url: string, digestOfReference: DigestOfReference): Promise<Part> {
  if (url.startsWith(IMAGE)) {
    const name = url.slice(IMAGE.length);
    const digest = await digestOfReference(name);
    return { told: digest, unknown: digest === undefined ? [{ kind: "base-image", name }] : [] };
  }
  const source = contextSource(url);
  if (source?.isPinned === true) return { told: undefined, unknown: [] };
  const kind = source?.kind === "git" ? "git-context" : "http-context";
  return { told: undefined, unknown: [{ kind, name: source?.name ?? url }] };
}

function needsPart(ids: readonly string[], { needs }: InputsRequest): Part {
  return {
    told: Object.fromEntries(ids.map((id) => [id, needs.get(id)])),
    unknown: ids.filter((id) => !needs.has(id)).map((name) => ({ kind: "dynamic", name })),
  };
}

function secretInputs({ secrets, ssh }: Build): readonly UnknownInput[] {
  return [
    ...secrets.map(({ id }) => ({ kind: "secret", name: id }) as const),
    ...ssh.map(({ id }) => ({ kind: "ssh", name: id }) as const),
  ];
}

function changingFiles(paths: readonly string[]): readonly UnknownInput[] {
  return paths.map((name) => ({ kind: "changing", name }));
}

function distinct(unknown: readonly UnknownInput[]): readonly UnknownInput[] {
  return [
    ...new Map(unknown.map((each) => [JSON.stringify([each.kind, each.name, each.line]), each])).values(),
  ];
}

function unreadable(path: string, reason: string): Result<never, InputsUnreadable> {
  return fail({ kind: "inputs-unreadable", path, reason });
}
