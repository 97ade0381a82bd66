import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLogin } from "../../../core/registry/login.ts";
import { ok } from "../../../core/result.ts";
import type { Repository } from "../../../core/oci/reference.ts";
import { listen, stop, type FakeRegistry, type FakeRegistryOptions } from "../../support/fake-registry.ts";
import { fakeRegistry, temporaryFolder, testClient } from "../../support/registry-rig.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const EMPTY = { schemaVersion: 2, mediaType: INDEX, manifests: [] };
const LOGIN = { username: "ada", password: "s3cret/pass+word" };
const ENTRY = { auth: Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString("base64") };

async function withTag(
  auth: FakeRegistryOptions["auth"],
): Promise<FakeRegistry & { readonly repository: Repository }> {
  const fake = await fakeRegistry(auth === undefined ? {} : { auth });
  fake.addManifest("team/app", EMPTY, "v1");
  return { ...fake, repository: { registry: fake.host, path: "team/app" } };
}

function authorizations(fake: FakeRegistry, path: RegExp): readonly (string | undefined)[] {
  return fake.requests.filter((each) => path.test(each.path)).map(({ headers }) => headers.authorization);
}

test("answers a Basic challenge once, and then sends the login along", async () => {
  const fake = await withTag({ kind: "basic", ...LOGIN });
  const { registry } = await testClient({ logins: { [fake.host]: ENTRY } });
  for (const _ of [1, 2])
    expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  const basic = `Basic ${ENTRY.auth}`;
  expect(authorizations(fake, /manifests/)).toEqual([undefined, basic, basic]);
});

test("fetches an anonymous token where there is no login", async () => {
  const fake = await withTag({ kind: "token" });
  const { registry } = await testClient();
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  expect(authorizations(fake, /token/)).toEqual([undefined]);
  expect(authorizations(fake, /manifests/)).toEqual([undefined, "Bearer token-1-of-the-fake"]);
});

test("sends user and password to the token server only, and asks for pull and push at once", async () => {
  const fake = await withTag({ kind: "token", login: LOGIN });
  const { registry } = await testClient({ logins: { [fake.host]: ENTRY } });
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  const asked = fake.requests.find(({ path }) => path === "/token");
  expect(asked?.headers.authorization).toBe(`Basic ${ENTRY.auth}`);
  expect([...(asked?.query ?? [])]).toEqual([
    ["service", "fake"],
    ["scope", "repository:team/app:pull,push"],
    ["account", "ada"],
  ]);
  expect(authorizations(fake, /manifests/)).toEqual([undefined, "Bearer token-1-of-the-fake"]);
});

test("asks for no more than pull where it only reads", async () => {
  const fake = await withTag({ kind: "token" });
  const { registry } = await testClient({ access: "read" });
  await registry.store(fake.repository).manifest("v1");
  const asked = fake.requests.find(({ path }) => path === "/token");
  expect(asked?.query.getAll("scope")).toEqual(["repository:team/app:pull"]);
});

test("fetches one token for requests that run together, and one for each repository", async () => {
  const fake = await withTag({ kind: "token" });
  fake.addManifest("team/other", EMPTY, "v1");
  const { registry } = await testClient();
  const reads = Array.from({ length: 6 }, () => registry.store(fake.repository).manifest("v1"));
  const results = await Promise.all(reads);
  expect(results.filter(({ ok }) => ok)).toHaveLength(6);
  expect(fake.auth.issued).toHaveLength(1);
  await registry.store({ registry: fake.host, path: "team/other" }).manifest("v1");
  expect(fake.auth.issued).toHaveLength(2);
});

test("exchanges an identity token by POST, and uses the one that it is given in its place", async () => {
  const fake = await withTag({
    kind: "token",
    identityToken: "first-identity",
    nextIdentityToken: "second-identity",
  });
  const { registry } = await testClient({ logins: { [fake.host]: { identitytoken: "first-identity" } } });
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  fake.auth.revoke();
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  const forms = fake.requests
    .filter(({ path }) => path === "/token")
    .map(({ method, body }) => [method, Object.fromEntries(new URLSearchParams(body.toString()))]);
  const common = {
    grant_type: "refresh_token",
    client_id: "buildx-plan",
    service: "fake",
    scope: "repository:team/app:pull,push",
  };
  expect(forms).toEqual([
    ["POST", { ...common, refresh_token: "first-identity" }],
    ["POST", { ...common, refresh_token: "second-identity" }],
  ]);
});

test("falls back to GET with the password where the token server has no POST", async () => {
  const fake = await withTag({ kind: "token", login: LOGIN });
  fake.failNext({ method: "POST", path: /^\/token$/ }, { kind: "status", status: 404 });
  const { registry } = await testClient({ logins: { [fake.host]: { ...ENTRY, identitytoken: "identity" } } });
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  expect(authorizations(fake, /token/)).toEqual([undefined, `Basic ${ENTRY.auth}`]);
});

test("sends a registry token as it is", async () => {
  const fake = await withTag({ kind: "token" });
  const { registry } = await testClient({ logins: { [fake.host]: { registrytoken: "given-token" } } });
  const result = await registry.store(fake.repository).manifest("v1");
  expect(result).toMatchObject({ ok: false, error: { kind: "registry-denied", status: 401 } });
  expect(authorizations(fake, /./)).toEqual([undefined, "Bearer given-token"]);
});

test("goes on with a new token where one was revoked in the middle of a run", async () => {
  const fake = await withTag({ kind: "token" });
  const { registry } = await testClient();
  await registry.store(fake.repository).manifest("v1");
  fake.auth.revoke();
  const reads = await Promise.all([1, 2, 3].map(() => registry.store(fake.repository).manifest("v1")));
  expect(reads.every(({ ok }) => ok)).toBe(true);
  expect(fake.auth.issued).toHaveLength(2);
});

test("renews a token before it expires", async () => {
  const fake = await withTag({ kind: "token", expiresInS: 300 });
  const { registry, advance } = await testClient();
  const read = () => registry.store(fake.repository).manifest("v1");
  await read();
  advance(280_000);
  await read();
  expect(fake.auth.issued).toHaveLength(1);
  advance(11_000);
  await read();
  expect(fake.auth.issued).toHaveLength(2);
  expect(fake.log()).toHaveLength(4);
});

test("asks once more with the scope that a registry finds missing", async () => {
  const fake = await withTag({ kind: "token", extraScope: "repository:team/base:pull" });
  const { registry } = await testClient();
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  const asked = fake.requests
    .filter(({ path }) => path === "/token")
    .map(({ query }) => query.getAll("scope"));
  expect(asked).toEqual([["repository:team/app:pull,push", "repository:team/base:pull"]]);
});

test.for([
  { name: "Basic", auth: { kind: "basic", ...LOGIN } },
  { name: "token", auth: { kind: "token", login: LOGIN } },
] as const)("says whose login a $name registry refused, and never the login", async ({ auth }) => {
  const fake = await withTag(auth);
  const wrong = { auth: Buffer.from("ada:wrong-password").toString("base64") };
  const { registry } = await testClient({ logins: { [fake.host]: wrong } });
  const result = await registry.store(fake.repository).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "registry-denied", status: 401, credential: expect.stringContaining("config.json") },
  });
  expect(JSON.stringify(result)).not.toMatch(/wrong-password|YWRhOndyb25nLXBhc3N3b3Jk/);
});

test("repeats none of its secrets, though the server writes them into its error", async () => {
  const fake = await withTag({ kind: "token", login: LOGIN });
  const { registry } = await testClient({ logins: { [fake.host]: ENTRY } });
  await registry.store(fake.repository).manifest("v1");
  const echo = `you sent token-1-of-the-fake, ${ENTRY.auth}, ${LOGIN.password} and ${encodeURIComponent(LOGIN.password)}`;
  for (const body of [echo, JSON.stringify({ errors: [{ code: "DENIED", message: echo }] })]) {
    fake.failNext({}, { kind: "status", status: 400, body });
    const text = JSON.stringify(await registry.store(fake.repository).manifest("v1"));
    expect(text).toContain("you sent ***, ***, *** and ***");
  }
});

test("says that a helper failed where the registry then refuses", async () => {
  const fake = await withTag({ kind: "basic", ...LOGIN });
  const folder = await temporaryFolder();
  await writeFile(join(folder, "config.json"), JSON.stringify({ credsStore: "locked" }));
  const helper = join(folder, "docker-credential-locked");
  await writeFile(helper, "#!/bin/sh\ncat >/dev/null\necho 'the keychain is locked' >&2\nexit 3\n");
  await chmod(helper, 0o755);
  const env = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env["PATH"]}` };
  const { registry } = await testClient({ env });
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({
    ok: false,
    error: {
      kind: "registry-denied",
      credentialProblem: {
        source: "docker-credential-locked",
        detail: "the keychain is locked (exit code 3)",
      },
    },
  });
});

test("does not look for a login where the registry asks for none", async () => {
  const fake = await withTag(undefined);
  const folder = await temporaryFolder();
  await writeFile(join(folder, "config.json"), "}{");
  const { registry } = await testClient({ env: { DOCKER_CONFIG: folder } });
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  const asking = await withTag({ kind: "basic", ...LOGIN });
  expect(await registry.store(asking.repository).manifest("v1")).toMatchObject({
    ok: false,
    error: { kind: "credentials-unusable", source: join(folder, "config.json") },
  });
});

test.for(["http://127.0.0.1:1/token", "https://169.254.169.254/token", "file:///etc/passwd", "token"])(
  "asks no token server at %s",
  async (realm) => {
    const fake = await withTag({ kind: "token", login: LOGIN, realm });
    const { registry } = await testClient({ logins: { [fake.host]: ENTRY } });
    const result = await registry.store(fake.repository).manifest("v1");
    expect(result).toMatchObject({ ok: false, error: { kind: "registry-answer-invalid" } });
    expect(fake.log()).toHaveLength(1);
  },
);

test.for(["Bearer realm=", "Negotiate", 'Bearer realm="https://a.example/token" service="x"'])(
  "sends nothing to a challenge that it does not understand: %s",
  async (header) => {
    const fake = await withTag(undefined);
    fake.failNext({}, { kind: "status", status: 401, headers: { "www-authenticate": header } });
    const { registry } = await testClient({ logins: { [fake.host]: ENTRY } });
    const result = await registry.store(fake.repository).manifest("v1");
    expect(result).toMatchObject({ ok: false, error: { kind: "registry-denied", status: 401 } });
    expect(authorizations(fake, /./)).toEqual([undefined]);
  },
);

test("follows a redirect to another origin without the login", async () => {
  const fake = await withTag({ kind: "basic", ...LOGIN });
  const bytes = Buffer.from(JSON.stringify(EMPTY));
  const seen: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end(bytes);
  });
  onTestFinished(() => stop(elsewhere));
  const location = `http://127.0.0.1:${await listen(elsewhere)}/storage?signature=abc`;
  const { registry } = await testClient({ logins: { [fake.host]: ENTRY } });
  await registry.store(fake.repository).manifest("v1");
  fake.failNext({}, { kind: "status", status: 307, headers: { location } });
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({ ok: true });
  expect(seen).toEqual([undefined]);
});

test("gives no login to another origin that asks for one after a redirect", async () => {
  const fake = await withTag({ kind: "basic", ...LOGIN });
  const other = await withTag({ kind: "basic", ...LOGIN });
  const { registry } = await testClient({ logins: { [fake.host]: ENTRY, [other.host]: ENTRY } });
  await registry.store(fake.repository).manifest("v1");
  const headers = { location: `${other.url}/v2/team/app/manifests/v1` };
  fake.failNext({}, { kind: "status", status: 302, headers });
  const result = await registry.store(fake.repository).manifest("v1");
  expect(result).toMatchObject({ ok: false, error: { kind: "registry-denied" } });
  expect(authorizations(other, /./)).toEqual([undefined]);
});

test("gives up on a redirect that never ends", async () => {
  const fake = await withTag(undefined);
  const headers = { location: "/v2/team/app/manifests/v1" };
  fake.failNext({}, { kind: "status", status: 302, headers }, 99);
  const { registry } = await testClient();
  const result = await registry.store(fake.repository).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "registry-answer-invalid", detail: "more than 5 redirects" },
  });
  expect(fake.requests).toHaveLength(6);
});

test("takes no challenge from another origin for the registry's own", async () => {
  const fake = await withTag(undefined);
  const other = await withTag({ kind: "basic", ...LOGIN });
  const headers = { location: `${other.url}/v2/team/app/manifests/v1` };
  fake.failNext({}, { kind: "status", status: 302, headers });
  const { registry } = await testClient({ logins: { [fake.host]: ENTRY, [other.host]: ENTRY } });
  const result = await registry.store(fake.repository).manifest("v1");
  expect(result).toMatchObject({ ok: false, error: { kind: "registry-denied", status: 401 } });
  expect(authorizations(fake, /./)).toEqual([undefined]);
});

test("does not follow a token server to another address of this machine", async () => {
  const fake = await withTag({ kind: "token", login: LOGIN });
  const other = await withTag({ kind: "token" });
  const headers = { location: `${other.url}/token` };
  fake.failNext({ path: /^\/token$/ }, { kind: "status", status: 307, headers });
  const { registry } = await testClient({ logins: { [fake.host]: ENTRY } });
  const result = await registry.store(fake.repository).manifest("v1");
  expect(result).toMatchObject({ ok: false, error: { kind: "registry-answer-invalid" } });
  expect(other.requests).toEqual([]);
});

test("shows a token request without its query", async () => {
  const fake = await withTag({ kind: "token", login: LOGIN });
  const { registry } = await testClient();
  const result = await registry.store(fake.repository).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "registry-denied", request: { method: "GET", url: `${fake.url}/token`, attempts: 1 } },
  });
});

test("stops waiting for a token that others still wait for, once it is cancelled", async () => {
  const fake = await withTag({ kind: "token" });
  fake.failNext({ path: /^\/token$/ }, { kind: "hang" });
  const timeouts = { connectMs: 500, headersMs: 500, bodyMs: 500 };
  const { registry } = await testClient({ timeouts });
  const controller = new AbortController();
  const cancelled = registry.store(fake.repository).manifest("v1", controller.signal);
  const patient = registry.store(fake.repository).manifest("v1");
  await expect.poll(() => fake.requests.filter(({ path }) => path === "/token").length).toBe(1);
  controller.abort();
  expect(await cancelled).toMatchObject({ ok: false, error: { kind: "registry-cancelled" } });
  // Sooner than the token server gives any: it was not waited for.
  expect(fake.auth.issued).toEqual([]);
  expect(await patient).toMatchObject({ ok: true });
});

/** Where the client reads its logins; rewriting it is what `docker login` does meanwhile. */
async function withConfig(auths: object): Promise<{
  readonly home: string;
  readonly rewrite: (auths: object) => Promise<void>;
}> {
  const home = await temporaryFolder();
  const rewrite = (value: object): Promise<void> =>
    writeFile(join(home, "config.json"), JSON.stringify({ auths: value }));
  await rewrite(auths);
  return { home, rewrite };
}

test("asks the config file once more where a password is no longer taken", async () => {
  const fake = await withTag({ kind: "basic", ...LOGIN });
  const config = await withConfig({ [fake.host]: { username: "ada", password: "old" } });
  const { registry } = await testClient({ env: { DOCKER_CONFIG: config.home } });
  const read = () => registry.store(fake.repository).manifest("v1");
  expect(await read()).toMatchObject({ ok: false, error: { kind: "registry-denied", status: 401 } });
  await config.rewrite({ [fake.host]: ENTRY });
  expect(await Promise.all([read(), read(), read()])).toMatchObject([
    { ok: true },
    { ok: true },
    { ok: true },
  ]);
  const before = fake.requests.length;
  expect(await read()).toMatchObject({ ok: true });
  expect(fake.requests).toHaveLength(before + 1);
});

test("asks a helper once more where its identity token is no longer taken", async () => {
  const fake = await withTag({ kind: "token", identityToken: "new-identity" });
  const folder = await temporaryFolder();
  const helper = join(folder, "docker-credential-turning");
  // It gives another token each time: the second one is right.
  const script = `#!/bin/sh
echo >>"${folder}/asked"
[ $(wc -l <"${folder}/asked") -eq 2 ] && token=new-identity || token=old-identity
printf '{"Username":"<token>","Secret":"%s"}' "$token"
`;
  await writeFile(helper, script);
  await chmod(helper, 0o755);
  await writeFile(join(folder, "config.json"), JSON.stringify({ credsStore: "turning" }));
  const env = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env["PATH"]}` };
  const { registry } = await testClient({ env });
  const reads = [1, 2, 3].map(() => registry.store(fake.repository).manifest("v1"));
  expect(await Promise.all(reads)).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
  const posts = fake.requests
    .filter(({ path }) => path === "/token")
    .map(({ body }) => body.toString("utf8"));
  expect(posts.map((post) => new URLSearchParams(post).get("refresh_token"))).toEqual([
    "old-identity",
    "new-identity",
  ]);
});

test("does not ask again for who comes late with a login that was replaced already", async () => {
  const passwords = ["old", "new", "newer"];
  let asked = 0;
  const login = createLogin(async () => {
    asked += 1;
    return ok({ credential: { source: "test", username: "ada", password: passwords[asked - 1] ?? "" } });
  });
  const old = await login.credential();
  if (!old.ok || old.value === undefined) throw new Error("no login");
  expect(await Promise.all([login.renew(old.value), login.renew(old.value)])).toEqual([true, true]);
  expect(await login.renew(old.value)).toBe(true);
  expect(asked).toBe(2);
  expect(await login.credential()).toMatchObject({ ok: true, value: { password: "new" } });
});

test("does not go on asking for logins that are refused, however new they are", async () => {
  const fake = await withTag({ kind: "basic", ...LOGIN });
  const folder = await temporaryFolder();
  const helper = join(folder, "docker-credential-turning");
  const script = `#!/bin/sh
echo >>"${folder}/asked"
printf '{"Username":"ada","Secret":"%s"}' "$(wc -l <"${folder}/asked")"
`;
  await writeFile(helper, script);
  await chmod(helper, 0o755);
  await writeFile(join(folder, "config.json"), JSON.stringify({ credsStore: "turning" }));
  const env = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env["PATH"]}` };
  const { registry } = await testClient({ env });
  expect(await registry.store(fake.repository).manifest("v1")).toMatchObject({
    ok: false,
    error: { kind: "registry-denied", status: 401 },
  });
  expect(fake.log()).toHaveLength(3);
});
