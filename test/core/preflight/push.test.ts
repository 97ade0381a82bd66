import { describe, expect, test } from "vitest";
import { Slots } from "../../../core/concurrent.ts";
import type { Repository } from "../../../core/oci/reference.ts";
import type { CacheEntry } from "../../../core/plan/build.ts";
import { checkPush } from "../../../core/preflight/push.ts";
import { fail } from "../../../core/result.ts";
import { build, variant } from "../../support/make.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";
import { plannedRelease } from "../../support/release.ts";

async function check(repositories: readonly Repository[]) {
  const { registry } = await testClient({ access: "read" });
  const { signal } = new AbortController();
  const releases = repositories.map((repository) => plannedRelease({ repositories: [repository] }));
  return await checkPush(releases, { registry, slots: new Slots(4), signal });
}

test("every repository is asked once, and nothing stays there", async () => {
  const fake = await fakeRegistry();
  const [one, other] = [
    { registry: fake.host, path: "one" },
    { registry: fake.host, path: "other" },
  ];
  expect(await check([one, other, one])).toEqual({
    findings: [],
    looked: 2,
    refusing: new Set(),
    answers: [{ repository: one }, { repository: other }],
  });
  expect(fake.log().toSorted()).toEqual([
    "DELETE /v2/one/blobs/uploads/upload-1",
    "DELETE /v2/other/blobs/uploads/upload-2",
    "POST /v2/one/blobs/uploads/",
    "POST /v2/other/blobs/uploads/",
  ]);
  expect(fake.openUploads()).toBe(0);
});

test("without a login: the registry's words, the place in the plan, and how to log in", async () => {
  const fake = await fakeRegistry({ auth: { kind: "basic", username: "ada", password: "secret" } });
  const repository = { registry: fake.host, path: "app" };
  const { findings, refusing } = await check([repository]);
  expect(findings).toEqual([
    {
      rule: "push-denied",
      severity: "error",
      message: `${fake.host}/app takes no push: ${fake.host} refused it (status 401, UNAUTHORIZED: authentication required)`,
      location: plannedRelease().location,
      image: { reference: `${fake.host}/app` },
      fix: `Log in: docker login ${fake.host}`,
    },
  ]);
  expect(refusing).toEqual(new Set([`${fake.host}/app`]));
});

test("with a login that may not write: whose it is", async () => {
  const login = { username: "ada", password: "secret" };
  const fake = await fakeRegistry({ auth: { kind: "basic", ...login } });
  const repository = { registry: fake.host, path: "app" };
  const auth = Buffer.from("ada:secret").toString("base64");
  const { registry } = await testClient({ access: "read", logins: { [fake.host]: { auth } } });
  // It is logged in from here on, so that the refusal below is about the account.
  await registry.store(repository).resolve("latest");
  const body = JSON.stringify({ errors: [{ code: "DENIED", message: "read only" }] });
  fake.failNext({ method: "POST" }, { kind: "status", status: 403, body });
  const { signal } = new AbortController();
  const releases = [plannedRelease({ repositories: [repository] })];
  const { findings } = await checkPush(releases, { registry, slots: new Slots(4), signal });
  expect(findings[0]?.message).toContain("refused it (status 403, DENIED: read only)");
  expect(findings[0]?.fix).toMatch(/^Let the account of .*config\.json write there, or log in with another/);
});

test("of ghcr.io with a login: what a job of GitHub must be granted", async () => {
  const { registry } = await testClient({ access: "read" });
  const repository = { registry: "ghcr.io", path: "team/app" };
  const refused = {
    kind: "registry-denied",
    registry: "ghcr.io",
    request: { method: "POST", url: "https://ghcr.io/v2/team/app/blobs/uploads/", attempts: 1 },
    status: 403,
    codes: [{ code: "DENIED", message: "installation not allowed to Write organization package" }],
    credential: "/home/runner/.docker/config.json",
  } as const;
  const { findings } = await checkPush([plannedRelease({ repositories: [repository] })], {
    registry: { ...registry, mayPush: async () => fail(refused) },
    slots: new Slots(4),
    signal: new AbortController().signal,
  });
  expect(findings[0]?.fix).toContain("`permissions: packages: write`");
});

test("a registry that makes no repositories by itself: that the repository has to be made", async () => {
  const fake = await fakeRegistry();
  const body = JSON.stringify({ errors: [{ code: "NAME_UNKNOWN", message: "no such repository" }] });
  fake.failNext({ method: "POST" }, { kind: "status", status: 404, body });
  const { findings } = await check([{ registry: fake.host, path: "app" }]);
  expect(findings).toMatchObject([
    {
      severity: "error",
      message: `${fake.host}/app does not exist, and its registry creates no repositories by itself: ${fake.host} answered status 404, NAME_UNKNOWN: no such repository`,
      fix: "Create the repository, then run again",
    },
  ]);
});

test("a registry that is not there is an error; one that is busy only could not be asked", async () => {
  const fake = await fakeRegistry();
  fake.failNext({ method: "POST" }, { kind: "status", status: 429 }, 9);
  const { findings } = await check([
    { registry: "127.0.0.1:9", path: "app" },
    { registry: fake.host, path: "app" },
  ]);
  expect(findings.map(({ severity, message }) => [severity, message])).toEqual([
    [
      "error",
      expect.stringMatching(/^127\.0\.0\.1:9\/app takes no push: .* does not answer \(.*ECONNREFUSED/),
    ],
    ["warning", `whether ${fake.host}/app takes a push could not be asked: ${fake.host} answered status 429`],
  ]);
});

describe("the repositories of caches", () => {
  const NONE = { type: "gha", attributes: { scope: "app" } };
  const cache = (host: string, more: Readonly<Record<string, string>> = {}) => ({
    type: "registry",
    attributes: { ref: `${host}/cache:app-linux_amd64`, ...more },
  });

  async function checkCaches(...cacheTo: readonly CacheEntry[]) {
    const { registry } = await testClient({ access: "read" });
    const { signal } = new AbortController();
    const variants = [variant("linux/amd64", { build: build({ cacheTo }) })];
    return await checkPush([plannedRelease({ variants })], { registry, slots: new Slots(4), signal });
  }

  test("are asked, too, except where the plan lets an export fail", async () => {
    const fake = await fakeRegistry();
    const { answers } = await checkCaches(NONE, cache(fake.host), cache(fake.host, { mode: "max" }));
    expect(answers).toEqual([{ repository: { registry: fake.host, path: "cache" } }]);
    expect(fake.openUploads()).toBe(0);
    expect((await checkCaches(cache(fake.host, { "ignore-error": "true" }))).looked).toBe(0);
  });

  test("that take no push are an error; one that only the builder may reach is a warning", async () => {
    const fake = await fakeRegistry({ auth: { kind: "basic", username: "ada", password: "secret" } });
    const { findings, answers } = await checkCaches(cache(fake.host), cache("127.0.0.1:9"));
    expect(findings.map(({ severity, facts }) => [severity, facts])).toEqual([
      ["error", ["`cache-to` of the plan exports a cache there"]],
      ["warning", ["`cache-to` of the plan exports a cache there"]],
    ]);
    expect(answers.map(({ denied }) => denied)).toEqual([{}, undefined]);
  });
});
