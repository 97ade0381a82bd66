import { execa } from "execa";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import type { Fault, RequestMatch } from "../support/faults.ts";
import { publicTags } from "../support/public-tags.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, ROOT, type Rig } from "../support/rig.ts";
import { testCertificate } from "../support/tls.ts";
import { testTool } from "../support/tools.ts";

let open: RealRegistry;
beforeAll(async () => {
  open = await startRealRegistry();
  return () => open.close();
});

async function project(repository: string): Promise<Rig> {
  const platform = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";
  const tags = ["1", "latest"].map((tag) => `"${repository}:${tag}"`).join(", ");
  return await openRig({
    Dockerfile: "FROM scratch\nCOPY file /file\n",
    file: repository,
    "buildx-plan.yaml": `version: 1\nimages:\n  app:\n    platforms: [${platform}]\n    tags: [${tags}]\n`,
  });
}

/** A broken way to the open registry, for our own requests only: BuildKit's push passes. */
async function faulty(match: RequestMatch, fault: Fault, times: number): Promise<FaultProxy> {
  const proxy = await startFaultProxy(open.host);
  onTestFinished(() => proxy.close());
  proxy.failNext({ ...match, userAgent: /^buildx-plan\// }, fault, times);
  return proxy;
}

async function tagsOf(path: string): Promise<string[]> {
  const crane = await testTool("crane");
  const { stdout } = await execa(crane, ["ls", "--insecure", `${open.host}/${path}`], { reject: false });
  return publicTags(stdout).toSorted();
}

const FOREVER = 99;
const DIGEST = /\/manifests\/sha256:/;
/** With one repository, its PUT stores the index. */
const FIRST_TAG = /\/manifests\/1$/;

interface Lasting {
  readonly what: string;
  readonly match: RequestMatch;
  readonly fault: Fault;
  /** What is said of it. */
  readonly words: readonly (string | RegExp)[];
}

test.each<Lasting>([
  {
    what: "403 for reading back",
    match: { method: "GET", path: DIGEST },
    fault: { kind: "status", status: 403, body: '{"errors":[{"code":"DENIED","message":"not you"}]}' },
    words: [/^ {2}GET http:\S+\/manifests\/sha256:/m, "status 403", "DENIED: not you"],
  },
  {
    what: "401 without a login",
    match: { method: "GET", path: DIGEST },
    fault: { kind: "status", status: 401, headers: { "www-authenticate": 'Basic realm="r"' } },
    words: ["status 401", /hint: Log in, then run again: docker login 127\.0\.0\.1:\d+/],
  },
  {
    what: "403 for the first tag",
    match: { method: "PUT", path: FIRST_TAG },
    fault: { kind: "status", status: 403 },
    words: [
      /^ {2}PUT http:\S+\/manifests\/1$/m,
      "status 403",
      /not moved: \S+:1$/m,
      /not moved: \S+:latest$/m,
    ],
  },
  {
    what: "wrong content under a digest",
    match: { method: "GET", path: DIGEST },
    fault: { kind: "wrong-content" },
    words: ["sent other content than was asked for", "expected sha256:", "got      sha256:"],
  },
  {
    what: "a config that is not the one asked for",
    match: { method: "GET", path: /\/blobs\// },
    fault: { kind: "wrong-content" },
    words: [/^ {2}GET http:\S+\/blobs\/sha256:/m, "sent other content than was asked for"],
  },
  {
    what: "a body that always ends too early",
    match: { method: "GET", path: DIGEST },
    fault: { kind: "truncate" },
    words: [/^ {2}GET http:\S+ \(5 attempts\)$/m, "other side closed"],
  },
  {
    what: "a registry that is out of order",
    match: { method: "PUT", path: FIRST_TAG },
    fault: { kind: "status", status: 500 },
    words: [/^ {2}PUT http:\S+ \(5 attempts\)$/m, "answered 500", /not moved: \S+:latest$/m],
  },
])(
  "$what: which registry, which request, what it said; no tag moves",
  async ({ what, match, fault, words }) => {
    const proxy = await faulty(match, fault, FOREVER);
    const path = `lasting/${what.replaceAll(/\W+/g, "-")}`;
    const rig = await project(`${proxy.host}/${path}`);
    const ran = await rig.build();
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).not.toMatch(/internal error/i);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toContain(`${proxy.host}/${path}`);
    for (const word of words) expect(ran.stderr).toEqual(expect.stringMatching(word));
    expect(await tagsOf(path)).toEqual([]);
  },
);

test.each<Omit<Lasting, "words"> & { readonly times: number }>([
  { what: "a body cut once", match: { method: "GET", path: DIGEST }, fault: { kind: "truncate" }, times: 1 },
  { what: "500 twice", match: { method: "GET" }, fault: { kind: "status", status: 500 }, times: 2 },
  {
    what: "429 with Retry-After",
    match: { method: "PUT", path: FIRST_TAG },
    fault: { kind: "status", status: 429, headers: { "retry-after": "1" } },
    times: 1,
  },
  { what: "a tag's answer lost", match: { method: "PUT", path: /\/1$/ }, fault: { kind: "reset" }, times: 1 },
])("$what passes unnoticed", async ({ what, match, fault, times }) => {
  const proxy = await faulty(match, fault, times);
  const path = `passing/${what.replaceAll(/\W+/g, "-").toLowerCase()}`;
  const rig = await project(`${proxy.host}/${path}`);
  const ran = await rig.build();
  expect(ran.exitCode).toBe(0);
  expect(ran.stderr).not.toContain("error");
  expect(await tagsOf(path)).toEqual(["1", "latest"]);
});

/** The registry, behind a server with a certificate that nobody vouches for. */
async function behindTls(): Promise<FaultProxy> {
  const proxy = await startFaultProxy(open.host, { tls: await testCertificate() });
  onTestFinished(() => proxy.close());
  return proxy;
}

test("a certificate that nobody vouches for: what is said of it, and what mends it", async () => {
  const proxy = await behindTls();
  const rig = await project(`${open.host}/tls`);
  expect((await rig.build()).exitCode).toBe(0);
  const refused = await rig.run(["inspect", `${proxy.host}/tls:1`, "--json"]);
  expect(refused.exitCode).toBe(3);
  expect(refused.stderr).toContain(`no secure connection to ${proxy.host}`);
  expect(refused.stderr).toContain(`GET https://${proxy.host}/v2/tls/manifests/1`);
  expect(refused.stderr).toMatch(/self-signed certificate/);
  expect(refused.stderr).toMatch(/hint: .*NODE_EXTRA_CA_CERTS/);
  expect(JSON.parse(refused.stdout).failures).toMatchObject([{ kind: "registry-tls-failed" }]);
  const trusting = { NODE_EXTRA_CA_CERTS: `${ROOT}/fixtures/tls/cert.pem` };
  const read = await rig.run(["inspect", `${proxy.host}/tls:1`], trusting);
  expect(read.exitCode).toBe(0);
});

test("BuildKit, which speaks plain HTTP with loopback addresses, pushes nothing to a registry with TLS there", async () => {
  const proxy = await behindTls();
  const rig = await project(`${proxy.host}/untrusted`);
  const ran = await rig.build("--no-check");
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr).toContain(proxy.host);
  expect(ran.stderr).toMatch(/hint: .*speaks TLS/);
  expect(await tagsOf("untrusted")).toEqual([]);
});

test("what a registry tells its users is passed on, also where it has nothing else to give", async () => {
  const headers = { warning: '299 - "This registry closes on 1 May."' };
  const proxy = await faulty({ method: "GET" }, { kind: "status", status: 404, headers }, 1);
  const rig = await openRig();
  const ran = await rig.run(["inspect", `${proxy.host}/none:1`]);
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr).toContain(`warning: ${proxy.host} says: This registry closes on 1 May.\n`);
});
