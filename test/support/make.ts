import type { Node, SolveRequest } from "../../core/buildkit/buildkit.ts";
import type { Build } from "../../core/plan/build.ts";
import type { Variant } from "../../core/plan/plan.ts";
import { formatPlatform, parsePlatform, type Platform } from "../../platforms/platform.ts";

/** A platform that a test writes down as text. */
export function platform(text: string): Platform {
  const parsed = parsePlatform(text);
  if (!parsed.ok) throw new Error(`not a platform: ${text}`);
  return parsed.value;
}

/** A build with every field filled; a test changes what it is about. */
export function build(changes: Partial<Build> = {}): Build {
  return {
    context: { kind: "local", path: "/project" },
    dockerfile: "/project/Dockerfile",
    args: {},
    contexts: {},
    labels: {},
    annotations: { manifest: {}, manifestDescriptor: {} },
    secrets: [],
    ssh: [],
    cacheFrom: [],
    cacheTo: [],
    attest: {},
    noCache: false,
    pull: false,
    repositories: [{ registry: "localhost:5000", path: "team/app" }],
    push: "builder",
    image: {},
    outputs: [],
    ...changes,
  };
}

/** A node that runs `native` on its CPU and `emulated` besides. */
export function node(
  name: string,
  native: readonly string[],
  emulated: readonly string[] = [],
  changes: Partial<Node> = {},
): Node {
  return {
    name,
    builder: name,
    native: native.map(platform),
    platforms: [...native, ...emulated].map(platform),
    maxParallelism: 4,
    local: true,
    ...changes,
  };
}

/** What is asked of BuildKit for this build: to push it, where it has repositories. */
export function solveRequest(on: Node, platformText: string, changes: Partial<Build> = {}): SolveRequest {
  const asked = build(changes);
  const { repositories } = asked;
  return {
    node: on,
    platform: platform(platformText),
    build: asked,
    image: repositories.length === 0 ? { kind: "none" } : { kind: "push", repositories },
  };
}

/** A variant of the release `app`. */
export function variant(platformText: string, changes: Partial<Variant> = {}): Variant {
  const file = { path: "buildx-plan.yaml", text: "" };
  const value = platform(platformText);
  return {
    id: `app ${formatPlatform(value)}`,
    release: "app",
    platform: value,
    emulation: "allow",
    required: true,
    build: build(),
    location: { file, range: { start: 0, end: 0 } },
    ...changes,
  };
}
