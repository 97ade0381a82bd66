/** One job of a run, as it ended. */
export interface Job {
  /** Its key in the workflow. */
  readonly id: string;
  readonly platform?: string;
  readonly result: "success" | "failure";
  /** Actions and commands that it ran. */
  readonly steps: readonly string[];
  readonly log: string;
  readonly summary: string;
  readonly annotations: readonly Annotation[];
}

export interface Annotation {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly file?: string;
  readonly line?: string;
}

/** A line of `act --json`, as far as it is read. */
interface Line {
  readonly job?: string;
  readonly jobID?: string;
  readonly matrix?: { readonly platform?: string };
  readonly msg?: string;
  readonly raw_output?: boolean;
  readonly command?: string;
  readonly content?: string;
  readonly arg?: string;
  readonly kvPairs?: { readonly file?: string; readonly line?: string } | null;
  readonly stage?: string;
  readonly step?: string;
  readonly stepResult?: string;
}

/** The jobs of a run, from what `act --json` printed. */
export function readJobs(output: string): readonly Job[] {
  const lines = output.split("\n").flatMap((line): readonly Line[] => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
  const byJob = Map.groupBy(lines, ({ job }) => job?.trim() ?? "");
  return [...byJob.values()].flatMap((own) => {
    const [first] = own;
    if (first?.jobID === undefined || !own.some(({ step }) => step !== undefined)) return [];
    // What act itself says of a job with a matrix is also the failure of another one.
    const isFailed = own.some(({ stepResult }) => stepResult === "failure");
    return [jobOf(first.jobID, isFailed ? "failure" : "success", own)];
  });
}

function jobOf(id: string, result: Job["result"], lines: readonly Line[]): Job {
  const platform = lines.find(({ matrix }) => matrix?.platform !== undefined)?.matrix?.platform;
  return {
    id,
    ...(platform !== undefined && { platform }),
    result,
    steps: lines.flatMap(({ stage, step, stepResult }) =>
      stage === "Main" && stepResult !== undefined && stepResult !== "skipped" ? [step ?? ""] : [],
    ),
    log: lines.map(({ raw_output: isRaw, msg = "" }) => (isRaw === true ? msg : "")).join(""),
    summary: lines.map(({ command, content = "" }) => (command === "summary" ? content : "")).join("\n"),
    annotations: lines.flatMap(({ command, arg = "", kvPairs }) =>
      command === "error" || command === "warning"
        ? [
            {
              severity: command,
              message: arg,
              ...(kvPairs?.file && { file: kvPairs.file }),
              ...(kvPairs?.line && { line: kvPairs.line }),
            },
          ]
        : [],
    ),
  };
}
