import { z } from "zod";

/*
 * The plan file as it is written. This schema is the one source of what is allowed: it validates (see ./issues.ts for
 * the words) and becomes the JSON Schema that editors use. Values are checked further once they are interpolated.
 */

/** What variables and matrix keys are called, so that `${...}` can name them. */
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
/** What images and builders are called. */
const OBJECT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
/** Go's notation of durations, without fractions: `90s`, `1h30m`. */
const DURATION = /^(?:\d+(?:ms|s|m|h))+$/;

const text = z.string().min(1);
const anyText = z.string();

/** `{ KEY: value }`, or as Compose also has it `[ "KEY=value" ]`. */
function textMap(description: string) {
  return z.union([z.record(text, anyText), z.array(text)]).meta({ description });
}

/** A list whose items are CSV text as in buildx (`type=local,dest=out`), or maps of the same attributes. */
function attributeList(description: string) {
  return z.array(z.union([text, z.record(text, anyText)])).meta({ description });
}

const secret = z.union([
  text,
  z.strictObject({
    id: text.meta({ description: "Name that the Dockerfile uses: `RUN --mount=type=secret,id=...`." }),
    src: text.optional().meta({ description: "File that holds it, inside the plan's folder." }),
    env: text.optional().meta({ description: "Environment variable that holds it." }),
    var: text.optional().meta({ description: "Secret variable of this plan that holds it." }),
  }),
]);

const sshAgent = z.union([
  text,
  z.strictObject({
    id: text.meta({ description: "Name that the Dockerfile uses; `default` where it names none." }),
    paths: z.array(text).optional().meta({ description: "Agent socket or keys, inside the plan's folder." }),
  }),
]);

const attestation = z.union([z.boolean(), text, z.record(text, z.union([anyText, z.boolean()]))]);

const attest = z
  .union([
    z.array(z.union([text, z.record(text, z.union([anyText, z.boolean()]))])),
    z.strictObject({
      provenance: attestation.optional().meta({
        description: "SLSA provenance: false, true, `mode=max`, or its attributes. Default: `mode=min`.",
      }),
      sbom: attestation.optional().meta({ description: "SBOM: false (default), true, or its attributes." }),
    }),
  ])
  .meta({ description: "Attestations of the image, as `docker buildx build --attest` makes them." });

const buildKeys = {
  context: text.meta({
    description: "Folder (from the plan's own folder) or git or http URL that is built. Default: `.`",
  }),
  dockerfile: text.meta({ description: "Dockerfile, from the context. Default: `Dockerfile`." }),
  target: text.meta({ description: "Stage of the Dockerfile to build." }),
  args: textMap("Build arguments."),
  contexts: textMap(
    "Named contexts: folders, git or http URLs, `docker-image://` references, `oci-layout://` folders.",
  ),
  labels: textMap("Labels of the image config."),
  annotations: textMap(
    "OCI annotations. A key may start with its level as in buildx: `index:`, `manifest:` (default), `manifest-descriptor:`, " +
      "`index-descriptor:`, several with commas, `manifest[linux/arm64]:` for one platform.",
  ),
  secrets: z.array(secret).meta({
    description: "Build secrets: `id=npm,env=NPM_TOKEN`, `id=npm,src=./file`, or `{ id: npm, var: token }`.",
  }),
  ssh: z.array(sshAgent).meta({ description: "SSH agents or keys: `default`, or `id=path`." }),
  "cache-from": attributeList(
    "Caches to use: a reference, or `type=registry,ref=...`. Made per platform unless `${platform...}` is used.",
  ),
  "cache-to": attributeList(
    "Caches to write, as `cache-from`. Made per platform unless `${platform...}` is used.",
  ),
  attest,
  "no-cache": z.boolean().meta({ description: "Build without the cache." }),
  pull: z.boolean().meta({ description: "Always look for newer base images." }),
  output: attributeList(
    "Attributes of the image (`type=image,compression=zstd`) and results to write to disk, each platform apart: " +
      "`type=local`, `tar`, `oci` or `docker`, with `dest=`.",
  ),
  emulation: z.enum(["never", "allow", "only"]).meta({
    description: "May it be built under emulation (allow, default), never, or only there?",
  }),
  timeout: z.string().regex(DURATION).meta({ description: "Longest time for one build, `45m` or `1h30m`." }),
} as const;

const build = z.strictObject(buildKeys).partial().shape;

const platform = z.union([
  text,
  z.strictObject({
    platform: text.meta({ description: "`os/architecture[/variant]`." }),
    required: z.boolean().optional().meta({ description: "false: the release goes on without it." }),
    ...build,
  }),
]);

const cell = z.record(z.string().regex(VARIABLE_NAME), anyText);

const matrix = z
  .object({
    include: z
      .array(cell)
      .optional()
      .meta({ description: "Cells to add or to extend, as GitHub Actions does." }),
    exclude: z.array(cell).optional().meta({ description: "Cells to leave out." }),
  })
  .catchall(z.array(anyText).min(1))
  .meta({ description: "One release for each combination of these values." });

const image = z.strictObject({
  ...build,
  platforms: z.array(platform).min(1).meta({
    description:
      "What is built: `os/architecture[/variant]`, or a map with settings for this platform alone.",
  }),
  tags: z.array(text).optional().meta({
    description:
      "References with tags that the finished index gets, in this order, over any number of registries.",
  }),
  matrix: matrix.optional(),
});

const variable = z.union([
  anyText,
  z.strictObject({
    default: anyText.optional().meta({ description: "Value where nothing else gives one." }),
    env: z.string().regex(VARIABLE_NAME).optional().meta({
      description: "Environment variable that gives the value.",
    }),
    secret: z.boolean().optional().meta({
      description: "true: only `secrets` may use it, and it is never shown.",
    }),
    required: z.boolean().optional().meta({ description: "true: it must have a value that is not empty." }),
    description: anyText.optional().meta({ description: "What it is for." }),
  }),
]);

const builder = z.strictObject({
  buildkit: text.optional().meta({
    description:
      "Address of a BuildKit: unix://, tcp://, ssh://, docker-container://, podman-container://, kube-pod://.",
  }),
  buildx: text.optional().meta({ description: "Name of a docker buildx builder." }),
  platforms: z.array(text).min(1).optional().meta({
    description: "Platforms that run there without emulation, whatever the BuildKit reports.",
  }),
  "max-parallelism": z.int().min(1).max(1024).optional().meta({ description: "Builds at the same time." }),
  tls: z
    .strictObject({
      ca: text.optional().meta({ description: "File with the certificate authority of the BuildKit." }),
      cert: text.optional().meta({ description: "File with the client certificate." }),
      key: text.optional().meta({ description: "File with the key of the client certificate." }),
      servername: text.optional().meta({ description: "Name in the certificate of the BuildKit." }),
    })
    .optional()
    .meta({ description: "mTLS for a tcp:// address." }),
});

/** The whole file. */
export const planSchema = z.strictObject({
  version: z.literal(1).meta({ description: "Version of the plan format." }),
  vars: z.record(z.string().regex(VARIABLE_NAME), variable).optional().meta({
    description: "Values for `${name}`; `--set name=value` overrides them.",
  }),
  builders: z.record(z.string().regex(OBJECT_NAME), builder).optional().meta({
    description: "Where to build. Without it: the current buildx builder, or the managed BuildKit.",
  }),
  images: z.record(z.string().regex(OBJECT_NAME), image).meta({ description: "What to build, by name." }),
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
