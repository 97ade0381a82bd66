import { BLOCK, encodeHeader, paddingOf } from "./tar-header.ts";

/** A file on its way into a tar file. */
export interface TarSource {
  readonly name: string;
  readonly size: number;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/**
 * The bytes of a tar file with these files and the folders that they are in, in the order of their names: equal files make
 * equal bytes.
 */
export async function* tarBytes(files: readonly TarSource[]): AsyncGenerator<Uint8Array> {
  const folders = [...new Set(files.flatMap(({ name }) => foldersOf(name)))];
  const members = [
    ...folders.map((name) => ({ name, type: "5", size: 0, open: nothing })),
    ...files.map((file) => ({ ...file, type: "0" })),
  ];
  for (const member of members.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    yield encodeHeader(member);
    yield* member.open();
    yield Buffer.alloc(paddingOf(member.size));
  }
  yield Buffer.alloc(2 * BLOCK);
}

function foldersOf(name: string): readonly string[] {
  const parts = name.split("/").slice(0, -1);
  return parts.map((_, at) => `${parts.slice(0, at + 1).join("/")}/`);
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A folder has no content.
}
