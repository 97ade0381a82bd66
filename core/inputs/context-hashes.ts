import { realpath } from "node:fs/promises";
import { fail, ok, type Result } from "../result.ts";
import type { FileUnreadable } from "./context-files.ts";
import { reasonOf } from "./file-error.ts";
import { hashContext, type HashedContext, type HashWorld } from "./hash-context.ts";
import { loadIgnore, type IgnoreSource } from "./ignore-source.ts";
import type { InputsUnreadable } from "./inputs.ts";

/** What contexts hold. Each is walked once in a run, however many variants are built from it. */
export interface ContextHashes {
  /** `dockerfile`: whose `.dockerignore` comes before the context's own; a named context has none. */
  of(path: string, dockerfile?: string): Promise<Result<HashedContext, InputsUnreadable>>;
}

type Hashed = Result<HashedContext, FileUnreadable>;

/** Makes what remembers the contexts of one run. */
export function createContextHashes(world: HashWorld): ContextHashes {
  const ignores = new Map<string, Promise<Result<IgnoreSource, FileUnreadable>>>();
  const contexts = new Map<string, Promise<Hashed>>();
  return {
    of: async (path, dockerfile) => {
      const found = await once(ignores, `${path}\0${dockerfile ?? ""}`, () => loadIgnore(path, dockerfile));
      if (!found.ok) return unreadable(found.error);
      const { path: name, ignore } = found.value;
      const hashed = await once(contexts, `${path}\0${name}`, async () => {
        const root = await realFolder(path);
        return root.ok ? await hashContext({ path: root.value, ignore, name }, world) : root;
      });
      return hashed.ok ? hashed : unreadable(hashed.error);
    },
  };
}

/** The folder itself may be reached through links; those in it are never followed. */
async function realFolder(path: string): Promise<Result<string, FileUnreadable>> {
  try {
    return ok(await realpath(path));
  } catch (error) {
    return fail({ path, reason: reasonOf(error) });
  }
}

async function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(key) ?? make();
  made.set(key, known);
  return await known;
}

function unreadable({ path, reason }: FileUnreadable): Result<never, InputsUnreadable> {
  return fail({ kind: "inputs-unreadable", path, reason });
}
