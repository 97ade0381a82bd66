import { expect, test } from "vitest";
import { addressArguments, solveCommand } from "../../../core/buildkit/arguments.ts";
import type { Build } from "../../../core/plan/build.ts";
import { node, solveRequest } from "../../support/make.ts";

const FILES = { metadata: "/tmp/meta.json", image: "/tmp/image" };
const DAEMON = { address: "unix:///run/bk.sock" };

function argvOf(changes: Partial<Build>, on = "linux/arm64"): readonly string[] {
  return commandOf(changes, on).argv;
}

function commandOf(changes: Partial<Build>, on = "linux/arm64"): ReturnType<typeof solveCommand> {
  return solveCommand(solveRequest(node("one", [on]), on, changes), DAEMON, FILES);
}

test("a plain build asks for one platform and is pushed by digest only", () => {
  expect(argvOf({}, "linux/arm/v7")).toEqual([
    "--addr",
    "unix:///run/bk.sock",
    "build",
    "--progress=rawjson",
    "--metadata-file=/tmp/meta.json",
    "--frontend=dockerfile.v0",
    "--opt=platform=linux/arm/v7",
    "--local=context=/project",
    "--local=dockerfile=/project",
    "--opt=filename=Dockerfile",
    "--output=type=image,name=localhost:5000/team/app,push=true,store=false,push-by-digest=true,name-canonical=true,oci-mediatypes=true",
  ]);
});

test("a Windows version is part of the platform", () => {
  expect(argvOf({}, "windows(10.0.20348)/amd64")).toContain("--opt=platform=windows(10.0.20348)/amd64");
});

test("a Dockerfile elsewhere brings its own folder", () => {
  const argv = argvOf({ dockerfile: "/project/docker/app.Dockerfile" });
  expect(argv).toContain("--local=dockerfile=/project/docker");
  expect(argv).toContain("--opt=filename=app.Dockerfile");
});

test("several repositories get the same push in one exporter", () => {
  const repositories = [
    { registry: "a.example", path: "x/app" },
    { registry: "b.example:5000", path: "app" },
  ];
  expect(argvOf({ repositories }).at(-1)).toContain(
    'type=image,"name=a.example/x/app,b.example:5000/app",push=true',
  );
});

test("args, labels, target, pull and attestations become frontend options", () => {
  const argv = argvOf({
    target: "release",
    args: { VERSION: "1.2", LIST: "a,b=c" },
    labels: { "org.example": 'say "hi"' },
    pull: true,
    attest: { provenance: { mode: "max" }, sbom: { generator: "example.org/scan,er:1" } },
  });
  expect(argv).toContain("--opt=target=release");
  expect(argv).toContain("--opt=build-arg:VERSION=1.2");
  expect(argv).toContain("--opt=build-arg:LIST=a,b=c");
  expect(argv).toContain('--opt=label:org.example=say "hi"');
  expect(argv).toContain("--opt=image-resolve-mode=pull");
  expect(argv).toContain("--opt=attest:provenance=mode=max");
  expect(argv).toContain('--opt=attest:sbom="generator=example.org/scan,er:1"');
});

test("named contexts cannot collide with the main one, whatever the plan calls them", () => {
  const argv = argvOf({
    contexts: {
      context: { kind: "local", path: "/project/assets" },
      alpine: { kind: "remote", url: "docker-image://docker.io/library/alpine:3.22" },
      base: { kind: "oci-layout", path: "/project/base", reference: { kind: "digest", digest: "sha256:ab" } },
    },
  });
  expect(argv).toContain("--opt=context:context=local:named-0");
  expect(argv).toContain("--local=named-0=/project/assets");
  expect(argv).toContain("--opt=context:alpine=docker-image://docker.io/library/alpine:3.22");
  expect(argv).toContain("--opt=context:base=oci-layout://named-2@sha256:ab");
  expect(argv).toContain("--oci-layout=named-2=/project/base");
});

test("a remote context is fetched by BuildKit, and its Dockerfile with it", () => {
  const argv = argvOf({
    context: { kind: "remote", url: "https://git.example/app.git#main" },
    dockerfile: "docker/Dockerfile",
  });
  expect(argv).toContain("--opt=context=https://git.example/app.git#main");
  expect(argv).toContain("--opt=filename=docker/Dockerfile");
  expect(argv.some((argument) => argument.startsWith("--local="))).toBe(false);
});

test("the value of a secret travels in the environment, never in the arguments", () => {
  const command = commandOf({
    secrets: [
      { id: "npm", kind: "value", value: "s3cret" },
      { id: "key", kind: "file", path: "/project/key,1.pem" },
      { id: "aws", kind: "env", variable: "AWS_TOKEN" },
    ],
  });
  expect(command.argv.join("\n")).not.toContain("s3cret");
  expect(command.env).toEqual({ BUILDX_PLAN_SECRET_0: "s3cret" });
  expect(command.argv).toContain("--secret=id=npm,env=BUILDX_PLAN_SECRET_0");
  expect(command.argv).toContain('--secret=id=key,"src=/project/key,1.pem"');
  expect(command.argv).toContain("--secret=id=aws,env=AWS_TOKEN");
});

test("cache, ssh, no-cache and files besides the image", () => {
  const argv = argvOf({
    noCache: true,
    ssh: [
      { id: "default", paths: [] },
      { id: "git", paths: ["/project/a", "/project/b"] },
    ],
    cacheFrom: [{ type: "registry", attributes: { ref: "r.example/cache:app-linux_arm64" } }],
    cacheTo: [{ type: "registry", attributes: { ref: "r.example/cache:app-linux_arm64", mode: "max" } }],
    outputs: [{ type: "local", dest: "/project/out/linux_arm64", attributes: {} }],
  });
  expect(argv).toContain("--no-cache");
  expect(argv).toContain("--ssh=default");
  expect(argv).toContain("--ssh=git=/project/a,/project/b");
  expect(argv).toContain("--import-cache=type=registry,ref=r.example/cache:app-linux_arm64");
  expect(argv).toContain("--export-cache=type=registry,ref=r.example/cache:app-linux_arm64,mode=max");
  expect(argv.at(-1)).toBe("--output=type=local,dest=/project/out/linux_arm64");
});

test("without a repository nothing is pushed", () => {
  const argv = argvOf({
    repositories: [],
    outputs: [{ type: "oci", dest: "/p/app.tar", attributes: { tar: "true" } }],
  });
  expect(argv.filter((argument) => argument.startsWith("--output="))).toEqual([
    "--output=type=oci,dest=/p/app.tar,tar=true",
  ]);
});

test("annotations of the manifest and attributes of the plan's image output reach the exporter", () => {
  const output = argvOf({
    annotations: {
      manifest: { "org.opencontainers.image.title": "my, app" },
      manifestDescriptor: { level: "descriptor" },
    },
    image: { compression: "zstd", "oci-mediatypes": "false" },
  }).at(-1);
  expect(output).toContain("oci-mediatypes=false,compression=zstd");
  expect(output).toContain('"annotation.org.opencontainers.image.title=my, app"');
  expect(output).not.toContain("descriptor");
});

test("TLS files reach buildctl as its own flags", () => {
  const tls = { caCert: "/c/ca.pem", cert: "/c/cert.pem", key: "/c/key.pem", serverName: "arm" };
  expect(addressArguments({ address: "tcp://arm.example:1234", tls })).toEqual([
    "--addr",
    "tcp://arm.example:1234",
    "--tlscacert",
    "/c/ca.pem",
    "--tlscert",
    "/c/cert.pem",
    "--tlskey",
    "/c/key.pem",
    "--tlsservername",
    "arm",
  ]);
});

test("a layout holds what would be pushed, its provenance too, which BuildKit leaves out of layouts by default", () => {
  const request = solveRequest(node("one", ["linux/arm64"]), "linux/arm64", {
    image: { compression: "zstd" },
    annotations: { manifest: { "org.example.a": "b" }, manifestDescriptor: {} },
    attest: { provenance: { mode: "min", "inline-only": "true" } },
  });
  const { argv } = solveCommand({ ...request, image: { kind: "layout" } }, DAEMON, FILES);
  expect(argv).toContain("--opt=attest:provenance=mode=min");
  expect(argv.at(-1)).toBe(
    "--output=type=oci,dest=/tmp/image,tar=false,oci-mediatypes=true,compression=zstd,annotation.org.example.a=b",
  );
});

test("an archive for Docker has all names, in one field", () => {
  const request = solveRequest(node("one", ["linux/arm64"]), "linux/arm64");
  const { argv } = solveCommand(
    { ...request, image: { kind: "docker", names: ["one.example/app:1", "two.example/app:1"] } },
    DAEMON,
    FILES,
  );
  expect(argv.at(-1)).toBe('--output=type=docker,dest=/tmp/image,"name=one.example/app:1,two.example/app:1"');
});
