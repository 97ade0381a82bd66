import { StringDecoder } from "node:string_decoder";
import type { Digest } from "../oci/digest.ts";
import type { LogChunk } from "./decode.ts";
import type { VertexLog } from "./status.ts";

/** A line longer than this many characters is cut there, so that output without line breaks cannot fill the memory. */
export const LONGEST_LINE = 16_384;

/** Puts the chunks of every step and stream together to whole lines; chunks may end within a line or a character. */
export class LogLines {
  readonly #open = new Map<string, { readonly decoder: StringDecoder; text: string }>();

  /** The lines that this chunk completes. */
  push(chunk: LogChunk): VertexLog[] {
    const key = `${chunk.stream} ${chunk.vertex}`;
    const stream = this.#open.get(key) ?? { decoder: new StringDecoder("utf8"), text: "" };
    this.#open.set(key, stream);
    const parts = (stream.text + stream.decoder.write(Buffer.from(chunk.data))).split("\n");
    stream.text = parts.pop() ?? "";
    if (stream.text.length > LONGEST_LINE) {
      parts.push(stream.text);
      stream.text = "";
    }
    return parts.map((line) => ({ vertex: chunk.vertex, line: line.replace(/\r$/, "") }));
  }

  /** What was printed so far of lines that have no end yet. */
  begun(vertex: Digest): string[] {
    return ["1", "2"]
      .map((stream) => this.#open.get(`${stream} ${vertex}`)?.text ?? "")
      .filter((text) => text !== "");
  }

  /** What was printed without a line break at the end, for one step that has ended. */
  finish(vertex: Digest): VertexLog[] {
    return ["1", "2"].flatMap((stream) => {
      const key = `${stream} ${vertex}`;
      const text = this.#open.get(key)?.text ?? "";
      this.#open.delete(key);
      return text === "" ? [] : [{ vertex, line: text }];
    });
  }
}
