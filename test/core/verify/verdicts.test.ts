import { expect, test } from "vitest";
import type { Program } from "../../../platforms/program.ts";
import { elf, pe, verify } from "../../support/verify-images.ts";

/** `.` is right, `w` a warning (an older CPU of the family), `x` an error. */
const VERDICTS = `
                   amd64 arm64 v7 v6 386 ppc64le s390x riscv64 win/amd64 win/arm64
  linux/amd64        .     x   x  x   x     x      x      x        x         x
  linux/arm64        x     .   x  x   x     x      x      x        x         x
  linux/arm/v7       x     w   .  x   x     x      x      x        x         x
  linux/arm/v6       x     w   .  .   x     x      x      x        x         x
  linux/arm (Go's)   x     w   .  .   x     x      x      x        x         x
  linux/386          w     x   x  x   .     x      x      x        x         x
  linux/ppc64le      x     x   x  x   x     .      x      x        x         x
  linux/ppc64        x     x   x  x   x     x      x      x        x         x
  linux/s390x        x     x   x  x   x     x      .      x        x         x
  linux/riscv64      x     x   x  x   x     x      x      .        x         x
  freebsd/amd64      x     x   x  x   x     x      x      x        x         x
  x32                x     x   x  x   x     x      x      x        x         x
  windows/amd64      x     x   x  x   x     x      x      x        .         x
  windows/arm64      x     x   x  x   x     x      x      x        x         .
  windows/386        x     x   x  x   x     x      x      x        w         x
`;

const DECLARED = [
  "linux/amd64",
  "linux/arm64",
  "linux/arm/v7",
  "linux/arm/v6",
  "linux/386",
  "linux/ppc64le",
  "linux/s390x",
  "linux/riscv64",
  "windows(10.0.20348)/amd64",
  "windows(10.0.20348)/arm64",
];

const X32 = { class: 32, data: "little", osAbi: 0, machine: 62, flags: 0 } as const;
const SPECIAL: Readonly<Record<string, Program>> = {
  "linux/arm/v7": elf("linux/arm/v7", { armArchitecture: 10 }),
  "linux/arm/v6": elf("linux/arm/v6", { armArchitecture: 6 }),
  "linux/arm (Go's)": elf("linux/arm/v7"),
  "freebsd/amd64": elf("linux/amd64", { header: { ...X32, class: 64, osAbi: 9 } }),
  x32: elf("linux/amd64", { header: X32 }),
  "windows/amd64": pe(),
  "windows/arm64": pe(0xaa64),
  "windows/386": pe(0x14c),
};

test("what an image of each platform says of a program for each", async () => {
  const [, head = "", ...rows] = VERDICTS.trimEnd().split("\n");
  const found: string[] = [];
  for (const row of rows) {
    const [, name = "", cells = ""] = /^ {2}(\S+(?: \S+)?) {2,}(.*)$/.exec(row) ?? [];
    const program = SPECIAL[name] ?? elf(name);
    let line = row.slice(0, row.length - cells.length);
    for (const target of DECLARED) {
      const path = target.startsWith("windows") ? "C:\\server.exe" : "/server.exe";
      const layers = [{ files: { "server.exe": program } }];
      const verified = await verify({ platform: target, layers, entrypoint: [path] });
      expect(verified.findings.every(({ rule }) => rule === "entrypoint-architecture")).toBe(true);
      const [severity] = verified.findings.map((finding) => finding.severity);
      const sign = { error: "x", warning: "w", note: "n" }[severity ?? "note"];
      line = `${line}${/^ */.exec(row.slice(line.length))?.[0] ?? ""}${severity === undefined ? "." : sign}`;
    }
    found.push(line);
  }
  expect(["", head, ...found].join("\n")).toBe(VERDICTS.trimEnd());
});
