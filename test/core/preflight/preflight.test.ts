import { expect, test } from "vitest";
import type { LintRequest } from "../../../core/buildkit/buildkit.ts";
import { withoutPushing } from "../../../core/destination.ts";
import { lookAtDockerfiles } from "../../../core/preflight/dockerfiles.ts";
import { preflight, type PreflightOptions } from "../../../core/preflight/preflight.ts";
import { fail, ok } from "../../../core/result.ts";
import type { Route } from "../../../core/route/route.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";
import { node } from "../../support/make.ts";
import { folderWith, load, planOf } from "../../support/plan.ts";

interface World {
  readonly dockerfile?: string;
  /** Of the image `app`. */
  readonly image?: string;
  /** After it. */
  readonly others?: string;
  readonly host?: string;
  readonly more?: string;
}

async function optionsOf({
  dockerfile = "FROM scratch\n",
  image = "",
  others = "",
  host = "one.example",
  more = "",
}: World) {
  const text = `version: 1\n${more}images:
  app:
    platforms: [linux/amd64, { platform: linux/arm64, args: { A: "1" } }, linux/s390x]
    tags: ["${host}/app:1"]
${image}${others}`;
  const from = await folderWith({ Dockerfile: dockerfile, "plan.yaml": text });
  const plan = planOf(await load("plan.yaml", from));
  const on = node("builder", ["linux/s390x"]);
  const variants = plan.releases.flatMap((release) => release.variants);
  const routes = variants.map((variant): Route => {
    const isNative = variant.platform.architecture === "s390x";
    return { variant, node: on, execution: isNative ? "native" : "emulated" };
  });
  const options: PreflightOptions = {
    plan,
    routes,
    dockerfiles: await lookAtDockerfiles(plan, { routes, from }),
    tags: "all",
    allowed: { shrink: false, downgrade: false },
    deadlineMs: 10_000,
    signal: new AbortController().signal,
  };
  return options;
}

function rules({ findings }: Awaited<ReturnType<typeof preflight>>): readonly string[] {
  return findings.map(({ rule }) => rule);
}

test("with nothing to ask, the Dockerfiles alone are looked at", async () => {
  const report = await preflight(await optionsOf({}));
  expect(report).toEqual({
    findings: [],
    looked: { dockerfiles: 1, bases: 0, repositories: 0, tags: 0, emulators: 0 },
    leftOut: [],
  });
});

test("registries are asked for bases, for leave to push and for tags, once each", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient({ access: "read" });
  const options = await optionsOf({ dockerfile: `FROM ${fake.host}/base:1\n`, host: fake.host });
  const report = await preflight({ ...options, registry });
  expect(rules(report)).toEqual(["base-unresolvable"]);
  expect(report.looked).toMatchObject({ bases: 1, repositories: 1, tags: 1 });
  expect(fake.log().toSorted()).toEqual([
    "DELETE /v2/app/blobs/uploads/upload-1",
    "GET /v2/app/manifests/1",
    "GET /v2/base/manifests/1",
    "POST /v2/app/blobs/uploads/",
  ]);
  const beside = await preflight({ ...options, registry, tags: "forbidden" });
  expect(beside.looked).toMatchObject({ bases: 1, repositories: 1, tags: 0 });
});

test("of a plan that pushes nothing, neither repositories nor tags are asked for", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient({ access: "read" });
  const options = await optionsOf({ host: fake.host });
  const plan = withoutPushing(options.plan);
  for (const tags of ["all", "forbidden"] as const) {
    const { findings, looked } = await preflight({ ...options, plan, registry, tags });
    expect({ findings, looked }).toMatchObject({ findings: [], looked: { repositories: 0, tags: 0 } });
  }
  expect(fake.log()).toEqual([]);
});

test("what the plan or a comment ignores is not told", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient({ access: "read" });
  const absent = `FROM ${fake.host}/base:1\n`;
  const planned = await optionsOf({
    dockerfile: absent,
    host: fake.host,
    more: "check: { ignore: [base-unresolvable] }\n",
  });
  expect(rules(await preflight({ ...planned, registry }))).toEqual([]);
  const comment = `ARG X\n# buildx-plan ignore=base-unresolvable\n${absent}`;
  const commented = await optionsOf({ dockerfile: comment, host: fake.host });
  expect(rules(await preflight({ ...commented, registry }))).toEqual([]);
});

test("BuildKit is asked once for each set of arguments, natively where it can be, and its twins are left out", async () => {
  const asked: LintRequest[] = [];
  const options = await optionsOf({ dockerfile: "FROM --platform=linux/amd64 alpine\nRUN true\n" });
  const report = await preflight({
    ...options,
    buildkit: {
      lint: async (request) => {
        asked.push(request);
        return ok([
          { rule: "FromPlatformFlagConstDisallowed", message: "constant", lines: { first: 1, last: 1 } },
          { rule: "StageNameCasing", message: "casing", lines: { first: 2, last: 2 } },
        ]);
      },
    },
  });
  expect(asked.map(({ platform }) => formatPlatform(platform))).toEqual(["linux/s390x", "linux/arm64"]);
  expect(rules(report)).toContain("platform-constant");
  expect(rules(report).filter((rule) => rule.startsWith("buildkit/"))).toEqual(["buildkit/StageNameCasing"]);
});

test("an image of the plan as a context is looked up nowhere, and BuildKit is asked as if nothing were in it", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient({ access: "read" });
  const asked: LintRequest[] = [];
  const dockerfile = `FROM scratch AS root\nFROM base\nCOPY --from=${fake.host}/tools:1 / /\n`;
  const settings = `contexts: { base: "image:base", "${fake.host}/tools:1": "image:base" }`;
  const base = `  base:
    target: root
    platforms: [linux/amd64, linux/arm64, linux/s390x]
    tags: ["${fake.host}/base:1"]
`;
  const options = await optionsOf({ dockerfile, image: `    ${settings}\n`, others: base, host: fake.host });
  const report = await preflight({
    ...options,
    registry,
    buildkit: {
      lint: async (request) => {
        asked.push(request);
        return ok([]);
      },
    },
  });
  expect(report.looked).toMatchObject({ bases: 0 });
  expect(rules(report)).toEqual([]);
  expect(report.leftOut).toEqual([]);
  const nothing = { kind: "remote", url: "docker-image://scratch" };
  const ofApp = asked.filter(({ build }) => build.target === undefined);
  expect(ofApp.map(({ build }) => build.contexts)).toEqual([
    { base: nothing, [`${fake.host}/tools:1`]: nothing },
    { base: nothing, [`${fake.host}/tools:1`]: nothing },
  ]);
});

test("what BuildKit cannot check is said", async () => {
  const report = await preflight({
    ...(await optionsOf({})),
    buildkit: { lint: async () => fail({ kind: "node-lost", node: "builder", detail: "gone" }) },
  });
  expect(report.leftOut).toEqual(["BuildKit's own checks of Dockerfile: builder does not answer (gone)"]);
});

test("registries that do not answer in time are told so, and an interrupted one finds nothing", async () => {
  const fake = await fakeRegistry();
  fake.failNext({ method: "POST" }, { kind: "hang" }, 9);
  const { registry } = await testClient({ access: "read" });
  const options = { ...(await optionsOf({ host: fake.host })), registry, deadlineMs: 100 };
  const { findings } = await preflight(options);
  expect(findings.map(({ severity, message }) => [severity, message])).toEqual([
    [
      "warning",
      `whether ${fake.host}/app takes a push could not be asked: ${fake.host} gave no answer in time`,
    ],
  ]);
  expect((await preflight({ ...options, signal: AbortSignal.abort() })).findings).toEqual([]);
});
