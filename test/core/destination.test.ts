import { expect, test } from "vitest";
import { keptBackCaches, parseDestination, redirect, withoutPushing } from "../../core/destination.ts";
import type { Plan, PlannedRelease } from "../../core/plan/plan.ts";
import { build, platform, variant } from "../support/make.ts";
import { plannedRelease } from "../support/release.ts";

const absolute = (path: string): string => (path.startsWith("/") ? path : `/here/${path}`);
const HOST = platform("linux/amd64");

test.each([
  ["type=oci,dest=out.tar", { kind: "layout", path: "/here/out.tar", tar: true }],
  ["type=oci,tar=false,dest=/abs/out", { kind: "layout", path: "/abs/out", tar: false }],
  ["type=local,dest=out", { kind: "files", path: "/here/out" }],
  ["out/here", { kind: "files", path: "/here/out/here" }],
  ["type=docker", { kind: "docker" }],
  ["type=registry", { kind: "registries" }],
])("%s", (text, destination) => {
  expect(parseDestination(text, absolute)).toEqual({ ok: true, value: destination });
});

test.each([
  ["", "`` is no attribute"],
  ["type=oci", "an output needs a path"],
  ["type=oci,dest=-", "an output needs a path"],
  ["type=zip,dest=x", "`zip` is no type of output"],
  ["type=tar,dest=x", "type tar with dest is for one platform, and this is for all"],
  ["type=docker,dest=x", "type docker with dest is for one platform, and this is for all"],
  ["type=oci,dest=x,compression=zstd", "`compression` cannot be set here"],
  ["type=oci,type=oci,dest=x", "`type=oci` is no attribute"],
])("`%s` is refused", (text, detail) => {
  expect(parseDestination(text, absolute)).toMatchObject({
    ok: false,
    error: { kind: "override-invalid", option: "--output", value: text, detail },
  });
});

function planOf(...releases: readonly PlannedRelease[]): Plan {
  const file = { path: "buildx-plan.yaml", text: "" };
  return {
    file,
    directory: "/project",
    builders: [],
    registries: [],
    check: { ignore: [] },
    releases,
    warnings: [],
    secretValues: [],
  };
}

function release(name: string, ...platforms: readonly string[]): PlannedRelease {
  const repository = { registry: "registry.example", path: name };
  const own = build({ repositories: [repository], attest: { provenance: { mode: "min" } } });
  return plannedRelease({
    name,
    tags: [{ ...repository, tag: "1" }],
    repositories: [repository],
    variants: platforms.map((text) => variant(text, { id: `${name} ${text}`, release: name, build: own })),
  });
}

test("a layout takes everything, and nothing is pushed", () => {
  const plan = planOf(release("app", "linux/amd64", "linux/arm/v7"));
  const result = redirect(plan, { kind: "layout", path: "/out", tar: true }, HOST);
  const [changed] = result.ok ? result.value.releases : [];
  expect(changed).toMatchObject({ tags: [{ tag: "1" }], repositories: [] });
  for (const { build } of changed?.variants ?? [])
    expect(build).toMatchObject({
      repositories: [],
      outputs: [],
      push: "client",
      attest: { provenance: { mode: "min" } },
    });
});

test("files come into a folder for each platform, and for each release where there are several", () => {
  const folders = (plan: Plan): readonly string[] => {
    const result = redirect(plan, { kind: "files", path: "/out" }, HOST);
    const releases = result.ok ? result.value.releases : [];
    return releases.flatMap(({ variants }) =>
      variants.flatMap(({ build }) => build.outputs.map(({ dest }) => dest)),
    );
  };
  const app = release("app[node=22]", "linux/amd64", "linux/arm/v7");
  expect(folders(planOf(app))).toEqual(["/out/linux_amd64", "/out/linux_arm_v7"]);
  expect(folders(planOf(app, release("base", "linux/arm64")))).toEqual([
    "/out/app_node_22/linux_amd64",
    "/out/app_node_22/linux_arm_v7",
    "/out/base/linux_arm64",
  ]);
});

test("Docker gets the variant of this machine alone, without attestations", () => {
  const plan = planOf(release("app", "linux/arm64", "linux/amd64"), release("base", "linux/amd64"));
  const result = redirect(plan, { kind: "docker" }, HOST);
  const releases = result.ok ? result.value.releases : [];
  expect(releases.map(({ variants }) => variants.map(({ id }) => id))).toEqual([
    ["app linux/amd64"],
    ["base linux/amd64"],
  ]);
  expect(releases[0]?.omitted).toEqual(["app linux/arm64"]);
  expect(releases[0]?.variants[0]?.build).toMatchObject({ attest: {}, repositories: [], outputs: [] });
  expect(redirect(plan, { kind: "docker" }, { os: "darwin", architecture: "amd64" })).toMatchObject({
    ok: true,
  });
});

test("Docker gets nothing where a release has nothing for this machine, and the refusal names it", () => {
  const plan = planOf(release("app", "linux/arm64"), release("base", "linux/amd64"));
  expect(redirect(plan, { kind: "docker" }, HOST)).toMatchObject({
    ok: false,
    error: {
      kind: "override-invalid",
      option: "--load",
      value: "app",
      detail: expect.stringContaining("linux/amd64"),
    },
  });
});

test("where nothing is pushed, no cache is exported to what needs a login either", () => {
  const cacheTo = [
    { type: "registry", attributes: { ref: "registry.example/cache:app-linux_amd64" } },
    { type: "registry", attributes: { ref: "registry.example/cache:app-linux_arm64" } },
    { type: "s3", attributes: { bucket: "b" } },
    { type: "gha", attributes: { scope: "app" } },
    { type: "local", attributes: { dest: "/cache" } },
  ];
  const plan = planOf(plannedRelease({ variants: [variant("linux/amd64", { build: build({ cacheTo }) })] }));
  expect(keptBackCaches(plan)).toEqual(["registry.example/cache", "s3"]);
  const kinds = ({ releases }: Plan): readonly (readonly string[])[] =>
    releases.flatMap(({ variants }) => variants.map((each) => each.build.cacheTo.map(({ type }) => type)));
  for (const destination of [
    { kind: "layout", path: "/out", tar: true },
    { kind: "files", path: "/out" },
    { kind: "docker" },
  ] as const) {
    const result = redirect(plan, destination, HOST);
    expect(result.ok && kinds(result.value)).toEqual([["gha", "local"]]);
  }
  expect(kinds(withoutPushing(plan))).toEqual([["gha", "local"]]);
  const kept = redirect(plan, { kind: "registries" }, HOST);
  expect(kept.ok && kinds(kept.value)[0]).toHaveLength(5);
});
