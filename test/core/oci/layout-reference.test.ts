import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LAYOUT_SCHEME, parseLayoutReference } from "../../../core/oci/layout-reference.ts";

const DIGEST = `sha256:${"ab".repeat(32)}` as const;

test.each([
  ["out", { path: "out", tag: "latest" }],
  ["./out:1.0", { path: "./out", tag: "1.0" }],
  ["/var/images@2/app", { path: "/var/images@2/app", tag: "latest" }],
  ["/var/app:v1/layout", { path: "/var/app:v1/layout", tag: "latest" }],
  [`/var/app@${DIGEST}`, { path: "/var/app", digest: DIGEST }],
  [`/var/app:1@${DIGEST}`, { path: "/var/app", tag: "1", digest: DIGEST }],
  ["D:\\images", { path: "D:\\images", tag: "latest" }],
  ["D:/images:1", { path: "D:/images", tag: "1" }],
])("oci-layout://%s", (text, value) => {
  expect(parseLayoutReference(LAYOUT_SCHEME + text)).toEqual({ ok: true, value });
});

test.each([
  ["out:1", "no-scheme"],
  ["oci-layout:out", "no-scheme"],
  ["oci-layout://", "no-path"],
  ["oci-layout://:1", "no-path"],
  ["oci-layout://out@sha256:ab", "digest-invalid"],
  [`oci-layout://out@md5:${"ab".repeat(16)}`, "digest-invalid"],
])("%s is refused: %s", (text, problem) => {
  expect(parseLayoutReference(text)).toEqual({
    ok: false,
    error: { kind: "layout-reference-invalid", problem, text },
  });
});

test("no string throws, and what is read is part of the text", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parsed = parseLayoutReference(LAYOUT_SCHEME + text);
      expect(!parsed.ok || text.startsWith(parsed.value.path)).toBe(true);
    }),
  );
});
