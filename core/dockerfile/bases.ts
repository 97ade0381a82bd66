import type { Platform } from "../../platforms/platform.ts";
import type { Location } from "../plan/source.ts";
import type { Dockerfile, Word } from "./dockerfile.ts";
import { stageGraph, type BaseRequest, type StageNode } from "./stages.ts";

export type { BaseRequest } from "./stages.ts";

/** An image that a build fetches: the base of a stage, or what `COPY --from=` and `RUN --mount=from=` name. */
export interface Base {
  /** As BuildKit looks it up, variables replaced, Docker's short form kept (`alpine:3.22`); undefined where it cannot be told. */
  readonly reference: string | undefined;
  /** The platform it is asked for; undefined where that cannot be told. */
  readonly platform: Platform | undefined;
  /** Of the name in the Dockerfile. */
  readonly location: Location;
  /** Name of the stage that needs it, or its number. */
  readonly stage: string;
  readonly use: "from" | "copy" | "mount";
}

/**
 * The images that building the target really fetches, in the file's order: of stages that are reached through `FROM`, `COPY --from=` and
 * `RUN --mount=from=`. `scratch`, stages and named contexts are none. Images of `COPY` and `RUN` are asked for the target's platform,
 * whatever their stage runs on. Empty where there is no such target.
 */
export function basesOf(dockerfile: Dockerfile, request: BaseRequest): readonly Base[] {
  const { nodes, reached } = stageGraph(dockerfile, request);
  const wanted = nodes.filter(({ stage }) => reached.has(stage.index));
  return wanted.flatMap((node) => imagesOf(node, dockerfile, request));
}

function imagesOf(node: StageNode, { source }: Dockerfile, { platform }: BaseRequest): readonly Base[] {
  const stage = node.stage.name ?? String(node.stage.index);
  const place = ({ range }: Word): Location => ({ file: source, range });
  const own: readonly Base[] =
    node.base.kind === "image"
      ? [
          {
            reference: node.base.reference,
            platform: node.platform,
            location: place(node.stage.from.image),
            stage,
            use: "from",
          },
        ]
      : [];
  const others = node.sources.flatMap(({ from, use, base }): readonly Base[] =>
    base.kind === "image" ? [{ reference: base.reference, platform, location: place(from), stage, use }] : [],
  );
  return [...own, ...others];
}
