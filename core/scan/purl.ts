/** A package URL, taken apart and decoded. */
export interface Purl {
  /** `deb`, `npm`, `golang`: lower case. */
  readonly type: string;
  /** `debian`, `@angular`, `github.com/spf13`; empty for none. */
  readonly namespace: string;
  readonly name: string;
  /** Empty for none. */
  readonly version: string;
  readonly qualifiers: ReadonlyMap<string, string>;
}

/**
 * Reads a package URL; undefined for what is none.
 * @see https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
 */
export function parsePurl(text: string): Purl | undefined {
  if (text.slice(0, 4).toLowerCase() !== "pkg:") return undefined;
  const [beforeSubpath = ""] = text.slice("pkg:".length).split("#", 1);
  const at = beforeSubpath.indexOf("?");
  const path = at === -1 ? beforeSubpath : beforeSubpath.slice(0, at);
  const query = at === -1 ? "" : beforeSubpath.slice(at + 1);
  // A scope as `@angular` may stand there undecoded: a version comes after the last slash.
  const version = path.indexOf("@", path.lastIndexOf("/") + 1);
  const parts = (version === -1 ? path : path.slice(0, version)).split("/").filter((part) => part !== "");
  const [type = "", ...rest] = parts.map(decode);
  const name = rest.at(-1) ?? "";
  if (type === "" || name === "") return undefined;
  return {
    type: type.toLowerCase(),
    namespace: rest.slice(0, -1).join("/"),
    name,
    version: version === -1 ? "" : decode(path.slice(version + 1)),
    qualifiers: qualifiersOf(query),
  };
}

function qualifiersOf(query: string): ReadonlyMap<string, string> {
  const pairs = query.split("&").flatMap((pair): [string, string][] => {
    const equals = pair.indexOf("=");
    return equals < 1 ? [] : [[pair.slice(0, equals).toLowerCase(), decode(pair.slice(equals + 1))]];
  });
  return new Map(pairs);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
