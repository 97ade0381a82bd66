import { expect, test } from "vitest";
import { scanView, type ScanView } from "../../../cli/render/scan-view.ts";
import { displayWidth } from "../../../cli/text/width.ts";
import { digest } from "../../support/run-events.ts";

const FILE = { width: Number.POSITIVE_INFINITY, colour: false };

const VIEW: ScanView = {
  reference: "registry.example/team/app:1.2",
  digest: digest("index"),
  source: "osv-scanner",
  platforms: [
    {
      platform: "linux/amd64",
      digest: digest("amd64"),
      from: "sbom",
      packages: 312,
      critical: 1,
      high: 1,
      medium: 0,
      low: 0,
      unknown: 1,
      base: {
        name: "docker.io/library/node:22.3-alpine",
        moved: digest("moved"),
        newerTag: "22.4-alpine",
      },
    },
    {
      platform: "linux/arm64",
      digest: digest("arm64"),
      from: "layers",
      critical: 1,
      high: 0,
      medium: 0,
      low: 0,
      unknown: 0,
    },
  ],
  vulnerabilities: [
    {
      severity: "critical",
      id: "CVE-2024-3094",
      package: "xz-libs",
      installed: "5.6.0-r0",
      fixed: "5.6.1-r2",
      platforms: ["linux/amd64", "linux/arm64"],
    },
    {
      severity: "high",
      id: "CVE-2024-2961",
      package: "libc6\u001b[2J",
      installed: "2.36-9+deb12u4",
      platforms: ["linux/amd64"],
    },
    {
      severity: "unknown",
      id: "GHSA-aaaa-bbbb-cccc",
      package: "@scope/a-package-with-a-name-that-is-rather-long",
      installed: "1.0.0",
      platforms: ["linux/amd64"],
    },
  ],
  ignored: 2,
  failOn: "high",
  hits: 2,
};

test("a line for each platform, a line for each vulnerability, and the verdict", () => {
  expect(scanView(VIEW, FILE)).toMatchInlineSnapshot(`
    "registry.example/team/app:1.2
    digest  sha256:1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6
    source  osv-scanner

    PLATFORM     PACKAGES  FROM    CRITICAL  HIGH  MEDIUM  LOW  UNKNOWN  BASE IMAGE                          NEWER
    linux/amd64       312  SBOM           1     1       0    0        1  docker.io/library/node:22.3-alpine  22.4-alpine, same tag, pushed anew
    linux/arm64         -  layers         1     0       0    0        0  -                                   -

    SEVERITY  ID                   PACKAGE                                           INSTALLED       FIXED IN  PLATFORMS
    critical  CVE-2024-3094        xz-libs                                           5.6.0-r0        5.6.1-r2  all
    high      CVE-2024-2961        libc6\\x1b[2J                                      2.36-9+deb12u4  -         linux/amd64
    unknown   GHSA-aaaa-bbbb-cccc  @scope/a-package-with-a-name-that-is-rather-long  1.0.0           -         linux/amd64

    not fine: 2 of 3 vulnerabilities stop (high or worse), 2 ignored"
  `);
});

test("nothing found", () => {
  const view = { ...VIEW, vulnerabilities: [], ignored: 0, hits: 0 };
  expect(scanView(view, FILE)).toMatch(/\n\nno known vulnerabilities$/);
  expect(scanView({ ...view, ignored: 3 }, FILE)).toMatch(/\n\nno known vulnerabilities, 3 ignored$/);
});

test("the verdict without a gate, and with one that is not hit", () => {
  const { failOn: _, ...open } = { ...VIEW, hits: 0 };
  expect(scanView(open, FILE)).toMatch(/\n\n3 vulnerabilities, 2 ignored$/);
  const passed = { ...VIEW, hits: 0, ignored: 0, vulnerabilities: VIEW.vulnerabilities.slice(0, 1) };
  expect(scanView(passed, FILE)).toMatch(/\n\nfine: 1 vulnerability, none of which stops$/);
});

test("one platform needs no column of platforms", () => {
  const view = { ...VIEW, platforms: VIEW.platforms.slice(0, 1) };
  expect(scanView(view, FILE)).not.toContain("PLATFORMS");
});

test.each([72, 80, 100])("fits into %i columns, and no escape sequence passes", (width) => {
  const shown = scanView(VIEW, { width, colour: false });
  for (const line of shown.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(width);
  expect(shown).not.toContain("\u001b");
});
