import { visitEntries } from "./layer-order.ts";
import type { LayerFile, LayerLink, LayerOddity, LayerSummary } from "./layer.ts";

/** What is gathered while a layer is read. */
export type LayerContent = Pick<
  LayerSummary,
  "files" | "links" | "others" | "order" | "whiteouts" | "opaque" | "oddities"
>;

/** More of each than any image has that somebody made in earnest: it bounds memory. Characters are those of all paths. */
const MAX = { files: 500_000, links: 1_000_000, whiteouts: 1_000_000, characters: 200_000_000 };
const MAX_ODDITIES = 100;
const PACKED_AT_ONCE = 4096;

/** Gathers what a layer holds, packed where there may be a million of it. */
export class LayerEntries {
  readonly #files: LayerFile[] = [];
  readonly #links: LayerLink[] = [];
  readonly #whiteouts: string[] = [];
  readonly #opaque: string[] = [];
  readonly #oddities: LayerOddity[] = [];
  readonly #packed: string[] = [];
  #others: string[] = [];
  #order = "";
  #run = { kind: "", count: 0 };
  #characters = 0;

  file(file: LayerFile): void {
    this.#files.push(file);
    this.#count("f", file.path.length);
  }

  link(link: LayerLink): void {
    this.#links.push(link);
    this.#count("l", link.path.length + link.target.length);
  }

  /** Folders end with `/`. */
  other(path: string): void {
    this.#others.push(path);
    this.#count("o", path.length);
    if (this.#others.length < PACKED_AT_ONCE) return;
    this.#packed.push(this.#others.join("\0"));
    this.#others = [];
  }

  whiteout(kind: "whiteout" | "opaque", path: string): void {
    (kind === "opaque" ? this.#opaque : this.#whiteouts).push(path);
    this.#characters += path.length;
  }

  /** Notes the first ones only. */
  oddity(kind: LayerOddity["kind"], path: string): void {
    if (this.#oddities.length < MAX_ODDITIES) this.#oddities.push({ kind, path });
    else if (this.#oddities.length === MAX_ODDITIES) this.#oddities.push({ kind: "too-many", path: "" });
  }

  /** What there is too much of, for a sentence. */
  excess(): string | undefined {
    if (this.#files.length > MAX.files) return `it has more than ${MAX.files} programs and scripts`;
    if (this.#links.length > MAX.links) return `it has more than ${MAX.links} links`;
    if (this.#whiteouts.length + this.#opaque.length > MAX.whiteouts)
      return `it has more than ${MAX.whiteouts} whiteouts`;
    if (this.#characters > MAX.characters) return `its paths have more than ${MAX.characters} characters`;
    return undefined;
  }

  content(): LayerContent {
    this.#count("", 0);
    return {
      files: this.#files,
      links: this.#links,
      others: [...this.#packed, ...(this.#others.length > 0 ? [this.#others.join("\0")] : [])].join("\0"),
      order: this.#order,
      whiteouts: this.#whiteouts,
      opaque: this.#opaque,
      oddities: this.#oddities,
    };
  }

  #count(kind: string, characters: number): void {
    this.#characters += characters;
    if (this.#run.kind === kind) {
      this.#run.count += 1;
      return;
    }
    if (this.#run.kind !== "") this.#order += `${this.#run.kind}${this.#run.count}`;
    this.#run = { kind, count: 1 };
  }
}

const FILES = "Files/";

/** Turns the content of a Windows layer, whose file system is the folder `Files`, into what a container sees. */
export function withoutFilesFolder(content: LayerContent): LayerContent {
  const entries = new LayerEntries();
  visitEntries(content, {
    file: (file) => {
      const path = inside(file.path);
      if (path !== undefined) entries.file({ ...file, path });
    },
    link: (link) => {
      const path = inside(link.path);
      const target = link.hard ? inside(link.target) : link.target;
      if (path !== undefined && target !== undefined) entries.link({ ...link, path, target });
    },
    other: (other) => {
      const path = inside(other);
      if (path !== undefined) entries.other(path);
    },
  });
  for (const path of content.whiteouts.map(inside))
    if (path !== undefined) entries.whiteout("whiteout", path);
  for (const path of content.opaque.map((folder) => `${folder}/`))
    if (path.startsWith(FILES)) entries.whiteout("opaque", path.slice(FILES.length, -1));
  return { ...entries.content(), oddities: content.oddities };
}

function inside(path: string): string | undefined {
  return path.startsWith(FILES) && path.length > FILES.length ? path.slice(FILES.length) : undefined;
}

/** Does a path stand where layers of Windows images have all of theirs? */
export function isWindowsPath(path: string): boolean {
  return /^(?:Files|Hives|UtilityVM)(?:\/|$)/.test(path);
}
