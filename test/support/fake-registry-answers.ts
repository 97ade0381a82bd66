import type { Answer } from "./faults.ts";

/** An error answer as the distribution spec has it. */
export function refusal(status: number, code: string, detail = ""): Answer {
  const body = { errors: [{ code, message: `the fake registry says ${code} ${detail}`.trim() }] };
  return reply(status, JSON.stringify(body), { "content-type": "application/json" });
}

/** Any other answer. */
export function reply(
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, headers, body: Buffer.from(body) };
}
