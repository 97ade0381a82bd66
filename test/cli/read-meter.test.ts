import { expect, test } from "vitest";
import { readMeter } from "../../cli/read-meter.ts";
import type { Shell, Terminal } from "../../cli/shell.ts";
import { digestOf } from "../../core/oci/digest-of.ts";
import { memoryRegistry } from "../support/memory-registry.ts";
import { makeImage } from "../support/images.ts";
import { collect } from "../support/layouts.ts";

const REPOSITORY = { registry: "localhost:5000", path: "app" };

function shell(isTerminal: boolean): Pick<Shell, "stderr" | "now"> & { readonly written: string[] } {
  const written: string[] = [];
  let time = 0;
  const stderr: Terminal = {
    stream: process.stderr,
    write: (text) => void written.push(text),
    isTerminal,
    columns: () => 80,
    rows: () => 24,
    colour: false,
  };
  return { stderr, now: () => (time += 60), written };
}

test.each([
  [true, ["\r\u001B[Klooking into layers, 10B read", "\r\u001B[K"]],
  [false, []],
])(
  "what passes is shown where the terminal is one (%s), and wiped at the end",
  async (isTerminal, expected) => {
    const image = makeImage({ os: "linux", architecture: "amd64" }, ["12345"]);
    const registry = memoryRegistry();
    registry.push(REPOSITORY, image);
    const at = shell(isTerminal);
    const meter = readMeter(at);
    const store = meter.watch(registry.store(REPOSITORY));
    const layer = { mediaType: "x", digest: digestOf(Buffer.from("12345")), size: 5 };
    for (const _ of [1, 2]) expect((await collect(store.openBlob(layer))).toString()).toBe("12345");
    expect((await collect(store.openBlob(layer, { from: 2 }))).toString()).toBe("345");
    meter.end();
    meter.end();
    expect(at.written).toEqual(expected);
  },
);
