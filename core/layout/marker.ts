import * as z from "zod/mini";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { readSmall } from "./content.ts";
import { invalid } from "./failures.ts";
import { MARKER } from "./files.ts";
import type { LayoutFiles } from "./files.ts";

/** The content of the file that makes a folder a layout. */
export const MARKER_BYTES: Uint8Array = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

const marker = z.looseObject({ imageLayoutVersion: z.string() });

/**
 * Is it a layout of a version that is known here?
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#oci-layout-file
 */
export async function checkMarker(files: LayoutFiles): Promise<Result<void, LayoutFailure>> {
  const bytes = await readSmall(files, MARKER);
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined) return fail(invalid(files.path, "it has no file oci-layout"));
  const read = marker.safeParse(parseJson(bytes.value));
  if (!read.success) return fail(invalid(files.path, "its file oci-layout has no imageLayoutVersion"));
  const version = read.data.imageLayoutVersion;
  return /^1(?:\.\d+){1,2}$/.test(version)
    ? ok(undefined)
    : fail(invalid(files.path, `its imageLayoutVersion is ${version.slice(0, 40)}; 1.x is read here`));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
