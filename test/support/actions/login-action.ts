import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failStep, readInputs, variable } from "./step.ts";

/* `docker login`: asks the registry whether it takes the login, and keeps it for this registry in the job's home. */

const input = readInputs(["registry", "username", "password", "ecr", "logout"]);
const [registry, user, password] = [input("registry"), input("username"), input("password")];
if (registry === "") failStep("a test logs in to no registry but its own");
if (user === "" || password === "") failStep("Username and password required");
const auth = Buffer.from(`${user}:${password}`).toString("base64");
const answer = await fetch(`http://${registry}/v2/`, { headers: { authorization: `Basic ${auth}` } });
if (!answer.ok) failStep(`Error response from ${registry}: ${answer.status}`);
const folder = join(variable("HOME"), ".docker");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "config.json"), JSON.stringify({ auths: { [registry]: { auth } } }), {
  mode: 0o600,
});
process.stdout.write("Login Succeeded!\n");
