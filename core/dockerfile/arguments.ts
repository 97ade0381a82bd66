import {
  formatPlatform,
  formatPlatformFull,
  normalizePlatform,
  type Platform,
} from "../../platforms/platform.ts";
import type { Dockerfile } from "./dockerfile.ts";
import { assignmentsOf } from "./instruction.ts";
import { expand, type Scope } from "./lex.ts";

/** What decides the values of arguments. */
export interface ArgumentRequest {
  readonly platform: Platform;
  /** Of the node that builds; absent where that is not known yet: what depends on it cannot be told then. */
  readonly buildPlatform?: Platform;
  /** Stage to build; the last one where absent. */
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
}

/**
 * The arguments that BuildKit sets by itself, before the plan's own `args`.
 * @see https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope
 */
export function platformArguments(request: Omit<ArgumentRequest, "args">): Scope {
  const target = normalizePlatform(request.platform);
  const build = request.buildPlatform === undefined ? undefined : normalizePlatform(request.buildPlatform);
  return new Map([
    ["BUILDPLATFORM", build && formatPlatform(build)],
    ["BUILDOS", build?.os],
    ["BUILDOSVERSION", build && (build.osVersion ?? "")],
    ["BUILDARCH", build?.architecture],
    ["BUILDVARIANT", build && (build.variant ?? "")],
    ["TARGETPLATFORM", formatPlatformFull(target)],
    ["TARGETOS", target.os],
    ["TARGETOSVERSION", target.osVersion ?? ""],
    ["TARGETARCH", target.architecture],
    ["TARGETVARIANT", target.variant ?? ""],
    ["TARGETSTAGE", request.target ?? "default"],
  ]);
}

/**
 * The variables that `FROM` lines see: BuildKit's own, what the plan passes over them, then the `ARG`s before the first `FROM`, each of
 * which the plan's value overrides. What the plan passes is seen only where an `ARG` names it.
 */
export function globalScope(dockerfile: Dockerfile, request: ArgumentRequest): Scope {
  const { args } = request;
  const target = request.target ?? dockerfile.stages.at(-1)?.name;
  const scope = new Map(platformArguments({ ...request, ...(target === undefined ? {} : { target }) }));
  for (const name of scope.keys()) if (Object.hasOwn(args, name)) scope.set(name, args[name]);
  for (const instruction of dockerfile.globalArgs)
    for (const { name, value } of assignmentsOf(instruction, dockerfile.escape)) {
      if (Object.hasOwn(args, name)) scope.set(name, args[name]);
      else if (value !== undefined) scope.set(name, expand(value, scope, dockerfile.escape));
    }
  return scope;
}
