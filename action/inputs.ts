/** What a step of a workflow says of this action, as `action.yml` names it; empty where it says nothing. */
export interface ActionInputs {
  readonly command: string;
  readonly file: string;
  /** One `name=value` a line. */
  readonly set: string;
  /** One platform a line, or several with commas. */
  readonly only: string;
  /** The same of images. */
  readonly image: string;
  readonly builder: string;
  /** `false`: built and checked, and pushed nowhere. */
  readonly push: string;
  /** Further arguments, one a line: no shell takes them apart. */
  readonly args: string;
}

/** Something that a step says and that cannot be meant. */
export interface InputInvalid {
  readonly input: keyof ActionInputs | "env";
  readonly detail: string;
}

const COMMANDS = ["build", "stitch", "plan", "check", "verify", "scan", "tags", "matrix"];
/** Those that read a plan, and those of them that build. */
const READ_PLANS: ReadonlySet<string> = new Set(["build", "stitch", "plan", "check", "tags", "matrix"]);
const SELECT_PLATFORMS: ReadonlySet<string> = new Set(["build", "plan", "check"]);

/**
 * The command line that a step asks for. `scratch` is a folder of the job, for what is built and not pushed.
 * Values become arguments as they are: nothing in them is taken apart, and none can name another option.
 */
export function commandLine(inputs: ActionInputs, scratch: string): readonly string[] | InputInvalid {
  const command = inputs.command === "" ? "build" : inputs.command;
  if (!COMMANDS.includes(command))
    return { input: "command", detail: `\`${command}\` is none of ${COMMANDS.join(", ")}` };
  const isOff = inputs.push.toLowerCase() === "false";
  if (isOff && command === "stitch")
    return { input: "push", detail: "`stitch` has nothing to do where nothing is pushed" };
  const readsPlan = READ_PLANS.has(command);
  const selects = SELECT_PLATFORMS.has(command);
  return [
    command,
    ...(readsPlan && inputs.file !== "" ? [`--file=${inputs.file}`] : []),
    ...(readsPlan ? lines(inputs.set).map((each) => `--set=${each}`) : []),
    ...(readsPlan ? list(inputs.image).map((each) => `--image=${each}`) : []),
    ...(selects ? list(inputs.only).map((each) => `--only=${each}`) : []),
    ...(selects && inputs.builder !== "" ? [`--builder=${inputs.builder}`] : []),
    ...(isOff && command === "build" ? [`--output=type=oci,dest=${scratch}/buildx-plan.tar`] : []),
    ...lines(inputs.args),
  ];
}

/** Does it build? Then BuildKit's client has to be there. */
export function needsBuildKit(argv: readonly string[]): boolean {
  return SELECT_PLATFORMS.has(argv[0] ?? "");
}

function lines(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function list(text: string): readonly string[] {
  return text
    .split(/[\n,]/)
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
