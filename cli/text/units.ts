const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** A size as Docker prints it: decimal units, three significant digits, `3.42MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Number(value.toPrecision(3)) >= 1000 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))}${BYTE_UNITS[unit] ?? ""}`;
}

/** A time span: `0.4s`, `12.3s`, `3m04s`, `1h02m`. Tenths are cut, not rounded, so that a running clock never goes back. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 60) return `${(Math.floor(Math.max(0, ms) / 100) / 10).toFixed(1)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${twoDigits(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${twoDigits(Math.floor((seconds % 3600) / 60))}m`;
}

/** How long ago something was, in its largest unit: `less than a minute`, `5 minutes`, `3 hours`, `12 days`. */
export function formatAge(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return count(minutes, "minute");
  return minutes < 48 * 60
    ? count(Math.floor(minutes / 60), "hour")
    : count(Math.floor(minutes / (24 * 60)), "day");
}

/** `1 error`, `3 errors`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

/** The start of a digest that still tells it from all others nearby: `sha256:` and 12 hexadecimal digits. */
export function shortDigest(digest: string): string {
  return digest.replace(/^([a-z0-9]+:[0-9a-f]{12})[0-9a-f]+$/, "$1");
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
