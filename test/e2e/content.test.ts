import { beforeAll, describe, expect, test } from "vitest";
import { execa } from "execa";
import { publicTags } from "../support/public-tags.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

/** Images made wrong on purpose: what is found before a tag moves, by the program itself, in a real registry. */

const ALL = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"];
const TWO = ALL.slice(0, 2);

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

/** Preflight would find some of these mistakes in the Dockerfile: here it looks away, as it must where a mistake is none of the Dockerfile's. */
const LOOK_AWAY =
  "check: { ignore: [platform-arg-default, literal-architecture, platform-constant, single-platform-digest, final-stage-build-platform] }";

interface Project {
  readonly rig: Rig;
  readonly tag: string;
}

async function project(
  name: string,
  dockerfile: string,
  options: { readonly platforms?: readonly string[]; readonly more?: string } = {},
): Promise<Project> {
  const tag = `${registry.host}/${name}:1`;
  const rig = await openRig({
    Dockerfile: dockerfile,
    "buildx-plan.yaml": `version: 1
${LOOK_AWAY}
images:
  app:
    context: .
    contexts: { busybox: ./busybox }
    platforms: [${(options.platforms ?? TWO).join(", ")}]
    tags: [${JSON.stringify(tag)}]
${options.more ?? ""}`,
  });
  await addBusybox(rig);
  return { rig, tag };
}

async function tagsOf(tag: string): Promise<readonly string[]> {
  const { stdout } = await execa(await testTool("crane"), ["ls", "--insecure", tag.replace(/:1$/, "")], {
    reject: false,
  });
  return publicTags(stdout).filter((line) => !line.startsWith("buildx-plan"));
}

async function digestOf(tag: string, platform: string): Promise<string> {
  const { stdout } = await execa(await testTool("crane"), [
    "digest",
    "--insecure",
    "--platform",
    platform,
    tag,
  ]);
  return stdout.trim();
}

const OWN = "${TARGETARCH}${TARGETVARIANT}/busybox";
const ARGS = "ARG TARGETARCH\nARG TARGETVARIANT\n";
/** A base of each platform's own: what is in it is right. */
const BASE = `FROM scratch AS base
${ARGS}COPY --from=busybox ${OWN} /bin/busybox
`;

/** Pushes a base image for both platforms, and answers its tag. */
async function pushBase(name: string): Promise<string> {
  const { rig, tag } = await project(name, `${BASE}CMD ["/bin/busybox", "sh"]\n`);
  const ran = await rig.build();
  if (ran.exitCode !== 0) throw new Error(ran.stderr);
  return tag;
}

/** One line, so that words can be looked for however they are wrapped. */
function said({ stderr }: Ran): string {
  return stderr.replaceAll(/\s+/g, " ");
}

describe("a build whose image is wrong moves no tag", () => {
  test("a default on TARGETARCH", async () => {
    const { rig, tag } = await project(
      "defaulted",
      `${BASE}FROM base
ARG TARGETARCH=amd64
COPY --from=busybox \${TARGETARCH}/busybox /server
ENTRYPOINT ["/server"]
`,
    );
    const ran = await rig.build();
    expect(ran.exitCode).toBe(4);
    expect(said(ran)).toContain(
      "linux/arm64 starts /server, which is a program for linux/amd64: it will fail with `exec format error`",
    );
    expect(said(ran)).toContain("[entrypoint-architecture]");
    // The line that put it there, and the history line that names it.
    expect(ran.stderr).toMatch(/Dockerfile:\d+:1/);
    expect(said(ran)).toContain("made by COPY");
    expect(await tagsOf(tag)).toEqual([]);
  });

  test("a base image pinned to one platform's digest", async () => {
    const base = await pushBase("pinned-base");
    const digest = await digestOf(base, "linux/amd64");
    const { rig, tag } = await project(
      "pinned",
      `FROM ${registry.host}/pinned-base@${digest}\n${ARGS}COPY --from=busybox ${OWN} /opt/own\nCMD ["/bin/busybox", "sh"]\n`,
    );
    const ran = await rig.build();
    expect(ran.exitCode).toBe(4);
    expect(said(ran)).toContain("linux/arm64 starts /bin/busybox, which is a program for linux/amd64");
    expect(said(ran)).toContain("Let FROM name the image for all platforms");
    expect(ran.stderr).toMatch(/Dockerfile:1:1: The image for linux\/arm64 starts/);
    expect(await tagsOf(tag)).toEqual([]);
  });

  test("a program that was built once and is copied everywhere", async () => {
    const { rig, tag } = await project(
      "copied",
      `${BASE}FROM base\nCOPY busybox/s390x/busybox /usr/local/bin/server\nENTRYPOINT ["server"]\nCMD ["--port", "80"]\n`,
      { platforms: ALL },
    );
    const ran = await rig.build();
    expect(ran.exitCode).toBe(4);
    for (const platform of ALL.filter((each) => each !== "linux/s390x"))
      expect(said(ran)).toContain(
        `${platform} starts /usr/local/bin/server, which is a program for linux/s390x`,
      );
    expect(said(ran)).not.toContain("linux/s390x starts");
    expect(await tagsOf(tag)).toEqual([]);
  });

  const SHARED =
    "linux/amd64 and linux/arm64 share a layer with 1 program for linux/amd64: linux/arm64 cannot run it [shared-programs]";

  test.each([
    ["", "", 4, [], [], ["base-architecture"]],
    [
      ", which the plan only wants to hear of",
      "    verify: warn\n",
      0,
      ["1"],
      [SHARED],
      ["base-architecture", "shared-programs"],
    ],
  ])("a final stage of the wrong platform%s", async (_, more, exitCode, tags, besides, rules) => {
    const base = await pushBase(`stage${exitCode}-base`);
    const { rig, tag } = await project(
      `stage${exitCode}`,
      `FROM --platform=linux/amd64 ${base}\n${ARGS}COPY --from=busybox ${OWN} /server\nENTRYPOINT ["/server"]\n`,
      { more },
    );
    const ran = await rig.build("--json");
    const message =
      "The base image of linux/arm64 is for linux/amd64: nothing that comes with it can run [base-architecture]";
    for (const text of [message, ...besides]) expect(said(ran)).toContain(text);
    expect(ran.exitCode).toBe(exitCode);
    const found = JSON.parse(ran.stdout).findings.map(({ rule }: { readonly rule: string }) => rule);
    expect(found).toEqual(expect.arrayContaining(rules));
    expect(await tagsOf(tag)).toEqual(tags);
  });

  test("programs that nothing calls, in a layer that two platforms share", async () => {
    const { rig, tag } = await project(
      "shared",
      `${BASE}FROM scratch AS tools
COPY busybox/amd64/busybox /opt/a
COPY busybox/amd64/busybox /opt/b
COPY busybox/amd64/busybox /opt/c
FROM base
COPY --from=tools /opt /opt
CMD ["/bin/busybox", "sh"]
`,
    );
    const ran = await rig.build();
    expect(ran.exitCode).toBe(4);
    expect(said(ran)).toContain(
      "linux/amd64 and linux/arm64 share a layer with 3 programs for linux/amd64: linux/arm64 cannot run them [shared-programs]",
    );
    expect(said(ran)).toContain("made by COPY /opt /opt # buildkit");
    expect(ran.stderr).toMatch(/Dockerfile:10:1: linux\/amd64 and linux\/arm64 share/);
    expect(await tagsOf(tag)).toEqual([]);
  });
});

test("a test that passes under emulation does not make a wrong program right", async () => {
  const { rig, tag } = await project(
    "emulated",
    `${BASE}FROM base\nCOPY busybox/s390x/busybox /bin/true\nRUN ["/bin/true"]\nENTRYPOINT ["true"]\n`,
    { platforms: ["linux/amd64"] },
  );
  const ran = await rig.build();
  expect(ran.exitCode).toBe(4);
  expect(said(ran)).toContain("proves nothing");
  expect(await tagsOf(tag)).toEqual([]);
});

test("programs for other platforms that belong there are no mistake", async () => {
  const { rig, tag } = await project(
    "legitimate",
    `${BASE}FROM base
COPY busybox/amd64/busybox /opt/agents/linux-amd64/agent
COPY busybox/arm64/busybox /opt/agents/linux-arm64/agent
COPY busybox/s390x/busybox /srv/testdata/s390x.elf
COPY busybox/ppc64le/busybox /opt/tools/ppc
ENTRYPOINT ["/bin/busybox", "httpd"]
`,
    { platforms: ALL, more: `    verify: { ignore: ["/opt/tools/**"] }\n` },
  );
  const ran = await rig.build();
  expect(said(ran)).not.toMatch(/warning|error/);
  expect(ran.exitCode).toBe(0);
  expect(await tagsOf(tag)).toEqual(["1"]);
});
