import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { parseEnvironmentConfig } from "../../../core/registry/credential-config.ts";
import { hostOfKey } from "../../../core/registry/credential-keys.ts";
import { findCredential } from "../../../core/registry/credentials.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";

const HUB = "https://index.docker.io/v1/";

function login(username: string): { readonly auth: string } {
  return { auth: Buffer.from(`${username}:pass`).toString("base64") };
}

/** A home whose files hold these texts or objects; helpers are shell scripts under `bin`. */
async function homeWith(files: Readonly<Record<string, object | string>>): Promise<string> {
  const home = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const path = join(home, name);
    await mkdir(dirname(path), { recursive: true });
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await writeFile(path, text, { mode: 0o755 });
  }
  return home;
}

function environment(
  home: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string | undefined> {
  return { PATH: `${join(home, "bin")}:${process.env["PATH"]}`, ...more };
}

async function whoIs(auths: object, registry: string, repository?: string): Promise<string | undefined> {
  const home = await homeWith({ ".docker/config.json": { auths } });
  const found = await findCredential(registry, repository, { env: environment(home), home });
  return found.ok ? found.value.credential?.username : "a problem";
}

test.for([
  ["reg.example", "reg.example", "as it is"],
  ["https://reg.example/v2/", "reg.example", "as an API's URL"],
  ["http://reg.example/v1", "reg.example", "as an old API's URL"],
  ["https://reg.example", "reg.example", "as a URL"],
  ["reg.example:5000", "reg.example:5000", "with a port"],
  [HUB, "docker.io", "as Docker Hub's old name"],
  ["docker.io", "docker.io", "as Docker Hub's own name"],
  ["index.docker.io", "docker.io", "as Docker Hub's index"],
] as const)("finds a login under %s for %s: %s", async ([key, registry]) => {
  expect(await whoIs({ [key]: login("ada") }, registry)).toBe("ada");
});

test.for([
  ["reg.example", "reg.example:5000"],
  ["reg.example:5000", "reg.example"],
  ["other.example", "reg.example"],
  ["evil-reg.example", "reg.example"],
  ["reg.example.evil.example", "reg.example"],
  ["reg.example/team", "reg.example"],
  [HUB, "ghcr.io"],
] as const)("takes no login under %s for %s", async ([key, registry]) => {
  expect(await whoIs({ [key]: login("ada") }, registry)).toBeUndefined();
});

test("prefers the key of the repository, then of its parents, then of the host", async () => {
  const auths = {
    "reg.example": login("host"),
    "reg.example/team": login("team"),
    "reg.example/team/app": login("app"),
    "reg.example/team/app2": login("app2"),
  };
  const users = await Promise.all(
    ["team/app", "team/other/deep", "else/app", undefined].map((repository) =>
      whoIs(auths, "reg.example", repository),
    ),
  );
  expect(users).toEqual(["app", "team", "host", "host"]);
});

test.for([
  [
    { username: "ada", password: "p" },
    { username: "ada", password: "p" },
  ],
  [
    { ...login("ada"), username: "bob", password: "p" },
    { username: "ada", password: "pass" },
  ],
  [{ auth: Buffer.from("ada:a:b\0\0").toString("base64") }, { username: "ada", password: "a:b" }],
  [{ identitytoken: "it" }, { identityToken: "it" }],
  [{ registrytoken: "rt" }, { registryToken: "rt" }],
] as const)("reads the entry %j", async ([entry, expected]) => {
  const home = await homeWith({ ".docker/config.json": { auths: { "reg.example": entry } } });
  const found = await findCredential("reg.example", undefined, { env: {}, home });
  const source = join(home, ".docker/config.json");
  expect(found).toEqual({ ok: true, value: { credential: { source, ...expected } } });
});

test.for([
  ["broken JSON", "}{"],
  ["another shape", { auths: [] }],
  ["an auth without a colon", { auths: { "reg.example": { auth: "Zm9v" } } }],
  ["an auth that is not base64", { auths: { "reg.example": { auth: "a:b" } } }],
  ["a number for a name", { auths: { "reg.example": { username: 1 } } }],
] as const)("does not go on anonymously with %s", async ([, content]) => {
  const home = await homeWith({ ".docker/config.json": content });
  const found = await findCredential("reg.example", undefined, { env: {}, home });
  expect(found).toMatchObject({ ok: false, error: { source: join(home, ".docker/config.json") } });
});

test("lets a broken entry of another registry be", async () => {
  const auths = { "other.example": { auth: "%" }, "reg.example": login("ada") };
  expect(await whoIs(auths, "reg.example")).toBe("ada");
});

test("takes the first config file that is there", async () => {
  const home = await homeWith({});
  const env = environment(home, {
    DOCKER_CONFIG: join(home, "docker"),
    REGISTRY_AUTH_FILE: join(home, "auth-file.json"),
    XDG_RUNTIME_DIR: join(home, "run"),
    XDG_CONFIG_HOME: join(home, "xdg"),
  });
  const inOrder = [
    "docker/config.json",
    "auth-file.json",
    "run/containers/auth.json",
    "xdg/containers/auth.json",
    ".config/containers/auth.json",
  ];
  const found: (string | undefined)[] = [];
  for (const path of inOrder.toReversed()) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), JSON.stringify({ auths: { "reg.example": login(path) } }));
    const answer = await findCredential("reg.example", undefined, { env, home });
    found.unshift(answer.ok ? answer.value.credential?.username : "a problem");
  }
  expect(found).toEqual(inOrder);
});

test("does not read ~/.docker where DOCKER_CONFIG names another folder", async () => {
  const home = await homeWith({ ".docker/config.json": { auths: { "reg.example": login("ada") } } });
  const env = environment(home, { DOCKER_CONFIG: join(home, "empty") });
  expect(await findCredential("reg.example", undefined, { env, home })).toEqual({ ok: true, value: {} });
});

test("prefers DOCKER_AUTH_CONFIG, and names it where it is unusable", async () => {
  const home = await homeWith({ ".docker/config.json": { auths: { "reg.example": login("file") } } });
  const find = async (text: string) =>
    findCredential("reg.example", undefined, { env: { DOCKER_AUTH_CONFIG: text }, home });
  const good = await find(JSON.stringify({ auths: { "reg.example": login("env") } }));
  expect(good).toMatchObject({
    ok: true,
    value: { credential: { username: "env", source: "DOCKER_AUTH_CONFIG" } },
  });
  const elsewhere = await find(JSON.stringify({ auths: { "other.example": login("env") } }));
  expect(elsewhere).toMatchObject({ ok: true, value: { credential: { username: "file" } } });
  const broken = await find(JSON.stringify({ auths: { "reg.example": { username: "env" } } }));
  expect(broken).toMatchObject({
    ok: true,
    value: { credential: { username: "file" }, problem: { source: "DOCKER_AUTH_CONFIG" } },
  });
  expect(parseEnvironmentConfig('{"auths":{}}{}')).toMatchObject({ ok: false });
});

const ANSWERS = `#!/bin/sh
read -r server
printf '{"ServerURL":"%s","Username":"%s","Secret":"kept"}' "$server" "$server"
`;

test.for([
  [{ credsStore: "all" }, "reg.example", "reg.example"],
  [{ credsStore: "all" }, "docker.io", HUB],
  [{ credHelpers: { "docker.io": "all" } }, "docker.io", HUB],
  [{ credHelpers: { "reg.example": "all" } }, "other.example", undefined],
  [{ credsStore: "absent", credHelpers: { "reg.example": "all" } }, "reg.example", "reg.example"],
  [{ credsStore: "all", credHelpers: { "reg.example": "" } }, "reg.example", "file"],
  [{ credsStore: "all" }, "host:5000", "host:5000"],
] as const)("with %j asks the helper for %s as %s", async ([config, registry, username]) => {
  const auths = { "reg.example": login("file") };
  const home = await homeWith({
    ".docker/config.json": { auths, ...config },
    "bin/docker-credential-all": ANSWERS,
  });
  const found = await findCredential(registry, undefined, { env: environment(home), home });
  expect(found).toMatchObject({ ok: true });
  expect(found.ok && found.value.credential?.username).toBe(username);
});

test("takes the user <token> for an identity token", async () => {
  const script = `#!/bin/sh\ncat >/dev/null\necho '{"ServerURL":"x","Username":"<token>","Secret":"it"}'\n`;
  const home = await homeWith({
    ".docker/config.json": { credsStore: "t" },
    "bin/docker-credential-t": script,
  });
  const found = await findCredential("reg.example", undefined, { env: environment(home), home });
  expect(found).toEqual({
    ok: true,
    value: { credential: { source: "docker-credential-t", identityToken: "it" } },
  });
});

test.for([
  ["has no login", "echo 'credentials not found in native keychain'; exit 1", undefined],
  ["fails", "echo 'it is locked'; echo more; exit 2", "it is locked (exit code 2)"],
  ["is killed", "kill -9 $$", "SIGKILL"],
  ["says nothing of use", "echo 'Secret: hidden'", "its answer is not the JSON of a credential"],
  ["never stops talking", "exec yes hidden", "it printed more than"],
] as const)("goes on anonymously, with the reason, where a helper %s", async ([, script, detail]) => {
  const home = await homeWith({
    ".docker/config.json": { credsStore: "t", auths: { "reg.example": login("file") } },
    "bin/docker-credential-t": `#!/bin/sh\ncat >/dev/null\n${script}\n`,
  });
  const found = await findCredential("reg.example", undefined, { env: environment(home), home });
  const problem = { source: "docker-credential-t", detail: expect.stringContaining(detail ?? "") };
  expect(found).toEqual({ ok: true, value: detail === undefined ? {} : { problem } });
  expect(JSON.stringify(found)).not.toContain("hidden");
});

test.for(["absent", "../../evil", "a/b", "#x", "-x", "a b", "a\n"])("refuses the helper %j", async (name) => {
  const home = await homeWith({ ".docker/config.json": { credsStore: name } });
  const found = await findCredential("reg.example", undefined, { env: environment(home), home });
  const detail =
    name === "absent" ? "there is no such program on the PATH" : "this is no name of a credential helper";
  expect(found).toEqual({ ok: false, error: { source: `docker-credential-${name}`, detail } });
});

test.for([
  ["reg.example", "reg.example"],
  ["https://reg.example/v2/", "reg.example"],
  ["https://[::1]:5000/v2/", "[::1]:5000"],
  ["https://::1:5000", "[::1]:5000"],
  ["::1:5000", "::1:5000"],
  ["unix:///run/x.sock", "unix:"],
] as const)("the host of %s is %s", ([key, host]) => {
  expect(hostOfKey(key)).toBe(host);
});
