import { join } from "node:path";
import type { Destination } from "../core/destination.ts";
import type { RunEvent } from "../core/event.ts";
import { cacheFolders } from "../core/host/folders.ts";
import type { InputsReader } from "../core/inputs/digest-inputs.ts";
import type { Inputs } from "../core/inputs/inputs.ts";
import type { Plan, PlannedRelease, Variant } from "../core/plan/plan.ts";
import { toResolvable } from "../core/oci/reference.ts";
import type { Registry } from "../core/registry/registry.ts";
import { fail, ok } from "../core/result.ts";
import type { Circumstances, TakeOver } from "../core/taking-over/take-over.ts";
import { preflightRegistry } from "./preflight.ts";
import type { Shell } from "./shell.ts";

/** What a run may take over, and how it is told of it. */
export interface TakeOverWork {
  readonly plan: Plan;
  /** Ids of variants that are not built. */
  readonly joined: ReadonlySet<string>;
  readonly options: {
    readonly destination: Destination;
    readonly resume?: boolean;
    readonly append?: boolean;
  };
  readonly registry: Registry;
  readonly onEvent: (event: RunEvent) => void;
}

export interface OpenTakeOver {
  readonly takeOver: TakeOver;
  readonly close: () => Promise<void>;
}

/** Opens what earlier runs and other machines have left in the registries of a plan. Undefined where nothing goes there. */
export async function openTakeOver(
  { plan, joined, options, registry, onEvent }: TakeOverWork,
  shell: Shell,
): Promise<OpenTakeOver | undefined> {
  const { destination, resume, append } = options;
  if (destination.kind !== "registries" || plan.releases.every(isAlone)) return undefined;
  const [{ meetInRegistry }, { planPart }] = await Promise.all([
    import("../core/taking-over/in-registry.ts"),
    import("../core/inputs/plan-part.ts"),
  ]);
  const releases = new Map(plan.releases.map((release) => [release.name, release]));
  const releaseOf = ({ release }: Variant): PlannedRelease => {
    const found = releases.get(release);
    if (found === undefined) throw new Error(`Internal error: no release ${release}`);
    return found;
  };
  const reading = preflightRegistry(plan, shell);
  const takeOver = meetInRegistry({
    releases: plan.releases,
    registry,
    inputsOf: inputsReader({ plan, releaseOf, registry: reading }, shell),
    planPartOf: (variant) => planPart(variant, releaseOf(variant), plan.directory),
    ...(plan.revision === undefined ? {} : { revision: plan.revision }),
    ...(resume === false ? { builds: "all" } : {}),
    joined,
    ...(append === true ? { appends: true } : {}),
    onEvent,
    signal: shell.signal,
    now: shell.now,
  });
  return { takeOver, close: async () => await reading.close() };
}

/** Nothing is left for others, and nothing taken from them. */
function isAlone({ repositories, staging, reuse }: PlannedRelease): boolean {
  return repositories.length === 0 || (staging === false && reuse === undefined);
}

interface InputsWork {
  readonly plan: Plan;
  readonly releaseOf: (variant: Variant) => PlannedRelease;
  /** For base images. */
  readonly registry: Registry;
}

/** What is asked twice of a variant is read once. */
function inputsReader(
  { plan, releaseOf, registry }: InputsWork,
  shell: Shell,
): (variant: Variant, circumstances: Circumstances) => Promise<Inputs | undefined> {
  const opening = openInputs(registry, shell);
  const known = new Map<string, Promise<Inputs | undefined>>();
  const read = async (variant: Variant, { needs, node }: Circumstances): Promise<Inputs | undefined> => {
    const [buildPlatform] = node.native;
    const inputs = await (
      await opening
    ).of(variant, {
      release: releaseOf(variant),
      planDirectory: plan.directory,
      buildkitVersion: node.buildkitVersion,
      ...(buildPlatform === undefined ? {} : { buildPlatform }),
      needs,
    });
    // What cannot be read here, the build will say more of.
    return inputs.ok ? inputs.value : undefined;
  };
  return async (variant, circumstances) => {
    const key = `${variant.id}\0${circumstances.node.name}`;
    const asked = known.get(key) ?? read(variant, circumstances);
    known.set(key, asked);
    return await asked;
  };
}

async function openInputs(registry: Registry, { env, home, now, signal }: Shell): Promise<InputsReader> {
  const [{ createInputs }, { openFileMemory }] = await Promise.all([
    import("../core/inputs/digest-inputs.ts"),
    import("../core/inputs/file-memory.ts"),
  ]);
  return createInputs({
    nowMs: now,
    memory: openFileMemory(join(cacheFolders(env, home).root, "hashes")),
    lookUp: async (reference) => {
      const wanted = toResolvable(reference);
      const name = "digest" in wanted ? wanted.digest : wanted.tag;
      const found = await registry.store(reference).resolve(name, signal);
      if (!found.ok) return found;
      return found.value === undefined ? fail("absent") : ok(found.value);
    },
  });
}
