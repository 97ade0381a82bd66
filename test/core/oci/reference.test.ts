import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  familiarReference,
  formatReference,
  formatRepository,
  isValidTag,
  parseReference,
  parseRepository,
  parseStrictReference,
  parseTaggedReference,
  registryHost,
  toResolvable,
} from "../../../core/oci/reference.ts";

const SHA256 = `sha256:${"0123456789abcdef".repeat(4)}` as const;
const SHA512 = `sha512:${"0123456789abcdef".repeat(8)}` as const;

describe("parseReference", () => {
  // As written -> registry, path, tag, digest, and the shortest way to write it.
  test.each([
    ["alpine", "docker.io", "library/alpine", undefined, undefined, "alpine"],
    ["alpine:3.22", "docker.io", "library/alpine", "3.22", undefined, "alpine:3.22"],
    ["docker.io/alpine", "docker.io", "library/alpine", undefined, undefined, "alpine"],
    ["index.docker.io/team/app", "docker.io", "team/app", undefined, undefined, "team/app"],
    ["docker.io/library/a/b", "docker.io", "library/a/b", undefined, undefined, "library/a/b"],
    ["team/app:V1.0_rc-2", "docker.io", "team/app", "V1.0_rc-2", undefined, "team/app:V1.0_rc-2"],
    [
      "docker.io/localhost/app",
      "docker.io",
      "localhost/app",
      undefined,
      undefined,
      "docker.io/localhost/app",
    ],
    ["localhost/app", "localhost", "app", undefined, undefined, "localhost/app"],
    ["localhost:5000", "docker.io", "library/localhost", "5000", undefined, "localhost:5000"],
    ["MIRROR/app", "MIRROR", "app", undefined, undefined, "MIRROR/app"],
    ["ghcr.io/team/a/b/c:x", "ghcr.io", "team/a/b/c", "x", undefined, "ghcr.io/team/a/b/c:x"],
    ["[::1]:5000/app", "[::1]:5000", "app", undefined, undefined, "[::1]:5000/app"],
    [
      "127.0.0.1:5000/library/app",
      "127.0.0.1:5000",
      "library/app",
      undefined,
      undefined,
      "127.0.0.1:5000/library/app",
    ],
    [`app@${SHA256}`, "docker.io", "library/app", undefined, SHA256, `app@${SHA256}`],
    [`r.example/app:1@${SHA512}`, "r.example", "app", "1", SHA512, `r.example/app:1@${SHA512}`],
    [
      "r.example/a__b/c---d/e.f",
      "r.example",
      "a__b/c---d/e.f",
      undefined,
      undefined,
      "r.example/a__b/c---d/e.f",
    ],
  ])("%s", (text, registry, path, tag, digest, familiar) => {
    const parsed = parseReference(text);
    const value = {
      registry,
      path,
      ...(tag !== undefined && { tag }),
      ...(digest !== undefined && { digest }),
    };
    expect(parsed).toEqual({ ok: true, value });
    expect(parsed.ok && familiarReference(parsed.value)).toBe(familiar);
  });

  test.each([
    ["", "empty", undefined],
    ["https://r.example/team/app:1", "scheme", "r.example/team/app:1"],
    ["docker://alpine", "scheme", "alpine"],
    [" r.example/app ", "whitespace", "r.example/app"],
    ["r.example/app:1 \u0000", "whitespace", undefined],
    ["App", "uppercase", "app"],
    ["r.example/Team/App:V1", "uppercase", "r.example/team/app:V1"],
    [`app@${SHA256.toUpperCase()}`, "uppercase", `app@${SHA256}`],
    ["@sha256:ab", "malformed", undefined],
    [`app@sha256:${"AB".repeat(32)}`, "uppercase", `app@sha256:${"ab".repeat(32)}`],
    [`app@${SHA256.slice(0, -1)}`, "digest-length", undefined],
    ["app@sha256:ab", "digest-length", undefined],
    [`app@md5:${"ab".repeat(16)}`, "digest-unsupported", undefined],
    [`app@constructor:${"ab".repeat(32)}`, "digest-unsupported", undefined],
    ["ab".repeat(32), "identifier", undefined],
    [`app:${"x".repeat(129)}`, "tag-too-long", undefined],
    [`r.example/${"x".repeat(256)}`, "name-too-long", undefined],
    ["r.example/", "malformed", undefined],
    ["app:", "malformed", undefined],
    ["app:-x", "malformed", undefined],
    ["a//b", "malformed", undefined],
    ["../../etc/passwd", "malformed", undefined],
    ["r.example/app?x=y", "malformed", undefined],
    ["user:password@r.example/app", "malformed", undefined],
    ["r.example:port/app", "malformed", undefined],
  ])("%j is refused: %s", (text, problem, suggestion) => {
    const parsed = parseReference(text);
    const error = {
      kind: "reference-invalid",
      problem,
      text,
      ...(suggestion !== undefined && { suggestion }),
    };
    expect(parsed.ok ? undefined : parsed.error).toEqual(error);
  });

  test("text that no reference can be as long as is not looked at", () => {
    expect(parseReference("a/".repeat(1_000_000))).toMatchObject({ error: { problem: "name-too-long" } });
  });

  test("a first part that is meant for a registry and cannot be one is refused, not taken for a path", () => {
    expect(parseReference("my__host.example/app")).toMatchObject({
      ok: false,
      error: { problem: "malformed" },
    });
    expect(parseReference("my__host/app")).toMatchObject({ ok: true, value: { path: "my__host/app" } });
  });

  test("what it reads is stable: formatted, in full or short, and read again, it is the same", () => {
    fc.assert(
      fc.property(referenceLike(), (text) => {
        const parsed = parseReference(text);
        fc.pre(parsed.ok);
        expect(parseReference(formatReference(parsed.value))).toEqual(parsed);
        expect(parseReference(familiarReference(parsed.value))).toEqual(parsed);
        expect(parseStrictReference(formatReference(parsed.value))).toEqual(parsed);
      }),
    );
  });

  test("no string throws, and a suggestion is always a reference itself", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), referenceLike()), (text) => {
        const parsed = parseReference(text);
        const suggestion = parsed.ok ? undefined : parsed.error.suggestion;
        expect(parsed.ok || parsed.error.text === text).toBe(true);
        expect(suggestion === undefined || parseReference(suggestion).ok).toBe(true);
      }),
    );
  });
});

describe("parseStrictReference", () => {
  test.each([
    ["alpine", { path: "alpine" }],
    ["team/app", { registry: "team", path: "app" }],
    ["team_1/app", { path: "team_1/app" }],
    ["index.docker.io/app:x", { registry: "index.docker.io", path: "app", tag: "x" }],
  ])("%s gets nothing added", (text, value) => {
    expect(parseStrictReference(text)).toEqual({ ok: true, value });
  });
});

describe("references of one kind", () => {
  test.each([
    ["r.example/app", true, "missing-tag"],
    ["r.example/app:1", "unexpected-tag", true],
    [`r.example/app@${SHA256}`, "unexpected-digest", "unexpected-digest"],
    [`r.example/app:1@${SHA256}`, "unexpected-digest", "unexpected-digest"],
    ["r.example/App", "uppercase", "uppercase"],
  ])("%s as repository: %s, as target of a tag: %s", (text, repository, tagged) => {
    const [asRepository, asTagged] = [parseRepository(text), parseTaggedReference(text)];
    expect(asRepository.ok || asRepository.error.problem).toBe(repository);
    expect(asTagged.ok || asTagged.error.problem).toBe(tagged);
  });

  test("are what they say, without what they may not have", () => {
    expect(parseRepository("app")).toEqual({
      ok: true,
      value: { registry: "docker.io", path: "library/app" },
    });
    expect(parseTaggedReference("r.example/app:1")).toEqual({
      ok: true,
      value: { registry: "r.example", path: "app", tag: "1" },
    });
    expect(parseTaggedReference("r.example/app")).toMatchObject({
      error: { suggestion: "r.example/app:latest" },
    });
  });

  test("a registry is asked for the digest, else the tag, else latest", () => {
    const app = { registry: "r.example", path: "app" };
    expect(toResolvable({ ...app, tag: "1", digest: SHA256 })).toEqual({ ...app, digest: SHA256 });
    expect(toResolvable({ ...app, tag: "1" })).toEqual({ ...app, tag: "1" });
    expect(toResolvable(app)).toEqual({ ...app, tag: "latest" });
  });

  test("Docker Hub answers under another name", () => {
    expect(["docker.io", "ghcr.io", "localhost:5000"].map(registryHost)).toEqual([
      "registry-1.docker.io",
      "ghcr.io",
      "localhost:5000",
    ]);
  });

  test("a repository is formatted without tag or digest", () => {
    const reference = { registry: "r.example", path: "a/b", tag: "1", digest: SHA256 };
    expect(formatRepository(reference)).toBe("r.example/a/b");
    expect(formatReference(reference)).toBe(`r.example/a/b:1@${SHA256}`);
  });
});

test.each([
  ["v1.0", true],
  ["_", true],
  ["x".repeat(128), true],
  ["x".repeat(129), false],
  ["", false],
  [".x", false],
  ["a b", false],
  ["a\n", false],
  ["é", false],
])("%j may be a tag: %s", (text, valid) => {
  expect(isValidTag(text)).toBe(valid);
});

/** Text near the grammar: names and the characters that mean something in between. */
function referenceLike(): fc.Arbitrary<string> {
  const names =
    "app Team r.example docker.io index.docker.io library localhost [::1] 5000 1.0 / / / : @ - . __";
  const more = ["https://", " ", SHA256, SHA512, "sha256:", "ab".repeat(32)];
  const piece = fc.constantFrom(...names.split(" "), ...more);
  return fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
}
