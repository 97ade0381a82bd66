/** An architecture in a text: as written, where, and as OCI names it. */
export interface NamedArchitecture {
  readonly text: string;
  readonly at: number;
  readonly architecture: string;
}

/** Spellings of compilers, packagers and download pages, and OCI's name for each. */
const SPELLINGS: readonly (readonly [spelling: RegExp, architecture: string])[] = [
  [/^(?:amd64|x86[_-]64|x64)$/, "amd64"],
  [/^(?:arm64(?:v8)?|aarch64|armv8)$/, "arm64"],
  [/^(?:armv[5-7](?:l|hf)?|arm32v[5-7]|armhf|armel)$/, "arm"],
  [/^i[3-6]86$/, "386"],
  [/^(?:ppc64le|powerpc64le)$/, "ppc64le"],
  [/^s390x$/, "s390x"],
  [/^riscv64(?:gc)?$/, "riscv64"],
  [/^(?:loong64|loongarch64)$/, "loong64"],
];

const ANY =
  /(?<![a-z0-9])(?:amd64|x86[_-]64|x64|arm64(?:v8)?|aarch64|armv[5-8](?:l|hf)?|arm32v[5-7]|armhf|armel|i[3-6]86|ppc64le|powerpc64le|s390x|riscv64(?:gc)?|loong64|loongarch64)(?![a-z0-9])/gi;

/** Finds the architectures that a text names, as words or between other signs than letters and digits: `tool_linux_amd64.tar.gz`. */
export function architecturesIn(text: string): readonly NamedArchitecture[] {
  return [...text.matchAll(ANY)].flatMap(({ 0: found, index }) => {
    const spelled = found.toLowerCase();
    const known = SPELLINGS.find(([spelling]) => spelling.test(spelled));
    return known === undefined ? [] : [{ text: found, at: index, architecture: known[1] }];
  });
}
