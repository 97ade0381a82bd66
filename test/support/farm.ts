import { join } from "node:path";
import { execa } from "execa";
import { startGateServer, type GateServer, type Waiting } from "./gate-server.ts";
import { openNetwork, type TestNetwork, type TestNode } from "./nodes.ts";
import { addBusybox, openRig, type Environment, type Ran, type Rig, type Running } from "./rig.ts";
import { startRegistryAt } from "./tls-registry.ts";
import { testTool } from "./tools.ts";

/** The platform that this machine runs itself, and one that it does not. */
export const [NATIVE, FOREIGN] =
  process.arch === "arm64" ? ["linux/arm64", "linux/amd64"] : ["linux/amd64", "linux/arm64"];

/** Two networks with a daemon in each, and what they reach: a registry, and a server for their steps. */
export interface Farm {
  readonly one: TestNetwork;
  readonly two: TestNetwork;
  readonly registry: string;
  readonly gate: GateServer;
}

/** Makes one that ends with the test. */
export async function openFarm(): Promise<Farm> {
  const [one, two] = [await openNetwork(), await openNetwork()];
  const [registry, gate] = await Promise.all([startRegistryAt(one.here), startGateServer(one.here)]);
  return { one, two, registry, gate };
}

/** A builder of a plan. */
export const line = (name: string, { address }: Pick<TestNode, "address">, more = ""): string =>
  `  ${name}: { buildkit: "${address}"${more} }\n`;
/** What a builder is declared to be. */
export const nativeFor = (platform: string): string => `, platforms: [${platform}]`;

/** An image with one step, which asks the server. */
export async function project(farm: Farm, builders: string, platforms: readonly string[]): Promise<Rig> {
  const rig = await openRig({
    Dockerfile: `FROM scratch
ARG TARGETPLATFORM
ARG TARGETARCH
ARG TARGETVARIANT
COPY --from=busybox \${TARGETARCH}\${TARGETVARIANT}/busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN wget -q -O /answer http://${farm.gate.host}/\${TARGETPLATFORM}
`,
    "buildx-plan.yaml": `version: 1
${builders === "" ? "" : `builders:\n${builders}`}registries: { "${farm.registry}": { insecure: true } }
images:
  app:
    contexts: { busybox: ./busybox }
    platforms: [${platforms.join(", ")}]
    tags: ["${farm.registry}/app:1"]
`,
  });
  await addBusybox(rig);
  return rig;
}

/** The next step that asks. @throws where the run ends before */
export async function nextStep({ gate }: Pick<Farm, "gate">, running: Running): Promise<Waiting> {
  const ended = running.ended.then(({ stderr }) => `It ended too early: ${stderr}`);
  const next = await Promise.race([gate.next(), ended]);
  if (typeof next === "string") throw new Error(next);
  return next;
}

/** Lets this many steps go on, and answers which address ran which platform. */
export async function releaseAll(
  farm: Farm,
  running: Running,
  count: number,
): Promise<Readonly<Record<string, string>>> {
  const places: Record<string, string> = {};
  for (let arrived = 0; arrived < count; arrived += 1) {
    const { path, from, release } = await nextStep(farm, running);
    places[path.slice(1)] = from;
    release();
  }
  return places;
}

/** The part of a build's `--json` that tells where it was built. */
export interface Report {
  readonly variants: readonly {
    platform: string;
    node: string;
    execution: string;
    outcome: string;
    failure?: { kind: string };
  }[];
  readonly lost: readonly { node: string; builder: string; detail: string }[];
  readonly failures?: readonly { kind: string; considered?: readonly { node: string; why: string }[] }[];
}

/** What a run with `--json` answered. */
export function reportOf(ran: Ran): Report {
  return JSON.parse(ran.stdout);
}

/** `linux/arm64 arm native`, a line for each variant. */
export function placesIn({ variants }: Report): readonly string[] {
  return variants.map(({ platform, node, execution }) => `${platform} ${node} ${execution}`);
}

/** Platforms of the index that a tag names. */
export async function platformsOf(tag: string): Promise<readonly string[]> {
  const { stdout } = await execa(await testTool("crane"), ["manifest", "--insecure", tag]);
  const { manifests } = JSON.parse(stdout);
  return manifests
    .filter(({ platform }: { platform: { os: string } }) => platform.os !== "unknown")
    .map(
      ({ platform: { os, architecture } }: { platform: { os: string; architecture: string } }) =>
        `${os}/${architecture}`,
    );
}

/** The plugin as it stands, called as `docker buildx` calls it; a builder `farm` of these daemons in a configuration of its own. */
export async function buildxFarm(
  rig: Rig,
  nodes: readonly { readonly name: string; readonly at: TestNode; readonly platform?: string }[],
): Promise<Environment & { readonly TMPDIR: string }> {
  const buildx = await testTool("buildx");
  await rig.write({ "bin/docker": `#!/bin/sh\nshift\nexec ${buildx} "$@"\n`, "tmp/.keep": "" });
  await execa("chmod", ["+x", join(rig.directory, "bin/docker")]);
  const env = {
    BUILDX_CONFIG: join(rig.directory, "buildx"),
    PATH: `${join(rig.directory, "bin")}:${process.env["PATH"]}`,
    TMPDIR: join(rig.directory, "tmp"),
  };
  for (const [index, { name, at, platform }] of nodes.entries()) {
    const platforms = platform === undefined ? [] : ["--platform", platform];
    const append = index === 0 ? [] : ["--append"];
    const argv = [
      "create",
      "--name",
      "farm",
      ...append,
      "--driver",
      "remote",
      "--node",
      name,
      ...platforms,
      at.address,
    ];
    await execa(buildx, argv, { env });
  }
  return env;
}
