import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createInputs, type InputsRequest } from "../../../core/inputs/digest-inputs.ts";
import type { Inputs } from "../../../core/inputs/inputs.ts";
import { formatReference, type Reference } from "../../../core/oci/reference.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import type { Build } from "../../../core/plan/build.ts";
import type { Variant } from "../../../core/plan/plan.ts";
import { fail, ok } from "../../../core/result.ts";
import { build, platform, variant } from "../../support/make.ts";
import { tree, writeLeaf, type Leaf } from "../../support/tree.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

function digest(of: string): Digest {
  return `sha256:${of.repeat(64)}`;
}

/** A registry that knows some images, and counts what it is asked. */
function registry(images: Readonly<Record<string, string>> = { "docker.io/library/alpine:3": "a" }) {
  const asked: string[] = [];
  const lookUp = (reference: Reference) => {
    const name = formatReference(reference);
    asked.push(name);
    const known = images[name];
    return Promise.resolve(known === undefined ? fail("missing") : ok({ digest: digest(known) }));
  };
  return { asked, lookUp };
}

interface Case {
  readonly files: Readonly<Record<string, Leaf>>;
  readonly build?: (root: string) => Partial<Build>;
  readonly variant?: Partial<Variant>;
  readonly request?: Partial<InputsRequest>;
  readonly images?: Readonly<Record<string, string>>;
}

async function read({ files, ...others }: Case) {
  return await readAt(tree(files), others);
}

async function readAt(root: string, { build: changes, ...given }: Omit<Case, "files">) {
  const made = variant("linux/arm64", {
    build: build({
      context: { kind: "local", path: root },
      dockerfile: join(root, "Dockerfile"),
      ...changes?.(root),
    }),
    ...given.variant,
  });
  const inputs = createInputs({ lookUp: registry(given.images).lookUp, nowMs: () => 0 });
  return await inputs.of(made, { ...REQUEST, planDirectory: root, ...given.request });
}

const REQUEST = {
  release: { mediaTypes: "oci", attestations: "keep" },
  planDirectory: "/",
  buildkitVersion: "v0.33.1",
  needs: new Map(),
} as const;

async function inputs(given: Case): Promise<Inputs> {
  const result = await read(given);
  if (!result.ok) throw new Error(result.error.reason);
  return result.value;
}

/** What cannot be told of a Dockerfile. */
async function unknown(dockerfile: string, others: Omit<Case, "files"> = {}): Promise<Inputs["unknown"]> {
  return (await inputs({ files: { Dockerfile: dockerfile }, ...others })).unknown;
}

const DOCKERFILE = "FROM alpine:3\nCOPY . /\n";
const PLAIN: Case = { files: { Dockerfile: DOCKERFILE, file: "1" } };

describe("the digest of a variant's inputs", () => {
  test("is the same for the same project anywhere", async () => {
    expect(await inputs(PLAIN)).toEqual(await inputs(PLAIN));
    expect((await inputs(PLAIN)).unknown).toEqual([]);
  });

  test.each<[string, Case]>([
    ["a file", { files: { ...PLAIN.files, file: "2" } }],
    ["the Dockerfile", { files: { ...PLAIN.files, Dockerfile: `${DOCKERFILE}\n` } }],
    ["what a base image is", { ...PLAIN, images: { "docker.io/library/alpine:3": "b" } }],
    ["BuildKit's version", { ...PLAIN, request: { buildkitVersion: "v0.34.0" } }],
    ["BuildKit's version, where it is not told", { ...PLAIN, request: { buildkitVersion: undefined } }],
    ["an argument", { ...PLAIN, build: () => ({ args: { A: "1" } }) }],
    ["the platform", { ...PLAIN, variant: { platform: platform("linux/amd64") } }],
    [
      "a needed variant",
      { ...PLAIN, variant: { needs: ["base"] }, request: { needs: new Map([["base", digest("1")]]) } },
    ],
  ])("changes with %s", async (_, changed) => {
    expect((await inputs(changed)).digest).not.toBe((await inputs(PLAIN)).digest);
  });

  test("changes with what a needed variant became", async () => {
    const after = async (base: string): Promise<Inputs> =>
      await inputs({
        files: { Dockerfile: "FROM base\n" },
        build: () => ({ contexts: { base: { kind: "variant", variant: "base linux/arm64" } } }),
        variant: { needs: ["base linux/arm64"] },
        request: { needs: new Map([["base linux/arm64", digest(base)]]) },
      });
    expect((await after("1")).digest).not.toBe((await after("2")).digest);
    expect((await after("1")).unknown).toEqual([]);
  });

  test("changes with the node's own platform only where the Dockerfile asks for it", async () => {
    const on = async (own: string, dockerfile: string): Promise<Digest> =>
      (await inputs({ files: { Dockerfile: dockerfile }, request: { buildPlatform: platform(own) } })).digest;
    const cross = "FROM --platform=$BUILDPLATFORM alpine:3\n";
    expect(await on("linux/amd64", DOCKERFILE)).toBe(await on("linux/arm64", DOCKERFILE));
    expect(await on("linux/amd64", cross)).not.toBe(await on("linux/arm64", cross));
  });

  test("does not change with a stage's images that the target does not need", async () => {
    const at = async (other: string): Promise<Inputs> =>
      await inputs({
        files: { Dockerfile: "FROM alpine:3 AS one\nFROM debian AS two\nCOPY --from=busybox /a /b\n" },
        build: () => ({ target: "one" }),
        images: { "docker.io/library/alpine:3": "a", "docker.io/library/debian:latest": other },
      });
    expect(await at("b")).toEqual(await at("c"));
    expect((await at("b")).unknown).toEqual([]);
  });

  test("follows the patterns beside the Dockerfile, before those of the context", async () => {
    const root = tree({
      Dockerfile: "FROM scratch\n",
      ".dockerignore": "*.log\n",
      "a.log": "1",
      "a.tmp": "1",
    });
    const now = async (): Promise<Digest> => {
      const result = await readAt(root, {});
      if (!result.ok) throw new Error(result.error.reason);
      return result.value.digest;
    };
    const changes = async (path: string): Promise<boolean> => {
      const before = await now();
      writeFileSync(join(root, path), `${Math.random()}`);
      return before !== (await now());
    };
    expect([await changes("a.log"), await changes("a.tmp")]).toEqual([false, true]);
    writeLeaf(root, "Dockerfile.dockerignore", "*.tmp\n");
    expect([await changes("a.log"), await changes("a.tmp")]).toEqual([true, false]);
    writeLeaf(root, "Dockerfile.dockerignore", "");
    expect([await changes("a.log"), await changes("a.tmp")]).toEqual([true, true]);
  });

  test("has named folders in it, with their own patterns", async () => {
    const at = async (files: Readonly<Record<string, Leaf>>): Promise<Digest> =>
      (
        await inputs({
          files: { "app/Dockerfile": "FROM scratch\nCOPY --from=lib . /\n", ...files },
          build: (root) => ({
            context: { kind: "local", path: join(root, "app") },
            dockerfile: join(root, "app/Dockerfile"),
            contexts: { lib: { kind: "local", path: join(root, "lib") } },
          }),
        })
      ).digest;
    const before = await at({ "lib/.dockerignore": "*.o", "lib/a.c": "1" });
    expect(await at({ "lib/.dockerignore": "*.o", "lib/a.c": "1", "lib/a.o": "1" })).toBe(before);
    expect(await at({ "lib/.dockerignore": "*.o", "lib/a.c": "2" })).not.toBe(before);
  });

  test("has the image that a tag of a layout names", async () => {
    const at = async (of: string): Promise<Inputs> => {
      const annotations = { "org.opencontainers.image.ref.name": "latest" };
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const manifests = [{ mediaType, digest: digest(of), size: 2, annotations }];
      return await inputs({
        files: {
          "app/Dockerfile": "FROM base\n",
          "layout/index.json": JSON.stringify({ schemaVersion: 2, manifests }),
        },
        build: (root) => ({
          context: { kind: "local", path: join(root, "app") },
          dockerfile: join(root, "app/Dockerfile"),
          contexts: {
            base: {
              kind: "oci-layout",
              path: join(root, "layout"),
              reference: { kind: "tag", tag: "latest" },
            },
          },
        }),
      });
    };
    expect((await at("1")).digest).not.toBe((await at("2")).digest);
    expect((await at("1")).unknown).toEqual([]);
  });

  test("looks at a folder once in a run, and again in the next", async () => {
    const root = tree({ Dockerfile: "FROM scratch\n", file: "1" });
    const at = { context: { kind: "local", path: root }, dockerfile: join(root, "Dockerfile") } as const;
    const made = variant("linux/arm64", { build: build(at) });
    const request = { ...REQUEST, planDirectory: root };
    const [first, second] = [1, 2].map(() => createInputs({ lookUp: registry().lookUp, nowMs: () => 0 }));
    const before = await first?.of(made, request);
    writeFileSync(join(root, "file"), "2");
    expect(await first?.of(made, request)).toEqual(before);
    expect(await second?.of(made, request)).not.toEqual(before);
  });

  test("asks for each image once in a run, whatever it is used for", async () => {
    const root = tree({
      Dockerfile:
        "# syntax=docker/dockerfile:1\nFROM alpine:3\nCOPY --from=docker.io/library/alpine:3 /a /b\n",
    });
    const { asked, lookUp } = registry({});
    const reader = createInputs({ lookUp, nowMs: () => 0 });
    const made = (text: string): Variant =>
      variant(text, {
        build: build({
          context: { kind: "local", path: root },
          dockerfile: join(root, "Dockerfile"),
          contexts: { same: { kind: "remote", url: "docker-image://alpine:3" } },
        }),
      });
    const all = ["linux/amd64", "linux/arm64"].map(
      async (text) => await reader.of(made(text), { ...REQUEST, planDirectory: root }),
    );
    await Promise.all(all);
    expect(asked.toSorted()).toEqual(["docker.io/docker/dockerfile:1", "docker.io/library/alpine:3"]);
  });
});

describe("what cannot be told", () => {
  test.each<[string, string, Inputs["unknown"]]>([
    [
      "a base that no registry has",
      "FROM nobody/none\n",
      [{ kind: "base-image", name: "nobody/none", line: 1 }],
    ],
    ["nothing of a base with a digest", `FROM nobody/none@${digest("1")}\n`, []],
    [
      "a base whose name is not known",
      "ARG X\nFROM ${X%y}\n",
      [{ kind: "dynamic", name: "${X%y}", line: 2 }],
    ],
    [
      "a frontend that no registry has",
      "# syntax=docker/dockerfile:1\nFROM scratch\n",
      [{ kind: "frontend", name: "docker/dockerfile:1", line: 1 }],
    ],
    ["nothing of one with a digest", `# syntax=docker/dockerfile:1@${digest("1")}\nFROM scratch\n`, []],
    [
      "a frontend of somebody's, digest or not",
      `# syntax=x/mine@${digest("1")}\nFROM scratch\n`,
      [{ kind: "frontend", name: `x/mine@${digest("1")}`, line: 1 }],
    ],
    [
      "a URL without a checksum",
      "FROM scratch\nADD a https://u:p@x/y /\n",
      [{ kind: "remote-add", name: "https://x/y", line: 2 }],
    ],
    ["nothing of a URL with one", `FROM scratch\nADD --checksum=${digest("1")} https://x/y /\n`, []],
    [
      "a checksum that is not known",
      "FROM scratch\nADD --checksum=$SUM https://x/y /\n",
      [{ kind: "remote-add", name: "https://x/y", line: 2 }],
    ],
    [
      "a repository without a commit",
      "FROM scratch\nADD https://x/y.git#main /\n",
      [{ kind: "git-context", name: "https://x/y.git#main", line: 2 }],
    ],
    ["nothing of one with a commit", `FROM scratch\nADD https://x/y.git#${COMMIT} /\n`, []],
    [
      "nothing of one with its checksum",
      `FROM scratch\nADD --checksum=${COMMIT} https://x/y.git#main /\n`,
      [],
    ],
    [
      "a URL in variables",
      "ARG HOST=x\nFROM scratch\nARG HOST\nENV FILE=/y\nADD https://$HOST$FILE /\n",
      [{ kind: "remote-add", name: "https://x/y", line: 5 }],
    ],
    [
      "what only a base's variable says",
      "FROM alpine:3\nADD $WHAT /\n",
      [{ kind: "dynamic", name: "$WHAT", line: 2 }],
    ],
    ["nothing of a path in a variable", "FROM alpine:3\nADD dist/$WHAT ./$X /\n", []],
    [
      "a stage's variables in the next",
      "FROM scratch AS a\nENV U=https://x/y\nFROM a\nADD $U /\n",
      [{ kind: "remote-add", name: "https://x/y", line: 4 }],
    ],
    [
      "a URL for those who build on a stage",
      "FROM scratch AS a\nONBUILD ADD https://x/y /\nFROM a\n",
      [{ kind: "remote-add", name: "https://x/y", line: 2 }],
    ],
    ["nothing of a stage that is not needed", "FROM scratch AS a\nADD https://x/y /\nFROM scratch\n", []],
    ["nothing of what ADD has in place", "FROM scratch\nADD <<EOF /x\nhttps://x/y\nEOF\n", []],
  ])("%s", async (_, dockerfile, expected) => {
    expect(await unknown(dockerfile)).toEqual(expected);
  });

  test("secrets and agents, whose values are never looked at", async () => {
    const given = await unknown(DOCKERFILE, {
      build: () => ({
        secrets: [{ id: "token", kind: "value", value: "hidden" }],
        ssh: [{ id: "default", paths: [] }],
      }),
    });
    expect(given).toEqual([
      { kind: "secret", name: "token" },
      { kind: "ssh", name: "default" },
    ]);
  });

  test.each<[string, Inputs["unknown"]]>([
    ["https://x/y.tar", [{ kind: "http-context", name: "https://x/y.tar" }]],
    ["https://x/y.git#main", [{ kind: "git-context", name: "https://x/y.git#main" }]],
    ["github.com/x/y", [{ kind: "git-context", name: "github.com/x/y" }]],
    [`https://x/y.git#${COMMIT}`, []],
    ["docker-image://nobody/none", [{ kind: "base-image", name: "nobody/none" }]],
    ["docker-image://alpine:3", []],
  ])("the context %s", async (url, expected) => {
    const named = await unknown("FROM scratch\n", {
      build: () => ({ contexts: { x: { kind: "remote", url } } }),
    });
    expect(named).toEqual(expected);
    if (url.startsWith("docker-image:")) return;
    const main = await unknown("", {
      build: () => ({ context: { kind: "remote", url }, dockerfile: "Dockerfile" }),
    });
    expect(main).toEqual([...expected, { kind: "dynamic", name: "Dockerfile" }]);
  });

  test("a variant that is not there yet", async () => {
    const given = await unknown("FROM scratch\n", { variant: { needs: ["base linux/arm64"] } });
    expect(given).toEqual([{ kind: "dynamic", name: "base linux/arm64" }]);
  });

  test("the frontend that an argument names", async () => {
    const given = await unknown("FROM scratch\n", { build: () => ({ args: { BUILDKIT_SYNTAX: "x/mine" } }) });
    expect(given).toEqual([{ kind: "frontend", name: "x/mine" }]);
  });
});

describe("what cannot be read says where", () => {
  test("a Dockerfile that is not there, or none", async () => {
    expect(await read({ files: {} })).toMatchObject({
      error: {
        kind: "inputs-unreadable",
        path: expect.stringMatching(/Dockerfile$/),
        reason: "it is not there",
      },
    });
    expect(await read({ files: { Dockerfile: "FROM a\nNONSENSE\n" } })).toMatchObject({
      error: { reason: "line 2: `NONSENSE` is no instruction of a Dockerfile" },
    });
  });

  test("a malformed pattern", async () => {
    expect(await read({ files: { Dockerfile: DOCKERFILE, ".dockerignore": "[" } })).toMatchObject({
      error: { path: expect.stringMatching(/\.dockerignore$/), reason: "`[` is no pattern" },
    });
  });

  test("a folder or a layout that is not there", async () => {
    const files = { Dockerfile: DOCKERFILE };
    const path = (root: string): string => join(root, "none");
    const folder = await read({
      files,
      build: (root) => ({ contexts: { a: { kind: "local", path: path(root) } } }),
    });
    expect(folder).toMatchObject({
      error: { path: expect.stringMatching(/none$/), reason: "it is not there" },
    });
    const layout = await read({
      files,
      build: (root) => ({
        contexts: { a: { kind: "oci-layout", path: path(root), reference: { kind: "tag", tag: "x" } } },
      }),
    });
    expect(layout).toMatchObject({
      error: { reason: expect.stringContaining("has no readable index.json") },
    });
  });

  test("patterns behind a link that leads out are none", async () => {
    const outside = tree({ patterns: "*" });
    const files = { Dockerfile: DOCKERFILE, ".dockerignore": { link: join(outside, "patterns") } };
    const inside = { Dockerfile: DOCKERFILE, ".dockerignore": { link: "patterns" }, patterns: "*.log" };
    expect((await inputs({ files: { ...files, "a.log": "1" } })).digest).not.toBe(
      (await inputs({ files: { ...files, "a.log": "2" } })).digest,
    );
    expect((await inputs({ files: { ...inside, "a.log": "1" } })).digest).toBe(
      (await inputs({ files: { ...inside, "a.log": "2" } })).digest,
    );
  });
});
