import { lex } from "./lex.ts";

/** A heredoc that an instruction announces. */
export interface HeredocStart {
  /** The line that ends it. */
  readonly name: string;
  /** `<<-`: tabs before that line do not count. */
  readonly chomp: boolean;
}

// Always the backslash, whatever `# escape=` says.
const AS_WRITTEN = { escape: "\\", keepVariables: true, scope: new Map<string, string>() };

/** Only these have heredocs; `ONBUILD` may stand before them. */
const WITH_HEREDOCS = /^(?:ONBUILD[\t\v\f\r ]+)?(?:ADD|COPY|RUN)[\t\v\f\r ]/i;

/**
 * The heredocs that an instruction announces, in order: `RUN <<EOF`, `COPY <<a <<"b" /`. None where BuildKit cannot split the line into
 * words; in the JSON form all words have quotes, so that none of them announces one.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/dockerfile/parser/parser.go (heredocsFromLine)
 */
export function heredocsOf(line: string): readonly HeredocStart[] {
  if (!line.includes("<<") || !WITH_HEREDOCS.test(line)) return [];
  const words = lex(line, { ...AS_WRITTEN, raw: true })?.words ?? [];
  return words.flatMap((word) => {
    const matched = /^\d*<<(-?)([^<]+)$/.exec(word);
    const rest = matched?.[2]?.trimStart() ?? "";
    const names = rest === "" ? undefined : lex(rest, AS_WRITTEN);
    const [name, ...more] = names?.words ?? [];
    return name === undefined || more.length > 0 ? [] : [{ name, chomp: matched?.[1] === "-" }];
  });
}
