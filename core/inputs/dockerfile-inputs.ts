import { basesOf, type Base } from "../dockerfile/bases.ts";
import type { Dockerfile } from "../dockerfile/dockerfile.ts";
import { isForeignFrontend, parseDockerfile } from "../dockerfile/parse.ts";
import { stageGraph, type BaseRequest } from "../dockerfile/stages.ts";
import type { Digest } from "../oci/digest.ts";
import { position, type SourceFile } from "../plan/source.ts";
import { fail, ok, type Result } from "../result.ts";
import type { InputsUnreadable, UnknownInput } from "./inputs.ts";
import type { DigestOfReference } from "./reference-digests.ts";
import { remoteAdds } from "./remote-adds.ts";

/** What a Dockerfile brings into a build besides its own text and the context. */
export interface DockerfileInputs {
  /** Of its frontend and of all images that the target needs, by the name that it gives them. */
  readonly images: Readonly<Record<string, Digest>>;
  /** Of the builder, where the Dockerfile asks for it. */
  readonly usesBuilder: boolean;
  readonly unknown: readonly UnknownInput[];
}

/** Looks up what a Dockerfile names, as far as the target needs it. */
export async function dockerfileInputs(
  source: SourceFile,
  request: BaseRequest,
  digestOf: DigestOfReference,
): Promise<Result<DockerfileInputs, InputsUnreadable>> {
  const parsed = parseDockerfile(source);
  if (!parsed.ok) {
    const { line } = position(source, parsed.error.range.start);
    const reason = `line ${line}: ${parsed.error.message}`;
    return fail({ kind: "inputs-unreadable", path: source.path, reason });
  }
  const dockerfile = parsed.value;
  const frontend = frontendOf(dockerfile, request);
  const bases = basesOf(dockerfile, request);
  const wanted = [
    ...(frontend === undefined ? [] : [{ ...frontend, kind: "frontend" } as const]),
    ...bases.map((base) => ({ ...fromBase(base), kind: "base-image" }) as const),
  ];
  const looked = await Promise.all(
    wanted.map(async (each) => ({ ...each, digest: await digestOf(each.reference ?? "") })),
  );
  return ok({
    images: Object.fromEntries(
      looked.flatMap(({ reference, digest }) =>
        reference === undefined || digest === undefined ? [] : [[reference, digest]],
      ),
    ),
    // `BUILDPLATFORM` and its like: a text that only looks like one costs a build.
    usesBuilder: /\bBUILD(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)\b/.test(source.text),
    unknown: [
      ...looked.flatMap(unknownImage),
      ...remoteAdds({ dockerfile, graph: stageGraph(dockerfile, request), request }),
    ],
  });
}

interface Wanted {
  readonly kind: "frontend" | "base-image";
  readonly reference: string | undefined;
  /** As it stands in the Dockerfile. */
  readonly name: string;
  readonly line?: number;
  readonly digest: Digest | undefined;
}

function unknownImage({ kind, reference, name, line, digest }: Wanted): readonly UnknownInput[] {
  const place = line === undefined ? {} : { line };
  if (kind === "frontend" && isForeignFrontend(reference)) return [{ kind, name, ...place }];
  if (digest !== undefined) return [];
  return [{ kind: reference === undefined ? "dynamic" : kind, name, ...place }];
}

function fromBase({ reference, location: { file, range } }: Base): Omit<Wanted, "kind" | "digest"> {
  const written = file.text.slice(range.start, range.end);
  return { reference, name: reference ?? written, line: position(file, range.start).line };
}

/** What reads the Dockerfile, where that is not BuildKit itself; an argument comes before `# syntax=`. */
function frontendOf(
  { directives, source }: Dockerfile,
  { args }: BaseRequest,
): Omit<Wanted, "kind" | "digest"> | undefined {
  const passed = Object.hasOwn(args, "BUILDKIT_SYNTAX") ? args["BUILDKIT_SYNTAX"] : undefined;
  const directive = directives.find(({ name }) => name === "syntax");
  const [reference = ""] = (passed ?? directive?.value ?? "").split(/\s/);
  if (reference === "") return undefined;
  if (passed !== undefined || directive === undefined) return { reference, name: reference };
  return { reference, name: reference, line: position(source, directive.range.start).line };
}
