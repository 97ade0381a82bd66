import { describe, expect, test } from "vitest";
import type { Finding } from "../../../core/findings/finding.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
import {
  elf,
  library,
  pe,
  platform,
  verify,
  type ImageSpec,
  type LayerSpec,
} from "../../support/verify-images.ts";

const LINUX = [
  "linux/amd64",
  "linux/arm64",
  "linux/arm/v7",
  "linux/arm/v6",
  "linux/386",
  "linux/ppc64le",
  "linux/s390x",
  "linux/riscv64",
];

const TRIPLETS: Readonly<Record<string, string>> = {
  "linux/amd64": "x86_64-linux-gnu",
  "linux/arm64": "aarch64-linux-gnu",
  "linux/arm/v7": "arm-linux-gnueabihf",
  "linux/arm/v6": "arm-linux-gnueabi",
  "linux/386": "i386-linux-gnu",
  "linux/ppc64le": "powerpc64le-linux-gnu",
  "linux/s390x": "s390x-linux-gnu",
  "linux/riscv64": "riscv64-linux-gnu",
};

/** What a Debian image looks like to a check. */
function debian(target: string): LayerSpec {
  const folder = `usr/lib/${TRIPLETS[target] ?? ""}`;
  const interpreter = `/${folder}/ld-linux.so.2`;
  const dynamic = (): ReturnType<typeof elf> => elf(target, { interpreter });
  return {
    madeBy: "# debian.sh --arch 'any' out/ 'trixie' '@1754000000'",
    files: {
      bin: "-> usr/bin",
      lib: "-> usr/lib",
      "usr/bin/dash": dynamic(),
      "usr/bin/sh": "-> dash",
      "usr/bin/bash": dynamic(),
      "usr/bin/ls": dynamic(),
      "usr/bin/ldd": "#!/bin/bash",
      [`${folder}/ld-linux.so.2`]: library(target),
      [`${folder}/libc.so.6`]: { plain: library(target) },
      [`${folder}/libm.so.6`]: { plain: library(target) },
    },
  };
}

/** A platform that cannot run programs of this one, and is not related to it. */
function other(target: string): string {
  return target === "linux/s390x" ? "linux/ppc64le" : "linux/s390x";
}

function short(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ severity, rule }) => `${severity} ${rule}`);
}

async function verdict(spec: ImageSpec): Promise<readonly string[]> {
  return short((await verify(spec)).findings);
}

const SERVER = { entrypoint: ["/server"] };
const COPY_SERVER = "COPY /out/server /server # buildkit";

describe.each(LINUX)("%s", (target) => {
  const wrong = other(target);

  test("an image that is what it says", async () => {
    const layers = [debian(target), { files: { server: elf(target) }, madeBy: COPY_SERVER }];
    const verified = await verify({ platform: target, layers, ...SERVER });
    expect(verified.findings).toEqual([]);
    expect(verified).toMatchObject({ programs: 7, bytesRead: 0 });
  });

  test("one static program and nothing else", async () => {
    expect(
      await verdict({ platform: target, layers: [{ files: { server: elf(target) } }], ...SERVER }),
    ).toEqual([]);
  });

  test("a default on TARGETARCH: the program is another platform's", async () => {
    const layers = [debian(target), { files: { server: elf(wrong) }, madeBy: COPY_SERVER }];
    const { findings } = await verify({ platform: target, layers, ...SERVER });
    expect(short(findings)).toEqual(["error entrypoint-architecture"]);
    expect(findings[0]).toMatchObject({
      message: `The image for ${formatPlatform(platform(target))} starts /server, which is a program for ${wrong}: it will fail with \`exec format error\``,
      image: { path: "/server", madeBy: COPY_SERVER },
    });
    expect(findings[0]?.fix).toContain("ARG TARGETARCH");
    expect(findings[0]?.facts?.join(" ")).toContain("proves nothing");
  });

  test("a base pinned to another platform's digest", async () => {
    const layers = [
      debian(wrong),
      { files: { "entry.sh": "#!/bin/sh" }, madeBy: "COPY entry.sh / # buildkit" },
    ];
    const { findings } = await verify({ platform: target, layers, entrypoint: ["/entry.sh"] });
    expect(short(findings)).toEqual(["error entrypoint-architecture", "error base-architecture"]);
    expect(findings[0]?.message).toContain("starts /entry.sh with /usr/bin/dash, which is a program for");
    expect(findings[1]?.fix).toContain("FROM");
    const dockerfile = "FROM debian@sha256:0\nCOPY entry.sh /\n";
    const told = await verify({ platform: target, layers, entrypoint: ["/entry.sh"], dockerfile });
    expect(told.findings.map(({ location }) => location?.range)).toEqual(
      told.findings.map(() => ({ start: 0, end: dockerfile.indexOf("\n") })),
    );
  });

  test("a final stage on the build platform, with a program that was cross-compiled well", async () => {
    const layers = [debian(wrong), { files: { server: elf(target) }, madeBy: COPY_SERVER }];
    expect(await verdict({ platform: target, layers, ...SERVER })).toEqual(["error base-architecture"]);
  });

  test("a tool of another platform on PATH, and nothing else wrong", async () => {
    const tool = { files: { "usr/local/bin/tool": elf(wrong) }, madeBy: "RUN curl ... # buildkit" };
    const { findings } = await verify({ platform: target, layers: [debian(target), tool], cmd: ["bash"] });
    expect(short(findings)).toEqual(["warning program-architecture"]);
    expect(findings[0]).toMatchObject({
      image: { path: "/usr/local/bin/tool", madeBy: "RUN curl ... # buildkit" },
    });
  });

  test("a cross toolchain and a second C library beside the own", async () => {
    const triplet = TRIPLETS[wrong] ?? "";
    const files = Object.fromEntries(
      [
        `usr/${triplet}/lib/libc.so.6`,
        `usr/lib/${triplet}/libc.so.6`,
        `usr/lib/gcc-cross/${triplet}/14/libgcc_s.so.1`,
      ].map((path) => [path, library(wrong)]),
    );
    expect(await verdict({ platform: target, layers: [debian(target), { files }], cmd: ["sh"] })).toEqual([]);
  });
});

test.each(LINUX)("a Windows image that starts a program for %s", async (wrong) => {
  const layers = [{ files: { "server.exe": elf(wrong) } }];
  const [first] = (
    await verify({ platform: "windows(10.0.20348)/amd64", layers, entrypoint: ["C:\\server.exe"] })
  ).findings;
  expect(first).toMatchObject({ rule: "entrypoint-architecture", severity: "error" });
  expect(first?.message).toContain("because Windows cannot run it");
});

test.each([
  ["linux/amd64", 0x8664, "C:\\app\\server.exe", "error entrypoint-architecture"],
  ["windows(10.0.20348)/amd64", 0x8664, "C:\\App\\Server.exe", undefined],
  ["windows(10.0.20348)/amd64", 0x8664, "c:/app/server", undefined],
  ["windows(10.0.20348)/amd64", 0xaa64, "C:\\app\\server", "error entrypoint-architecture"],
])("%s starts a Windows program", async (target, machine, entrypoint, expected) => {
  const word = target.startsWith("linux") ? "/app/server.exe" : entrypoint;
  const found = await verdict({
    platform: target,
    layers: [{ files: { "app/server.exe": pe(machine) } }],
    entrypoint: [word],
  });
  expect(found).toEqual(expected === undefined ? [] : [expected]);
});

describe("what an older CPU's program means", () => {
  test.each([
    ["linux/amd64", "linux/386", "mode for older programs"],
    ["linux/arm64", "linux/arm/v7", "no 32-bit mode"],
  ])("%s starts one for %s", async (target, older, words) => {
    const { findings } = await verify({
      platform: target,
      layers: [{ files: { server: elf(older) } }],
      ...SERVER,
    });
    expect(short(findings)).toEqual(["warning entrypoint-architecture"]);
    expect(findings[0]?.message).toContain(words);
  });

  test("a newer ARM than the platform's", async () => {
    const layers = [{ files: { server: elf("linux/arm/v7", { armArchitecture: 10 }) } }];
    const { findings } = await verify({ platform: "linux/arm/v6", layers, ...SERVER });
    expect(short(findings)).toEqual(["error entrypoint-architecture"]);
    expect(findings[0]?.message).toContain(
      "program for linux/arm/v7: it will fail on such a CPU, with `Illegal instruction`",
    );
    expect(await verdict({ platform: "linux/arm/v7", layers, ...SERVER })).toEqual([]);
  });

  test("the same CPU with shorter pointers is another platform", async () => {
    const own = elf("linux/amd64");
    if (own.format !== "elf") throw new Error("not ELF");
    const layers = [{ files: { server: { ...own, header: { ...own.header, class: 32 as const } } } }];
    const { findings } = await verify({ platform: "linux/amd64", layers, ...SERVER });
    expect(findings[0]?.message).toBe(
      "The image for linux/amd64 starts /server, which is a program for x86-64 with 32-bit pointers (x32): it will fail with `exec format error`",
    );
  });

  test("a newer x86-64 than the platform's", async () => {
    const layers = [{ files: { server: elf("linux/amd64", { x86Level: 3 }) } }];
    const { findings } = await verify({ platform: "linux/amd64", layers, ...SERVER });
    expect(short(findings)).toEqual(["warning entrypoint-architecture"]);
    expect(findings[0]?.message).toContain("needs a newer CPU (linux/amd64/v3)");
    expect(await verdict({ platform: "linux/amd64/v3", layers, ...SERVER })).toEqual([]);
  });

  test("a system of it and a program of the own", async () => {
    const layers = [debian("linux/386"), { files: { server: elf("linux/amd64") } }];
    expect(await verdict({ platform: "linux/amd64", layers, ...SERVER })).toEqual([
      "warning libc-architecture",
    ]);
  });
});

describe("the C library", () => {
  test("copied from another platform into an image without one", async () => {
    const layers = [
      { files: { server: elf("linux/arm64") }, madeBy: COPY_SERVER },
      {
        files: { "lib/ld-musl-x86_64.so.1": library("linux/amd64") },
        madeBy: "COPY /lib/ld* /lib/ # buildkit",
      },
    ];
    const { findings } = await verify({ platform: "linux/arm64", layers, ...SERVER });
    expect(short(findings)).toEqual(["error libc-architecture"]);
    expect(findings[0]?.image).toMatchObject({
      path: "/lib/ld-musl-x86_64.so.1",
      madeBy: "COPY /lib/ld* /lib/ # buildkit",
    });
  });

  test("overwritten by a later layer with the right one", async () => {
    const fix: LayerSpec = { ...debian("linux/arm64"), whiteouts: ["usr", "bin", "lib"] };
    expect(
      await verdict({ platform: "linux/arm64", layers: [debian("linux/amd64"), fix], cmd: ["sh"] }),
    ).toEqual([]);
  });

  test("the loader that the program asks for is for another CPU", async () => {
    const interpreter = "/opt/loader";
    const layers = [
      debian("linux/arm64"),
      { files: { server: elf("linux/arm64", { interpreter }), "opt/loader": library("linux/amd64") } },
    ];
    const { findings } = await verify({ platform: "linux/arm64", layers, ...SERVER });
    expect(short(findings)).toEqual(["error libc-architecture"]);
    expect(findings[0]?.message).toContain("needs /opt/loader, but that is for linux/amd64");
  });

  test("the loader that the program asks for is not there", async () => {
    const interpreter = "/lib/ld-musl-aarch64.so.1";
    const layers = [debian("linux/arm64"), { files: { server: elf("linux/arm64", { interpreter }) } }];
    const { findings } = await verify({ platform: "linux/arm64", layers, ...SERVER });
    expect(short(findings)).toEqual(["error entrypoint-missing"]);
    expect(findings[0]?.message).toContain(interpreter);
  });
});

describe("an image that starts nothing", () => {
  test("and has programs of another platform only", async () => {
    const { findings } = await verify({
      platform: "linux/arm64",
      layers: [{ files: { "opt/x/plugin": elf("linux/amd64") } }],
    });
    expect(short(findings)).toEqual(["error program-architecture"]);
    expect(findings[0]?.message).toContain("the only one is for linux/amd64");
  });

  test("and has bytecode and Windows programs besides", async () => {
    const files: LayerSpec["files"] = {
      "opt/x/plugin": elf("linux/amd64"),
      "opt/x/a.dll": { format: "pe", type: "library", machine: 0x14c, managed: "any" },
      "opt/x/b.exe": pe(),
    };
    expect(await verdict({ platform: "linux/arm64", layers: [{ files }] })).toEqual([
      "error program-architecture",
    ]);
  });

  test("a base image whose busybox is another platform's", async () => {
    const layers = [
      { files: { "opt/box": elf("linux/amd64") }, madeBy: "ADD rootfs.tar.gz / # buildkit" },
      { files: { "etc/motd": "other" }, madeBy: "COPY motd /etc/ # buildkit" },
    ];
    expect(await verdict({ platform: "linux/arm64", layers })).toEqual(["error base-architecture"]);
  });

  test.each<readonly [string, LayerSpec["files"], string]>([
    ["that its PATH leads to", { "bin/box": elf("linux/amd64"), x: elf("linux/amd64") }, "error base"],
    ["with one that is right", { "bin/box": elf("linux/amd64"), x: elf("linux/arm64") }, "warning program"],
  ])("a static base of another platform under a program of the own, %s", async (_, files, expected) => {
    const layers = [
      { files, madeBy: "ADD rootfs.tar.gz / # buildkit" },
      { files: { server: elf("linux/arm64") }, madeBy: COPY_SERVER },
    ];
    const dockerfile = "FROM busybox@sha256:0\nCOPY --from=build /out/server /server\n";
    const { findings } = await verify({ platform: "linux/arm64", layers, ...SERVER, dockerfile });
    expect(short(findings)).toEqual([`${expected}-architecture`]);
    expect(findings[0]).toMatchObject({
      image: { path: "/bin/box" },
      location: { range: { start: 0, end: dockerfile.indexOf("\n") } },
    });
  });

  test("a static base that nothing calls by name is data", async () => {
    const layers = [
      { files: { "srv/box": elf("linux/amd64") }, madeBy: "ADD rootfs.tar.gz / # buildkit" },
      { files: { server: elf("linux/arm64") }, madeBy: COPY_SERVER },
    ];
    expect(await verdict({ platform: "linux/arm64", layers, ...SERVER })).toEqual([]);
  });

  test.each(["agent-linux-amd64", "linux/amd64/agent", "x86_64/agent", "fixtures/agent"])(
    "and has them where they belong: %s",
    async (path) => {
      const files = { [path]: elf("linux/amd64") };
      expect(await verdict({ platform: "linux/arm64", layers: [{ files }] })).toEqual([]);
    },
  );
});

describe("programs for another CPU that nothing calls", () => {
  const strays = (folder: string, many: number): LayerSpec => ({
    files: Object.fromEntries(
      Array.from({ length: many }, (_, at) => [`${folder}/stray${at}.so`, library("linux/amd64")]),
    ),
    madeBy: "COPY . /app # buildkit",
  });
  const arm = (layer: LayerSpec, settings: ImageSpec["settings"] = {}): ImageSpec => ({
    platform: "linux/arm64",
    layers: [debian("linux/arm64"), layer],
    cmd: ["bash"],
    settings,
  });

  test("two are a matter of taste, three are not", async () => {
    expect(await verdict(arm(strays("app/lib", 2)))).toEqual([]);
    expect(await verdict(arm(strays("app/lib", 3)))).toEqual(["warning program-architecture"]);
  });

  test("few among many are none of our business", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`opt/lib${at}.so`, library("linux/arm64")]),
    );
    const spec = arm(strays("app/lib", 4));
    expect(await verdict({ ...spec, layers: [...spec.layers, { files: many }] })).toEqual([]);
    expect(await verdict({ ...spec, layers: [...spec.layers, { files: many }, strays("more", 4)] })).toEqual([
      "warning program-architecture",
      "warning program-architecture",
    ]);
  });

  test("five are listed, and how many more there are", async () => {
    const [finding] = (await verify(arm(strays("app/lib", 8)))).findings;
    expect(finding?.message).toBe(
      "8 programs in the image for linux/arm64 are for linux/amd64: started, they fail",
    );
    expect(finding?.facts).toHaveLength(6);
    expect(finding?.facts?.at(-1)).toBe("and 3 more");
    expect(finding?.image?.madeBy).toBe("COPY . /app # buildkit");
  });

  test.each([
    ["linux/arm64", "usr/bin/qemu-aarch64-static", []],
    ["linux/arm/v7", "usr/bin/qemu-arm", []],
    ["linux/ppc64le", "usr/bin/qemu-ppc64le-static", []],
    ["linux/arm64", "usr/bin/qemu-s390x-static", ["warning program-architecture"]],
    ["linux/arm64", "usr/bin/qemu-img", ["warning program-architecture"]],
  ])("%s with /%s for the machine that builds", async (target, path, expected) => {
    const emulator = { files: { [path]: elf("linux/amd64") } };
    const spec = { platform: target, layers: [debian(target), emulator] };
    expect(await verdict({ ...spec, cmd: ["bash"] })).toEqual(expected);
    expect(await verdict({ ...spec, entrypoint: [`/${path}`] })).toContain("error entrypoint-architecture");
  });

  test.each([
    "opt/x86_64-elf/lib",
    "usr/x86_64-linux-gnu/lib",
    "app/node_modules/sharp/prebuilds/linux-x64",
    "app/runtimes/linux-x64/native",
    "root/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/lib",
    "usr/lib/python3/wheels/manylinux_2_17_x86_64",
    "usr/lib/go/pkg/tool/linux_amd64",
    "usr/lib/firmware/intel",
    "usr/share/qemu",
    "usr/lib/debug/x",
    "src/elf/testdata",
    "src/test",
  ])("/%s is a place for them", async (folder) => {
    expect(await verdict(arm(strays(folder, 9)))).toEqual([]);
  });

  test.each([
    "opt/arm64/lib",
    "usr/lib/aarch64-linux-gnu/x",
    "app/linux-armv7/x",
    "app/x86/lib",
    "latest/lib",
  ])("/%s is none", async (folder) => {
    expect(await verdict(arm(strays(folder, 9)))).toEqual(["warning program-architecture"]);
  });

  test("what Python's modules are called does not excuse them", async () => {
    const files = Object.fromEntries(
      ["_a", "_b", "_c", "_d"].map((name) => [
        `app/${name}.cpython-313-x86_64-linux-gnu.so`,
        library("linux/amd64"),
      ]),
    );
    expect(await verdict(arm({ files }))).toEqual(["warning program-architecture"]);
  });

  test("Windows programs and bytecode are fine, but not on PATH", async () => {
    const dll: LayerSpec["files"] = {
      "app/t64.exe": pe(),
      "app/w64.exe": pe(0xaa64),
      "app/a.dll": { format: "pe", type: "library", machine: 0x14c, managed: "any" },
      "app/b.dll": { format: "pe", type: "library", machine: 0x14c, managed: "any" },
    };
    expect(await verdict(arm({ files: dll }))).toEqual([]);
    expect(await verdict(arm({ files: { "usr/bin/tool.exe": pe() } }))).toEqual([
      "warning program-architecture",
    ]);
    expect(await verdict(arm({ files: { "usr/bin/tool.exe": { plain: pe() } } }))).toEqual([]);
  });

  test("a folder of PATH may be a link", async () => {
    const files = { "opt/tools-1.2/tool": elf("linux/amd64"), "opt/tools": "-> tools-1.2" };
    const spec = { ...arm({ files }), env: ["PATH=/opt/tools:/usr/bin"] };
    expect(await verdict(spec)).toEqual(["warning program-architecture"]);
  });

  test("ignored ones are not counted", async () => {
    const verified = await verify(arm(strays("app/lib", 8), { ignore: ["/app/**"] }));
    expect(verified.findings).toEqual([]);
    expect(verified.programs).toBe(6);
  });
});

describe("what the plan wants of it", () => {
  const wrong: ImageSpec = {
    platform: "linux/arm64",
    layers: [{ files: { server: elf("linux/amd64") } }],
    ...SERVER,
  };

  test("warn", async () => {
    expect(await verdict({ ...wrong, settings: { content: "warn" } })).toEqual([
      "warning entrypoint-architecture",
    ]);
  });

  test("off: layers are not read, labels are", async () => {
    const layers: ImageSpec["layers"] = [{ files: { server: elf("linux/amd64") }, unknown: true }];
    const verified = await verify({
      ...wrong,
      layers,
      labelled: "linux/amd64",
      settings: { content: "off" },
    });
    expect(short(verified.findings)).toEqual(["error platform-label"]);
    expect(verified.layers).toEqual([undefined]);
  });

  test("a label that is wrong is no matter of content", async () => {
    const spec = { ...wrong, labelled: "linux/amd64", settings: { content: "warn" as const } };
    expect(await verdict(spec)).toEqual(["warning entrypoint-architecture", "error platform-label"]);
  });

  test("ignoring what the image starts", async () => {
    expect(await verdict({ ...wrong, settings: { ignore: ["/server"] } })).toEqual([]);
  });
});
