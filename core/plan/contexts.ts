import { parseLayoutReference } from "../oci/layout-reference.ts";
import { parseReference } from "../oci/reference.ts";
import type { ImageNeed } from "./needs.ts";
import { usePath } from "./paths.ts";
import { complain, resolveText } from "./place.ts";
import type { Place, Resolved } from "./place.ts";
import type { BuildContext, OciLayoutReference } from "./build.ts";
import type { Field, Text } from "./written.ts";

/** Resolves the main context and the Dockerfile in it. */
export function resolveSources(
  context: Text | undefined,
  dockerfile: Text | undefined,
  fallback: Text,
  place: Place,
): { readonly context: BuildContext; readonly dockerfile: string } | undefined {
  const main = resolveText(context ?? fallback, place);
  const file = dockerfile === undefined ? undefined : resolveText(dockerfile, place);
  const made = main && mainContext(main, place);
  if (made === undefined || (dockerfile !== undefined && file === undefined)) return undefined;
  const name = file?.value ?? "Dockerfile";
  if (made.kind !== "local") return { context: made, dockerfile: name };
  const wish = { kind: "file", role: "Dockerfile", base: made.path } as const;
  const path = usePath(name, file?.text ?? context ?? fallback, wish, place.paths);
  return path === undefined ? undefined : { context: made, dockerfile: path };
}

/** Resolves the named contexts. Images of the plan are only named: what they are is known when all images are. */
export function resolveContexts(
  fields: readonly Field[] | undefined,
  place: Place,
): { readonly contexts: Readonly<Record<string, BuildContext>>; readonly needs: readonly ImageNeed[] } {
  const contexts: [string, BuildContext][] = [];
  const needs: ImageNeed[] = [];
  for (const { key, value } of fields ?? []) {
    const resolved = resolveText(value, place);
    const made = resolved && namedContext(resolved, place);
    if (made?.kind === "image") needs.push({ value: made.name, text: value, context: key });
    else if (made !== undefined) contexts.push([key, made]);
  }
  return { contexts: Object.fromEntries(contexts), needs };
}

const REMOTE = /^(?:https?|git|ssh|git\+https?|git\+ssh):\/\/|^git@[\w.-]+:|^github\.com\//;
const SCHEME = /^([a-z][a-z0-9+.-]*):/;

function mainContext(text: Resolved, place: Place): BuildContext | undefined {
  const scheme = SCHEME.exec(text.value)?.[1];
  if (scheme === "docker-image" || scheme === "oci-layout" || scheme === "image") {
    const hint = "Name it in `contexts`, and use a folder or URL here";
    return complain(text.text, `\`${scheme}:\` can only be a named context`, hint, place);
  }
  return anyContext(text, scheme, place);
}

type NamedContext = BuildContext | { readonly kind: "image"; readonly name: string };

function namedContext(text: Resolved, place: Place): NamedContext | undefined {
  const scheme = SCHEME.exec(text.value)?.[1];
  if (scheme === "image" && !text.value.startsWith("image://"))
    return { kind: "image", name: text.value.slice("image:".length) };
  if (scheme === "docker-image" && text.value.startsWith("docker-image://")) return imageContext(text, place);
  if (scheme === "oci-layout" && text.value.startsWith("oci-layout://")) return layoutContext(text, place);
  return anyContext(text, scheme, place);
}

function anyContext(text: Resolved, scheme: string | undefined, place: Place): BuildContext | undefined {
  const { value } = text;
  if (REMOTE.test(value)) return remoteContext(text, place);
  if (scheme === "target" || scheme === "image") {
    const name = value.slice(scheme.length + 1).replace(/^\/\//, "");
    const hint = `Write \`image:${name.slice(0, 100)}\` under \`contexts\``;
    return complain(text.text, "An image of this plan has another form as a context", hint, place);
  }
  if (scheme !== undefined && value.startsWith(`${scheme}://`)) {
    const hint = "Use a folder, a git or http URL, docker-image:// or oci-layout://";
    return complain(text.text, `\`${scheme}://\` is no kind of context`, hint, place);
  }
  if (value === "-")
    return complain(text.text, "A context cannot come from standard input", "Name a folder", place);
  const path = usePath(value, text.text, { kind: "folder", role: "context" }, place.paths);
  return path === undefined ? undefined : { kind: "local", path };
}

function remoteContext({ value, text }: Resolved, place: Place): BuildContext | undefined {
  const userinfo = /^[a-z+]+:\/\/([^/@]*)@/.exec(value)?.[1];
  if (userinfo?.includes(":") === true || (userinfo !== undefined && /^(?:git\+)?https?:/.test(value))) {
    const hint = "Pass them as the build secret GIT_AUTH_TOKEN";
    return complain(text, "The URL of the context holds credentials", hint, place);
  }
  return { kind: "remote", url: value };
}

function imageContext({ value, text }: Resolved, place: Place): BuildContext | undefined {
  const name = value.slice("docker-image://".length);
  if (parseReference(name).ok) return { kind: "remote", url: value };
  return complain(
    text,
    `\`${name.slice(0, 200)}\` is no image reference`,
    "Write registry/repository:tag",
    place,
  );
}

function layoutContext({ value, text }: Resolved, place: Place): BuildContext | undefined {
  const layout = parseLayoutReference(value);
  if (!layout.ok) {
    const hint = "Write oci-layout://folder:tag or oci-layout://folder@sha256:...";
    return complain(text, `\`${value.slice(0, 200)}\` names no image of an OCI layout`, hint, place);
  }
  const { path: folder, digest, tag = "latest" } = layout.value;
  const path = usePath(folder, text, { kind: "folder", role: "OCI layout" }, place.paths);
  if (path === undefined) return undefined;
  const reference: OciLayoutReference =
    digest === undefined ? { kind: "tag", tag } : { kind: "digest", digest };
  return { kind: "oci-layout", path, reference };
}
