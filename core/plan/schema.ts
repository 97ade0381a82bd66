import * as z from "zod/mini";
import { check, scan, sign, test, verify } from "./schema-checks.ts";
import { anyText, attributeList, described, maybe, name, objectName, text, textMap } from "./schema-parts.ts";
import { metadata, tagRules } from "./schema-tags.ts";
import { builderRun, buildRun, imageRun, planRun } from "./schema-run.ts";

/*
 * The plan file as it is written. This schema is the one source of what is allowed: it validates (see ./issues.ts for
 * the words) and becomes the JSON Schema that editors use. Values are checked further once they are interpolated.
 * It is made at every start, which takes zod/mini half the time of zod.
 */

const secret = z.union([
  text,
  z.strictObject({
    id: described(text, "Name that the Dockerfile uses: `RUN --mount=type=secret,id=...`."),
    src: maybe(text, "File that holds it, inside the plan's folder."),
    env: maybe(text, "Environment variable that holds it."),
    var: maybe(text, "Secret variable of this plan that holds it."),
  }),
]);

const sshAgent = z.union([
  text,
  z.strictObject({
    id: described(text, "Name that the Dockerfile uses; `default` where it names none."),
    paths: maybe(z.array(text), "Agent socket or keys, inside the plan's folder."),
  }),
]);

const attributes = z.record(text, z.union([anyText, z.boolean()]));
const attestation = z.union([z.boolean(), text, attributes]);

const policy = z.enum(["keep", "strip", "require"]);

const attest = described(
  z.union([
    policy,
    z.array(z.union([text, attributes])),
    z.strictObject({
      provenance: maybe(
        attestation,
        "SLSA provenance: false, true, `mode=max`, or its attributes. Default: `mode=min`.",
      ),
      sbom: maybe(attestation, "SBOM: false (default), true, or its attributes."),
      policy: maybe(
        policy,
        "Of the whole image: keep (default) what is made, strip: none is made, or require: none may be missing.",
      ),
    }),
  ]),
  "Attestations of the image, as `docker buildx build --attest` makes them; or only what becomes of them: keep (default), " +
    "strip, require.",
);

const buildKeys = {
  context: described(
    text,
    "Folder (from the plan's own folder) or git or http URL that is built. Default: `.`",
  ),
  dockerfile: described(text, "Dockerfile, from the context. Default: `Dockerfile`."),
  target: described(text, "Stage of the Dockerfile to build."),
  args: textMap("Build arguments."),
  contexts: textMap(
    "Named contexts: folders, git or http URLs, `docker-image://` references, `oci-layout://` folders, or `image:base`: what " +
      "the image `base` of this plan becomes for the same platform.",
  ),
  labels: textMap("Labels of the image config."),
  annotations: textMap(
    "OCI annotations. A key may start with its level as in buildx: `index:`, `manifest:` (default), `manifest-descriptor:`, " +
      "`index-descriptor:`, several with commas, `manifest[linux/arm64]:` for one platform.",
  ),
  secrets: described(
    z.array(secret),
    "Build secrets: `id=npm,env=NPM_TOKEN`, `id=npm,src=./file`, or `{ id: npm, var: token }`.",
  ),
  ssh: described(z.array(sshAgent), "SSH agents or keys: `default`, or `id=path`."),
  "cache-from": attributeList(
    "Caches to use: a reference, or `type=registry,ref=...`. Made per platform unless `${platform...}` is used.",
  ),
  "cache-to": attributeList(
    "Caches to write, as `cache-from`. Made per platform unless `${platform...}` is used.",
  ),
  attest,
  "no-cache": described(z.boolean(), "Build without the cache."),
  pull: described(z.boolean(), "Always look for newer base images."),
  output: attributeList(
    "Attributes of the image (`type=image,compression=zstd`) and results to write to disk, each platform apart: " +
      "`type=local`, `tar`, `oci` or `docker`, with `dest=`.",
  ),
  push: described(
    z.enum(["builder", "client"]),
    "Who pushes the image: the builder (default); or this program, where the builder does not reach the registry or must not " +
      "hold the credentials.",
  ),
  emulation: described(
    z.enum(["never", "allow", "only"]),
    "May it be built under emulation (allow, default), never, or only there?",
  ),
  ...buildRun,
  test,
} as const;

const build = z.partial(z.strictObject(buildKeys)).shape;

const platform = z.union([
  text,
  z.strictObject({
    platform: described(text, "`os/architecture[/variant]`."),
    required: maybe(z.boolean(), "false: the release goes on without it."),
    ...build,
  }),
]);

const cell = z.record(name, anyText);

const matrix = described(
  z.catchall(
    z.object({
      include: maybe(z.array(cell), "Cells to add or to extend, as GitHub Actions does."),
      exclude: maybe(z.array(cell), "Cells to leave out."),
    }),
    z.array(anyText).check(z.minLength(1)),
  ),
  "One release for each combination of these values.",
);

const ifExists = z.enum(["skip", "fail", "overwrite"]);

const tag = z.union([
  text,
  z.strictObject({
    tag: maybe(text, "Reference with a tag. Either this, or `image` and `from`."),
    ...tagRules,
    "if-exists": maybe(ifExists, "As `if-exists` of the image, for this entry alone."),
  }),
]);

const image = z.strictObject({
  ...build,
  platforms: described(
    z.array(platform).check(z.minLength(1)),
    "What is built: `os/architecture[/variant]`, or a map with settings for this platform alone.",
  ),
  tags: maybe(
    z.array(tag),
    "References with tags that the finished index gets, in this order, over any number of registries; or `{ image, from }` with " +
      "rules that make tags of what is checked out.",
  ),
  "if-exists": maybe(
    ifExists,
    "What to do with a tag that is there already and names something else: overwrite (default), skip it, or fail.",
  ),
  "media-types": maybe(
    z.enum(["oci", "docker"]),
    "Of the index and all that is in it: oci (default); or docker, which has neither annotations nor attestations.",
  ),
  metadata,
  ...imageRun,
  verify,
  scan,
  sign,
  matrix: z.optional(matrix),
});

const variable = z.union([
  anyText,
  z.strictObject({
    default: maybe(anyText, "Value where nothing else gives one."),
    env: maybe(name, "Environment variable that gives the value."),
    secret: maybe(z.boolean(), "true: only `secrets` may use it, and it is never shown."),
    required: maybe(z.boolean(), "true: it must have a value that is not empty."),
    description: maybe(anyText, "What it is for."),
  }),
]);

const builder = z.strictObject({
  buildkit: maybe(
    text,
    "Address of a BuildKit: unix://, tcp://, ssh://, docker-container://, podman-container://, kube-pod://.",
  ),
  buildx: maybe(text, "Name of a docker buildx builder."),
  platforms: maybe(
    z.array(text).check(z.minLength(1)),
    "Platforms that run there without emulation, whatever the BuildKit reports.",
  ),
  ...builderRun,
  tls: maybe(
    z.strictObject({
      ca: maybe(text, "File with the certificate authority of the BuildKit."),
      cert: maybe(text, "File with the client certificate."),
      key: maybe(text, "File with the key of the client certificate."),
      servername: maybe(text, "Name in the certificate of the BuildKit."),
    }),
    "mTLS for a tcp:// address.",
  ),
});

const registry = z.strictObject({
  insecure: maybe(
    z.boolean(),
    "true: plain HTTP, or a certificate that nobody vouches for, is taken, and logins are sent there all the same.",
  ),
  ca: maybe(
    text,
    "PEM file with certificate authorities, trusted for this registry besides the system's own.",
  ),
  cert: maybe(text, "PEM file with the client certificate."),
  key: maybe(text, "PEM file with the key of the client certificate."),
});

/** The whole file. */
export const planSchema = z.strictObject({
  version: described(z.literal(1), "Version of the plan format."),
  vars: maybe(z.record(name, variable), "Values for `${name}`; `--set name=value` overrides them."),
  builders: maybe(
    z.record(objectName, builder),
    "Where to build. Without it: the current buildx builder, or the managed BuildKit.",
  ),
  registries: maybe(
    z.record(text, registry),
    "How registries are reached, by host[:port] (`docker.io` for Docker Hub), where TLS with a certificate that the system " +
      "knows is not the way. For this program, and for the builder as far as it can be told.",
  ),
  check,
  ...planRun,
  images: described(z.record(objectName, image), "What to build, by name."),
});

/** Keys of the top level that start like this are the user's own, for anchors. The convention is Compose's. */
export const EXTENSION_PREFIX = "x-";

/** The JSON Schema of the plan file, draft 7, which is what YAML language servers understand. */
export function planJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(planSchema, { io: "input", target: "draft-07" });
  return {
    $schema,
    title: "buildx-plan",
    description:
      "A plan for buildx-plan: which images are built for which platforms, and which tags name them.",
    ...schema,
    patternProperties: { [`^${EXTENSION_PREFIX}`]: {} },
  };
}
