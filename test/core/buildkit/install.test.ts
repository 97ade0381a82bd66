import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  findBuildKit,
  installBuildKit,
  installBuildx,
  type InstallFailure,
} from "../../../core/buildkit/install.ts";
import type { InstallOptions } from "../../../core/buildkit/install-sources.ts";
import { BUILDKIT_VERSION, BUILDX_VERSION } from "../../../core/buildkit/pins.ts";
import { cachePaths } from "../../../core/host/paths.ts";
import { formatVersion } from "../../../core/host/tools.ts";
import type { Result } from "../../../core/result.ts";
import { half, ranged, releaseServer, whole, type Answer } from "../../support/release-server.ts";
import { tarball, type TarEntry } from "../../support/tarball.ts";

const PIN = formatVersion(BUILDKIT_VERSION);

interface Rig {
  readonly options: InstallOptions;
  /** A folder on the PATH. */
  readonly programs: string;
  readonly installed: string;
  readonly lines: string[];
}

async function rig(): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), "install-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const programs = join(folder, "programs");
  await mkdir(programs);
  const paths = cachePaths({ XDG_CACHE_HOME: join(folder, "cache") }, "/nowhere");
  const lines: string[] = [];
  return {
    options: {
      paths,
      env: { PATH: programs },
      os: "linux",
      architecture: "amd64",
      moduleFile: async (name) => name,
      onProgress: (line) => lines.push(line),
      signal: new AbortController().signal,
      releases: { url: "http://127.0.0.1:9/none", sha256: {} },
    },
    programs,
    installed: join(paths.bin, `buildkit-v${PIN}-linux-amd64`),
    lines,
  };
}

/** A program that says its version as BuildKit's do. */
function telling(version: string): string {
  return `#!/bin/sh\necho "buildctl github.com/moby/buildkit v${version} abcdef"\n`;
}

async function putProgram(folder: string, name: string, script: string): Promise<void> {
  await writeFile(join(folder, name), script, { mode: 0o755 });
}

const ARCHIVE: readonly TarEntry[] = [
  { name: "bin/", type: "5" },
  { name: "bin/buildctl", content: telling(PIN) },
  { name: "bin/buildkit-qemu-arm", content: "not wanted" },
  { name: "bin/buildkitd", content: telling(PIN) },
  // So that half of the archive is not all of what matters.
  { name: "bin/other", content: randomBytes(200_000).toString("base64") },
];

function reasons(result: Result<unknown, InstallFailure>): readonly string[] {
  if (result.ok || result.error.kind !== "install-failed") return [];
  return result.error.attempts.map(({ source, reason }) => `${source}: ${reason}`);
}

describe("from the release archive", () => {
  test("takes the programs, executable, and nothing else", async () => {
    const { options, installed } = await rig();
    const { releases, requests } = await releaseServer(tarball(ARCHIVE));
    await expect(installBuildKit({ ...options, releases })).resolves.toEqual({
      ok: true,
      value: {
        buildctl: join(installed, "buildctl"),
        buildkitd: join(installed, "buildkitd"),
        version: PIN,
        source: "archive",
      },
    });
    expect((await readdir(installed)).toSorted()).toEqual(["buildctl", "buildkitd"]);
    expect((await stat(join(installed, "buildctl"))).mode & 0o777).toBe(0o755);
    expect(requests).toEqual([
      { path: `/download/v${PIN}/buildkit-v${PIN}.linux-amd64.tar.gz`, range: undefined },
    ]);
    expect(await readdir(options.paths.bin)).toEqual([`buildkit-v${PIN}-linux-amd64`]);
  });

  test("brings BuildKit's own runc along", async () => {
    const { options, installed } = await rig();
    const { releases } = await releaseServer(
      tarball([...ARCHIVE, { name: "bin/buildkit-runc", content: "x" }]),
    );
    await installBuildKit({ ...options, releases });
    expect(await readdir(installed)).toContain("buildkit-runc");
  });

  test("writes nowhere else, whatever names and links the archive has", async () => {
    const { options, installed } = await rig();
    const hostile: readonly TarEntry[] = [
      { name: "../evil", content: "evil" },
      { name: "/tmp/install-test-evil", content: "evil" },
      { name: "bin/../../evil", content: "evil" },
      { name: "bin/buildctl", type: "2", linkName: "/etc/passwd" },
      { name: "bin", type: "2", linkName: "/tmp" },
    ];
    const { releases } = await releaseServer(tarball([...hostile, ...ARCHIVE]));
    await expect(installBuildKit({ ...options, releases })).resolves.toMatchObject({ ok: true });
    expect(await readFile(join(installed, "buildctl"), "utf8")).toBe(telling(PIN));
    expect(await readdir(join(options.paths.root, ".."))).toEqual(["buildx-plan"]);
    await expect(stat("/tmp/install-test-evil")).rejects.toThrow("ENOENT");
  });

  test("refuses a file with another SHA-256, and keeps nothing of it", async () => {
    const { options } = await rig();
    const { releases } = await releaseServer(tarball(ARCHIVE));
    const wrong = { ...releases, sha256: { amd64: "0".repeat(64) } };
    const result = await installBuildKit({ ...options, releases: wrong });
    expect(reasons(result)[2]).toContain(
      `its SHA-256 is ${releases.sha256["amd64"]} and not ${"0".repeat(64)}`,
    );
    expect(await readdir(options.paths.bin)).toEqual([]);
  });

  test("continues a download that broke off", async () => {
    const { options } = await rig();
    const archive = tarball(ARCHIVE);
    const { releases, requests } = await releaseServer(archive, (...given) =>
      given[3] === 1 ? half(given[0], given[1], given[2]) : ranged(given[0], given[1], given[2]),
    );
    const first = await installBuildKit({ ...options, releases });
    expect(reasons(first)[2]).toContain("archive: ");
    await expect(installBuildKit({ ...options, releases })).resolves.toMatchObject({ ok: true });
    expect(requests[1]?.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("starts again where the server does not continue", async () => {
    const { options } = await rig();
    const { releases } = await releaseServer(tarball(ARCHIVE), (...given) =>
      given[3] === 1 ? half(given[0], given[1], given[2]) : whole(given[0], given[1], given[2]),
    );
    await installBuildKit({ ...options, releases });
    await expect(installBuildKit({ ...options, releases })).resolves.toMatchObject({ ok: true });
  });

  test("uses a file that was complete already", async () => {
    const { options } = await rig();
    const archive = tarball(ARCHIVE);
    const { releases } = await releaseServer(archive, ranged);
    await mkdir(options.paths.bin, { recursive: true });
    await writeFile(join(options.paths.bin, `buildkit-v${PIN}.linux-amd64.tar.gz.part`), archive);
    await expect(installBuildKit({ ...options, releases })).resolves.toMatchObject({ ok: true });
  });

  const refusals: readonly (readonly [string, Answer, string])[] = [
    ["404", (_, __, response) => void response.writeHead(404).end(), "status 404"],
    [
      "an archive of 600 MB",
      (_, __, response) => void response.writeHead(200, { "content-length": 600_000_000 }).write("x"),
      "is larger than",
    ],
  ];
  test.each(refusals)("refuses %s", async (_, answer, reason) => {
    const { options } = await rig();
    const { releases } = await releaseServer(tarball(ARCHIVE), answer);
    expect(reasons(await installBuildKit({ ...options, releases }))[2]).toContain(reason);
  });

  test.each([
    ["is cut off", tarball(ARCHIVE).subarray(0, 1_000), "unexpected end of file"],
    ["is no tar file", Buffer.from(tarball([]).map((byte) => byte)), "ENOENT"],
    [
      "has programs of another version",
      tarball([{ name: "bin/buildctl", content: telling("0.1.0") }]),
      "is not version",
    ],
  ])("refuses an archive that %s", async (_, archive, reason) => {
    const { options } = await rig();
    const { releases } = await releaseServer(archive);
    const result = await installBuildKit({ ...options, releases });
    expect(reasons(result)[2]).toContain(reason);
    expect((await readdir(options.paths.bin)).filter((name) => !name.endsWith(".part"))).toEqual([]);
  });

  test("is fetched once by two that install at once", async () => {
    const { options } = await rig();
    const { releases, requests } = await releaseServer(tarball(ARCHIVE));
    const results = await Promise.all([1, 2].map(() => installBuildKit({ ...options, releases })));
    const sources = results.map((result) => result.ok && result.value.source);
    expect(new Set(sources)).toEqual(new Set(["archive", "installed"]));
    expect(requests).toHaveLength(1);
  });

  test("is not waited for when it is cancelled", async () => {
    const { options } = await rig();
    const cancel = new AbortController();
    const { releases } = await releaseServer(tarball(ARCHIVE), () => cancel.abort());
    await expect(installBuildKit({ ...options, releases, signal: cancel.signal })).resolves.toEqual({
      ok: false,
      error: { kind: "install-cancelled", tool: "buildkit" },
    });
  });

  test("is not needed a second time", async () => {
    const { options } = await rig();
    const { releases, requests } = await releaseServer(tarball(ARCHIVE));
    await installBuildKit({ ...options, releases });
    await expect(installBuildKit({ ...options, releases })).resolves.toMatchObject({
      ok: true,
      value: { source: "installed" },
    });
    expect(requests).toHaveLength(1);
  });
});

describe("from the PATH", () => {
  test("takes programs that are new enough", async () => {
    const { options, programs } = await rig();
    for (const name of ["buildctl", "buildkitd"]) await putProgram(programs, name, telling("0.13.0"));
    await expect(findBuildKit(options)).resolves.toEqual({
      ok: true,
      value: {
        buildctl: join(programs, "buildctl"),
        buildkitd: join(programs, "buildkitd"),
        version: "0.13.0",
        source: "path",
      },
    });
  });

  test.each([
    ["one is missing", [["buildctl", telling("0.33.1")]], "not on the PATH: buildkitd"],
    [
      "one is too old",
      [
        ["buildctl", telling("0.33.1")],
        ["buildkitd", telling("0.12.5")],
      ],
      "has 0.12.5, older than 0.13.0",
    ],
    [
      "one was built without a version",
      [
        ["buildctl", telling("0.33.1")],
        ["buildkitd", telling("0.0.0+unknown")],
      ],
      "do not tell their version",
    ],
    [
      "one does not run",
      [
        ["buildctl", telling("0.33.1")],
        ["buildkitd", "#!/bin/sh\nexit 1\n"],
      ],
      "do not tell their version",
    ],
  ])("does not take them where %s", async (_, scripts, reason) => {
    const { options, programs } = await rig();
    for (const [name = "", script = ""] of scripts) await putProgram(programs, name, script);
    expect(reasons(await findBuildKit(options))[0]).toContain(reason);
  });

  test("does not mix programs of two installations", async () => {
    const { options, programs } = await rig();
    const other = join(programs, "other");
    await mkdir(other);
    await putProgram(programs, "buildctl", telling("0.33.1"));
    await putProgram(other, "buildkitd", telling("0.33.1"));
    const found = await findBuildKit({ ...options, env: { PATH: `${programs}:${other}` } });
    expect(reasons(found)[0]).toContain("several folders");
  });

  test("needs the client only where there is no daemon", async () => {
    const { options, programs } = await rig();
    await putProgram(programs, "buildctl", telling("0.33.1"));
    const found = await findBuildKit({ ...options, os: "darwin" });
    expect(found).toEqual({
      ok: true,
      value: { buildctl: join(programs, "buildctl"), version: "0.33.1", source: "path" },
    });
  });
});

/** A Go toolchain that builds what the test says; it notes what it was told. */
function goProgram(version: string, build: string): string {
  return `#!/bin/sh
if [ "$1" = version ]; then echo "go version go${version} linux/amd64"; exit; fi
PATH=/usr/bin:/bin
env >"$(dirname "$0")/env"
out=
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; [ "$1" = -C ] && source=$2; shift; done
${build}
`;
}

const BUILDS = `for name in buildctl buildkitd; do printf '#!/bin/sh\\necho v${PIN}\\n' >"$out/$name"; chmod +x "$out/$name"; done`;

describe("with Go", () => {
  test("builds both programs, whatever the user's Go settings are", async () => {
    const { options, programs, installed } = await rig();
    await putProgram(
      programs,
      "go",
      goProgram("1.26.8", `cat "$source/go.sum" >"$(dirname "$0")/seen"; ${BUILDS}`),
    );
    const env = {
      PATH: programs,
      GOFLAGS: "-mod=vendor",
      GOWORK: "/x/go.work",
      GOARCH: "s390x",
      GOPROXY: "https://proxy.example",
    };
    await expect(installBuildKit({ ...options, env })).resolves.toEqual({
      ok: true,
      value: {
        buildctl: join(installed, "buildctl"),
        buildkitd: join(installed, "buildkitd"),
        version: PIN,
        source: "go",
      },
    });
    const seen = await readFile(join(programs, "env"), "utf8");
    for (const line of [
      "GOFLAGS=-mod=readonly",
      "GOWORK=off",
      "GOARCH=amd64",
      "CGO_ENABLED=0",
      "GOPROXY=https://proxy.example",
    ])
      expect(seen.split("\n")).toContain(line);
    expect(await readFile(join(programs, "seen"), "utf8")).toBe("go.sum");
  });

  test.each([
    ["is too old", goProgram("1.19.8", BUILDS), "Go 1.19.8 is older than 1.21.0"],
    [
      "fails",
      goProgram("1.26.8", "echo 'go: no such module' >&2; exit 1"),
      "go build failed: go: no such module",
    ],
    ["makes another version", goProgram("1.26.8", BUILDS.replaceAll(PIN, "0.1.0")), `is not version ${PIN}`],
  ])("says why it did not help where it %s", async (_, script, reason) => {
    const { options, programs } = await rig();
    await putProgram(programs, "go", script);
    expect(reasons(await installBuildKit(options))[3]).toContain(reason);
    expect(await readdir(options.paths.bin)).toEqual([]);
  });

  test("installs buildx", async () => {
    const { options, programs } = await rig();
    const version = formatVersion(BUILDX_VERSION);
    await putProgram(
      programs,
      "go",
      goProgram("1.26.8", `printf '#!/bin/sh\\necho v${version}\\n' >"$out/buildx"; chmod +x "$out/buildx"`),
    );
    await expect(installBuildx(options)).resolves.toEqual({
      ok: true,
      value: {
        buildx: join(options.paths.bin, `buildx-v${version}-linux-amd64`, "buildx"),
        version,
        source: "go",
      },
    });
  });
});

test("where nothing helps, every source says why, in order", async () => {
  const { options } = await rig();
  expect(reasons(await installBuildKit(options))).toEqual([
    "path: not on the PATH: buildctl, buildkitd",
    `installed: not installed yet in ${join(options.paths.bin, `buildkit-v${PIN}-linux-amd64`)}`,
    "archive: no archive is known for linux/amd64",
    "go: there is no go on the PATH",
  ]);
});

test("the pinned versions are those of tools/go.mod", async () => {
  const text = await readFile(new URL("../../../tools/go.mod", import.meta.url), "utf8");
  expect(text).toContain(`\tgithub.com/moby/buildkit v${PIN}`);
  expect(text).toContain(`\tgithub.com/docker/buildx v${formatVersion(BUILDX_VERSION)}`);
});
