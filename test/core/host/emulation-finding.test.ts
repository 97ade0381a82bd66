import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readBinfmt, type BinfmtState } from "../../../core/host/binfmt.ts";
import { emulationFinding, type PlatformEvidence } from "../../../core/host/emulation-finding.ts";
import type { ProbeOutcome } from "../../../core/host/probe.ts";

/** What the kernel writes for an entry: magic and mask of an arm64 program. */
function entry(first: string, interpreter: string, flags: string): string {
  return `${first}\ninterpreter ${interpreter}\nflags: ${flags}\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n`;
}

/** Writes the files of a binfmt_misc folder, and reads them as the kernel's. */
async function binfmt(files: Readonly<Record<string, string>>): Promise<BinfmtState> {
  const folder = await mkdtemp(join(tmpdir(), "binfmt-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return readBinfmt(folder);
}

const MOUNTED = { register: "", status: "enabled\n" };
const GOOD = { ...MOUNTED, "qemu-aarch64": entry("enabled", "/usr/bin/qemu-aarch64-static", "F") };

/** A finding without its notes, which have a test of their own. */
async function finding(
  outcome: ProbeOutcome,
  files: Readonly<Record<string, string>>,
  change?: Partial<PlatformEvidence>,
) {
  const { notes: _, ...found } = await findingWithNotes(outcome, files, change);
  return found;
}

async function findingWithNotes(
  outcome: ProbeOutcome,
  files: Readonly<Record<string, string>>,
  change?: Partial<PlatformEvidence>,
) {
  return emulationFinding({
    platform: { os: "linux", architecture: "arm64" },
    host: { os: "linux", architecture: "amd64" },
    outcome,
    binfmt: await binfmt(files),
    exists: () => true,
    install: "INSTALL",
    mount: "MOUNT",
    ...change,
  });
}

const RUNS: ProbeOutcome = { kind: "runs", inside: "yes" };
const REFUSED: ProbeOutcome = { kind: "refused", code: "ENOEXEC" };

describe("readBinfmt", () => {
  test("tells a folder that is not mounted, one that is off, and its entries", async () => {
    expect(readBinfmt("/nonexistent")).toEqual({
      isMounted: false,
      isEnabled: false,
      entries: [],
    });
    await expect(binfmt({ register: "", status: "disabled\n" })).resolves.toMatchObject({
      isMounted: true,
      isEnabled: false,
    });
    const { entries } = await binfmt({
      ...GOOD,
      "python3.11": "enabled\ninterpreter /usr/bin/python3.11\nflags: \noffset 0\nmagic a70d0d0a\n",
    });
    expect(entries.map(({ name }) => name).toSorted((one, other) => one.localeCompare(other))).toEqual([
      "python3.11",
      "qemu-aarch64",
    ]);
  });
});

describe("emulationFinding", () => {
  test("explains the entry and its flags, and has nothing to explain without one", async () => {
    const { notes = [] } = await findingWithNotes(RUNS, GOOD);
    expect(notes[0]).toContain("qemu-aarch64 hands programs for linux/arm64");
    expect(notes.join(" ")).toMatch(/Flag F: .* Flag C is missing: /);
    expect((await findingWithNotes(RUNS, MOUNTED)).notes).toBeUndefined();
  });

  test("is well where a program ran, and says what emulates", async () => {
    await expect(finding(RUNS, GOOD)).resolves.toEqual({
      check: "platform linux/arm64",
      state: "ok",
      detail: "emulated by /usr/bin/qemu-aarch64-static (binfmt_misc entry qemu-aarch64)",
    });
  });

  test("is well on the CPU itself", async () => {
    const platform = { os: "linux", architecture: "386" };
    await expect(finding(RUNS, MOUNTED, { platform })).resolves.toMatchObject({
      state: "ok",
      detail: "runs on this CPU",
    });
  });

  const withoutFixed = { ...MOUNTED, "qemu-aarch64": entry("enabled", "/usr/bin/qemu-aarch64", "OC") };
  const cases: readonly (readonly [
    string,
    ProbeOutcome,
    Readonly<Record<string, string>>,
    Partial<PlatformEvidence>,
    RegExp,
    string,
  ])[] = [
    ["is not mounted", REFUSED, {}, {}, /not mounted/, "MOUNT && INSTALL"],
    [
      "is off as a whole",
      REFUSED,
      { ...GOOD, status: "disabled\n" },
      {},
      /switched off/,
      "echo 1 > /proc/sys/fs/binfmt_misc/status",
    ],
    ["has no entry", REFUSED, MOUNTED, {}, /no emulator is registered/, "INSTALL"],
    [
      "has a disabled entry",
      REFUSED,
      { ...MOUNTED, "my-arm": entry("disabled", "/q", "F") },
      {},
      /my-arm is disabled/,
      "echo 1 > /proc/sys/fs/binfmt_misc/my-arm",
    ],
    [
      "names no file",
      { kind: "refused", code: "ENOENT" },
      GOOD,
      { exists: () => false },
      /does not exist/,
      "INSTALL",
    ],
    ["names a file that does not start", REFUSED, GOOD, {}, /could not be started \(ENOEXEC\)/, "INSTALL"],
    ["works on the host only", { kind: "runs-outside-only" }, withoutFixed, {}, /no flag F/, "INSTALL"],
    [
      "would fail in containers",
      { kind: "runs", inside: "not-tried" },
      withoutFixed,
      {},
      /no flag F/,
      "INSTALL",
    ],
    [
      "crashes",
      { kind: "crashed", signal: "SIGSEGV" },
      GOOD,
      {},
      /crashed \(SIGSEGV\) in \/usr\/bin\/qemu-aarch64-static/,
      "INSTALL",
    ],
    [
      "is not to blame",
      { kind: "refused", code: "EACCES" },
      GOOD,
      {},
      /noexec/,
      "set XDG_CACHE_HOME to a folder that does",
    ],
  ];
  test.each(cases)("names the cure where binfmt_misc %s", async (_, outcome, files, change, detail, mend) => {
    const found = await finding(outcome, files, change);
    expect(found).toEqual({
      check: "platform linux/arm64",
      state: "problem",
      detail: expect.stringMatching(detail),
      mend,
    });
  });

  test("only warns where it could not try", async () => {
    await expect(finding({ kind: "unknown-platform" }, GOOD)).resolves.toMatchObject({ state: "warning" });
  });

  test("an enabled entry goes before a disabled one", async () => {
    const files = { ...GOOD, aaa: entry("disabled", "/other", "F") };
    await expect(finding(REFUSED, files)).resolves.toMatchObject({
      detail: expect.stringContaining("qemu-aarch64-static"),
    });
  });
});
