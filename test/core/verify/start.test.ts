import { describe, expect, test } from "vitest";
import { BlobUnreadable } from "../../../core/registry/store.ts";
import { traceStart } from "../../../core/verify/start.ts";
import { viewImage, type Found } from "../../../core/verify/view.ts";
import {
  elf,
  library,
  makeImage,
  pe,
  verify,
  type ImageSpec,
  type LayerSpec,
} from "../../support/verify-images.ts";

const ABSENT = { kind: "layout-content-missing", path: "x", reference: "y", known: [] } as const;
const OWN = elf("linux/amd64");

const BASE: LayerSpec = {
  files: {
    bin: "-> usr/bin",
    "usr/bin/busybox": OWN,
    "usr/bin/sh": "-> busybox",
    "usr/bin/env": "-> /bin/busybox",
    "usr/bin/bash": OWN,
    "usr/bin/node": elf("linux/amd64", { interpreter: "/lib64/ld-linux-x86-64.so.2" }),
    "lib64/ld-linux-x86-64.so.2": library("linux/amd64"),
    "usr/bin/tini": OWN,
    "usr/bin/dumb-init": OWN,
    "usr/bin/gosu": OWN,
    "usr/bin/qemu-arm": OWN,
    "usr/bin/python3": OWN,
    "usr/local/bin/app": OWN,
    "usr/local/bin/docker-entrypoint.sh": "#!/bin/sh",
    "usr/local/bin/cli.js": "#!/usr/bin/env -S node --enable-source-maps",
    "usr/local/bin/tool.py": "#!/usr/bin/env python3",
    "usr/local/bin/odd": "#! /usr/local/bin/cli.js",
    "usr/local/bin/data": { plain: OWN },
    "srv/app": OWN,
    "srv/run.sh": "#!/bin/bash -e",
    "srv/readme": "other",
    "srv/loop": "-> loop",
    "srv/gone": "-> nowhere",
    "srv/deep/er/app": OWN,
  },
};

/** The chain, a line for each link: role, and the path that it is. */
function chain(spec: Partial<ImageSpec>): readonly string[] {
  const whole: ImageSpec = { platform: "linux/amd64", layers: [BASE], ...spec };
  const { image, summaries } = makeImage(whole);
  return traceStart(image.config, image.platform, viewImage(image.platform, summaries)).map(
    ({ role, word, found }) => `${role} ${found.kind === "file" ? found.seen.path : `${word} ${found.kind}`}`,
  );
}

const LOADER = "loader /lib64/ld-linux-x86-64.so.2";
const NODE = ["command /usr/bin/node", LOADER];

test.each<readonly [readonly string[], readonly string[]]>([
  [["/srv/app"], ["command /srv/app"]],
  [["app"], ["command /usr/local/bin/app"]],
  [["./app", "--flag"], ["command /srv/app"]],
  [["deep/er/../er/app"], ["command /srv/deep/er/app"]],
  [["node", "server.js"], NODE],
  [["/bin/sh"], ["command /usr/bin/busybox"]],
  [["nothing"], ["command nothing missing"]],
  [["data"], ["command /usr/local/bin/data"]],
  [["/srv/readme"], ["command /srv/readme other"]],
  [["/srv/loop"], ["command /srv/loop missing"]],
  [["/srv/gone"], ["command /srv/gone missing"]],
  [[""], []],
  // What starts something else.
  [
    ["tini", "--", "/srv/app"],
    ["command /usr/bin/tini", "command /srv/app"],
  ],
  [
    ["tini", "-g", "-e", "143", "app"],
    ["command /usr/bin/tini", "command /usr/local/bin/app"],
  ],
  [
    ["tini", "/srv/none"],
    ["command /usr/bin/tini", "command /srv/none missing"],
  ],
  [
    ["dumb-init", "--rewrite", "15:3", "--", "gosu", "node", "app"],
    ["command /usr/bin/dumb-init", "command /usr/bin/gosu", "command /usr/local/bin/app"],
  ],
  [
    ["gosu", "node", "node", "x.js"],
    ["command /usr/bin/gosu", ...NODE],
  ],
  [
    ["env", "-i", "A=b/c", "app"],
    ["command /usr/bin/busybox", "command /usr/local/bin/app"],
  ],
  [
    ["env", "-S", "A=b node --x"],
    ["command /usr/bin/busybox", ...NODE],
  ],
  [
    ["busybox", "sh", "-c", "app"],
    ["command /usr/bin/busybox", "command /usr/local/bin/app"],
  ],
  [
    ["/lib64/ld-linux-x86-64.so.2", "/srv/app"],
    ["command /lib64/ld-linux-x86-64.so.2", "command /srv/app"],
  ],
  [["qemu-arm", "/srv/app"], ["command /usr/bin/qemu-arm"]],
  [
    ["app", "/srv/app", "/srv/run.sh", "app"],
    ["command /usr/local/bin/app", "argument /srv/app"],
  ],
  // Shells.
  [
    ["sh", "-c", "exec app --port $PORT"],
    ["command /usr/bin/busybox", "command /usr/local/bin/app"],
  ],
  [
    ["bash", "-lc", "app"],
    ["command /usr/bin/bash", "command /usr/local/bin/app"],
  ],
  [
    ["sh", "-e", "-c", "A=1 B='x y' exec app"],
    ["command /usr/bin/busybox", "command /usr/local/bin/app"],
  ],
  [
    ["sh", "-c", "cd deep/er && ./app; echo done"],
    ["command /usr/bin/busybox", "command /srv/deep/er/app"],
  ],
  [
    ["sh", "-c", 'set -e; unknown; "/srv/app" | tini -- node'],
    ["command /usr/bin/busybox", "command /srv/app", "command /usr/bin/tini", ...NODE],
  ],
  [
    ["sh", "-c", "/srv/none"],
    ["command /usr/bin/busybox", "command /srv/none missing"],
  ],
  [["sh", "-c", "/srv/none || true"], ["command /usr/bin/busybox"]],
  [["sh", "-c", "$APP /srv/app"], ["command /usr/bin/busybox"]],
  [["sh", "-c", "/srv/$APP"], ["command /usr/bin/busybox"]],
  [["sh", "-c", "A=/srv/none"], ["command /usr/bin/busybox"]],
  [["sh", "-c", "/srv/*"], ["command /usr/bin/busybox"]],
  [["sh", "-c", "exec"], ["command /usr/bin/busybox"]],
  [["sh", "-c"], ["command /usr/bin/busybox"]],
  [["sh", "/srv/run.sh"], ["command /usr/bin/busybox"]],
  // Scripts.
  [["/srv/run.sh"], ["command /srv/run.sh", "interpreter /usr/bin/bash"]],
  [
    ["tool.py", "app"],
    ["command /usr/local/bin/tool.py", "interpreter /usr/bin/busybox", "interpreter /usr/bin/python3"],
  ],
  [
    ["cli.js"],
    ["command /usr/local/bin/cli.js", "interpreter /usr/bin/busybox", "interpreter /usr/bin/node", LOADER],
  ],
  [
    ["odd"],
    [
      "command /usr/local/bin/odd",
      "interpreter /usr/local/bin/cli.js",
      "interpreter /usr/bin/busybox",
      "interpreter /usr/bin/node",
      LOADER,
    ],
  ],
  [
    ["docker-entrypoint.sh", "node"],
    ["command /usr/local/bin/docker-entrypoint.sh", "interpreter /usr/bin/busybox", ...NODE],
  ],
  [
    ["docker-entrypoint.sh", "serve", "node"],
    ["command /usr/local/bin/docker-entrypoint.sh", "interpreter /usr/bin/busybox"],
  ],
])("%j starts", (argv, links) => {
  expect(chain({ entrypoint: argv.slice(0, 1), cmd: argv.slice(1), workingDir: "/srv" })).toEqual(links);
});

test("PATH of the config, and the working folder, decide", () => {
  const env = ["HOME=/root", "PATH=/srv:/usr/bin"];
  expect(chain({ cmd: ["app"], env })).toEqual(["command /srv/app"]);
  expect(chain({ cmd: ["./app"] })).toEqual(["command ./app missing"]);
});

test("a name on PATH that cannot be executed is passed over", () => {
  const files = { "first/app": { plain: OWN }, "second/app": OWN };
  expect(chain({ layers: [{ files }], cmd: ["app"], env: ["PATH=/first:/second"] })).toEqual([
    "command /second/app",
  ]);
});

test("scripts that run each other come to an end", () => {
  const files = { a: "#!/b", b: "#!/a" };
  expect(chain({ layers: [{ files }], cmd: ["/a"] }).length).toBeLessThan(10);
  const self = { sh: "#!/sh" };
  expect(chain({ layers: [{ files: self }], cmd: ["/sh", "/sh"] }).length).toBeLessThan(20);
});

test.each<readonly [string, readonly string[]]>([
  ["words", ["/usr/bin/env", ...Array.from({ length: 100_000 }, () => "no")]],
  ["commands of a shell", ["/bin/sh", "-c", "no;".repeat(5_000)]],
  ["words of a line", ["/usr/bin/env", "-S", "no ".repeat(100_000)]],
  ["programs that start others", Array.from({ length: 100_000 }, () => "/usr/bin/env")],
])("a config with a hundred thousand %s and folders of PATH takes bounded work", (_, entrypoint) => {
  const env = [`PATH=${Array.from({ length: 1_000 }, (_unused, at) => `/srv/${at}`).join(":")}`];
  const { image, summaries } = makeImage({ platform: "linux/amd64", layers: [BASE], entrypoint, env });
  const view = viewImage(image.platform, summaries);
  let asked = 0;
  const find = (path: string): Found => {
    asked += 1;
    return view.find(path);
  };
  const links = traceStart(image.config, image.platform, { ...view, find });
  expect(links[0]?.found.kind).toBe("file");
  expect(asked).toBeLessThanOrEqual(20_000);
});

test.each<readonly [readonly string[], readonly string[]]>([
  [["app"], ["command /Windows/System32/app.exe"]],
  [["server"], ["command /srv/server.exe"]],
  [["APP.EXE"], ["command /Windows/System32/app.exe"]],
  [
    ["cmd", "/S", "/C", '"C:\\srv\\server.exe" --flag'],
    ["command /Windows/System32/cmd.exe", "command /srv/server.exe"],
  ],
  [["cmd", "/c", "dir"], ["command /Windows/System32/cmd.exe"]],
  [["C:\\srv\\..\\srv\\Server.exe"], ["command /srv/server.exe"]],
  [["C:\\srv\\none.exe"], ["command C:\\srv\\none.exe missing"]],
  [["C:\\srv\\start.cmd"], ["command C:\\srv\\start.cmd unknown"]],
])("on Windows %j starts", (argv, links) => {
  const files = {
    "Windows/System32/app.exe": pe(),
    "Windows/System32/cmd.exe": pe(),
    "srv/server.exe": pe(),
  };
  expect(chain({ platform: "windows/amd64", layers: [{ files }], cmd: argv, workingDir: "C:\\srv" })).toEqual(
    links,
  );
});

describe("what is said of it", () => {
  const arm = elf("linux/arm64");

  test.each<readonly [string, Partial<ImageSpec>, string]>([
    [
      "nothing on PATH",
      { cmd: ["nothing"] },
      "The image for linux/amd64 starts nothing, and that is in no folder of PATH",
    ],
    ["no such file", { cmd: ["/x"] }, "The image for linux/amd64 starts /x, and that is not in the image"],
    [
      "no such interpreter",
      { layers: [{ files: { run: "#!/bin/bash" } }], cmd: ["/run"] },
      "The image for linux/amd64 starts /run, which is run by /bin/bash, and that is not in the image",
    ],
    [
      "another CPU's interpreter",
      {
        layers: [{ files: { run: "#!/usr/bin/env node", "usr/bin/env": OWN, "usr/bin/node": arm } }],
        cmd: ["/run"],
      },
      "The image for linux/amd64 starts /run with /usr/bin/node, which is a program for linux/arm64: it will fail with `exec format error`",
    ],
    [
      "another CPU's program behind an init",
      { layers: [BASE, { files: { server: arm } }], entrypoint: ["tini", "--"], cmd: ["/server"] },
      "The image for linux/amd64 starts /server, which is a program for linux/arm64: it will fail with `exec format error`",
    ],
  ])("%s", async (_, spec, message) => {
    const { findings } = await verify({ platform: "linux/amd64", layers: [BASE], ...spec });
    expect(findings.map((finding) => finding.message)).toEqual([message]);
  });

  test("a foreign program that is an argument may be what the first one is for", async () => {
    const layers = [BASE, { files: { "opt/payload": arm } }];
    const { findings } = await verify({ platform: "linux/amd64", layers, cmd: ["app", "/opt/payload"] });
    expect(findings).toMatchObject([{ rule: "entrypoint-architecture", severity: "warning" }]);
    expect(
      (await verify({ platform: "linux/amd64", layers, cmd: ["qemu-arm", "/opt/payload"] })).findings,
    ).toEqual([]);
  });

  test("two layers that each brought a wrong program are two mistakes, one of two programs is one", async () => {
    const tini = { files: { "usr/bin/tini": arm }, madeBy: "ADD tini" };
    const app = { files: { server: arm }, madeBy: "COPY server" };
    const argv = { entrypoint: ["tini", "--"], cmd: ["/server"] };
    const two = await verify({ platform: "linux/amd64", layers: [BASE, tini, app], ...argv });
    expect(two.findings.map(({ image }) => image?.madeBy)).toEqual(["ADD tini", "COPY server"]);
    const both = { files: { ...tini.files, ...app.files } };
    const one = await verify({ platform: "linux/amd64", layers: [BASE, both], ...argv });
    expect(one.findings).toHaveLength(1);
    expect(one.findings[0]?.facts).toContain("/server is for linux/arm64, too");
  });

  test("what a layer that was not read may hold is not missed", async () => {
    const wrong = { files: { "usr/bin/tool": arm }, madeBy: "COPY tool" };
    const layers: readonly LayerSpec[] = [
      { files: {}, unknown: true, mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar" },
      BASE,
      wrong,
    ];
    const { findings } = await verify(
      { platform: "linux/amd64", layers, cmd: ["nothing"] },
      {
        openBlob: async function* absent() {
          yield await Promise.reject(new BlobUnreadable(ABSENT));
        },
      },
    );
    expect(findings).toMatchObject([
      { rule: "program-architecture", image: { path: "/usr/bin/tool", madeBy: "COPY tool" } },
      { rule: "layer-unreadable", severity: "note" },
    ]);
  });
});
