import { expect, test } from "vitest";
import { stagingUnusableWords } from "../../../cli/describe/staging.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import type { StagingUnusable } from "../../../core/staging/staged.ts";
import { platform } from "../../support/make.ts";

const digest: Digest = `sha256:${"1".repeat(64)}`;
const missing: Digest = `sha256:${"2".repeat(64)}`;
const place = { store: "one.example/app", digest: missing };

test.each<readonly [StagingUnusable, string]>([
  [{ kind: "staging-foreign", digest }, "buildx-plan did not write it"],
  [
    { kind: "staging-other-version", digest, version: "2" },
    "another version of buildx-plan wrote it (format 2)",
  ],
  [
    { kind: "staging-other-variant", digest, variant: "app linux/amd64" },
    "it holds another variant, app linux/amd64",
  ],
  [{ kind: "staging-malformed", digest, detail: "x: no" }, "its record cannot be used: x: no"],
  [{ kind: "staging-image-lost", digest, missing }, `${missing}, which it names, is not there any more`],
  [
    {
      kind: "staging-image-invalid",
      digest,
      cause: {
        kind: "platform-mismatch",
        ...place,
        declared: platform("linux/arm64"),
        actual: platform("linux/386"),
      },
    },
    "the image for linux/arm64 says that it is for linux/386",
  ],
])("$kind", (why, words) => {
  expect(stagingUnusableWords(why)).toBe(words);
});

test("what somebody else wrote sends nothing to the terminal", () => {
  const words = stagingUnusableWords({ kind: "staging-other-variant", digest, variant: "\u001b[2J" });
  expect(words).not.toContain("\u001b");
});
