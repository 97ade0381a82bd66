import { readProgram, type ProgramReader } from "../../platforms/program.ts";
import type { LayerFile } from "./layer.ts";
import { decodeName } from "./tar-fields.ts";
import type { ContentReader } from "./tar-sparse.ts";

/** What Linux reads of a script to find its interpreter. */
const LINE_BYTES = 255;
const NEWLINE = 0x0a;

/** Looks at a file while its bytes go by, and tells at its end if it is a program, a script or (undefined) something else. */
export class FileContent implements ContentReader {
  readonly #done: (content: LayerFile["content"] | undefined) => void;
  readonly #program: ProgramReader;
  readonly #start = Buffer.alloc(LINE_BYTES);
  #have = 0;
  #isProgramOpen = true;

  constructor(size: number, done: (content: LayerFile["content"] | undefined) => void) {
    this.#program = readProgram(size);
    this.#done = done;
  }

  take(bytes: Uint8Array): boolean {
    if (this.#isProgramOpen) this.#isProgramOpen = this.#program.take(bytes);
    if (!this.#wantsLine()) return this.#isProgramOpen;
    const piece = bytes.subarray(0, LINE_BYTES - this.#have);
    this.#start.set(piece, this.#have);
    this.#have += piece.length;
    return this.#isProgramOpen || this.#wantsLine();
  }

  end(): void {
    const line = this.#line();
    if (line !== undefined) return this.#done({ kind: "script", line });
    const program = this.#program.end();
    this.#done(program && { kind: "program", program });
  }

  #wantsLine(): boolean {
    if (this.#have === LINE_BYTES) return false;
    return this.#have < 2 || (this.#isScript() && !this.#start.subarray(0, this.#have).includes(NEWLINE));
  }

  #isScript(): boolean {
    return this.#have >= 2 && this.#start[0] === 0x23 && this.#start[1] === 0x21;
  }

  #line(): string | undefined {
    if (!this.#isScript()) return undefined;
    const newline = this.#start.subarray(0, this.#have).indexOf(NEWLINE);
    return decodeName(this.#start, 2, newline === -1 ? this.#have : newline).trim();
  }
}
