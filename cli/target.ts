import { isAbsolute, resolve } from "node:path";
import { pushedByBuilder } from "../core/buildkit/registry-access.ts";
import type { Target } from "../core/deliver.ts";
import { parseDestination, type Destination } from "../core/destination.ts";
import type { Failure } from "../core/failure.ts";
import { formatReference } from "../core/oci/reference.ts";
import type { Plan } from "../core/plan/plan.ts";
import type { Registry } from "../core/registry/registry.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { Shell } from "./shell.ts";

/** What the command line says of where results go. */
export interface DestinationOptions {
  readonly output?: string;
  readonly load?: boolean;
}

/** Where `build` puts its results: the plan's repositories, unless `--output` or `--load` says otherwise. */
export function destinationOf(
  { output, load }: DestinationOptions,
  shell: Shell,
): Result<Destination, Failure> {
  if (output !== undefined && load === true)
    return fail({
      kind: "override-invalid",
      option: "--load",
      value: `--output ${output}`,
      detail: "there can be one destination only",
      hint: "Leave one of --load and --output away",
    });
  if (load === true) return ok({ kind: "docker" });
  if (output === undefined) return ok({ kind: "registries" });
  return parseDestination(output, (path) => (isAbsolute(path) ? path : resolve(shell.cwd, path)));
}

/** An open destination. `close` keeps what was written where `complete`, and otherwise leaves the disk as it was. */
export interface OpenTarget {
  readonly target: Target;
  readonly close: (complete: boolean) => Promise<Result<void, Failure>>;
}

/** Opens the destination of a run. */
export async function openTarget(
  destination: Destination,
  { plan, registry }: { readonly plan: Plan; readonly registry: Registry },
  shell: Shell,
): Promise<Result<OpenTarget, Failure>> {
  switch (destination.kind) {
    case "registries":
      return ok(
        nothingToClose({
          kind: "registries",
          registry,
          byBuilder: (repositories) => pushedByBuilder(repositories, plan.registries),
        }),
      );
    case "files":
      return ok(nothingToClose({ kind: "files" }));
    case "docker":
      return ok(nothingToClose(dockerTarget(plan, shell)));
    case "layout":
      return await layoutTarget(destination);
    default:
      return destination satisfies never;
  }
}

function nothingToClose(target: Target): OpenTarget {
  return { target, close: async () => ok(undefined) };
}

function dockerTarget(plan: Plan, shell: Shell): Target {
  const names = new Map(plan.releases.map(({ name, tags }) => [name, tags.map(formatReference)]));
  return {
    kind: "docker",
    names: (release) => names.get(release) ?? [],
    load: async (archive, signal) => {
      const { loadImage } = await import("../core/buildkit/docker-load.ts");
      return await loadImage(archive, shell.env, signal);
    },
  };
}

async function layoutTarget({
  path,
  tar,
}: Extract<Destination, { readonly kind: "layout" }>): Promise<Result<OpenTarget, Failure>> {
  const { createLayout } = await import("../core/layout/create.ts");
  const layout = await createLayout(path, { kind: tar ? "tar" : "folder" });
  if (!layout.ok) return layout;
  const created = layout.value;
  return ok({
    target: { kind: "layout", store: created.store },
    close: async (complete) => {
      if (complete) return await created.finish();
      await created.discard();
      return ok(undefined);
    },
  });
}
