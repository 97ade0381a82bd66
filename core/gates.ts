import type { BuildKit } from "./buildkit/buildkit.ts";
import { hasErrors, type Finding } from "./findings/finding.ts";
import type {
  Checked,
  GateFailure,
  Gates,
  ReleaseToCheck,
  ReleaseToSign,
  TakenToCheck,
  VariantToCheck,
} from "./gate.ts";
import type { LayerMemory } from "./layers/layer.ts";
import type { Build } from "./plan/build.ts";
import type { Plan, VerifySettings } from "./plan/plan.ts";
import type { SourceFile } from "./plan/source.ts";
import type { Timing } from "./registry/retry.ts";
import { systemTiming } from "./registry/timing.ts";
import { fail, ok, type Result } from "./result.ts";
import type { ScanHost } from "./scan/sources.ts";
import type { SigningEnvironment } from "./sign/cosign.ts";
import type { SigningTool } from "./sign/sign.ts";
import type { ImageToVerify, VerifiedImage } from "./verify/verified.ts";

/** The plan whose images are checked, and the world that the checks need. */
export interface GateOptions {
  readonly plan: Plan;
  readonly buildkit: BuildKit;
  readonly memory: LayerMemory;
  /** The Dockerfile of a build where it can be read here: findings then name its lines. */
  readonly readDockerfile: (build: Build) => Promise<SourceFile | undefined>;
  readonly host: ScanHost;
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep">;
  /** What signs, where the plan asks for it. */
  readonly signing?: { readonly tool: SigningTool; readonly env: SigningEnvironment };
}

/**
 * The checks of one run. What is found in a variant is kept until its release is looked at as a whole: the same layer under two
 * architectures shows only there. Each kind of check is imported when the plan asks for it.
 */
export function createGates(options: GateOptions): Gates {
  const { plan } = options;
  const settings = new Map(plan.releases.map(({ name, verify }) => [name, verify]));
  const verified = new Map<string, VerifiedImage>();
  return {
    variant: async (checked) => {
      const { id, release } = checked.route.variant;
      const image = await lookInto(checked, settings.get(release) ?? STRICT, options);
      if (!image.ok) return image;
      verified.set(id, image.value);
      const attested = await readAttested(checked, options);
      if (!attested.ok) return attested;
      const told = tell(id, [...image.value.findings, ...attested.value], checked.onFinding);
      const tested = told.ok ? await runTest(checked, options) : told;
      return tested.ok ? ok(await packed(image.value)) : tested;
    },
    taken: async (checked) => {
      const { id, release } = checked.route.variant;
      const own = settings.get(release) ?? STRICT;
      const known = await unpacked(checked, own, options);
      const image = known === undefined ? await lookInto(checked, own, options) : ok(known);
      if (!image.ok) return image;
      verified.set(id, image.value);
      return tell(id, image.value.findings, checked.onFinding);
    },
    release: async (checked) => {
      const images = checked.manifests.flatMap(({ variant }) => verified.get(variant) ?? []);
      const { findAcross } = await import("./verify/across.ts");
      const found = findAcross(images);
      const told = tell(checked.release.name, found, checked.onFinding);
      return told.ok ? await scanRelease(checked, options) : told;
    },
    sign: async (releases, signal) => await signAll(releases, options, signal),
  };
}

const STRICT: VerifySettings = { content: "error", ignore: [] };

/** What stops a release is told with everything else that was found. */
function tell(
  of: string,
  findings: readonly Finding[],
  onFinding: (finding: Finding) => void,
): Result<void, GateFailure> {
  for (const finding of findings) onFinding(finding);
  return hasErrors(findings) ? fail({ kind: "verification-failed", of, findings }) : ok(undefined);
}

async function packed(image: VerifiedImage): Promise<Checked> {
  const { packChecked } = await import("./staging/checked-layers.ts");
  const checked = packChecked(image);
  return checked === undefined ? {} : { checked };
}

async function unpacked(
  taken: TakenToCheck,
  settings: VerifySettings,
  { readDockerfile }: GateOptions,
): Promise<VerifiedImage | undefined> {
  if (taken.checked === undefined) return undefined;
  const { unpackChecked } = await import("./staging/checked-layers.ts");
  return unpackChecked(taken.checked, await toVerify(taken, readDockerfile), settings);
}

type ToLookInto = Omit<VariantToCheck, "onLine" | "onNode">;

async function lookInto(
  checked: ToLookInto,
  settings: VerifySettings,
  { memory, readDockerfile, timing = systemTiming }: GateOptions,
): Promise<Result<VerifiedImage, GateFailure>> {
  const { verifyImage } = await import("./verify/verify-image.ts");
  const { store, signal } = checked;
  return await verifyImage(await toVerify(checked, readDockerfile), {
    store,
    memory,
    settings,
    signal,
    timing,
  });
}

async function toVerify(
  { route, image, store }: ToLookInto,
  readDockerfile: GateOptions["readDockerfile"],
): Promise<ImageToVerify> {
  const { build, platform } = route.variant;
  const dockerfile = await readDockerfile(build);
  const { target, args, contexts } = build;
  const request = { platform, args, contexts, ...(target === undefined ? {} : { target }) };
  return {
    reference: store.name,
    // With the version of Windows that the index will name.
    platform: image.manifest.platform ?? image.platform,
    manifest: image.manifest.digest,
    config: image.config,
    layers: image.layers,
    ...(dockerfile === undefined ? {} : { dockerfile, request }),
  };
}

/** What stands beside an image is read where the plan requires it, or where it lists packages: those are of an architecture, too. */
async function readAttested(
  { route, image, store, signal }: VariantToCheck,
  { plan }: GateOptions,
): Promise<Result<readonly Finding[], GateFailure>> {
  const { attest } = route.variant.build;
  const policy = plan.releases.find(({ name }) => name === route.variant.release)?.attestations ?? "keep";
  if (policy === "strip" || (policy === "keep" && attest.sbom === undefined)) return ok([]);
  const { attestationDemand, findMissingAttestations } = await import("./verify/attestations.ts");
  const { findInStatements, readAttestations } = await import("./verify/attested-content.ts");
  const { digest } = image.manifest;
  const of = { reference: store.name, digest, platform: image.platform };
  const statements = await readAttestations(store, digest, image.attestations, { signal });
  if (!statements.ok) return statements;
  const demand = attestationDemand(attest, policy);
  return ok([
    ...findMissingAttestations([of], statements.value, demand),
    ...findInStatements(of, statements.value),
  ]);
}

async function runTest(
  { route, image, store, onLine, onNode, signal }: VariantToCheck,
  { plan, buildkit }: GateOptions,
): Promise<Result<void, GateFailure>> {
  const { test } = route.variant;
  if (test === undefined) return ok(undefined);
  const { runSmokeTest } = await import("./smoke/smoke.ts");
  const { repository } = store;
  const { digest } = image.manifest;
  const source = { digest, store, ...(repository === undefined ? {} : { repository }) };
  const run = { route, test, source, buildkit, registries: plan.registries, onLine, signal };
  const passed = await onNode(() => runSmokeTest(run));
  return passed.ok ? ok(undefined) : passed;
}

async function scanRelease(
  { release, manifests, store, onFinding, signal }: ReleaseToCheck,
  { host }: GateOptions,
): Promise<Result<void, GateFailure>> {
  const { scan, name } = release;
  if (scan === undefined) return ok(undefined);
  const { scanGate } = await import("./scan/gate.ts");
  const of = { of: name, reference: store.name, gate: scan };
  const passed = await scanGate({ ...of, images: manifests, store, host, signal });
  if (!passed.ok) return passed;
  for (const finding of passed.value) onFinding(finding);
  return ok(undefined);
}

async function signAll(
  releases: readonly ReleaseToSign[],
  { plan, signing }: GateOptions,
  signal: AbortSignal,
): Promise<Result<void, GateFailure>> {
  if (signing === undefined) throw new Error("Internal error: there is nothing to sign with");
  const { signRelease } = await import("./sign/sign.ts");
  for (const { release, repositories, index, images, onLine } of releases) {
    const settings = release.sign;
    if (settings === undefined) continue;
    const subjects = repositories.flatMap((repository) =>
      [index, ...images].map((digest) => ({ repository, digest })),
    );
    const { registries } = plan;
    const signed = await signRelease({ settings, subjects, registries, signal, onLine, ...signing });
    if (!signed.ok) return signed;
  }
  return ok(undefined);
}
