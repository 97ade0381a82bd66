import { FAULT_KINDS, type FaultKind } from "./fault-matrix-faults.ts";
import { startTrap, type Front, type Passed, type Trap } from "./fault-matrix-front.ts";
import type { RequestKind } from "./fault-matrix-kinds.ts";

/** How an attempt ended: done, perhaps without something that nobody can know to be there; or a failure, as the table shows it. */
export type Outcome =
  | { readonly kind: "passes"; readonly lacking?: string }
  | { readonly kind: "fails"; readonly failure: string };

/** An attempt, and all that a user could get to see of it. */
export interface Attempt {
  readonly outcome: Outcome;
  readonly told: unknown;
  /** Tags of which it says that they have moved, as whole references; and the one that failed, which nobody knows of. */
  readonly moved: readonly string[];
  readonly failed?: string;
}

/** One piece of work before registries that may fail, in places of its own. */
export interface Work {
  readonly fronts: readonly Front[];
  /** Does it, with a client of its own, from the beginning. */
  readonly attempt: (options: { readonly isHasty: boolean }) => Promise<Attempt>;
  /** Reads the registry directly, and says what is wrong: one sentence each. */
  readonly audit: (attempt: Attempt) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

/** A kind of work that is put before every fault. */
export interface Scenario {
  readonly title: string;
  readonly about: string;
  /** Which of its fronts have faults; all where nothing is said. */
  readonly struck?: readonly number[];
  /** `id` is unique, and may stand in a repository's name or a tag. */
  readonly open: (id: string) => Promise<Work>;
}

/** A fault at one request: once, or as often as this request is made. */
export interface Case {
  readonly fault: FaultKind;
  readonly front: number;
  readonly kind: RequestKind;
  readonly place: string;
  readonly ordinal: number;
  readonly always: boolean;
}

/** What came of a case. `problems` is empty where all that must hold has held. */
export interface CaseResult extends Case {
  readonly outcome: Outcome;
  readonly problems: readonly string[];
}

const CONCURRENCY = 12;
const LIMIT_MS = 60_000;

/** Puts a scenario before every fault at every request that a run without faults makes. */
export async function runMatrix(scenario: Scenario): Promise<readonly CaseResult[]> {
  const cases = casesOf(await requestsOf(scenario));
  const results: CaseResult[] = [];
  const waiting = cases.map((each, at) => [each, at] as const);
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [each, at] = next;
      results[at] = await runCase(scenario, each, `case-${at + 1}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return results;
}

/** The requests of a run without faults, by front. */
async function requestsOf(scenario: Scenario): Promise<readonly (readonly Passed[])[]> {
  const work = await scenario.open("clean");
  for (const front of work.fronts) front.begin();
  const attempt = await work.attempt({ isHasty: false });
  const problems = await work.audit(attempt);
  const requests = work.fronts.map(({ passed }, at) =>
    scenario.struck?.includes(at) === false ? [] : [...passed],
  );
  await work.close();
  if (attempt.outcome.kind !== "passes" || problems.length > 0)
    throw new Error(`fails without any fault: ${JSON.stringify([attempt, problems])}`);
  return requests;
}

function casesOf(requests: readonly (readonly Passed[])[]): readonly Case[] {
  return requests.flatMap((passed, front) =>
    passed
      .filter((request) => isWorthIt(request, passed))
      .flatMap((request) =>
        FAULT_KINDS.filter(({ strikes }) => strikes(request)).flatMap((fault) =>
          [false, true].map((always) => ({
            fault,
            front,
            kind: request.kind,
            place: request.place,
            ordinal: request.ordinal,
            always,
          })),
        ),
      ),
  );
}

// Requests before the login are a matter of time, and one blob is sent like another: the first and the last stand for all.
function isWorthIt(request: Passed, passed: readonly Passed[]): boolean {
  if (request.kind === "any, before the login") return request.ordinal === 1;
  if (!/ (?:blob|upload|mount)$/.test(request.kind)) return true;
  const alike = passed.filter(({ kind }) => kind === request.kind);
  return request === alike[0] || request === alike.at(-1);
}

async function runCase(scenario: Scenario, each: Case, id: string): Promise<CaseResult> {
  const work = await scenario.open(id);
  const trap = await startTrap((text) =>
    work.fronts.some((front) => front.secrets().some((secret) => text.includes(secret))),
  );
  const problems: string[] = [];
  const struck = work.fronts[each.front];
  for (const front of work.fronts)
    front.begin(front === struck ? { ...each, fault: faultOf(each, front, trap) } : undefined);
  const attempt = await guarded(work, each.fault.isSilent === true, problems);
  if (struck?.wasStruck() !== true) problems.push("the request of this case was never made");
  problems.push(...(await work.audit(attempt)));
  if (attempt.outcome.kind === "fails") problems.push(...(await retry(work)));
  problems.push(...trap.leaks, ...work.fronts.flatMap(({ leaks }) => leaks));
  problems.push(...toldSecrets(work, attempt));
  await Promise.all([work.close(), trap.close()]);
  return { ...each, outcome: attempt.outcome, problems };
}

/** A plain second run, of which nothing fails. */
async function retry(work: Work): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const front of work.fronts) front.begin();
  const again = await guarded(work, false, problems);
  if (again.outcome.kind !== "passes")
    problems.push(`a plain second run fails: ${JSON.stringify(again.told)}`);
  return [...problems, ...(await work.audit(again))];
}

function faultOf({ fault }: Case, { host }: Front, trap: Trap) {
  return fault.fault({ front: host, trap: trap.host });
}

// What throws, or does not end, is no failure that anybody could handle.
async function guarded(work: Work, isHasty: boolean, problems: string[]): Promise<Attempt> {
  const { promise, resolve } = Promise.withResolvers<Attempt>();
  const end = (failure: string): void => {
    problems.push(failure);
    resolve({ outcome: { kind: "fails", failure }, told: failure, moved: [] });
  };
  const timer = setTimeout(() => end("it does not end"), LIMIT_MS);
  void work.attempt({ isHasty }).then(resolve, (error: unknown) => end(`it throws ${String(error)}`));
  const attempt = await promise;
  clearTimeout(timer);
  return attempt;
}

function toldSecrets(work: Work, { told }: Attempt): readonly string[] {
  const text = JSON.stringify(told);
  const secrets = work.fronts.flatMap((front) => front.secrets());
  return secrets.some((secret) => text.includes(secret)) ? ["a failure tells a credential"] : [];
}
