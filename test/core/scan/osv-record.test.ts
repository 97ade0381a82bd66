import { describe, expect, test } from "vitest";
import {
  judgeRecord,
  readRecord,
  severityOf,
  severityOfWord,
  type OsvRecord,
} from "../../../core/scan/osv-record.ts";

type Events = readonly Readonly<Record<string, string>>[];

function record(fields: object): OsvRecord {
  const read = readRecord({ id: "X-1", ...fields });
  if (read === undefined) throw new Error("no record");
  return read;
}

const affected = (fields: object = {}, ecosystem = "npm", name = "a") => ({
  package: { ecosystem, name },
  ...fields,
});
const range = (events: Events, type = "SEMVER") => ({ ranges: [{ type, events }] });

/** What is said of a version: `no`, or `yes` with the version that mends it. */
function said(found: OsvRecord, version: string, ecosystem = "npm", name = "a"): string {
  const verdict = judgeRecord(found, { ecosystem, name, version });
  if (verdict.kind === "not-affected") return "no";
  if (verdict.kind !== "affected") return verdict.kind;
  return verdict.fixedVersion === undefined ? "yes" : `yes, until ${verdict.fixedVersion}`;
}

const table = (events: Events, versions: readonly string[], type = "SEMVER", ecosystem = "npm"): string =>
  versions
    .map(
      (version) =>
        `${version} ${said(record({ affected: [affected(range(events, type), ecosystem)] }), version, ecosystem)}`,
    )
    .join("; ");

describe("ranges", () => {
  test("from one version until another", () => {
    expect(
      table([{ introduced: "1.2.0" }, { fixed: "1.10.0" }], ["1.1.9", "1.2.0", "1.9.9", "1.10.0", "2.0.0"]),
    ).toBe("1.1.9 no; 1.2.0 yes, until 1.10.0; 1.9.9 yes, until 1.10.0; 1.10.0 no; 2.0.0 no");
  });

  test("from the start, of versions of whatever form", () => {
    const events = [{ introduced: "0" }, { fixed: "1.0.0" }];
    expect(table(events, ["0.0.0-alpha", "0", "1.0.0-rc.1", "1.0.0"])).toBe(
      "0.0.0-alpha yes, until 1.0.0; 0 yes, until 1.0.0; 1.0.0-rc.1 yes, until 1.0.0; 1.0.0 no",
    );
    expect(
      table([{ introduced: "0" }, { fixed: "1.0" }], ["0~beta", "weird"], "ECOSYSTEM", "Debian:12"),
    ).toBe("0~beta yes, until 1.0; weird no");
    expect(table([{ introduced: "0" }], ["weird", "~"], "ECOSYSTEM", "Debian:12")).toBe("weird yes; ~ yes");
  });

  test("of several branches, events in any order", () => {
    const events = [{ fixed: "2.1.5" }, { introduced: "2.0.0" }, { fixed: "1.4.2" }, { introduced: "0" }];
    expect(table(events, ["1.4.1", "1.4.2", "1.9.0", "2.0.0", "2.1.5"])).toBe(
      "1.4.1 yes, until 1.4.2; 1.4.2 no; 1.9.0 no; 2.0.0 yes, until 2.1.5; 2.1.5 no",
    );
  });

  test("with the last affected version", () => {
    const events = [{ introduced: "1.0.0" }, { last_affected: "1.5.0" }];
    expect(table(events, ["0.9.0", "1.5.0", "1.5.1"])).toBe("0.9.0 no; 1.5.0 yes; 1.5.1 no");
  });

  test.each([
    ["as they come", [{ introduced: "1.0.0" }, { last_affected: "1.0.0" }]],
    ["the other way round", [{ last_affected: "1.0.0" }, { introduced: "1.0.0" }]],
    ["in other spellings", [{ last_affected: "1.0" }, { introduced: "1.0.0" }]],
  ])("of one version alone, %s", (_, events) => {
    expect(table(events, ["0.9.9", "1.0.0", "1.0.1"])).toBe("0.9.9 no; 1.0.0 yes; 1.0.1 no");
  });

  test("that end where the next one begins", () => {
    const events = [{ introduced: "2.0.0" }, { fixed: "2.0.0" }, { introduced: "1.0.0" }];
    expect(table(events, ["1.0.0", "2.0.0", "3.0.0"])).toBe("1.0.0 yes, until 2.0.0; 2.0.0 yes; 3.0.0 yes");
  });

  test("below limits", () => {
    const below = [{ introduced: "0" }, { limit: "2.0.0" }];
    expect(table(below, ["1.9.0", "2.0.0"])).toBe("1.9.0 yes; 2.0.0 no");
    expect(table([...below, { limit: "*" }], ["1.9.0", "2.0.0"])).toBe("1.9.0 yes; 2.0.0 yes");
  });

  test("in the ecosystem's own order, or in SEMVER's where the range says so", () => {
    const events = [{ introduced: "0" }, { fixed: "1.0~rc2-1" }];
    expect(table(events, ["1.0~rc1-5", "1.0~rc2-1", "1.0-1"], "ECOSYSTEM", "Debian:12")).toBe(
      "1.0~rc1-5 yes, until 1.0~rc2-1; 1.0~rc2-1 no; 1.0-1 no",
    );
    expect(table([{ introduced: "0" }, { fixed: "1.10.0" }], ["1.9.0", "1.10.0"], "SEMVER", "SwiftURL")).toBe(
      "1.9.0 yes, until 1.10.0; 1.10.0 no",
    );
  });

  test("of git say nothing of versions", () => {
    expect(table([{ introduced: "0" }], ["1.0.0"], "GIT")).toBe("1.0.0 no");
  });

  test("whose versions nobody here can order are told", () => {
    const events = [{ introduced: "0" }, { fixed: "2.0" }];
    expect(table(events, ["1.0"], "ECOSYSTEM", "Maven")).toBe("1.0 unordered");
    const listed = record({
      affected: [affected({ ...range(events, "ECOSYSTEM"), versions: ["1.0"] }, "Maven")],
    });
    expect(said(listed, "1.0", "Maven")).toBe("yes, until 2.0");
    expect(said(listed, "1.1", "Maven")).toBe("no");
  });
});

describe("what is affected", () => {
  test("by a list of versions", () => {
    const listed = record({ affected: [affected({ versions: ["1.0.0", "1.2.0"] })] });
    expect([said(listed, "1.0.0"), said(listed, "1.1.0"), said(listed, "1.2.0")]).toEqual([
      "yes",
      "no",
      "yes",
    ]);
  });

  test("by any of several entries, and by none of another package", () => {
    const several = record({
      affected: [
        affected(range([{ introduced: "0" }, { fixed: "1.0.5" }])),
        affected(range([{ introduced: "2.0.0" }, { fixed: "2.0.5" }])),
        affected(range([{ introduced: "0" }]), "npm", "b"),
        affected(range([{ introduced: "0" }]), "Go", "a"),
      ],
    });
    expect(["1.0.0", "1.5.0", "2.0.1"].map((version) => said(several, version))).toEqual([
      "yes, until 1.0.5",
      "no",
      "yes, until 2.0.5",
    ]);
    expect(said(several, "9.0.0", "npm", "b")).toBe("yes");
    expect(said(several, "9.0.0", "npm", "c")).toBe("no");
  });

  test("of its own release only", () => {
    const debian = record({ affected: [affected(range([{ introduced: "0" }], "ECOSYSTEM"), "Debian:12")] });
    expect([said(debian, "1", "Debian:12"), said(debian, "1", "Debian:11")]).toEqual(["yes", "no"]);
  });

  test("under any spelling of its name", () => {
    const django = record({
      affected: [affected(range([{ introduced: "0" }], "ECOSYSTEM"), "PyPI", "Flask_Cors")],
    });
    expect(said(django, "1.0", "PyPI", "flask-cors")).toBe("yes");
  });

  test("is nothing once a record is withdrawn", () => {
    const fields = { affected: [affected({ versions: ["1.0.0"] })] };
    expect(said(record(fields), "1.0.0")).toBe("yes");
    expect(said(record({ ...fields, withdrawn: "2024-01-01T00:00:00Z" }), "1.0.0")).toBe("no");
  });

  test("may be unimportant", () => {
    const fields = { versions: ["1"], ecosystem_specific: { urgency: "unimportant" } };
    const found = record({ affected: [affected(fields, "Debian:12")] });
    expect(said(found, "1", "Debian:12")).toBe("unimportant");
    const both = record({ affected: [affected(fields), affected({ versions: ["1"] })] });
    expect(said(both, "1")).toBe("yes");
  });
});

describe("severity", () => {
  const CRITICAL = { type: "CVSS_V3", score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" };
  const LOW = { type: "CVSS_V3", score: "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N" };
  const V4 = { type: "CVSS_V4", score: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N" };
  const BROKEN = { type: "CVSS_V3", score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:constructor/I:H/A:H" };

  test.each([
    ["nothing", {}, { severity: "unknown" }],
    ["the highest vector", { severity: [LOW, CRITICAL, BROKEN] }, { severity: "critical", score: 9.8 }],
    [
      "a word beside a vector",
      { severity: [LOW], database_specific: { severity: "HIGH" } },
      { severity: "low", score: 3.1 },
    ],
    [
      "a word where no vector can be computed",
      { severity: [V4], database_specific: { severity: "MODERATE" } },
      { severity: "medium" },
    ],
    ["Ubuntu's word", { severity: [{ type: "Ubuntu", score: "negligible" }] }, { severity: "low" }],
    ["fields of other kinds", { severity: "high", database_specific: [] }, { severity: "unknown" }],
  ])("by %s", (_, fields, expected) => {
    expect(severityOf(record(fields))).toEqual(expected);
  });

  test("of the package before that of the record", () => {
    const found = record({
      severity: [CRITICAL],
      affected: [affected({ versions: ["1"], severity: [LOW] })],
    });
    expect(judgeRecord(found, { ecosystem: "npm", name: "a", version: "1" })).toMatchObject({
      severity: "low",
    });
  });

  test("in any spelling", () => {
    expect(
      ["Moderate", " important ", "NEGLIGIBLE", "critical", "none", "constructor"].map(severityOfWord),
    ).toEqual(["medium", "high", "low", "critical", "unknown", "unknown"]);
  });
});

test.each([[null], ["x"], [[]], [{}], [{ id: "" }], [{ id: 1 }], [{ id: "x".repeat(201) }]])(
  "%j is no record",
  (json) => {
    expect(readRecord(json)).toBeUndefined();
  },
);

test("odd fields spoil no record", () => {
  const odd = {
    id: "X-1",
    aliases: [1],
    affected: [{ ranges: [{ type: "SEMVER", events: [{ introduced: 1 }] }] }],
    more: 1,
  };
  expect(readRecord(odd)).toMatchObject({ id: "X-1", aliases: [], withdrawn: "" });
});
