import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SolveRefused, ToolFailure } from "../buildkit/buildkit.ts";
import { privateFolder } from "../buildkit/private-folder.ts";
import { findTool, formatVersion, toolVersion } from "../host/tools.ts";
import type { Digest } from "../oci/digest.ts";
import { formatRepository, type Repository } from "../oci/reference.ts";
import type { RegistrySettings, SignSettings } from "../plan/plan.ts";
import { fail, ok, type Result } from "../result.ts";
import {
  keyArguments,
  NO_SERVICES,
  signArguments,
  verifyArguments,
  type SignedRepository,
  type SignFiles,
} from "./arguments.ts";
import { cosignEnvironment, runCosign, type CosignAnswer, type SigningEnvironment } from "./cosign.ts";

/** An index or image in the repository that it is released in. */
export interface SignSubject {
  readonly repository: Repository;
  readonly digest: Digest;
}

/** What there is to sign with. */
export interface SigningTool {
  /** Path of cosign. */
  readonly path: string;
  readonly major: number;
}

/** What the plan wants cosign to read from the environment is not there: nothing was built. */
export interface SigningUnready {
  readonly kind: "signing-unready";
  readonly variable: string;
  readonly role: "key" | "password";
}

/** Signing did not come to an end: no tag has moved. */
export interface SignFailed {
  readonly kind: "sign-failed";
  /** What was to be signed in, `registry/path`; absent where the public key could not be had. */
  readonly repository?: string;
  /** The last lines that cosign printed. */
  readonly log: readonly string[];
}

/** A signature is there and does not hold, or is not by whom the plan names: no tag has moved. */
export interface SignatureUnverified {
  readonly kind: "signature-unverified";
  readonly repository?: string;
  readonly log: readonly string[];
}

/** The run was interrupted while it signed. */
export interface SignCancelled {
  readonly kind: "sign-cancelled";
}

export type SignFailure = SigningUnready | SignFailed | SignatureUnverified | SignCancelled | SolveRefused;

/** What is signed, with what, and what cosign may know of the world. */
export interface Signing {
  readonly settings: SignSettings;
  /** The index and its images in each repository; attestations are left to the index, which names them by digest. */
  readonly subjects: readonly SignSubject[];
  readonly tool: SigningTool;
  readonly registries: readonly RegistrySettings[];
  readonly env: SigningEnvironment;
  readonly signal: AbortSignal;
  /** Hears what cosign tells people while it signs: without a key, where a person signs in, and with which code. */
  readonly onLine?: (line: string) => void;
}

/** All is signed, and every signature was verified. */
export interface SignedRelease {
  /** `anybody`: without a key, and the plan does not say who: the signatures hold, whoever made them. */
  readonly verifiedAs: "key" | "identity" | "anybody";
}

const OLDEST_MAJOR = 2;
const INSTALL =
  "Install cosign 2 or later (https://docs.sigstore.dev/cosign/system_config/installation), or remove `sign` from the plan.";

/** Is there a cosign, and what the plan wants it to read from the environment? To be asked before anything is built. */
export async function checkSigning(
  settings: SignSettings,
  env: SigningEnvironment,
  signal: AbortSignal,
): Promise<Result<SigningTool, ToolFailure | SigningUnready>> {
  const { key, passwordEnv } = settings;
  if (key.kind === "env" && !isSet(env, key.variable))
    return fail({ kind: "signing-unready", variable: key.variable, role: "key" });
  if (passwordEnv !== undefined && env[passwordEnv] === undefined)
    return fail({ kind: "signing-unready", variable: passwordEnv, role: "password" });
  const path = findTool("cosign", env);
  const missing = {
    kind: "tool-missing",
    neededFor: "signing (`sign` in the plan)",
    install: INSTALL,
  } as const;
  if (path === undefined) return fail({ ...missing, tool: "cosign" });
  const version = await toolVersion({ path, argv: ["version", "--json"], env: { ...env }, signal });
  if (signal.aborted) return fail({ kind: "connect-cancelled" });
  // One that somebody has built without a version is taken for a new one.
  if (version === undefined) return ok({ path, major: OLDEST_MAJOR + 1 });
  const [major] = version;
  return major < OLDEST_MAJOR
    ? fail({ ...missing, tool: `cosign 2 (${path} is version ${formatVersion(version)})` })
    : ok({ path, major });
}

function isSet(env: SigningEnvironment, variable: string): boolean {
  return (env[variable] ?? "") !== "";
}

/**
 * Signs all subjects by digest, in each repository, and then verifies each signature as its users will. Called before the tags
 * move: what they name is signed from the first moment.
 */
export async function signRelease(signing: Signing): Promise<Result<SignedRelease, SignFailure>> {
  const folder = await privateFolder();
  if (!folder.ok) return folder;
  try {
    return await signIn(folder.value.path, signing);
  } finally {
    await folder.value.remove();
  }
}

async function signIn(folder: string, signing: Signing): Promise<Result<SignedRelease, SignFailure>> {
  const { settings, tool, registries } = signing;
  const repositories = byRepository(signing.subjects);
  const files = await writeFiles(folder, signing);
  if (!files.ok) return files;
  for (const each of repositories) {
    const argv = signArguments(settings, each, { major: tool.major, files: files.value, registries });
    const signed = await call(signing, argv, "private-key");
    if (signed.kind !== "done") return fail(failure(signed, "sign-failed", each));
  }
  for (const each of repositories) {
    const verified = await call(
      signing,
      verifyArguments(settings, each, { files: files.value, registries }),
      "public-key",
    );
    if (verified.kind !== "done") return fail(failure(verified, "signature-unverified", each));
  }
  return ok({ verifiedAs: verifiedAs(settings) });
}

/**
 * The public key is the one that the plan names, or belongs to the private key, which is asked first: a password that is not right
 * shows before anything is signed. Key services give theirs by themselves.
 */
async function writeFiles(folder: string, signing: Signing): Promise<Result<SignFiles, SignFailure>> {
  const { settings } = signing;
  const signingConfig = join(folder, "signing-config.json");
  await writeFile(signingConfig, NO_SERVICES);
  if (settings.publicKey !== undefined) return ok({ signingConfig, publicKey: settings.publicKey });
  if (settings.key.kind === "keyless" || settings.key.kind === "uri") return ok({ signingConfig });
  const asked = await call(signing, ["public-key", ...keyArguments(settings)], "private-key");
  if (asked.kind !== "done") return fail(failure(asked, "sign-failed"));
  const publicKey = join(folder, "cosign.pub");
  await writeFile(publicKey, asked.stdout);
  return ok({ signingConfig, publicKey });
}

async function call(
  { settings, tool, env, signal, onLine }: Signing,
  argv: readonly string[],
  use: "private-key" | "public-key",
): Promise<CosignAnswer> {
  // What the others print is an answer for us.
  const heard = argv[0] !== "sign" || onLine === undefined ? {} : { onLine };
  return await runCosign({
    path: tool.path,
    argv,
    env: cosignEnvironment(env, settings, use),
    signal,
    ...heard,
  });
}

function failure(
  { kind, log }: CosignAnswer,
  what: "sign-failed" | "signature-unverified",
  about?: Named,
): SignFailure {
  if (kind === "cancelled") return { kind: "sign-cancelled" };
  return { kind: what, log, ...(about === undefined ? {} : { repository: about.name }) };
}

interface Named extends SignedRepository {
  /** `registry/path` */
  readonly name: string;
}

function byRepository(subjects: readonly SignSubject[]): readonly Named[] {
  const digests = new Map<string, { readonly registry: string; readonly digests: Set<Digest> }>();
  for (const { repository, digest } of subjects) {
    const name = formatRepository(repository);
    const known = digests.get(name) ?? { registry: repository.registry, digests: new Set() };
    known.digests.add(digest);
    digests.set(name, known);
  }
  return [...digests].map(([name, { registry, digests: all }]) => ({
    name,
    registry,
    references: [...all].map((digest) => `${name}@${digest}`),
  }));
}

function verifiedAs({ key, identity }: SignSettings): SignedRelease["verifiedAs"] {
  if (key.kind !== "keyless") return "key";
  return identity === undefined ? "anybody" : "identity";
}
