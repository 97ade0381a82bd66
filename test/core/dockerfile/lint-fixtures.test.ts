import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lintDockerfile, type LintContext } from "../../../core/dockerfile/lint.ts";
import type { Finding } from "../../../core/findings/finding.ts";
import { platform } from "../../support/make.ts";
import { placed } from "../../support/dockerfile.ts";

const folder = join(import.meta.dirname, "../../../fixtures/dockerfiles");

function contextOf(...platforms: readonly string[]): LintContext {
  return { variants: platforms.map((text) => ({ platform: platform(text), args: {}, contexts: {} })) };
}

const LINUX = contextOf("linux/amd64", "linux/arm64", "linux/arm/v7");
const WINDOWS = contextOf("windows/amd64", "windows/arm64");

/** The Dockerfiles of a folder, and what is found in them. */
function dockerfiles(kind: "valid" | "invalid"): readonly string[] {
  return readdirSync(join(folder, kind)).filter((name) => name.endsWith(".Dockerfile"));
}

function findings(kind: "valid" | "invalid", name: string): readonly Finding[] {
  const text = readFileSync(join(folder, kind, name), "utf8");
  return lintDockerfile({ path: name, text }, name.startsWith("windows") ? WINDOWS : LINUX);
}

/** As people read a finding, with what its place covers. */
function words({ rule, severity, location, message, fix }: Finding): string {
  const place = location === undefined ? "" : placed(location).split("\n")[0];
  return `${place}\n  ${severity} ${rule}: ${message}\n  ${fix}\n`;
}

describe("Dockerfiles that are written well raise no alarm, and no note", () => {
  test.each(dockerfiles("valid"))("%s", (name) => {
    expect(findings("valid", name).map(words)).toEqual([]);
  });
});

describe("every Dockerfile that is not says exactly what is wrong", () => {
  test.each(dockerfiles("invalid"))("%s", async (name) => {
    const found = findings("invalid", name);
    expect(found.length).toBeGreaterThan(0);
    const expected = join(folder, "invalid", name.replace(/\.Dockerfile$/, ".txt"));
    await expect(found.map(words).join("")).toMatchFileSnapshot(expected);
  });

  test.each(dockerfiles("invalid"))(
    "%s: every range lies in the file, and each message is one sentence",
    (name) => {
      for (const { location, message, fix } of findings("invalid", name)) {
        const { file, range } = location ?? { file: { text: "" }, range: { start: 0, end: 0 } };
        expect(range.start).toBeLessThan(range.end);
        expect(range.end).toBeLessThanOrEqual(file.text.length);
        expect(message).toMatch(/^\S.*[^.]$/);
        expect(fix ?? "x.").toMatch(/[.?]$/);
      }
    },
  );
});
