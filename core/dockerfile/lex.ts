/**
 * Words and variables as BuildKit's frontend reads them, which is nearly but not quite as a shell does. Variables whose value cannot be
 * told make a result that cannot be told.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/dockerfile/shell/lex.go
 */
import { replaced, trimmed } from "./patterns.ts";
import { WordList } from "./word-list.ts";

/** Variables: without an entry a variable is unset; `undefined` is a value that cannot be told. */
export type Scope = ReadonlyMap<string, string | undefined>;

/** How a text is read. */
export interface LexOptions {
  readonly escape: string;
  /** Keep quotes and escape characters. */
  readonly raw?: boolean;
  /** Leave variables as they are: to look at the words, not at what they stand for. */
  readonly keepVariables?: boolean;
  readonly scope: Scope;
}

/** The text with its variables replaced (undefined: cannot be told), and its words. */
export interface Lexed {
  readonly text: string | undefined;
  readonly words: readonly string[];
}

/** Deeper nesting than anybody writes. */
const MAX_DEPTH = 50;

const SPECIAL = "@*#?-$!";

/** Reads a text; undefined where BuildKit refuses it (an open quote, a substitution that it does not know). */
export function lex(source: string, options: LexOptions): Lexed | undefined {
  try {
    const lexer = new Lexer(source, options);
    const { text, words } = lexer.until(undefined, options.raw === true, 0);
    return { text: lexer.untold ? undefined : text, words };
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

/** Replaces the variables of one word; undefined where the outcome cannot be told. */
export function expand(word: string, scope: Scope, escape: string): string | undefined {
  return lex(word, { escape, scope })?.text;
}

/** Leaves the recursion; never leaves this file. */
class Refused extends Error {}

class Lexer {
  untold = false;
  readonly #source: string;
  readonly #options: LexOptions;
  #at = 0;

  constructor(source: string, options: LexOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Reads up to `stop`, which is taken too, or to the end. */
  until(stop: string | undefined, rawEscapes: boolean, depth: number): { text: string; words: string[] } {
    if (depth > MAX_DEPTH) throw new Refused();
    const words = new WordList();
    let text = "";
    for (let char = this.#peek(); char !== undefined; char = this.#peek()) {
      if (char === stop) {
        this.#at += 1;
        words.end();
        return { text, words: words.all };
      }
      if (char === "$") {
        const value = this.#dollar(depth);
        for (const each of value) words.char(each);
        text += value;
      } else if (char === "'" || char === '"' || char === "<") {
        const value =
          char === "<" ? this.#heredoc() : char === "'" ? this.#single() : this.#double(rawEscapes, depth);
        words.raw(value);
        text += value;
      } else if (char === this.#options.escape) {
        const value = this.#escaped(rawEscapes);
        if (value !== "") words.raw(value);
        text += value;
      } else {
        this.#at += 1;
        words.char(char);
        text += char;
      }
    }
    if (stop !== undefined) throw new Refused();
    words.end();
    return { text, words: words.all };
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #escaped(rawEscapes: boolean): string {
    const text = this.#source.slice(this.#at, this.#at + 2);
    this.#at += 2;
    return rawEscapes ? text : text.slice(1);
  }

  #single(): string {
    const end = this.#source.indexOf("'", this.#at + 1);
    if (end === -1) throw new Refused();
    const text = this.#source.slice(this.#at, end + 1);
    this.#at = end + 1;
    return this.#options.raw === true ? text : text.slice(1, -1);
  }

  #double(rawEscapes: boolean, depth: number): string {
    const quote = this.#options.raw === true ? '"' : "";
    let text = quote;
    this.#at += 1;
    for (let char = this.#peek(); char !== '"'; char = this.#peek()) {
      if (char === undefined) throw new Refused();
      if (char === "$") {
        text += this.#dollar(depth);
        continue;
      }
      this.#at += 1;
      if (char !== this.#options.escape) {
        text += char;
        continue;
      }
      if (rawEscapes) text += char;
      const next = this.#peek();
      const isEscaped = next === '"' || next === "$" || next === this.#options.escape;
      if (isEscaped) this.#at += 1;
      text += isEscaped ? next : next === undefined || rawEscapes ? "" : char;
    }
    this.#at += 1;
    return text + quote;
  }

  /** `<<` keeps the blanks between it and its word. */
  #heredoc(): string {
    const matched = /<<?/y;
    matched.lastIndex = this.#at;
    const start = this.#at;
    this.#at += matched.exec(this.#source)?.[0].length ?? 1;
    if (this.#at - start === 1) return "<";
    while (this.#peek() === " " || this.#peek() === "\t") this.#at += 1;
    return this.#source.slice(start, this.#at);
  }

  #dollar(depth: number): string {
    const start = this.#at;
    this.#at += 1;
    if (this.#peek() !== "{") {
      const name = this.#name();
      return name === "" ? "$" : this.#value(name, start);
    }
    this.#at += 1;
    if ("{}:".includes(this.#peek() ?? ":")) throw new Refused();
    const name = this.#name();
    const operator = /:?[-+?}#%/]/y;
    operator.lastIndex = this.#at;
    const kind = operator.exec(this.#source)?.[0];
    this.#at += kind?.length ?? 0;
    if (kind === undefined || kind === ":}" || kind === ":#" || kind === ":%" || kind === ":/")
      throw new Refused();
    if (kind === "}") return this.#value(name, start);
    if (kind === "/") return this.#replacement(name, start, depth);
    const isPattern = kind === "#" || kind === "%";
    const before = this.untold;
    const { text } = this.until("}", isPattern, depth + 1);
    if (this.#options.keepVariables === true) return this.#source.slice(start, this.#at);
    if (!isPattern) return this.#choice(name, kind, text, before);
    return this.#changed(name, (value) => trimmed(value, kind, text));
  }

  /** `-`, `+` and `?`, with or without the colon that takes an empty value for none. `before`: was all told before the alternative? */
  #choice(name: string, kind: string, alternative: string, before: boolean): string {
    const { scope } = this.#options;
    const value = scope.get(name);
    if (scope.has(name) && value === undefined) return this.#cannotTell();
    const isThere = scope.has(name) && !(kind.startsWith(":") && value === "");
    const operator = kind.at(-1);
    if (operator === "?" && !isThere) throw new Refused();
    const takesAlternative = operator === "+" ? isThere : operator === "-" && !isThere;
    if (takesAlternative) return alternative;
    // The alternative is not used, so it does not matter whether it could be told.
    this.untold = before;
    return operator === "+" ? "" : (value ?? "");
  }

  #replacement(name: string, start: number, depth: number): string {
    const isAll = this.#peek() === "/";
    if (isAll) this.#at += 1;
    const { text: pattern } = this.until("/", true, depth + 1);
    const { text: replacement } = this.until("}", true, depth + 1);
    if (this.#options.keepVariables === true) return this.#source.slice(start, this.#at);
    return this.#changed(name, (value) => replaced(value, { pattern, replacement, isAll }));
  }

  #changed(name: string, change: (value: string) => string | undefined): string {
    const { scope } = this.#options;
    const value = scope.has(name) ? scope.get(name) : "";
    return (value === undefined ? undefined : change(value)) ?? this.#cannotTell();
  }

  #value(name: string, start: number): string {
    const { scope, keepVariables } = this.#options;
    if (keepVariables === true) return this.#source.slice(start, this.#at);
    const value = scope.get(name);
    if (scope.has(name) && value === undefined) return this.#cannotTell();
    return value ?? "";
  }

  #cannotTell(): string {
    this.untold = true;
    return "";
  }

  #name(): string {
    const first = this.#peek();
    if (first !== undefined && SPECIAL.includes(first)) {
      this.#at += 1;
      return first;
    }
    const pattern = /\d+|[\p{L}\p{Nd}_]+/uy;
    pattern.lastIndex = this.#at;
    const name = pattern.exec(this.#source)?.[0] ?? "";
    this.#at += name.length;
    return name;
  }
}
