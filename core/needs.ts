import { join } from "node:path";
import type { BuildResult } from "./buildkit/buildkit.ts";
import { imageFor, type Target } from "./deliver.ts";
import type { Digest } from "./oci/digest.ts";
import { formatRepository } from "./oci/reference.ts";
import type { Build, BuildContext, FileOutput } from "./plan/build.ts";
import type { Variant } from "./plan/plan.ts";
import { slug } from "./plan/scopes.ts";

/** What a variant has become, as others that are built from it are told of it. */
export interface Need {
  readonly variant: Variant;
  /** Of its image manifest. */
  readonly digest?: Digest;
  /** Folder of the OCI layout that it was handed over as, where no builder can pull it. */
  readonly layout?: string;
}

/** Is what this variant becomes nowhere that a builder could pull it from? Then those that are built from it get it as a layout. */
export function isOutOfReach({ build }: Variant, target: Target): boolean {
  return target.kind !== "registries" || build.push === "client" || build.repositories.length === 0;
}

/** The build of a variant that others need as a layout. BuildKit hands over one layout a build: an image that is one already does for both. */
export function withLayout(variant: Variant, target: Target, folder: string): Build {
  const { build, id } = variant;
  if (imageFor(variant, target).kind === "layout") return build;
  const output: FileOutput = { type: "oci", dest: join(folder, slug(id)), attributes: { tar: "false" } };
  return { ...build, outputs: [...build.outputs, output] };
}

/** Where that layout lies, and the result whose file stays there for as long as the run. */
export function keptLayout(
  { outputs }: Build,
  built: BuildResult,
): { readonly layout: string | undefined; readonly built: BuildResult } {
  const { file } = built;
  if (file === undefined) return { layout: outputs.at(-1)?.dest, built };
  return { layout: file.path, built: { ...built, file: { path: file.path, remove: async () => undefined } } };
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
