import type { ContentReader } from "./tar-sparse.ts";

/** One entry of a tar file, its extended headers applied. Names are as written. */
export interface TarEntry {
  readonly kind: "file" | "folder" | "symlink" | "hardlink" | "special" | "unknown";
  readonly name: string;
  /** Of links: what they point to. */
  readonly linkName: string;
  readonly mode: number;
  /** As a reader of the file sees it: with its holes, where it has some. */
  readonly size: number;
  readonly isWindows: boolean;
}

/** An entry's headers as they stand there, for those who want more of them. The bytes are valid during the visit only. */
export interface RawHeaders {
  readonly block: Buffer;
  /** Content of the extended header before it. */
  readonly pax: Buffer | undefined;
}

/** Is told of every entry, and answers with what takes its content; without an answer the content is skipped. */
export type TarVisitor = (entry: TarEntry, raw: RawHeaders) => ContentReader | undefined;

/** How a tar file ended. */
export type TarEnd =
  | { readonly kind: "ended"; readonly entries: number; readonly hasDataAfterEnd: boolean }
  | TarProblem;

/** Why it could not be read; `detail` is for a sentence. */
export interface TarProblem {
  readonly kind: "truncated" | "not-tar" | "too-many-entries";
  readonly detail: string;
}
