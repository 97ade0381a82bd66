import { posix } from "node:path";
import { literal } from "./proposal.ts";
import type { FoundImage, FoundPlan, LeftOut } from "./proposal.ts";

const NAMED = /^(.+)\.(?:Dockerfile|Containerfile)$/i;
const VARIANT = /^(?:Dockerfile|Containerfile)\.(.+)$/;
const MAIN: ReadonlySet<string> = new Set(["Dockerfile", "Containerfile"]);

/** Is this the name of a Dockerfile? */
export function isDockerfile(name: string): boolean {
  return !name.endsWith(".dockerignore") && (MAIN.has(name) || NAMED.test(name) || VARIANT.test(name));
}

/**
 * Makes images of Dockerfiles, by their paths alone. `Dockerfile.dev` beside a `Dockerfile` is mostly for another purpose than a release, and left
 * out. `folder`: what the folder itself is called, for the image of its own Dockerfile.
 */
export function readDockerfiles(paths: readonly string[], folder: string): FoundPlan {
  const mains = new Set(
    paths.filter((path) => MAIN.has(posix.basename(path))).map((path) => posix.dirname(path)),
  );
  const isBeside = (path: string) => VARIANT.test(posix.basename(path)) && mains.has(posix.dirname(path));
  return {
    source: "dockerfile",
    files: paths,
    images: paths.filter((path) => !isBeside(path)).map((path) => imageOf(path, folder)),
    variables: new Map(),
    runners: new Map(),
    leftOut: paths.filter(isBeside).map((of): LeftOut => ({
      of,
      what: "it stands beside a Dockerfile without a suffix; add it if it is released, too",
    })),
  };
}

function imageOf(path: string, folder: string): FoundImage {
  const [directory, file] = [posix.dirname(path), posix.basename(path)];
  const build = {
    context: literal(directory),
    ...(file !== "Dockerfile" && { dockerfile: literal(file) }),
  };
  return { name: nameOf(directory, file, folder), build, platforms: [], tags: [] };
}

function nameOf(directory: string, file: string, folder: string): string {
  const own = NAMED.exec(file)?.[1];
  if (own !== undefined) return own;
  const suffix = VARIANT.exec(file)?.[1];
  if (directory === ".") return suffix ?? folder;
  return [posix.basename(directory), suffix].filter((part) => part !== undefined).join("-");
}
