import { appendFileSync } from "node:fs";

/*
 * What the stand-ins of other people's actions have in common. They are copied to a folder of their own, and nothing is there but Node.
 */

/** The inputs of this step. @throws where it gives one that the real action does not have: GitHub only warns, and does something else then */
export function readInputs(known: readonly string[]): (name: string) => string {
  const given = Object.keys(process.env)
    .filter((name) => name.startsWith("INPUT_"))
    .map((name) => name.slice("INPUT_".length).toLowerCase());
  const unknown = given.filter((name) => !known.includes(name));
  if (unknown.length > 0) failStep(`this action has no input ${unknown.join(", ")}`);
  return (name) => process.env[`INPUT_${name.toUpperCase()}`] ?? "";
}

/** A variable that the runner sets. */
export function variable(name: string): string {
  const value = process.env[name];
  return value === undefined || value === "" ? failStep(`the runner does not set ${name}`) : value;
}

/** Ends the step as a failed one. */
export function failStep(why: string): never {
  process.stdout.write(`::error::${why}\n`);
  process.exit(1);
}

/** For all steps that come after this one. */
export function setVariable(name: string, value: string): void {
  appendFileSync(variable("GITHUB_ENV"), `${name}=${value}\n`);
}

/** Where all later steps look for programs first. */
export function addPath(folder: string): void {
  appendFileSync(variable("GITHUB_PATH"), `${folder}\n`);
}
