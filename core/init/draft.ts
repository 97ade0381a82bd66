import { RELEASE } from "./proposal.ts";
import type { FoundImage, FoundPlan, PlanValue, ProposedVariable } from "./proposal.ts";

/** An image of the plan to be, under the name that it has there. */
export interface DraftImage {
  readonly name: string;
  /** As the source calls it. */
  readonly origin: string;
  readonly keys: Readonly<Record<string, PlanValue>>;
  /** What a person has to know of some of the keys. */
  readonly comments: Readonly<Record<string, string>>;
}

/** A plan to be: everything that the source does not say is there, and marked. */
export interface Draft {
  readonly variables: ReadonlyMap<string, ProposedVariable>;
  readonly runners: ReadonlyMap<string, PlanValue>;
  readonly images: readonly DraftImage[];
}

/** What is built where nothing says for what. */
const DEFAULT_PLATFORMS = ["linux/amd64", "linux/arm64"];

const REGISTRY: ProposedVariable = {
  default: "registry.example/team",
  comment: "Nothing here says where images go: set the registry and the account, ghcr.io/you for instance.",
};
const RELEASE_VARIABLE: ProposedVariable = {
  default: "${git.tag:-dev}",
  comment: "The git tag of the commit, or `dev` where it has none.",
};

/** Makes a plan of what a source holds. */
export function draftPlan(found: FoundPlan): Draft {
  const names = nameImages(found.images);
  const images = found.images.map((image, index) =>
    draftImage(image, names[index] ?? image.name, renamed(found, names)),
  );
  const used = JSON.stringify(images.map(({ keys }) => keys["tags"]));
  const own = [
    ...(used.includes(REGISTRY_NAME) ? [["registry", REGISTRY] as const] : []),
    ...(used.includes(RELEASE) ? [["release", RELEASE_VARIABLE] as const] : []),
  ];
  return { variables: new Map([...own, ...found.variables]), runners: found.runners, images };
}

const REGISTRY_NAME = "${registry}";

/** Names that a plan allows, each once. */
function nameImages(images: readonly FoundImage[]): readonly string[] {
  const taken = new Set<string>();
  return images.map(({ name }) => {
    const plain = name.replaceAll(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "") || "image";
    let unique = plain;
    for (let count = 2; taken.has(unique); count++) unique = `${plain}-${count}`;
    taken.add(unique);
    return unique;
  });
}

function renamed({ images }: FoundPlan, names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(images.map(({ name }, index) => [name, names[index] ?? name]));
}

function draftImage(image: FoundImage, name: string, names: ReadonlyMap<string, string>): DraftImage {
  const comments: Record<string, string> = {};
  if (image.platforms.length === 0)
    comments["platforms"] = "The source says nothing of platforms: these are the usual ones.";
  const given = Object.entries({
    context: image.build["context"] ?? ".",
    ...without(image.build, "context"),
    contexts: rename(image.build["contexts"], names),
  });
  return {
    name,
    origin: image.name,
    keys: {
      ...Object.fromEntries(given.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))),
      platforms: image.platforms.length === 0 ? DEFAULT_PLATFORMS : [...new Set(image.platforms)],
      tags: tagsOf(image, name),
    },
    comments,
  };
}

function without(build: FoundImage["build"], name: string): FoundImage["build"] {
  return Object.fromEntries(Object.entries(build).filter(([key]) => key !== name));
}

const IMAGE = "image:";

function rename(contexts: PlanValue | undefined, names: ReadonlyMap<string, string>): PlanValue | undefined {
  if (contexts === undefined || typeof contexts !== "object") return contexts;
  const entries = Object.entries(contexts).map(([key, value]): [string, PlanValue | undefined] => {
    if (typeof value !== "string" || !value.startsWith(IMAGE)) return [key, value];
    const name = value.slice(IMAGE.length);
    return [key, `${IMAGE}${names.get(name) ?? name}`];
  });
  return Object.fromEntries(entries);
}

function tagsOf({ tags }: FoundImage, name: string): readonly PlanValue[] {
  const repository = `${REGISTRY_NAME}/${repositoryName(name)}`;
  const complete = tags.map((tag) =>
    typeof tag === "string"
      ? completeTag(tag)
      : { ...tag, image: tag.image === undefined ? repository : completeName(tag.image) },
  );
  if (tags.length > 0) return [...new Map(complete.map((tag) => [JSON.stringify(tag), tag])).values()];
  return [`${repository}:${RELEASE}`, `${repository}:latest`];
}

/** The name of an image as that of a repository, which has rules of its own. */
function repositoryName(name: string): string {
  return (
    name
      .toLowerCase()
      .replaceAll(/[._-]{2,}/g, "-")
      .replace(/[._-]+$/, "") || "image"
  );
}

/** Docker takes `app` for `app:latest`, and on Docker Hub for an image that nobody but Docker may push. */
function completeTag(tag: string): string {
  const outside = tag.replaceAll(/\$\{[^}]*\}/g, "x");
  const last = outside.slice(outside.lastIndexOf("/") + 1);
  return completeName(last.includes(":") ? tag : `${tag}:latest`);
}

function completeName(name: string): string {
  const isComplete = name.replaceAll(/\$\{[^}]*\}/g, "x").includes("/") || name.startsWith("${");
  return isComplete ? name : `${REGISTRY_NAME}/${name}`;
}
