import type { Platform } from "../../platforms/platform.ts";
import type { Location } from "../plan/source.ts";
import type { Dockerfile } from "./dockerfile.ts";

/** What a build says of a Dockerfile. */
export interface BaseRequest {
  readonly platform: Platform;
  /** Of the node that builds; absent where that is not known yet: what depends on it cannot be told then. */
  readonly buildPlatform?: Platform;
  /** Stage to build; the last one where absent. */
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
  /** Named contexts: their names count, what they hold does not. */
  readonly contexts: Readonly<Record<string, unknown>>;
}

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
 * `RUN --mount=from=`. `scratch`, stages and named contexts are none.
 */
export function basesOf(dockerfile: Dockerfile, request: BaseRequest): readonly Base[] {
  throw new Error(`Internal error: not written yet (${dockerfile.source.path}, ${request.platform.os})`);
}
