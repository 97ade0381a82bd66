import { readdirSync } from "node:fs";
import { failStep, readInputs } from "./step.ts";

/* The emulators of the test's machine stand for those that the real action registers in its kernel. */

readInputs(["image", "platforms", "cache-image"]);
const emulators = readdirSync("/proc/sys/fs/binfmt_misc").filter((name) => name.startsWith("qemu-"));
if (emulators.length === 0) failStep("no emulator is registered: run the tests with `npm test`");
process.stdout.write(`Available platforms: ${emulators.join(",")}\n`);
