import { describe, expect, test } from "vitest";
import { solveCommand } from "../../../core/buildkit/arguments.ts";
import type { BuildKit, LintRequest } from "../../../core/buildkit/buildkit.ts";
import { daemonConfiguration, daemonFiles } from "../../../core/buildkit/daemon-settings.ts";
import { pushedByBuilder, withRegistries } from "../../../core/buildkit/registry-access.ts";
import { cachePaths } from "../../../core/host/paths.ts";
import type { Repository } from "../../../core/oci/reference.ts";
import type { Build } from "../../../core/plan/build.ts";
import type { RegistrySettings } from "../../../core/plan/plan.ts";
import { ok } from "../../../core/result.ts";
import { node, solveRequest } from "../../support/make.ts";

const location = { file: { path: "plan.yaml", text: "" }, range: { start: 0, end: 0 } };

function settings(registry: string, said: Partial<RegistrySettings>): RegistrySettings {
  return { registry, insecure: false, location, ...said };
}

const OPEN = settings("open.example:5000", { insecure: true });
const OWN = settings("own.example", { ca: '/c "a".pem', cert: "/c.pem", key: "/k.pem" });
const SHOWN = settings("shown.example", { insecure: true, cert: "/c.pem", key: "/k.pem" });
const HUB = settings("index.docker.io", { ca: "/hub.pem" });
const ALL = [OPEN, OWN, SHOWN, HUB];

const to = (registry: string): Repository => ({ registry, path: "app" });

describe("what BuildKit pushes itself, of several repositories", () => {
  test.for([
    ["a.example b.example", "a.example b.example"],
    ["open.example:5000 Open.Example:5000", "open.example:5000 Open.Example:5000"],
    ["a.example open.example:5000 own.example", "a.example own.example"],
    ["open.example:5000 a.example", "open.example:5000"],
    ["shown.example a.example", "shown.example a.example"],
    ["", ""],
  ] as const)("%s: %s", ([all, pushed]) => {
    const repositories = all.split(" ").filter(Boolean).map(to);
    expect(pushedByBuilder(repositories, ALL)).toEqual(pushed.split(" ").filter(Boolean).map(to));
  });
});

function argvOf(repositories: readonly Repository[], changes: Partial<Build> = {}): readonly string[] {
  const request = solveRequest(node("one", ["linux/amd64"]), "linux/amd64", { repositories, ...changes });
  const files = { metadata: "/tmp/meta.json", image: "/tmp/image" };
  return solveCommand({ ...request, registries: ALL }, { address: "unix:///s" }, files).argv;
}

describe("what a build says of registries", () => {
  test("insecure where all that it pushes to is", () => {
    expect(argvOf([to("open.example:5000"), to("a.example")]).at(-1)).toContain(
      "name=open.example:5000/app,push=true,store=false,push-by-digest=true,name-canonical=true,registry.insecure=true,",
    );
    const secure = argvOf([to("a.example"), to("open.example:5000")]).at(-1);
    expect(secure).toContain("name=a.example/app,");
    expect(secure).not.toContain("registry.insecure");
  });

  test("nothing that takes a client certificate away, or that the plan says already", () => {
    expect(argvOf([to("shown.example")]).at(-1)).not.toContain("registry.insecure");
    const said = argvOf([to("open.example:5000")], { image: { "registry.insecure": "false" } }).at(-1);
    expect(said?.match(/registry\.insecure=\w+/g)).toEqual(["registry.insecure=false"]);
  });

  test("insecure where a cache is in such a registry", () => {
    const entry = (type: string, ref: string, more = {}) => ({ type, attributes: { ref, ...more } });
    const argv = argvOf([to("a.example")], {
      cacheFrom: [entry("registry", "open.example:5000/c"), entry("registry", "a.example/c")],
      cacheTo: [
        entry("registry", "open.example:5000/c", { "registry.insecure": "false" }),
        entry("registry", "shown.example/c"),
        entry("s3", "open.example:5000/c"),
      ],
    });
    expect(argv.filter((each) => each.includes("-cache="))).toEqual([
      "--import-cache=type=registry,registry.insecure=true,ref=open.example:5000/c",
      "--import-cache=type=registry,ref=a.example/c",
      "--export-cache=type=registry,registry.insecure=false,ref=open.example:5000/c",
      "--export-cache=type=registry,ref=shown.example/c",
      "--export-cache=type=s3,ref=open.example:5000/c",
    ]);
  });

  test("whom to trust as token server, and no client certificate", () => {
    const trust = argvOf([to("a.example")]).filter((each) => each.startsWith("--registry-auth-tlscontext"));
    expect(trust).toEqual([
      "--registry-auth-tlscontext=host=open.example:5000,insecure=true",
      '--registry-auth-tlscontext=host=own.example,"ca=/c ""a"".pem"',
      "--registry-auth-tlscontext=host=shown.example,insecure=true",
      "--registry-auth-tlscontext=host=registry-1.docker.io,ca=/hub.pem",
    ]);
  });

  test("is added to every solve and check", async () => {
    const seen: LintRequest[] = [];
    const buildkit: BuildKit = {
      nodes: [],
      solve: async (request) => {
        seen.push(request);
        return ok({});
      },
      lint: async (request) => {
        seen.push(request);
        return ok([]);
      },
      isAlive: async () => true,
      close: async () => {},
    };
    const request = solveRequest(node("one", ["linux/amd64"]), "linux/amd64");
    const { signal } = new AbortController();
    await withRegistries(buildkit, ALL).solve(request, () => {}, signal);
    await withRegistries(buildkit, ALL).lint(request, signal);
    expect(seen).toEqual([
      { ...request, registries: ALL },
      { ...request, registries: ALL },
    ]);
    expect(withRegistries(buildkit, [])).toBe(buildkit);
  });
});

test("the configuration of a daemon of ours has all of it, under the names that BuildKit looks for", () => {
  const files = daemonFiles(cachePaths({}, "/home/ann"), "/run/s.sock");
  const plain = settings("plain.example", {});
  const text = daemonConfiguration(files, "0.33.1", [...ALL, plain]);
  expect(text.split("\n").slice(text.split("\n").indexOf("[worker.containerd]") + 2)).toEqual([
    '[registry."open.example:5000"]',
    "http = true",
    "insecure = true",
    '[registry."own.example"]',
    "http = false",
    'ca = ["/c \\"a\\".pem"]',
    '[[registry."own.example".keypair]]',
    'key = "/k.pem"',
    'cert = "/c.pem"',
    '[registry."shown.example"]',
    "http = true",
    "insecure = true",
    '[[registry."shown.example".keypair]]',
    'key = "/k.pem"',
    'cert = "/c.pem"',
    '[registry."docker.io"]',
    "http = false",
    'ca = ["/hub.pem"]',
    "",
  ]);
});
