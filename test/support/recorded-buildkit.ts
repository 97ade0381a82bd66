import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject, onTestFinished } from "vitest";

/** The real BuildKit's programs, behind scripts that write down how they were called. */
export interface RecordedBuildKit {
  /** To be put on the PATH; there is nothing else in it. */
  readonly folder: string;
  /** Every call so far, the program's name first, as one line. */
  readonly calls: () => Promise<readonly string[]>;
}

/** Makes the scripts, in a folder that is removed when the test ends. */
export async function recordBuildKit(): Promise<RecordedBuildKit> {
  const folder = await mkdtemp(join(tmpdir(), "recorded-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const record = join(folder, "calls");
  const { buildctl, buildkitd } = inject("buildkit");
  for (const [name, program] of Object.entries({ buildctl, buildkitd })) {
    const script = `#!/bin/sh\necho "${name} $*" >> "${record}"\nexec "${program}" "$@"\n`;
    await writeFile(join(folder, name), script);
    await chmod(join(folder, name), 0o755);
  }
  const calls = async (): Promise<string[]> => {
    const text = await readFile(record, "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  };
  return { folder, calls };
}
