import type { Transferred, TransferProgress } from "../../core/publish/transfer.ts";
import type { Shell } from "../shell.ts";
import { count, formatBytes } from "../text/units.ts";

/** What a transfer did, in a line for people. */
export function transferLine({ manifests, referrers, blobs, bytes }: Transferred): string {
  const referring = referrers === 0 ? "" : ` (${count(referrers, "referrer")})`;
  const parts = [
    `${count(manifests, "manifest")}${referring}`,
    ...(blobs.mounted === 0 ? [] : [`${count(blobs.mounted, "blob")} mounted`]),
    ...(blobs.present === 0 ? [] : [`${count(blobs.present, "blob")} present`]),
    ...(blobs.uploaded === 0 ? [] : [`${count(blobs.uploaded, "blob")} uploaded (${formatBytes(bytes)})`]),
  ];
  return parts.join(", ");
}

/** Lines about layers that were left where only their owner may distribute them. */
export function notCopiedLines({ notCopied }: Transferred): readonly string[] {
  return notCopied.map(
    ({ digest, size, urls = [] }) =>
      `not copied: ${digest} (${formatBytes(size)}), which only its owner may distribute: ${urls.join(", ")}`,
  );
}

/** How far a transfer is, on the last line of a terminal; nothing elsewhere. `end` wipes it. */
export interface TransferMeter {
  readonly onProgress: (progress: TransferProgress) => void;
  readonly end: () => void;
}

const PERIOD_MS = 100;

/** Begins at nothing. */
export function transferMeter({ stderr, now }: Pick<Shell, "stderr" | "now">): TransferMeter {
  if (!stderr.isTerminal) return { onProgress: () => undefined, end: () => undefined };
  const done = { bytes: 0, blobs: 0, manifests: 0 };
  let shownMs = 0;
  let isShown = false;
  return {
    onProgress: (progress) => {
      if (progress.kind === "bytes") done.bytes += progress.bytes;
      else if (progress.kind === "blob") done.blobs += 1;
      else done.manifests += 1;
      if (now() - shownMs < PERIOD_MS) return;
      shownMs = now();
      isShown = true;
      const { bytes, blobs, manifests } = done;
      const line = `${count(manifests, "manifest")}, ${count(blobs, "blob")}, ${formatBytes(bytes)} sent`;
      stderr.write(`\r\u001B[K${line}`);
    },
    end: () => {
      if (isShown) stderr.write("\r\u001B[K");
    },
  };
}
