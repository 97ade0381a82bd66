import { join } from "node:path";
import type { Target } from "./deliver.ts";
import type { Digest } from "./oci/digest.ts";
import { formatRepository } from "./oci/reference.ts";
import type { Build, BuildContext, FileOutput, Variant } from "./plan/plan.ts";
import { slug } from "./plan/scopes.ts";

/** What a variant has become, as others that are built from it are told of it. */
export interface Need {
  readonly variant: Variant;
  /** Of its image manifest. */
  readonly digest?: Digest;
  /** Folder of the OCI layout that it was handed over as, where no builder can pull it. */
  readonly layout?: string;
}

/** Is what this variant becomes nowhere that a builder could pull it from? Then it is handed over as a layout besides. */
export function isOutOfReach({ build }: Variant, target: Target): boolean {
  return target.kind !== "registries" || build.push === "client" || build.repositories.length === 0;
}

/** The output that hands a variant over to those that need it, below a private folder of the run. */
export function handOver({ id }: Variant, folder: string): FileOutput {
  return { type: "oci", dest: join(folder, slug(id)), attributes: { tar: "false" } };
}

/** The build with the images of other variants in place of their names: exactly those that were made or found in this run. */
export function withNeeds(build: Build, needs: readonly Need[]): Build {
  const entries = Object.entries(build.contexts);
  if (entries.every(([, { kind }]) => kind !== "variant")) return build;
  const contexts = entries.map(([name, context]) => [name, resolved(context, needs)] as const);
  return { ...build, contexts: Object.fromEntries(contexts) };
}

function resolved(context: BuildContext, needs: readonly Need[]): BuildContext {
  if (context.kind !== "variant") return context;
  const need = needs.find(({ variant }) => variant.id === context.variant);
  if (need?.layout !== undefined)
    return { kind: "oci-layout", path: need.layout, reference: { kind: "tag", tag: "latest" } };
  const [repository] = need?.variant.build.repositories ?? [];
  if (need?.digest === undefined || repository === undefined)
    throw new Error(`Internal error: ${context.variant} was to be there`);
  return { kind: "remote", url: `docker-image://${formatRepository(repository)}@${need.digest}` };
}
